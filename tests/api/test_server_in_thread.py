"""``LabServer``: its options, its life, and nothing left behind."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path

import pytest

from lab.api import ArgumentError, FileError, LabCA, LabServer, Limits, trace_server
from lab.serving.lab_server import TodoServer
from tests.support.serving import in_thread


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "lab.api"]


def code(server: LabServer, ca: LabCA, scenario: str | None = None, version: str = "1.3") -> str:
    (trace,) = trace_server(server, identity=ca.client(scenario=scenario), versions=[version])
    return trace.causes[0].code


def test_it_ends_with_its_block() -> None:
    server = LabServer(trust=LabCA())
    with pytest.raises(RuntimeError, match="does not run"):
        _ = server.address
    with server as running:
        assert running is server
        assert threads() == ["lab.api"]
        host, _, port = server.address.partition(":")
        with pytest.raises(RuntimeError, match="runs already"):
            server.__enter__()
    assert threads() == []
    with socket.socket() as connection:
        assert connection.connect_ex((host, int(port))) != 0
    with pytest.raises(RuntimeError, match="does not run"):
        _ = server.address
    with server:  # once more
        assert trace_server(server, versions=["1.3"])[0].outcome.rejected


async def test_an_async_server_ends_with_its_block() -> None:
    async with LabServer(trust=LabCA()) as server:
        assert server.address
    assert threads() == []


async def test_a_start_that_is_cancelled_leaves_nothing() -> None:
    async def start() -> None:
        async with LabServer(trust=LabCA()):
            await asyncio.Event().wait()

    for steps in (1, 3):
        task = asyncio.ensure_future(start())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert threads() == []


async def test_a_start_that_is_cancelled_while_it_listens_closes_the_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_server, close_server = TodoServer.open, TodoServer.close
    listening, closed = threading.Event(), threading.Event()

    async def open_and_wait(server: TodoServer, host: str, port: int) -> tuple[str, int]:
        await open_server(server, host, port)
        listening.set()
        return await asyncio.Future()

    async def close_slowly(server: TodoServer) -> None:
        await asyncio.sleep(0.1)  # the thread would have ended by then, had it not waited
        await close_server(server)
        closed.set()

    monkeypatch.setattr(TodoServer, "open", open_and_wait)
    monkeypatch.setattr(TodoServer, "close", close_slowly)
    start = asyncio.ensure_future(LabServer(trust=LabCA()).__aenter__())
    await in_thread(listening.wait)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert closed.is_set()
    assert threads() == []


@pytest.mark.parametrize(
    ("error", "says", "options"),
    [
        (ArgumentError, "client_auth is 'maybe'", {"client_auth": "maybe"}),
        (ArgumentError, r"versions is \['1.0'\]", {"versions": ["1.0"]}),
        (ArgumentError, "is empty", {"allow_cn": [""]}),
        (FileError, "no such file", {"crl": "no-such-file"}),
        (FileError, "no such file", {"trust": "no-such-file"}),
        (FileError, "OpenSSL cannot use the certificates", {"crl": b"no CRL"}),
    ],
)
def test_what_cannot_be_started(
    error: type[Exception], says: str, options: dict[str, object]
) -> None:
    with pytest.raises(error, match=says):
        LabServer(**{"trust": LabCA(), **options}).__enter__()  # type: ignore[arg-type]
    assert threads() == []


def test_a_ca_in_a_file_cannot_issue(certs: Path) -> None:
    with pytest.raises(ArgumentError, match="needs an identity"):
        LabServer(trust=certs / "ca.crt").__enter__()


def test_the_crl_decides_about_the_revoked(tmp_path: Path) -> None:
    ca = LabCA()
    file = tmp_path / "crl.pem"
    assert ca.ensure_crl_file(file)
    assert not ca.ensure_crl_file(file)
    with LabServer(trust=ca) as server:
        assert code(server, ca, "revoked") == "mutual-tls"
    for crl in (ca.crl_pem, file):
        with LabServer(trust=ca, crl=crl) as server:
            assert code(server, ca, "revoked") == "client-certificate-revoked"
            assert code(server, ca) == "mutual-tls"


def test_client_auth() -> None:
    ca = LabCA()
    with LabServer(trust=ca, client_auth="none") as server:
        assert trace_server(server, versions=["1.3"])[0].causes[0].code == "not-mutual"
    with LabServer(trust=ca, client_auth="optional") as server:
        assert trace_server(server, versions=["1.3"])[0].outcome.http_status == 401


def test_the_names_that_http_serves() -> None:
    ca = LabCA()
    with LabServer(trust=ca, allow_cn=["alice"]) as server:
        for name, status in (("alice", 200), ("bob", 403)):
            identity = ca.client(common_name=name)
            (trace,) = trace_server(server, identity=identity, versions=["1.2"])
            assert trace.outcome.http_status == status


def test_one_version_and_a_limit() -> None:
    ca = LabCA()
    limits = Limits(handshake_timeout=0.2)
    with LabServer(trust=ca, versions=["1.2"], limits=limits) as server:
        old, new = trace_server(server, identity=ca.client())
        assert old.outcome.accepted
        assert not new.outcome.accepted
        host, _, port = server.address.partition(":")
        with socket.create_connection((host, int(port)), timeout=20) as silent:
            assert silent.recv(1) == b""


def test_its_certificate() -> None:
    ca, other = LabCA(), LabCA()
    with LabServer(trust=ca, identity=ca.server(scenario="server-expired")) as server:
        assert code(server, ca) == "server-certificate-expired"
    with LabServer(trust=ca, identity=ca.server(hostnames=["server.example"])) as server:
        (trace,) = trace_server(server, sni="server.example", identity=ca.client())[:1]
        assert trace.outcome.accepted
    with LabServer(trust=ca, identity=other.server()) as server:
        assert code(server, ca) == "mutual-tls"  # the trace trusts who issued the server's
