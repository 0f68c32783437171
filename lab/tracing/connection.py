"""One watched connection to a server: dial, shake hands, let its events be recorded.

The events outlive the connection: they are what a probe or a trace is about.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from lab.stream.key_log_source import KeyLogSource
from lab.stream.observed_wire import ObserverFeed
from lab.stream.tls_stream import Linger, TlsStream
from lab.stream.wire import Wire, dial
from lab.tls.events import Endpoint
from lab.tracing.event_buffer import EventBuffer
from lab.tracing.target import Target

# A client has nothing to wait for once it has said goodbye.
_LINGER = Linger(seconds=0.5)


class NoConnection(Exception):
    """TCP did not come about. Its message names the target and the reason."""


@contextlib.asynccontextmanager
async def connected(
    target: Target,
    context: ssl.SSLContext,
    recording: EventBuffer,
    *,
    sni: str | None = None,
    limit: float,
    key_log: Path | None = None,
) -> AsyncIterator[TlsStream]:
    """A stream to ``target`` with its handshake still to do, closed at the end.

    ``sni`` is the name to ask for and to find in the server's certificate, the target's host if it
    is None. ``limit`` bounds the dialling, in seconds. ``key_log`` is a file to add the secrets to.
    Raises NoConnection, and OSError where that file cannot be written.
    """
    with KeyLogSource(context, key_log) as source:
        wire = await reach(target, limit)
        eyes = ObserverFeed(Endpoint.CLIENT, recording, key_log=source)
        name = sni or target.host
        stream = TlsStream(wire, context, Endpoint.CLIENT, server_hostname=name, watch=eyes)
        try:
            yield stream
        finally:
            eyes.unfinished()
            await stream.close(_LINGER)


async def reach(target: Target, limit: float) -> Wire:
    """A TCP connection within ``limit`` seconds. Raises NoConnection."""
    try:
        return await asyncio.wait_for(dial(target.host, target.port), limit)
    except (asyncio.TimeoutError, TimeoutError):
        raise NoConnection(f"{target.authority} did not answer within {limit:g} s") from None
    except OSError as error:
        raise NoConnection(
            f"cannot connect to {target.authority}: {_reason(error)}; "
            "check the address, and that the server runs"
        ) from error


def _reason(error: OSError) -> str:
    # asyncio puts words of its own in strerror; the system's say more with less.
    if error.errno is None or isinstance(error, socket.gaierror) or sys.platform == "win32":
        return error.strerror or str(error)
    return os.strerror(error.errno)
