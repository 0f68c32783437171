"""A lab whose files change, and a server that keeps up with them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509

from lab.http import log_entries
from lab.pki.authority import LIFETIME, Authority, revocation_list, revocation_lists_pem
from lab.pki.files.lab_set import Role, load_role
from lab.pki.files.set_writing import write_set
from lab.pki.identity import Identity, KeyKind, PrivateKey, generate
from lab.pki.profiles import Profile, server
from lab.serving.lab_server import TodoServer
from lab.serving.reload import Reloader
from lab.serving.server_files import Loaded, ServerFiles
from lab.stream.contexts import ClientAuth
from lab.tls.events import Event
from tests.support.pki_fixtures import EC_PLAN, LOCAL_NAMES, utc_now
from tests.support.serving import PATIENCE, blocking

DAY = timedelta(days=1)
IN_USE = "CERTIFICATES | in use: "
GET = b"GET /todo HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass(frozen=True)
class Lab:
    """A folder with a set, to be changed; ``crl`` beside it."""

    folder: Path

    @property
    def crl(self) -> Path:
        return self.folder.parent / "lab.crl"

    @property
    def server_crt(self) -> Path:
        return self.folder / "server.crt"

    @property
    def server_key(self) -> Path:
        return self.folder / "server.key"

    def identity(self, role: Role) -> Identity:
        return load_role(self.folder, role, now=utc_now()).identity

    @property
    def authority(self) -> Authority:
        return Authority(identity=self.identity(Role.CA))

    @property
    def served(self) -> x509.Certificate:
        """The server's certificate, as the file has it."""
        return x509.load_pem_x509_certificate(self.server_crt.read_bytes())

    def new_set(self) -> None:
        write_set(self.folder, EC_PLAN, now=utc_now(), replace=True)

    def new_server(
        self, *, now: datetime | None = None, key: PrivateKey | None = None, **changes: Any
    ) -> None:
        """A new certificate and key of the server, in the place of the old ones."""
        profile: Profile = server(LOCAL_NAMES)
        identity = self.authority.issue(
            profile, key or generate(KeyKind.EC_P256), now=now or utc_now(), **changes
        )
        self.server_crt.write_bytes(identity.chain_pem())
        self.server_key.write_bytes(identity.key_pem())

    def new_list(
        self,
        *serials: int,
        authority: Authority | None = None,
        starts: timedelta = -DAY,
        lifetime: timedelta = LIFETIME,
    ) -> None:
        revocations = revocation_list(
            authority or self.authority, serials, now=utc_now(), starts=starts, lifetime=lifetime
        )
        self.crl.write_bytes(revocation_lists_pem((revocations,)))


def new_lab(parent: Path) -> Lab:
    lab = Lab(parent / "certs")
    write_set(lab.folder, EC_PLAN, now=utc_now())
    return lab


class CertificateLines(logging.Handler):
    """The journal's lines of certificates, for whoever waits for one."""

    def __init__(self) -> None:
        super().__init__()
        self.records: asyncio.Queue[logging.LogRecord] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("CERTIFICATES"):
            self.records.put_nowait(record)

    async def next(self) -> str:
        record = await asyncio.wait_for(self.records.get(), PATIENCE)
        return record.getMessage()

    def all(self) -> list[str]:
        """Those that have come and were not taken."""
        return [self.records.get_nowait().getMessage() for _ in range(self.records.qsize())]


@dataclass
class ReloadingServer:
    """A server with its reloader; no file is looked at unless ``reload_checks`` is called."""

    server: TodoServer
    renewal: Reloader
    lines: CertificateLines
    port: int = 0
    events: list[list[Event]] = field(default_factory=list)

    def use(self, loaded: Loaded) -> None:
        self.server.renew(loaded.contexts)

    async def reload_checks(self, times: int) -> list[str]:
        """Let it look so many times; the lines that it wrote."""
        for _ in range(times):
            await self.renewal.look(self.use)
        return self.lines.all()

    async def requested_reload(self) -> list[str]:
        """Let it look once, asked to; the lines that it wrote."""
        self.renewal.ask()
        return await self.reload_checks(1)


@contextlib.asynccontextmanager
async def reloading_server(
    lab: Lab,
    *,
    crl: Path | None = None,
    clock: Callable[[], datetime] = utc_now,
    client_auth: ClientAuth = ClientAuth.REQUIRED,
) -> AsyncIterator[ReloadingServer]:
    files = ServerFiles(directory=lab.folder, crl=crl, client_auth=client_auth)
    renewal = Reloader(files, clock=clock, interval=0.01)
    events: list[list[Event]] = []

    def sink(_: str) -> Callable[[Event], None]:
        events.append([])
        return events[-1].append

    kept = ReloadingServer(
        TodoServer(renewal.load().tls, sink=sink), renewal, CertificateLines(), events=events
    )
    _, kept.port = await kept.server.open("127.0.0.1", 0)
    log_entries.LOGGER.addHandler(kept.lines)
    level = log_entries.LOGGER.level
    log_entries.LOGGER.setLevel(logging.INFO)
    try:
        yield kept
    finally:
        log_entries.LOGGER.setLevel(level)
        log_entries.LOGGER.removeHandler(kept.lines)
        await kept.server.close()


class AcceptedClient:
    """A blocking client that was accepted and answered, and may ask again. Raises ssl.SSLError."""

    def __init__(
        self, port: int, context: ssl.SSLContext, session: ssl.SSLSession | None = None
    ) -> None:
        self.tls = blocking(port, context)
        if session is not None:
            self.tls.session = session
        try:
            self.tls.do_handshake()
            self.get()
        except BaseException:
            self.tls.close()
            raise

    def get(self) -> bytes:
        """Ask once; the answer, which must be 200."""
        self.tls.sendall(GET)
        answer = self.tls.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        return answer

    def __enter__(self) -> AcceptedClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.tls.close()

    @property
    def shown(self) -> x509.Certificate:
        """The certificate that the server has shown."""
        der = self.tls.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der)


def refusal(port: int, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> str:
    """OpenSSL's name of the alert that a client gets; it must not be let in."""
    try:
        with AcceptedClient(port, context, session):
            raise AssertionError("it was let in")
    except ssl.SSLError as error:
        assert error.reason is not None
        return error.reason
