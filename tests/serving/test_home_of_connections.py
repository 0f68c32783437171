"""What the home page is told of a connection: by real handshakes, in both versions."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lab.http.limits import Limits
from lab.pki.files.lab_set import Role
from lab.serving.lab_server import TodoServer
from lab.stream.contexts import ClientAuth, ServerTls, TlsVersion
from lab.todo.results import CertificateCheck, HomeView, HtmlPage
from tests.support.reloading import new_lab
from tests.support.serving import blocking, client_tls, in_thread, server_tls

VERSIONS = pytest.mark.parametrize("version", list(TlsVersion), ids=lambda each: each.value)
BROWSER = b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nConnection: close\r\n\r\n"


@dataclass
class Home:
    """A server that keeps what its page was to show."""

    port: int
    views: list[HomeView]


@asynccontextmanager
async def home(tls: ServerTls, **more: object) -> AsyncIterator[Home]:
    views: list[HomeView] = []

    def page(view: HomeView) -> HtmlPage:
        views.append(view)
        return HtmlPage(content=b"page", policy=b"default-src 'none'")

    server = TodoServer(tls, page=page, **more)  # type: ignore[arg-type]
    try:
        _, port = await server.open("127.0.0.1", 0)
        yield Home(port, views)
    finally:
        await server.close()


def ask(
    port: int,
    context: ssl.SSLContext,
    request: bytes = BROWSER,
    session: ssl.SSLSession | None = None,
) -> tuple[bytes, ssl.SSLSession | None]:
    """The whole answer, and the session to resume next."""
    with blocking(port, context) as tls:
        if session is not None:
            tls.session = session
        tls.do_handshake()
        tls.sendall(request)
        parts = []
        while part := tls.recv(65536):
            parts.append(part)
        session = tls.session
        tls.unwrap().close()  # OpenSSL forgets a session that it keeps, if it was cut
        return b"".join(parts), session


@VERSIONS
@pytest.mark.parametrize(
    ("auth", "identity", "checks"),
    [
        (
            ClientAuth.REQUIRED,
            True,
            [CertificateCheck.VERIFIED, CertificateCheck.VERIFIED_BEFORE],
        ),
        (
            ClientAuth.OPTIONAL,
            False,
            [CertificateCheck.NOT_PRESENTED, CertificateCheck.NOT_IN_SESSION],
        ),
        (
            ClientAuth.NONE,
            True,
            [CertificateCheck.NOT_REQUESTED, CertificateCheck.NOT_REQUESTED],
        ),
    ],
)
async def test_a_full_handshake_and_a_resumed_one(
    certs: Path,
    version: TlsVersion,
    auth: ClientAuth,
    identity: bool,
    checks: list[CertificateCheck],
) -> None:
    context = client_tls(certs, identity=identity, version=version)
    async with home(server_tls(certs, auth)) as server:
        _, session = await in_thread(lambda: ask(server.port, context))
        answer, _ = await in_thread(lambda: ask(server.port, context, session=session))
    status = b"401" if auth is ClientAuth.OPTIONAL else b"200"
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert [view.handshake.check for view in server.views] == checks
    assert [view.handshake.resumed for view in server.views] == [False, True]
    for view in server.views:
        made = view.handshake
        assert made.version == f"TLSv{version.value}"
        assert made.cipher_suite.startswith(("TLS_", "ECDHE-"))
        assert not made.revocation_checked
        assert (view.client is not None) == (auth is ClientAuth.REQUIRED)
        assert (view.items is None) == (auth is ClientAuth.OPTIONAL)


async def test_whether_revocation_lists_were_loaded(tmp_path: Path) -> None:
    lab = new_lab(tmp_path)
    lab.new_list()
    context = client_tls(lab.folder)
    async with home(replace(server_tls(lab.folder), crl=lab.crl)) as server:
        await in_thread(lambda: ask(server.port, context))
    (view,) = server.views
    assert view.handshake.revocation_checked


async def test_a_resumed_session_of_a_certificate_that_has_expired(tmp_path: Path) -> None:
    lab = new_lab(tmp_path)
    end = lab.identity(Role.CLIENT).certificate.not_valid_after_utc.timestamp()
    async with home(server_tls(lab.folder), clock=lambda: end + 1) as server:
        answer, _ = await in_thread(lambda: ask(server.port, client_tls(lab.folder)))
    assert answer.startswith(b"HTTP/1.1 401 ") and answer.endswith(b"page")
    (view,) = server.views
    assert view.client is not None and view.items is None
    assert view.problem.startswith("the client certificate has expired since")


async def test_a_browser_for_which_there_is_no_place(certs: Path) -> None:
    context = client_tls(certs)
    async with home(server_tls(certs), limits=Limits(max_connections=1)) as server:

        def second() -> bytes:
            with blocking(server.port, context) as first:
                first.do_handshake()
                return ask(server.port, context)[0]

        answer = await in_thread(second)
    assert answer.startswith(b"HTTP/1.1 503 ") and b"Connection: close" in answer
    (view,) = server.views
    assert view.problem.startswith("the server is at its connection limit")


async def test_other_clients_read_the_same_in_json(certs: Path) -> None:
    request = BROWSER.replace(b"text/html", b"*/*")
    async with home(server_tls(certs)) as server:
        answer, _ = await in_thread(lambda: ask(server.port, client_tls(certs), request))
    value = json.loads(answer.partition(b"\r\n\r\n")[2])
    client = value["client"]
    assert client["common_name"] == "mtls-client"
    assert client["issuer"] == "CN=mTLS Lab Root CA"
    assert client["not_before"] < client["not_after"]
    assert client["not_after"].endswith("+00:00")
    assert value["handshake"]["certificate"] == CertificateCheck.VERIFIED.value
    assert len(value["todos"]) == 5 and server.views == []
