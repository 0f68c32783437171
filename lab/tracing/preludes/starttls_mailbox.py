"""STARTTLS of the protocols that read mail: IMAP, POP3 and ManageSieve.

Sources: IMAP RFC 9051 sections 6.1.1, 6.2.1 and 7.1, POP3 RFC 1939, RFC 2449 section 5 and RFC 2595
section 4, ManageSieve RFC 5804 sections 1.7 and 2.2.
"""

from __future__ import annotations

from lab.tracing.preludes.prelude_stream import PreludeStream

_MOST_LINES = 200
_TURN_ON = "turn TLS on in the server (it needs a certificate and its key), or use another port"
_LOG = "read the server's log: its TLS is not usable now"


async def upgrade_imap(stream: PreludeStream) -> None:
    """Ask for the capabilities, and say STARTTLS."""
    greeting = await stream.line("greeting (* OK)")
    status = greeting.upper()
    if status.startswith(b"* PREAUTH"):
        remedy = "STARTTLS is for clients that are not logged in: reach it as one of these"
        raise stream.lacks(greeting, "has logged the client in already", remedy)
    if status.startswith(b"* BYE"):
        raise stream.refused(greeting, "read the server's log: it takes no client now")
    if not status.startswith(b"* OK"):
        raise stream.unexpected(greeting)
    await stream.send(b"a1 CAPABILITY\r\n")
    lines = await _imap_answer(stream, b"a1", "answer to CAPABILITY (a1 OK)")
    offered = b" ".join(line for line in lines if line.upper().startswith(b"* CAPABILITY"))
    if b"STARTTLS" not in offered.upper().split():
        raise stream.lacks(offered, "announces no STARTTLS", _TURN_ON)
    await stream.send(b"a2 STARTTLS\r\n")
    await _imap_answer(stream, b"a2", "answer to STARTTLS (a2 OK)")


async def _imap_answer(stream: PreludeStream, tag: bytes, what: str) -> list[bytes]:
    """Return the lines up to the tagged one that says OK."""
    lines: list[bytes] = []
    while len(lines) < _MOST_LINES:
        line = await stream.line(what)
        lines.append(line)
        if line.upper().startswith(b"* BYE"):
            raise stream.refused(line, "read the server's log: it takes no client now")
        if line.startswith(tag + b" "):
            if line[len(tag) + 1 :].upper().startswith(b"OK"):
                return lines
            raise stream.refused(line, _LOG)
        if not line.startswith(b"*"):
            raise stream.unexpected(line)
    raise stream.unexpected(lines[-1], f"more than {_MOST_LINES} lines and no {what}")


async def upgrade_pop3(stream: PreludeStream) -> None:
    """Ask for the capabilities, and say STLS."""
    greeting = await stream.line("greeting (+OK)")
    if greeting.startswith(b"-ERR"):
        raise stream.refused(greeting, "read the server's log: it takes no client now")
    if not greeting.startswith(b"+OK"):
        raise stream.unexpected(greeting)
    await stream.send(b"CAPA\r\n")
    answer = await stream.line("answer to CAPA (+OK)")
    if answer.startswith(b"+OK"):
        lines = []
        while (line := await stream.line("list of capabilities")) != b".":
            lines.append(line)
            if len(lines) > _MOST_LINES:
                raise stream.unexpected(line, f"more than {_MOST_LINES} capabilities")
        if not any(line.strip().upper() == b"STLS" for line in lines):
            raise stream.lacks(b" / ".join(lines), "announces no STLS", _TURN_ON)
    elif not answer.startswith(b"-ERR"):
        raise stream.unexpected(answer)
    await stream.send(b"STLS\r\n")  # a server without CAPA may know it
    ready = await stream.line("answer to STLS (+OK)")
    if ready.startswith(b"-ERR"):
        raise stream.refused(ready, _LOG)
    if not ready.startswith(b"+OK"):
        raise stream.unexpected(ready)


async def upgrade_sieve(stream: PreludeStream) -> None:
    """Read the capabilities that the server begins with, and say STARTTLS."""
    lines = await _sieve_answer(stream, "greeting (OK behind its capabilities)")
    if not any(line.strip().upper().startswith(b'"STARTTLS"') for line in lines):
        raise stream.lacks(b" / ".join(lines), "announces no STARTTLS", _TURN_ON)
    await stream.send(b"STARTTLS\r\n")
    await _sieve_answer(stream, "answer to STARTTLS (OK)")


async def _sieve_answer(stream: PreludeStream, what: str) -> list[bytes]:
    """Return the lines before the one that says OK."""
    lines: list[bytes] = []
    while len(lines) < _MOST_LINES:
        line = await stream.line(what)
        word = line.upper().partition(b" ")[0]
        if word == b"OK":
            return lines
        if word in (b"NO", b"BYE"):
            raise stream.refused(line, _LOG)
        if not line.startswith(b'"'):
            raise stream.unexpected(line)
        lines.append(line)
    raise stream.unexpected(lines[-1], f"more than {_MOST_LINES} lines and no {what}")
