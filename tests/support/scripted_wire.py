"""A wire whose other end says what a test has written down, whatever it is sent."""

from __future__ import annotations

from collections.abc import Sequence


class ScriptedWire:
    """Gives ``chunks`` in turn, then FIN; ``sent`` is what was written to it."""

    def __init__(self, chunks: Sequence[bytes], *, resets: bool = False) -> None:
        self.sent = b""
        self._chunks = [chunk for chunk in chunks if chunk]
        self._resets = resets

    @property
    def pending(self) -> bool:
        return False

    async def receive(self) -> bytes:
        if self._chunks:
            return self._chunks.pop(0)
        if self._resets:
            raise ConnectionResetError
        return b""

    async def send(self, data: bytes) -> None:
        self.sent += data

    def finish_sending(self) -> None: ...

    async def close(self, limit: float) -> None: ...
