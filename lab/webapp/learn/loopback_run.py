"""One connection on loopback whose both ends are ours, as no server of the lab's makes it.

Rules: each step ends within its limit, and neither a socket nor a task is left behind.

This module must not know what a connection is to show.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.api import LabCA
from lab.pki.identity import Identity
from lab.probing.scenario_server import SERVER_NAME
from lab.serving.temporary_server import HOST, write_server_tls
from lab.stream.contexts import ClientTls, ServerTls, TlsVersion
from lab.stream.key_log_source import KeyLogSource
from lab.stream.observed_wire import ObserverFeed
from lab.stream.tls_stream import Linger, StreamError, TlsStream
from lab.stream.wire import AcceptedWire, Wire, address_text, dial, within
from lab.tls.events import Endpoint, Event
from lab.tls.record_log import RecordLog
from lab.tracing.applications.conversation import ExchangeError
from lab.tracing.event_buffer import EventBuffer
from lab.tracing.results import Trace
from lab.tracing.target import Target
from lab.tracing.trace_server import Plan, ServerView, trace_of

LIMIT = 5.0
"""How long each step may take, in seconds."""
_LINGER = 0.5  # seconds for what the server still sends

Talk = Callable[[TlsStream], Awaitable[object]]
"""What one end does once its handshake call has returned; a StreamError ends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """``server`` are a server's settings, ``ca`` is the file of the CA that issued for both ends.

    ``authority`` is that CA.
    """

    server: ServerTls
    ca: Path
    authority: LabCA


@contextlib.contextmanager
def run_files() -> Iterator[RunFiles]:
    """Make a CA, and a server's files that exist inside the block."""
    authority = LabCA()
    with tempfile.TemporaryDirectory(prefix="mtls-lab-") as folder:
        tls = write_server_tls(
            Path(folder), authority.server().identity, client_ca=authority.certificate_pem
        )
        yield RunFiles(server=tls, ca=tls.client_ca, authority=authority)


def plan_for(
    port: int, version: TlsVersion, files: RunFiles, identity: Identity | None, path: str = "/todo"
) -> Plan:
    """Return the plan of a connection to a server on loopback, in one version."""
    return Plan(
        target=Target(host=HOST, port=port),
        tls=ClientTls(server_ca=files.ca, minimum=version, maximum=version),
        identity=identity,
        sni=SERVER_NAME,
        request=path,
        limit=LIMIT,
        keep_records=True,
    )


@dataclass(slots=True, eq=False)
class OwnServer:
    """A server that runs: its port, and what it does and saw, by the client's ``host:port``."""

    port: int = 0
    buffers: dict[str, EventBuffer] = field(default_factory=dict)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def closed(self) -> None:
        """Wait until it has let go of all its connections."""
        await asyncio.wait(self.tasks.values(), timeout=LIMIT)

    async def events_of(self, peer: str) -> Sequence[Event]:
        """Return what it saw of the connection from ``peer``, once all are closed."""
        await self.closed()
        return self.buffers[peer].events


@contextlib.asynccontextmanager
async def own_server(
    context: ssl.SSLContext, talk: Talk, linger: Linger | None = None
) -> AsyncIterator[OwnServer]:
    """Run a server inside the block, which leaves each accepted connection to ``talk``.

    ``linger`` is how it closes, by default as the lab's server does.
    """
    running = OwnServer()

    async def serve(stream: TlsStream) -> None:
        try:
            with contextlib.suppress(StreamError):
                await stream.handshake(LIMIT)
                await talk(stream)
        finally:
            await stream.close(linger)

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = address_text(*writer.get_extra_info("peername")[:2])
        running.buffers[peer] = EventBuffer()
        feed = ObserverFeed(Endpoint.SERVER, running.buffers[peer])
        wire = AcceptedWire(reader, writer)
        stream = TlsStream(wire, context, Endpoint.SERVER, feed=feed)
        running.tasks[peer] = asyncio.get_running_loop().create_task(serve(stream))

    server = await asyncio.start_server(accepted, HOST, 0)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        for task in running.tasks.values():
            task.cancel()
        await asyncio.gather(*running.tasks.values(), return_exceptions=True)
        await server.wait_closed()


async def traced(
    plan: Plan,
    context: ssl.SSLContext,
    talk: Talk,
    server: ServerView,
    *,
    wire_for: Callable[[Wire], Wire] = lambda wire: wire,
) -> Trace:
    """Connect, leave all else to ``talk``, close, and return the trace with both ends' facts.

    ``context`` is used in place of that of the plan; ``wire_for`` may put a wire of its own around
    the connection. Raises OSError, and TimeoutError where the server accepts no connection.
    """
    buffer = EventBuffer(RecordLog())
    with KeyLogSource(context) as source:
        wire = await within(LIMIT, dial(plan.target.host, plan.target.port))
        feed = ObserverFeed(Endpoint.CLIENT, buffer, key_log=source, record_log=buffer.record_log)
        stream = TlsStream(
            wire_for(wire), context, Endpoint.CLIENT, server_hostname=plan.sni, feed=feed
        )
        peer = address_text(*wire.local)
        try:
            # Whatever goes wrong is among the events already.
            with contextlib.suppress(StreamError, ExchangeError, TimeoutError):
                await stream.handshake(LIMIT)
                await within(LIMIT, talk(stream))
        finally:
            feed.unfinished()
            await stream.close(Linger(seconds=_LINGER))
    return trace_of(plan, buffer.events, await server(peer), buffer.records)
