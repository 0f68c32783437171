"""The tap as a proxy for one name."""

from __future__ import annotations

import asyncio
import socket

import pytest

from lab.tracing.tap.tap_proxy import ProxyRefusal, answer_connect
from lab.tracing.tap.tap_relay import reset
from tests.tracing.tap.test_tap_relay import PATIENCE, pair, read, send

NAME = "api.test"


async def asked(*pieces: bytes) -> tuple[bytes, socket.socket, socket.socket]:
    """Ask in these pieces; return what is left for the target, the client and the tap's end."""
    client, tap = pair()
    answering = asyncio.create_task(answer_connect(tap, NAME))
    for piece in pieces:
        await send(client, piece)
        await asyncio.sleep(0.01)
    try:
        return await asyncio.wait_for(answering, PATIENCE), client, tap
    except BaseException as error:
        tap.close()
        client.setblocking(True)
        error.args = (*error.args, client.makefile("rb").read())
        client.close()
        raise


@pytest.mark.parametrize("port", [443, 8443])
@pytest.mark.parametrize("name", [NAME, NAME.upper()])
async def test_who_asks_for_the_name_is_let_through(name: str, port: int) -> None:
    request = f"CONNECT {name}:{port} HTTP/1.1\r\nHost: {name}:{port}\r\n\r\n".encode()
    left, client, tap = await asked(request[:9], request[9:], b"\x16\x03\x01")
    assert left in (b"", b"\x16\x03\x01")
    with client, tap:
        assert (await read(client, 12)).startswith(b"HTTP/1.1 200")


async def test_bytes_right_behind_the_request_are_the_targets() -> None:
    left, client, tap = await asked(b"CONNECT api.test:1 HTTP/1.0\r\n\r\n\x16\x03\x01\x02\x00")
    with client, tap:
        assert left == b"\x16\x03\x01\x02\x00"


async def test_a_client_that_begins_with_tls_is_let_through() -> None:
    left, client, tap = await asked(b"\x16\x03\x01\x00\x05hello")
    with client, tap:
        assert left == b"\x16\x03\x01\x00\x05hello"


@pytest.mark.parametrize(
    ("request_line", "status", "reason"),
    [
        (b"CONNECT other.test:443 HTTP/1.1", 403, "asked for CONNECT other.test:443"),
        (b"GET http://api.test/ HTTP/1.1", 403, "asked for GET http://api.test/"),
        (b"CONNECT x\x1b[31m:443 HTTP/1.1", 400, "sent no request to a proxy"),
        (b"EHLO api.test", 400, "sent no request to a proxy"),
        (b"x" * 20_000, 400, "sent no request to a proxy"),
    ],
)
async def test_who_asks_for_something_else_is_told(
    request_line: bytes, status: int, reason: str
) -> None:
    with pytest.raises(ProxyRefusal, match=f"refused with HTTP {status}: {reason}") as refusal:
        await asked(request_line + b"\r\nHost: api.test\r\n\r\n")
    assert refusal.value.args[1].startswith(b"HTTP/1.1 %d " % status)
    assert str(refusal.value.args[0]).isprintable()


async def test_who_leaves_without_a_word_is_told_of() -> None:
    client, tap = pair()
    with tap:
        client.close()
        with pytest.raises(ProxyRefusal, match="left before it asked"):
            await asyncio.wait_for(answer_connect(tap, NAME), PATIENCE)


async def test_who_resets_the_connection_is_told_of() -> None:
    client, tap = pair()
    with tap:
        reset(client)
        with pytest.raises(ProxyRefusal, match="left before it was answered"):
            await asyncio.wait_for(answer_connect(tap, NAME), PATIENCE)
