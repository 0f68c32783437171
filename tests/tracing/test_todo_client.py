"""The negative test must not call a refusal what is none."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lab.stream.contexts import ClientAuth, TlsVersion, server_context
from lab.stream.tls_stream import TlsStream
from lab.stream.wire import AcceptedWire
from lab.tls.events import Endpoint
from lab.tracing.applications.conversation import ExchangeError
from lab.tracing.target import Target
from lab.tracing.todo_client import (
    Admission,
    UnauthenticatedAttempt,
    attempt_without_certificate,
    post_then_get,
)
from tests.support.peers import MAKES, VerifyMode, served_by
from tests.support.serving import (
    PATIENCE,
    client_tls,
    running,
    server_tls,
)

VERSIONS = pytest.mark.parametrize("version", list(TlsVersion), ids=lambda each: each.value)


async def attempt(certs: Path, port: int, version: TlsVersion) -> UnauthenticatedAttempt:
    context = client_tls(certs, identity=False, version=version)
    return await attempt_without_certificate(
        Target(host="127.0.0.1", port=port), context, limit=PATIENCE
    )


@VERSIONS
async def test_a_server_that_breaks_off_after_letting_in(certs: Path, version: TlsVersion) -> None:
    """It takes clients without a certificate, reads the request, and ends TCP."""
    context = server_context(server_tls(certs, ClientAuth.OPTIONAL))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = TlsStream(AcceptedWire(reader, writer), context, Endpoint.SERVER)
        await stream.handshake(PATIENCE)
        await stream.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        tried = await attempt(certs, server.sockets[0].getsockname()[1], version)
    assert tried.admission is Admission.UNKNOWN


@VERSIONS
@pytest.mark.parametrize("make", list(MAKES))
async def test_servers_of_other_makes(
    certs: Path, tmp_path: Path, make: str, version: TlsVersion
) -> None:
    with served_by(MAKES[make], certs, tmp_path) as port:
        tried = await attempt(certs, port, version)
    expected = Admission.ADMITTED if make == "nginx" else Admission.REFUSED
    assert tried.admission is expected
    assert (tried.response.status if tried.response else None) == (400 if make == "nginx" else None)


@VERSIONS
async def test_a_server_that_does_not_ask(certs: Path, tmp_path: Path, version: TlsVersion) -> None:
    with served_by(MAKES["haproxy"], certs, tmp_path, ask=VerifyMode.NONE) as port:
        assert (await attempt(certs, port, version)).admission is Admission.ADMITTED


async def test_the_server_may_end_the_connection_after_the_first_answer(certs: Path) -> None:
    """A body that is too large is refused with 413 and a close; the GET gets a new connection."""
    async with running(certs) as server:
        target = Target(host="127.0.0.1", port=server.port)
        answers = post_then_get(target, client_tls(certs), "x" * 70000, limit=PATIENCE)
        assert [response.status async for response in answers] == [413, 200]
    assert len(server.events) == 2


async def test_an_end_instead_of_an_answer(certs: Path) -> None:
    context = server_context(server_tls(certs))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = TlsStream(AcceptedWire(reader, writer), context, Endpoint.SERVER)
        await stream.handshake(PATIENCE)
        await stream.read()
        await stream.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        target = Target(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
        with pytest.raises(ExchangeError, match="closed the connection without a response"):
            async for _ in post_then_get(target, client_tls(certs), "x", limit=PATIENCE):
                pass
