"""Sessions that are resumed when nobody would be let in as a new client any more."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from lab.pki.authority import LIFETIME
from lab.pki.files.lab_set import Role
from lab.serving.lab_server import TodoServer
from lab.stream.contexts import TlsVersion
from tests.support.pki_fixtures import utc_now
from tests.support.reloading import (
    DAY,
    GET,
    AcceptedClient,
    Lab,
    new_lab,
    reloading_server,
)
from tests.support.serving import (
    blocking,
    client_tls,
    in_thread,
    server_tls,
)

VERSIONS = pytest.mark.parametrize("version", list(TlsVersion), ids=lambda each: each.value)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return new_lab(tmp_path)


def visited(
    port: int, context: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> tuple[bool | None, ssl.SSLSession | None]:
    """A visit that is answered: whether it resumed ``session``, and the session to resume next."""
    with AcceptedClient(port, context, session) as it:
        found = it.tls.session_reused, it.tls.session
        it.tls.unwrap().close()  # OpenSSL forgets a session that it keeps, if it was cut
        return found


def answered(
    port: int, context: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[bool | None, bytes]:
    """Whether ``session`` was resumed, and the answer, up to the connection's end."""
    with blocking(port, context) as tls:
        tls.session = session
        tls.do_handshake()
        tls.sendall(GET)
        answer = b""
        while part := tls.recv(65536):
            answer += part
        return tls.session_reused, answer


@VERSIONS
async def test_a_certificate_that_has_expired_since_is_told_so(
    lab: Lab, version: TlsVersion
) -> None:
    """OpenSSL itself resumes such a session: its clock here says that all is well anyway."""
    end = lab.identity(Role.CLIENT).certificate.not_valid_after_utc.timestamp()
    now = end
    server = TodoServer(server_tls(lab.folder), clock=lambda: now)
    _, port = await server.open("127.0.0.1", 0)
    context = client_tls(lab.folder, version=version)
    try:
        _, session = await in_thread(lambda: visited(port, context))
        reused, session = await in_thread(lambda: visited(port, context, session))
        assert reused
        now = end + 1
        reused, answer = await in_thread(lambda: answered(port, context, session))
        assert reused
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"Connection: close" in answer
        assert b"has expired since this TLS session was established" in answer
    finally:
        await server.close()


async def revisited(
    lab: Lab, version: TlsVersion, offset: timedelta, *, tickets: bool, crl: bool
) -> list[bool | None]:
    """Whether a session is resumed before, and after, the clock has moved by ``offset``."""
    moved = 0 * DAY
    context = client_tls(lab.folder, version=version)
    if not tickets:
        context.options |= ssl.OP_NO_TICKET
    found = []
    files = lab.crl if crl else None
    async with reloading_server(lab, crl=files, clock=lambda: utc_now() + moved) as kept:
        _, session = await in_thread(lambda: visited(kept.port, context))
        for by in (0 * DAY, offset, offset):
            moved = by
            await kept.reload_checks(2)
            reused, session = await in_thread(
                lambda old=session: visited(kept.port, context, old)  # type: ignore[misc]
            )
            found.append(reused)
    return found


@VERSIONS
@pytest.mark.parametrize("tickets", [True, False], ids=["tickets", "no-tickets"])
async def test_no_session_outlives_a_list(lab: Lab, version: TlsVersion, tickets: bool) -> None:
    """It is void as soon as a list ends; one that begins after that is judged by OpenSSL."""
    lab.new_list(lifetime=3 * DAY)
    assert await revisited(lab, version, DAY, tickets=tickets, crl=True) == [True, True, True]
    assert await revisited(lab, version, 3 * DAY, tickets=tickets, crl=True) == [True, False, True]


@VERSIONS
async def test_no_session_outlives_a_ca(lab: Lab, version: TlsVersion) -> None:
    left = lab.identity(Role.CA).certificate.not_valid_after_utc - utc_now()
    lab.new_list(lifetime=LIFETIME)
    assert await revisited(lab, version, left - DAY, tickets=True, crl=False) == [True] * 3
    found = await revisited(lab, version, left + DAY, tickets=True, crl=False)
    assert found == [True, False, True]


async def test_files_that_change_meanwhile_are_not_used_for_it(lab: Lab) -> None:
    """The new context is made of what was checked; else the next looks see to the files."""
    moved = 0 * DAY
    lab.new_list(lifetime=3 * DAY)
    async with reloading_server(lab, crl=lab.crl, clock=lambda: utc_now() + moved) as kept:
        lab.crl.write_bytes(b"")
        moved = 3 * DAY
        lines = await kept.reload_checks(3)
        assert [line for line in lines if "keeping the current certificates" in line]
        (await in_thread(lambda: AcceptedClient(kept.port, client_tls(lab.folder)))).tls.close()


@VERSIONS
async def test_a_certificate_that_expires_while_its_connection_is_open(
    lab: Lab, version: TlsVersion
) -> None:
    """TLS looks at the dates in the handshake only: each request looks again."""
    end = lab.identity(Role.CLIENT).certificate.not_valid_after_utc.timestamp()
    now = end
    server = TodoServer(server_tls(lab.folder), clock=lambda: now)
    _, port = await server.open("127.0.0.1", 0)

    def asked(tls: ssl.SSLSocket) -> bytes:
        tls.sendall(GET.replace(b"Connection: close\r\n", b""))
        return tls.recv(65536)

    def told(tls: ssl.SSLSocket) -> bytes:
        tls.sendall(GET)
        answer = b""
        while part := tls.recv(65536):
            answer += part
        return answer

    try:
        with await in_thread(
            lambda: blocking(port, client_tls(lab.folder, version=version))
        ) as tls:
            await in_thread(tls.do_handshake)
            assert (await in_thread(lambda: asked(tls))).startswith(b"HTTP/1.1 200 ")
            now = end + 1
            answer = await in_thread(lambda: told(tls))
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"has expired since this TLS session was established" in answer
    finally:
        await server.close()
