"""Certificates on demand: by real clients, in both versions, with data in flight and without."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lab.http import log_entries
from lab.http.limits import Limits
from lab.pki.files.lab_set import Role
from lab.serving.temporary_server import TemporaryServer, temporary_server
from lab.stream.contexts import ClientAuth, TlsVersion
from lab.stream.wire import within
from lab.tls.events import Endpoint, Event, Fact, LocalFact, MessageSeen
from lab.todo.allow_list import AllowList
from lab.todo.application import Policy
from tests.support.reloading import new_lab, reloading_server
from tests.support.serving import (
    PATIENCE,
    blocking,
    client_tls,
    in_thread,
    program,
    server_tls,
)

JSON = b"Content-Type: application/json\r\n"
HOST = b" HTTP/1.1\r\nHost: localhost\r\n"
ITEM = b'{"task": "water the plants"}'


def request(method: bytes, path: bytes, body: bytes = b"", head: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    return method + b" " + path + HOST + head + length + b"\r\n" + body


GET = request(b"GET", b"/todo")
POST = request(b"POST", b"/todo", ITEM, JSON)


class Client:
    """A client of the server; it answers a request for its certificate when it reads."""

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext,
        session: ssl.SSLSession | None = None,
    ) -> None:
        self.tls = blocking(port, context)
        if session is not None:
            self.tls.session = session
        self.tls.do_handshake()
        self.rest = b""

    def send(self, data: bytes) -> None:
        self.tls.sendall(data)

    def answer(self) -> tuple[int, dict[str, object], bool]:
        """The next answer: its status, its content, and whether the connection goes on."""
        while b"\r\n\r\n" not in self.rest:
            self._more()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        status, *fields = head.decode().split("\r\n")
        names = dict(field.lower().split(": ", 1) for field in fields)
        length = int(names["content-length"])
        while len(self.rest) < length:
            self._more()
        body, self.rest = self.rest[:length], self.rest[length:]
        return int(status.split()[1]), json.loads(body), names.get("connection") != "close"

    def ask(self, data: bytes) -> tuple[int, dict[str, object], bool]:
        self.send(data)
        return self.answer()

    def _more(self) -> None:
        data = self.tls.recv(65536)
        assert data, "the server closed the connection"
        self.rest += data

    def close(self) -> ssl.SSLSession | None:
        session = self.tls.session
        with contextlib.suppress(OSError):
            self.tls.unwrap()
        self.tls.close()
        return session


@asynccontextmanager
async def serving(
    certs: Path, *, limits: Limits | None = None, policy: Policy | None = None
) -> AsyncIterator[TemporaryServer]:
    tls = server_tls(certs, ClientAuth.ON_DEMAND)
    async with temporary_server(tls, limits=limits, policy=policy) as server:
        yield server


def names(events: list[Event]) -> list[str]:
    """The messages that passed, each with its sender."""
    return [
        f"{event.endpoint.value} {type(event.message).__name__}"
        for event in events
        if isinstance(event, MessageSeen)
    ]


def verified(events: list[Event]) -> list[LocalFact]:
    facts = [event for event in events if isinstance(event, LocalFact)]
    return [fact for fact in facts if fact.fact is Fact.CERTIFICATE_VERIFIED]


def without_offer(certs: Path) -> ssl.SSLContext:
    context = client_tls(certs, version=TlsVersion.TLS13)
    context.post_handshake_auth = False
    return context


async def test_the_certificate_is_asked_for_once_and_only_where_it_is_needed(certs: Path) -> None:
    def talk(port: int) -> None:
        it = Client(port, client_tls(certs))
        status, content, _ = it.ask(request(b"GET", b"/"))
        assert (status, content["client"], "todos" in content) == (200, None, False)
        handshake = content["handshake"]
        assert isinstance(handshake, dict)
        assert "not requested in the handshake" in handshake["certificate"]
        for _ in range(2):
            status, content, goes_on = it.ask(GET)
            assert (status, content["client"], goes_on) == (200, "mtls-client", True)
        assert it.ask(POST)[0] == 201
        status, content, _ = it.ask(request(b"GET", b"/"))
        assert isinstance(content["client"], dict)
        assert content["client"]["common_name"] == "mtls-client"
        assert "todos" in content
        handshake = content["handshake"]
        assert isinstance(handshake, dict)
        assert handshake["certificate"] == "requested after the handshake, presented, and verified"
        it.close()

    async with serving(certs) as server:
        await in_thread(lambda: talk(server.port))
        events = list(await server.events_of(server.connections[0].peer))
    messages = names(events)
    assert messages.count("server CertificateRequest") == 1
    late = messages.index("server CertificateRequest")
    assert late > messages.index("client Finished")
    assert messages[late + 1 :][:4] == [
        "client Certificate",
        "client CertificateVerify",
        "client Finished",
        "server NewSessionTicket",
    ]
    (fact,) = verified(events)
    assert (fact.endpoint, fact.certificate is not None) == (Endpoint.SERVER, True)


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (TlsVersion.TLS13, "its ClientHello has no post_handshake_auth extension"),
        (TlsVersion.TLS12, "Python's ssl module cannot do that as a server"),
    ],
    ids=["1.3", "1.2"],
)
async def test_a_client_that_cannot_be_asked_gets_403_with_the_reason(
    certs: Path, version: TlsVersion, reason: str
) -> None:
    context = client_tls(certs, version=version)
    context.post_handshake_auth = version is TlsVersion.TLS12

    def talk(port: int) -> None:
        it = Client(port, context)
        for asked in (GET, POST, request(b"POST", b"/", b"task=x")):
            status, content, goes_on = it.ask(asked)
            assert (status, content["error"], goes_on) == (403, "forbidden", True)
            assert reason in str(content["message"])
        assert it.ask(request(b"GET", b"/"))[0] == 200
        assert it.ask(request(b"GET", b"/else"))[0] == 404
        it.close()

    async with serving(certs) as server:
        await in_thread(lambda: talk(server.port))
        events = list(await server.events_of(server.connections[0].peer))
    assert "server CertificateRequest" not in names(events)


async def test_a_client_that_has_none_is_told_so_and_asked_once(certs: Path) -> None:
    def talk(port: int) -> None:
        it = Client(port, client_tls(certs, identity=False))
        for _ in range(2):
            status, content, goes_on = it.ask(GET)
            assert (status, goes_on) == (403, True)
            assert "the client sent none" in str(content["message"])
        status, content, _ = it.ask(request(b"GET", b"/"))
        assert (status, content["client"]) == (200, None)
        assert "none was presented" in str(content["handshake"])
        it.close()

    async with serving(certs) as server:
        await in_thread(lambda: talk(server.port))
        events = list(await server.events_of(server.connections[0].peer))
    assert names(events).count("server CertificateRequest") == 1
    assert not verified(events)


async def test_a_bad_certificate_is_refused_by_its_alert(tmp_path: Path, certs: Path) -> None:
    lab = new_lab(tmp_path)
    context = client_tls(lab.folder)  # of another CA than the server's
    context.load_verify_locations(certs / "ca.crt")

    def talk(port: int) -> str:
        it = Client(port, context)
        with pytest.raises(ssl.SSLError) as caught:
            it.ask(GET)
        it.tls.close()
        return str(caught.value)

    async with serving(certs) as server:
        said = await in_thread(lambda: talk(server.port))
        events = list(await server.events_of(server.connections[0].peer))
    assert "unknown ca" in said
    facts = [event.fact for event in events if isinstance(event, LocalFact)]
    assert Fact.CERTIFICATE_REFUSED in facts
    assert not verified(events)


async def test_what_is_in_flight_reaches_the_request_that_it_belongs_to(certs: Path) -> None:
    """The body lies before the certificate, and so does the next request."""

    def talk(port: int) -> list[tuple[int, dict[str, object], bool]]:
        it = Client(port, client_tls(certs))
        head, _, body = POST.partition(b"\r\n\r\n")
        # The server may ask as soon as it has the head; this client answers when it reads.
        it.send(head + b"\r\n\r\n" + body[:5])
        it.send(body[5:] + GET)
        it.send(GET)
        answers = [it.answer() for _ in range(3)]
        it.close()
        return answers

    async with serving(certs) as server:
        created, listed, again = await in_thread(lambda: talk(server.port))
    assert [created[0], listed[0], again[0]] == [201, 200, 200]
    assert created[1]["client"] == listed[1]["client"] == "mtls-client"
    todos = listed[1]["todos"]
    assert isinstance(todos, list)
    assert todos[-1]["task"] == "water the plants"


async def test_a_client_that_waits_for_100_is_asked_before_it_sends_its_body(certs: Path) -> None:
    expecting = JSON + b"Expect: 100-continue\r\n"

    def talk(port: int, context: ssl.SSLContext) -> tuple[bytes, int]:
        it = Client(port, context)
        it.send(request(b"POST", b"/todo", ITEM, expecting).removesuffix(ITEM))
        first = it.tls.recv(25)
        if first.startswith(b"HTTP/1.1 100"):
            status = it.ask(ITEM)[0]
        else:
            it.rest = first
            status = it.answer()[0]
        it.tls.close()
        return first[:12], status

    async with serving(certs) as server:
        able, unable = client_tls(certs), without_offer(certs)
        assert await in_thread(lambda: talk(server.port, able)) == (b"HTTP/1.1 100", 201)
        assert await in_thread(lambda: talk(server.port, unable)) == (b"HTTP/1.1 403", 403)


async def test_a_key_update_that_is_owed_does_not_hold_up_the_request(certs: Path) -> None:
    """OpenSSL writes one thing at a time; Python's client cannot send a KeyUpdate."""
    command = [program("openssl", "openssl"), "s_client", "-enable_pha"]
    command += ["-cert", str(certs / "client.crt"), "-key", str(certs / "client.key")]
    last = request(b"GET", b"/todo", head=b"Connection: close\r\n")

    async with serving(certs, limits=Limits(handshake_timeout=PATIENCE)) as server:
        client = await asyncio.create_subprocess_exec(
            *command,
            *("-connect", f"127.0.0.1:{server.port}"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(b"K\n")
        await client.stdin.drain()
        said = b""
        while b"KEYUPDATE" not in said:
            said += await within(PATIENCE, client.stdout.read(65536))
        client.stdin.write(last)
        while part := await within(PATIENCE, client.stdout.read(65536)):
            said += part
        await within(PATIENCE, client.wait())
        events = list(await server.events_of(server.connections[0].peer))
    assert b"HTTP/1.1 200 OK" in said
    assert "client KeyUpdate" in names(events)
    assert len(verified(events)) == 1


async def test_what_comes_before_the_certificate_is_bounded(certs: Path) -> None:
    limits = Limits(max_body=1000, max_header=1000)

    def talk(port: int) -> tuple[int, dict[str, object], bool]:
        it = Client(port, client_tls(certs))
        it.send(GET)
        it.send(bytes(4000))
        answer = it.answer()
        it.tls.close()
        return answer

    async with serving(certs, limits=limits) as server:
        status, content, goes_on = await in_thread(lambda: talk(server.port))
    assert (status, goes_on) == (413, False)
    assert content["message"] == "more than 2000 bytes came before the client's certificate"


async def test_a_client_that_does_not_answer_is_not_waited_for_without_end(
    certs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def talk(port: int) -> bytes:
        tls = blocking(port, client_tls(certs))
        tls.do_handshake()
        tls.sendall(GET)
        # Without OpenSSL, nothing answers what the server asks.
        parts = []
        with socket.socket(fileno=tls.detach()) as plain:
            plain.settimeout(PATIENCE)
            while part := plain.recv(65536):
                parts.append(part)
        return b"".join(parts)

    caplog.set_level(logging.INFO, log_entries.LOGGER.name)
    async with serving(certs, limits=Limits(handshake_timeout=0.3)) as server:
        assert await in_thread(lambda: talk(server.port))
    assert "--handshake-timeout 0.3 | answered with HTTP 408" in caplog.text


async def test_a_client_that_answers_in_part_is_not_waited_for_either(
    certs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """OpenSSL writes nothing in the middle of the answer: this one gets no response, nor is said to
    have had one."""

    def talk(port: int) -> bytes:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = client_tls(certs).wrap_bio(incoming, outgoing, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain:
            done = False
            while not done:
                try:
                    tls.do_handshake()
                    done = True
                except ssl.SSLWantReadError:
                    plain.sendall(outgoing.read())
                    incoming.write(plain.recv(65536))
            tls.write(GET)
            plain.sendall(outgoing.read())
            while not outgoing.pending:  # a ticket comes first
                incoming.write(plain.recv(65536))
                with contextlib.suppress(ssl.SSLWantReadError):
                    tls.read(65536)
            plain.sendall(outgoing.read()[:-1])
            parts = []
            while part := plain.recv(65536):
                parts.append(part)
            return b"".join(parts)

    caplog.set_level(logging.INFO, log_entries.LOGGER.name)
    async with serving(certs, limits=Limits(handshake_timeout=0.3)) as server:
        await in_thread(lambda: talk(server.port))
        events = list(await server.events_of(server.connections[0].peer))
    assert not verified(events)
    assert "server CertificateRequest" in names(events)
    assert (
        "--handshake-timeout 0.3 | closed: only a part of the client's certificate" in caplog.text
    )
    assert "408" not in caplog.text
    assert "--write-timeout" not in caplog.text


async def test_a_client_that_leaves_when_it_is_asked(
    certs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def talk(port: int) -> None:
        tls = blocking(port, client_tls(certs))
        tls.do_handshake()
        tls.sendall(GET)
        tls.close()

    caplog.set_level(logging.INFO, log_entries.LOGGER.name)
    async with serving(certs) as server:
        await in_thread(lambda: talk(server.port))
        await server.events_of(server.connections[0].peer)
    assert "ABORTED" in caplog.text


async def test_names_are_judged_once_they_are_known(certs: Path) -> None:
    for name, expected in (("mtls-client", 200), ("somebody-else", 403)):
        policy = AllowList.of(common_names=[name], alternative_names=[])

        def talk(port: int) -> tuple[int, int]:
            it = Client(port, client_tls(certs))
            first = it.ask(request(b"GET", b"/"))[0]
            status, content, _ = it.ask(GET)
            assert (status == 200) is ("todos" in content)
            last = it.ask(request(b"GET", b"/"))[0]
            it.close()
            assert last == status
            return first, status

        async with serving(certs, policy=policy) as server:
            assert await in_thread(lambda: talk(server.port)) == (200, expected)


async def test_a_session_brings_the_identity_that_it_had(certs: Path) -> None:
    """OpenSSL gives a ticket before the client is asked, and another after that."""
    context = client_tls(certs, version=TlsVersion.TLS13)

    def talk(
        port: int, session: ssl.SSLSession | None, *paths: bytes
    ) -> tuple[bool | None, list[object], ssl.SSLSession | None]:
        it = Client(port, context, session)
        clients = [it.ask(request(b"GET", path))[1]["client"] for path in paths]
        reused = it.tls.session_reused
        return reused, clients, it.close()

    async with serving(certs) as server:
        port = server.port
        _, clients, anonymous = await in_thread(lambda: talk(port, None, b"/"))
        assert clients == [None]
        reused, clients, known = await in_thread(lambda: talk(port, anonymous, b"/", b"/todo"))
        assert (reused, clients) == (True, [None, "mtls-client"])
        reused, clients, _ = await in_thread(lambda: talk(port, known, b"/todo"))
        assert (reused, clients) == (True, ["mtls-client"])
        last = list(await server.events_of(server.connections[-1].peer))
    assert "server CertificateRequest" not in names(last)
    assert Fact.SESSION_RESUMED in [event.fact for event in last if isinstance(event, LocalFact)]


async def test_a_certificate_is_judged_by_the_files_of_now(tmp_path: Path) -> None:
    """Though the connection is older than they are."""
    lab = new_lab(tmp_path)
    lab.new_list()
    context = client_tls(lab.folder)

    def talk(it: Client) -> str:
        try:
            status = it.ask(GET)[0]
        except ssl.SSLError as error:
            return str(error)
        return str(status)

    async with reloading_server(lab, crl=lab.crl, client_auth=ClientAuth.ON_DEMAND) as kept:
        before, after = [await in_thread(lambda: Client(kept.port, context)) for _ in range(2)]
        assert await in_thread(lambda: talk(before)) == "200"
        lab.new_list(lab.identity(Role.CLIENT).certificate.serial_number)
        await kept.requested_reload()
        assert "certificate revoked" in await in_thread(lambda: talk(after))
        # Who was let in before that stays: it is asked once.
        assert await in_thread(lambda: talk(before)) == "200"
        for it in (before, after):
            it.tls.close()
