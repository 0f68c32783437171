"""The refusal that gets lost: a client that writes into a connection which has been closed.

In TLS 1.3 a client may write as soon as it has sent its Finished (RFC 9846 section 4.5.3), which
is before the server has judged it. Data that meets a closed socket is answered with RST (RFC 9293
section 3.10.7.4), and a client that takes the failed write for the whole story never reads the
alert that came before.

Rules: the order is made by waiting for what happened, never by time: the client writes once the
server has closed, and goes on until a write fails.
"""

from __future__ import annotations

import functools

from lab.stream.contexts import TlsVersion, server_context
from lab.stream.tls_stream import Linger, TlsStream
from lab.stream.wire import Wire
from lab.tracing.results import Trace
from lab.tracing.trace_server import presenting
from lab.webapp.learn.loopback_run import (
    OwnServer,
    RunFiles,
    own_server,
    plan_for,
    run_files,
    traced,
)
from lab.webapp.learn.results import Comparison, LearnRun

_AT_ONCE = Linger(octets=0)
_HEAD = b"POST /todo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65536\r\n\r\n"
_PIECE = bytes(1024)
_PIECES = 64


class OneWayWire:
    """A connection of a client that does not read once a write has failed."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._failed: ConnectionError | None = None

    @property
    def pending(self) -> bool:
        """Whether bytes are here that ``receive`` has not returned."""
        return self._wire.pending

    async def receive(self) -> bytes:
        """Return some bytes. Raises the ConnectionError of a write that has failed."""
        if self._failed is not None:
            raise self._failed
        return await self._wire.receive()

    async def send(self, data: bytes) -> None:
        """Hand bytes on. Raises ConnectionError."""
        try:
            await self._wire.send(data)
        except ConnectionError as error:
            self._failed = error
            raise

    def finish_sending(self) -> None:
        """Send FIN."""
        self._wire.finish_sending()

    async def close(self, limit: float) -> None:
        """Let go of the connection."""
        await self._wire.close(limit)


async def lose_refusal() -> LearnRun:
    """Run a client that has no certificate, and loses the refusal in TLS 1.3."""
    with run_files() as files:
        traces = [await _refused(files, version, reads=False) for version in TlsVersion]
        reading = await _refused(files, TlsVersion.TLS13, reads=True)
    return LearnRun(
        traces=tuple(traces),
        comparisons=(
            Comparison(
                title="The same, by a client that reads once more",
                words="Server and client are the same, and TLS 1.3. The one difference: when its "
                "write fails, this client reads what has come before it reports anything.",
                traces=(reading,),
            ),
        ),
    )


async def _refused(files: RunFiles, version: TlsVersion, *, reads: bool) -> Trace:
    context = server_context(files.server)
    async with own_server(context, _serve_nobody, _AT_ONCE) as server:
        plan = plan_for(server.port, version, files, None)
        return await traced(
            plan,
            presenting(plan.tls, None),
            functools.partial(_upload, server),
            server.events_of,
            wire_for=(lambda wire: wire) if reads else OneWayWire,
        )


async def _serve_nobody(stream: TlsStream) -> None:
    raise AssertionError("a client without a certificate was let in")


async def _upload(server: OwnServer, stream: TlsStream) -> None:
    """Write a request once the server has closed, and a body until a write fails."""
    await server.closed()
    await stream.write(_HEAD)
    for _ in range(_PIECES):
        await stream.write(_PIECE)
