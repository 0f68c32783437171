"""What a connection of HTTP works with: the bytes below it, and what answers its requests."""

from __future__ import annotations

from typing import Protocol

from lab.http.message import RequestHead, Response


class ByteStream(Protocol):
    """What a connection is read from and written to.

    ``read`` gives ``b""`` at the orderly end. Both raise an OSError, a ConnectionError as a rule,
    when the stream is broken: a ConnectionResetError where the peer has just gone. A cancelled
    ``read`` must leave ``write`` usable.
    """

    @property
    def pending(self) -> bool:
        """Whether bytes are here that have not been read: then the client did not wait."""
        ...

    async def read(self, max_bytes: int = 65536) -> bytes:
        """Return the next bytes, at least one and at most ``max_bytes``, or ``b""`` at the end."""
        ...

    async def write(self, data: bytes) -> None:
        """Hand on all of ``data``, within the peer's flow control."""
        ...


class App(Protocol):
    """What answers requests. An exception of its own is a bug, and answered with 500."""

    def refuse(self, head: RequestHead) -> Response | None:
        """Judge a request by its head alone, before its body is asked for or read."""
        ...

    async def answer(self, head: RequestHead, body: bytes) -> Response:
        """Answer a request that ``refuse`` let pass."""
        ...
