"""What can go wrong on a TLS stream, as types; the texts of OpenSSL are translated here only.

Every error is a ConnectionError, so that code that only reads and writes need not know TLS.
"""

from __future__ import annotations

import re
import ssl

from lab.tls.events import StreamEnd

_SOURCE_LINE = re.compile(r" \(_ssl\.c:\d+\)$")


class StreamError(ConnectionError):
    """A TLS stream is of no more use. ``in_handshake`` tells whether its handshake had returned."""

    def __init__(self, message: str, *, in_handshake: bool) -> None:
        super().__init__(message)
        self.in_handshake = in_handshake

    @property
    def brief(self) -> str:
        """The message, without where in its own source OpenSSL's binding found it."""
        return _SOURCE_LINE.sub("", str(self))


class TlsFailed(StreamError):
    """OpenSSL gave up: it refused what the peer sent, or the peer's alert told it to.

    ``error`` is OpenSSL's own, with its reason and, for certificates, its verdict.
    """

    def __init__(self, error: ssl.SSLError, *, in_handshake: bool) -> None:
        super().__init__(
            str(error.args[-1]) if error.args else "TLS failed", in_handshake=in_handshake
        )
        self.error = error

    @property
    def reason(self) -> str:
        """OpenSSL's name for it, such as ``TLSV13_ALERT_CERTIFICATE_REQUIRED``, or ""."""
        return self.error.reason or ""


class ConnectionLost(StreamError, ConnectionResetError):
    """TCP ended before TLS did: no close_notify and no alert came."""

    def __init__(self, end: StreamEnd, *, in_handshake: bool) -> None:
        how = "closed (FIN)" if end is StreamEnd.FIN else "reset (RST)"
        super().__init__(f"the peer {how} the connection with no alert", in_handshake=in_handshake)
        self.end = end


class HandshakeTimedOut(StreamError):
    """The peer did not complete the handshake in time. ``limit`` is in seconds."""

    def __init__(self, limit: float) -> None:
        super().__init__(f"no complete handshake within {limit:g} s", in_handshake=True)
        self.limit = limit
