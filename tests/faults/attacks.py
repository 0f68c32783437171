"""Attacks on a server, one connection each: what a client must not do, done.

Rules: an attack ends by itself, closes what it opened, and returns what the server made of it. Who
attacks expects to be cut off: a ConnectionError is an answer here, not an error.

This module must not know pytest, nor what the right outcome is: scripts/soak.py uses it too.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import random
from collections.abc import Coroutine

from lab.stream.contexts import TlsVersion
from tests.faults.peer import (
    GET,
    HOST,
    Answer,
    End,
    Peer,
    Target,
    records,
    within_patience,
)

REFUSED = {
    TlsVersion.TLS12: "SSLV3_ALERT_HANDSHAKE_FAILURE",  # 40
    TlsVersion.TLS13: "TLSV13_ALERT_CERTIFICATE_REQUIRED",  # 116
}
"""What a client without a certificate is told, in OpenSSL's words."""

BURST = GET * 90
SMALL = 4096  # bytes of a receive buffer


class Stage(enum.Enum):
    """How far a client goes before it resets its connection."""

    CONNECTED = "after TCP connect"
    PART_OF_HELLO = "after a part of the ClientHello"
    HELLO = "after the ClientHello"
    SERVER_FLIGHT = "after the server's flight"
    CERTIFICATE = "after its Certificate flight, before Finished"
    FINISHED = "after Finished"
    REQUEST = "in mid-request"
    ANSWER = "in mid-answer"
    CLOSE_NOTIFY = "after close_notify"


async def reset_at(aim: Target, version: TlsVersion, stage: Stage) -> None:
    """Go as far as ``stage``, and reset."""
    small = SMALL if stage is Stage.ANSWER else None
    peer = await Peer.connect(aim.port, aim.trusted[version], receive_buffer=small)
    try:
        if stage in (Stage.REQUEST, Stage.ANSWER, Stage.CLOSE_NOTIFY):
            await peer.handshake()
            await _go_on(peer, stage)
        else:
            await _shake_hands_until(peer, stage)
    finally:
        peer.reset()


async def _shake_hands_until(peer: Peer, stage: Stage) -> None:
    hello = peer.flight()
    if stage is Stage.CONNECTED:
        return
    if stage is Stage.PART_OF_HELLO:
        await peer.send(hello[: len(hello) // 2])
        return
    await peer.send(hello)
    if stage is Stage.HELLO:
        return
    answer = records(await peer.answer_flight())
    if stage is Stage.CERTIFICATE:
        await peer.send(b"".join(answer[:-1]))
    elif stage is Stage.FINISHED:
        await peer.send(b"".join(answer))


async def _go_on(peer: Peer, stage: Stage) -> None:
    if stage is Stage.REQUEST:
        await peer.write(GET[:20])
    elif stage is Stage.ANSWER:
        await peer.write(BURST)
        await peer.read()
    else:
        await peer.ask(GET)
        await peer.send(peer.goodbye())


async def refused(aim: Target, version: TlsVersion) -> str:
    """One client without a certificate; what it was told, as ``told`` has it."""
    return await told(await Peer.connect(aim.port, aim.nameless[version]))


async def refused_unread(aim: Target, version: TlsVersion) -> None:
    """One client without a certificate that does not wait to be told."""
    peer = await Peer.connect(aim.port, aim.nameless[version])
    try:
        await peer.send(peer.flight())
        await peer.send(await peer.answer_flight())
    finally:
        peer.reset()


async def told(peer: Peer) -> str:
    """Shake hands, write at once, read, and close: OpenSSL's name of the alert, or of what befell.

    What was done of the handshake already is not done again.
    """
    try:
        await peer.handshake()
        await peer.write(GET)
        return await peer.verdict()
    except OSError as error:
        return getattr(error, "reason", None) or type(error).__name__
    finally:
        peer.close()


async def raw_bytes(aim: Target, data: bytes, *, fin: bool = True) -> tuple[list[int], End]:
    """Send bytes that no TLS client made; the alerts that came in the clear, and the end."""
    peer = await Peer.connect(aim.port)
    try:
        with contextlib.suppress(ConnectionError):
            await peer.send(data)
        if fin:
            peer.finish_sending()
        said, end = await peer.everything()
        return alerts_in(said), end
    finally:
        peer.close()


def alerts_in(said: bytes) -> list[int]:
    """The descriptions of the fatal alerts in the clear among the records in ``said``."""
    return [each[6] for each in records(said) if each[0] == 21 and each[3:6] == b"\x00\x02\x02"]


async def hello_of(aim: Target, version: TlsVersion) -> bytes:
    """A real ClientHello, in its record."""
    peer = await Peer.connect(aim.port, aim.trusted[version])
    try:
        return peer.flight()
    finally:
        peer.reset()


async def raw_bytes_later(aim: Target, version: TlsVersion, data: bytes) -> str:
    """Send bytes that no TLS client made, behind a handshake and an answer; the verdict on them."""
    peer = await Peer.connect(aim.port, aim.trusted[version])
    try:
        await peer.handshake()
        await peer.ask(GET)
        with contextlib.suppress(ConnectionError):
            await peer.send(data)
        return await peer.verdict()
    finally:
        peer.close()


async def hello_in_pieces(aim: Target, version: TlsVersion, *, as_records: bool) -> Answer:
    """A ClientHello byte by byte, each in a segment or a record of its own; then be honest."""
    peer = await Peer.connect(aim.port, aim.trusted[version])
    try:
        hello = peer.flight()
        for byte in hello[5:] if as_records else hello:
            piece = bytes([byte])
            await peer.send(b"\x16\x03\x01\x00\x01" + piece if as_records else piece)
        await peer.handshake()
        answer = await peer.ask(GET)
        await peer.leave()
        return answer
    finally:
        peer.close()


async def request(
    aim: Target, version: TlsVersion, data: bytes, *, size: int = 16384
) -> tuple[list[Answer], str]:
    """Send a request, ``size`` bytes a record; all answers that come, and how it ended.

    The ending is that of ``Peer.verdict``: "" where it was in order.
    """
    peer = await Peer.connect(aim.port, aim.trusted[version])
    try:
        await peer.handshake()
        return await answers_while(peer, _send_all(peer, data, size))
    finally:
        peer.close()


async def answers_while(
    peer: Peer, sending: Coroutine[object, None, None]
) -> tuple[list[Answer], str]:
    """All answers that come while ``sending`` and after; how it ended, as ``request`` has it."""
    answers: list[Answer] = []
    task = asyncio.ensure_future(sending)
    try:
        while True:
            answers.append(await peer.answer())
    except EOFError:
        return answers, ""
    except OSError as error:
        return answers, getattr(error, "reason", None) or type(error).__name__
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _send_all(peer: Peer, data: bytes, size: int) -> None:
    with contextlib.suppress(OSError):
        for start in range(0, len(data), size):
            await peer.write(data[start : start + size])


async def never_say_goodbye(aim: Target, version: TlsVersion) -> None:
    """Ask for the end, read the answer and the server's close_notify, and answer nothing.

    Returns once the server has let go all the same. Raises TimeoutError where it never does.
    """
    peer = await Peer.connect(aim.port, aim.trusted[version])
    try:
        await peer.handshake()
        await peer.ask(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert await peer.at_end()
        # Neither close_notify nor FIN from here: the server must not wait for them for ever.
        await within_patience(_send_until_reset(peer))
    finally:
        peer.close()


async def _send_until_reset(peer: Peer) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            await peer.send(b"\x17\x03\x03\x00\x01\x00")
            await asyncio.sleep(0.05)


async def renegotiate(aim: Target) -> str:
    """Ask for a new handshake on a connection of TLS 1.2; what ``openssl s_client`` prints of it.

    Raises FileNotFoundError where there is no openssl.
    """
    files = {"-CAfile": "ca.crt", "-cert": "client.crt", "-key": "client.key"}
    process = await asyncio.create_subprocess_exec(
        "openssl",
        "s_client",
        *("-connect", f"{HOST}:{aim.port}", "-tls1_2", "-msg"),
        *(word for option, name in files.items() for word in (option, str(aim.certs / name))),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        said = await within_patience(process.stdout.readuntil(b"Verify return code: 0"))
        process.stdin.write(b"R\n")
        await process.stdin.drain()
        # It ends by itself: a client that was refused this has nothing more to say.
        said += await within_patience(process.stdout.read())
        await within_patience(process.wait())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return said.decode("utf-8", "replace")


def renegotiation_was_refused(said: str) -> bool:
    """Whether what ``renegotiate`` returned shows the alert, and no second handshake."""
    after = said.partition("RENEGOTIATING")[2]
    return "no_renegotiation" in after and "ServerHello" not in after


def mutated(data: bytes, rng: random.Random) -> bytes:
    """``data`` with one to four changes of any kind."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(changed) + 1)
        match rng.randrange(4):
            case 0 if at < len(changed):
                changed[at] = rng.randrange(256)
            case 1:
                del changed[at : at + rng.choice((1, 2, 16))]
            case 2:
                changed[at:at] = rng.randbytes(rng.randrange(1, 9))
            case _:
                changed[at:at] = changed[at : at + 64]
    return bytes(changed)
