"""STARTTLS of the protocols whose replies begin with three digits: SMTP, LMTP, FTP and NNTP.

Sources: SMTP RFC 5321 sections 4.1.1.1 and 4.2 and RFC 3207, LMTP RFC 2033, FTP RFC 959 section 4.2
and RFC 4217 section 4, NNTP RFC 3977 sections 3.2 and 5.2 and RFC 4642.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lab.tracing.preludes.prelude_stream import PreludeStream

_REPLY = re.compile(rb"([1-5][0-9][0-9])([ -])?")
_MOST_LINES = 200
_TURN_ON = "turn TLS on in the server (it needs a certificate and its key), or use another port"

_LOG = "read the server's log: its TLS is not usable now"
_UNKNOWN = (500, 502, 504)  # the command, or TLS as what it asks for, is not known


class _Reply(NamedTuple):
    code: int
    lines: list[bytes]

    @property
    def said(self) -> bytes:
        return b" / ".join(self.lines)


async def _reply(stream: PreludeStream, what: str) -> _Reply:
    """Return a whole reply, of one line or of several with a hyphen behind the number."""
    lines: list[bytes] = []
    while len(lines) < _MOST_LINES:
        line = await stream.line(what)
        lines.append(line)
        found = _REPLY.match(line)
        if found is None and len(lines) == 1:
            raise stream.unexpected(line)
        first = _REPLY.match(lines[0])
        assert first is not None
        # RFC 959: between the first and the last line there may be any text.
        if found is not None and found[1] == first[1] and found[2] != b"-":
            return _Reply(int(found[1]), lines)
    raise stream.unexpected(lines[0], f"{what} of more than {_MOST_LINES} lines")


async def upgrade_smtp(stream: PreludeStream, own_name: str, *, hello: bytes = b"EHLO") -> None:
    """Say EHLO and STARTTLS, as a client that is called ``own_name``."""
    greeting = await _reply(stream, "greeting (220)")
    if greeting.code != 220:
        raise stream.refused(greeting.said, "read the server's log: it takes no client now")
    await stream.send(hello + b" " + own_name.encode("ascii") + b"\r\n")
    offer = await _reply(stream, f"answer to {hello.decode()} (250)")
    if offer.code in _UNKNOWN:
        remedy = f"it does not know {hello.decode()}, without which there is no STARTTLS"
        raise stream.refused(offer.said, remedy)
    if offer.code != 250:
        raise stream.refused(offer.said, "read the server's log: it does not take this client")
    if not any(line[4:].strip().upper() == b"STARTTLS" for line in offer.lines):
        raise stream.lacks(offer.said, "announces no STARTTLS", _TURN_ON)
    await stream.send(b"STARTTLS\r\n")
    ready = await _reply(stream, "answer to STARTTLS (220)")
    if ready.code != 220:
        raise stream.refused(ready.said, _LOG)


async def upgrade_lmtp(stream: PreludeStream, own_name: str) -> None:
    """Say LHLO and STARTTLS."""
    await upgrade_smtp(stream, own_name, hello=b"LHLO")


async def upgrade_ftp(stream: PreludeStream) -> None:
    """Say AUTH TLS."""
    greeting = await _reply(stream, "greeting (220)")
    if greeting.code == 120:  # ready in some minutes
        greeting = await _reply(stream, "greeting (220)")
    if greeting.code != 220:
        raise stream.refused(greeting.said, "read the server's log: it takes no client now")
    await stream.send(b"AUTH TLS\r\n")
    ready = await _reply(stream, "answer to AUTH TLS (234)")
    if ready.code != 234:
        raise stream.refused(ready.said, _TURN_ON if ready.code in _UNKNOWN else _LOG)


async def upgrade_nntp(stream: PreludeStream) -> None:
    """Ask for the capabilities, and say STARTTLS."""
    greeting = await _reply(stream, "greeting (200 or 201)")
    if greeting.code not in (200, 201):
        raise stream.refused(greeting.said, "read the server's log: it takes no client now")
    await stream.send(b"CAPABILITIES\r\n")
    offer = await _reply(stream, "answer to CAPABILITIES (101)")
    if offer.code == 101:
        lines = []
        while (line := await stream.line("list of capabilities")) != b".":
            lines.append(line)
            if len(lines) > _MOST_LINES:
                raise stream.unexpected(line, f"more than {_MOST_LINES} capabilities")
        if not any(line.strip().upper() == b"STARTTLS" for line in lines):
            raise stream.lacks(b" / ".join(lines), "announces no STARTTLS", _TURN_ON)
    await stream.send(b"STARTTLS\r\n")  # a server of RFC 977 may know it without a list
    ready = await _reply(stream, "answer to STARTTLS (382)")
    if ready.code != 382:
        raise stream.refused(ready.said, _TURN_ON if ready.code in _UNKNOWN else _LOG)
