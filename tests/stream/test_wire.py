"""How the bytes of an accepted connection are given: no client keeps others from their turn."""

from __future__ import annotations

import asyncio
import socket

import pytest

from lab.stream.wire import AcceptedWire, within


async def test_behind_a_handshake_bytes_come_in_small_pieces_and_others_have_their_turn() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        reader, writer = await asyncio.open_connection(sock=ours)
        wire = AcceptedWire(reader, writer)
        sent = bytes(range(256)) * 160  # 40 KiB
        theirs.sendall(sent)
        while not wire.pending:
            received = await wire.receive()
        turns = 0

        async def other() -> None:
            nonlocal turns
            while wire.pending:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        pieces: list[bytes] = []
        while len(b"".join(pieces)) + len(received) < len(sent):
            pieces.append(await wire.receive())
        assert received + b"".join(pieces) == sent
        assert len(received) <= 4096
        assert max(len(piece) for piece in pieces[1:]) <= 256
        assert turns >= len(pieces) // 2
        await task
        await wire.close(1.0)


async def test_short_messages_are_given_as_they_come() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        reader, writer = await asyncio.open_connection(sock=ours)
        wire = AcceptedWire(reader, writer)
        for _ in range(100):
            theirs.sendall(b"x" * 300)
            assert await wire.receive() == b"x" * 300
            assert not wire.pending
        await wire.close(1.0)


async def test_a_cancellation_in_the_turn_in_which_the_wait_ends_is_kept() -> None:
    ended = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(within(60, ended))
    await asyncio.sleep(0)
    ended.set_result(None)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_wait_ends_after_its_seconds() -> None:
    with pytest.raises(TimeoutError):
        await within(0.001, asyncio.get_running_loop().create_future())


async def test_a_wait_gives_what_is_awaited_and_its_errors() -> None:
    assert await within(60, asyncio.sleep(0, "result")) == "result"
    assert await within(None, asyncio.sleep(0, "result")) == "result"
    with pytest.raises(ZeroDivisionError):
        await within(60, _divide())


async def _divide() -> float:
    return 1 / 0
