"""The bounded reader and writer of a prelude, and the error of one that did not come off.

Rules: what a server says before TLS is bounded in lines and bytes; an error names the step, what
was seen, escaped, and what to do.
"""

from __future__ import annotations

import time

from lab.stream.observed_wire import Recorder
from lab.stream.wire import Wire
from lab.tls.escape import escaped
from lab.tls.events import Endpoint, Protocol
from lab.tls.records import looks_like_tls, sniff

MOST_OCTETS = 1 << 16
"""How many bytes a server may send before TLS."""
MOST_LINE = 1 << 13
"""How many bytes one line of it may have."""
_SHOWN = 120

_OTHERS = {
    Protocol.HTTP: "that is HTTP in the clear: check the port",
    Protocol.SSH: "that is SSH: check the port",
    Protocol.SMTP_OR_FTP: "that looks like SMTP or FTP (--starttls smtp, --starttls ftp)",
    Protocol.POP3: "that looks like POP3 (--starttls pop3)",
    Protocol.IMAP: "that looks like IMAP (--starttls imap)",
    Protocol.MYSQL: "that looks like MySQL (--starttls mysql)",
    Protocol.LDAP: "that looks like LDAP (--starttls ldap)",
    Protocol.SIEVE: "that looks like ManageSieve (--starttls sieve)",
    Protocol.NNTP: "that looks like NNTP (--starttls nntp)",
    Protocol.XMPP: "that looks like XMPP (--starttls xmpp)",
}
_TLS_AT_ONCE = "it speaks TLS at once: leave out --starttls, or use the scheme with an s at its end"
_MAY_WANT_HEADER = (
    "; or it wants the PROXY protocol's header first, as behind a load balancer (--proxy-protocol)"
)
PROXY_WANTS_TLS = (
    "the proxy speaks TLS itself at this port, which this client does not do with proxies: use a "
    "port where it takes clients in the clear"
)
"""What to do about a proxy that answers with TLS."""


class PreludeError(Exception):
    """TLS was not reached. ``step`` names the prelude, ``problem`` what was seen of it.

    ``remedy`` is what to do; the message has all three.
    """

    def __init__(self, step: str, problem: str, remedy: str) -> None:
        super().__init__(f"{step}: {problem}; {remedy}")
        self.step = step
        self.problem = problem
        self.remedy = remedy


class PreludeStream:
    """Reads what a server says before TLS from ``wire``, and sends what answers it.

    ``step`` names the prelude that is spoken, ``peer`` who is spoken to. ``recorder`` gets
    all that passes. Each method that reads takes ``what`` it waits for, in words, and raises
    PreludeError where that does not come.
    """

    def __init__(self, wire: Wire, recorder: Recorder | None = None) -> None:
        self.step = ""
        self.peer = "server"
        self.waits_for = ""
        self.nothing_seen = True  # of the peer
        self.header_sent = False  # that of the PROXY protocol
        self._by_proxy = False
        self._wire = wire
        self._recorder = recorder
        self._held = b""
        self._turn = b""  # the first bytes that came since something was sent
        self._unrecorded = b""  # what has come; what is held is the end of it
        self._octets = 0

    async def send(self, data: bytes, secret: bytes = b"") -> None:
        """Send bytes; a capture has asterisks for the ``secret`` in them."""
        self.record()
        self._turn = b""
        if self._recorder is not None:
            shown = data.replace(secret, b"*" * len(secret)) if secret else data
            self._recorder.sent(Endpoint.CLIENT, shown, time.monotonic())
        try:
            await self._wire.send(data)
        except ConnectionError:
            raise self._ended("reset") from None

    async def line(self, what: str) -> bytes:
        """Return the next line, without its end."""
        return await self.until(b"\n", what, most=MOST_LINE)

    async def until(self, end: bytes, what: str, *, most: int = MOST_OCTETS) -> bytes:
        """Return what comes up to ``end``, without it, nor a carriage return before it."""
        self.waits_for = what
        while (at := self._held.find(end)) < 0:
            if len(self._held) > most:
                raise self.unexpected(self._held, f"more than {most} bytes and no end of {what}")
            await self._more()
        data, self._held = self._held[:at], self._held[at + len(end) :]
        return data.removesuffix(b"\r")

    async def exactly(self, count: int, what: str) -> bytes:
        """Return the next ``count`` bytes."""
        self.waits_for = what
        if count > MOST_OCTETS:
            raise self.unexpected(self._held, f"{what} of {count} bytes")
        while len(self._held) < count:
            await self._more()
        data, self._held = self._held[:count], self._held[count:]
        return data

    async def some(self, what: str) -> bytes:
        """Return the next bytes, however many there are."""
        self.waits_for = what
        if not self._held:
            await self._more()
        data, self._held = self._held, b""
        return data

    def unread(self, data: bytes) -> None:
        """Take back bytes that are not of this prelude."""
        self._held = data + self._held

    def reach_server(self) -> None:
        """Speak to the server from now on, to which a proxy has led: what it said is past."""
        self.peer = "server"
        self._by_proxy = True
        self.nothing_seen = not self._held
        self._turn = self._held[:_SHOWN]

    def take_held(self) -> bytes:
        """Return the bytes that have come and have not been read."""
        data, self._held = self._held, b""
        return data

    def record(self) -> None:
        """Have the recorder take what has been read; the rest is for whoever reads next."""
        read = len(self._unrecorded) - len(self._held)
        if self._recorder is not None and read:
            self._recorder.sent(Endpoint.SERVER, self._unrecorded[:read], time.monotonic())
        self._unrecorded = self._held

    async def _more(self) -> None:
        if self._octets > MOST_OCTETS:
            raise self.unexpected(self._held, f"more than {MOST_OCTETS} bytes before TLS")
        try:
            data = await self._wire.receive()
        except ConnectionError:
            raise self._ended("reset") from None
        if not data:
            raise self._ended("closed")
        self._octets += len(data)
        self.nothing_seen = False
        self._held += data
        self._turn += data[: _SHOWN - len(self._turn)]
        self._unrecorded += data

    def refused(self, said: bytes, remedy: str) -> PreludeError:
        """Return the error of a server that says no."""
        return PreludeError(self.step, f"the server refuses it: {_shown(said)}", remedy)

    def unexpected(self, said: bytes, problem: str = "") -> PreludeError:
        """Return the error of a server that answers with something else."""
        before = f"{problem}: " if problem else f"no {self.waits_for}, but "
        return PreludeError(self.step, before + _shown(said), self._remedy())

    def lacks(self, said: bytes, what: str, remedy: str) -> PreludeError:
        """Return the error of a server that does not offer TLS."""
        seen = f": {_shown(said)}" if said else ""
        return PreludeError(self.step, f"the server {what}{seen}", remedy)

    def timed_out(self, limit: float) -> PreludeError:
        """Return the error of a server that does not answer within ``limit`` seconds."""
        if self._held:
            return self.unexpected(self._held, f"no {self.waits_for} within {limit:g} s")
        remedy = f"check the port, and the {self.peer}'s log"
        if self.nothing_seen and self.peer == "server":
            remedy = (
                "check the port, and whether it speaks this protocol: a server that speaks TLS at "
                "once (leave out --starttls then, or write smtps:// for smtp:// and so on) waits "
                f"for the client{self._header_hint()}"
            )
        return PreludeError(self.step, f"no {self.waits_for} within {limit:g} s", remedy)

    def _ended(self, how: str) -> PreludeError:
        awaited = f": no {self.waits_for}" if self.waits_for else ""
        seen = f", but {_shown(self._held)}" if self._held else ""
        ended_by = "server, or the proxy in front of it," if self._by_proxy else self.peer
        problem = f"the {ended_by} {how} the connection{awaited}{seen}"
        return PreludeError(self.step, problem, self._remedy())

    def _header_hint(self) -> str:
        """Return what a server may wait for that has not said anything, "" where it has."""
        silent = self.peer == "server" and self.nothing_seen and not self.header_sent
        return _MAY_WANT_HEADER if silent else ""

    def _remedy(self) -> str:
        if not self._turn:
            return f"check the port, and the {self.peer}'s log{self._header_hint()}"
        if self.peer == "proxy":
            wants_tls = looks_like_tls(self._turn)
            return PROXY_WANTS_TLS if wants_tls else "check the port, and the proxy's log"
        if looks_like_tls(self._turn):
            return _TLS_AT_ONCE
        return _OTHERS.get(sniff(self._turn), "check the port, and which protocol is spoken there")


def _shown(said: bytes) -> str:
    text = said.strip(b"\r\n").decode("latin-1")
    more = "..." if len(text) > _SHOWN else ""
    return f'"{escaped(text[:_SHOWN])}{more}"'
