"""lab.web from its settings to its end: the server of its pages, and what they need running."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Callable
from dataclasses import dataclass, field

from lab.stream.wire import address_text
from lab.webapp.access import HOST, Access
from lab.webapp.loopback_server import LoopbackServer
from lab.webapp.routes import router
from lab.webapp.services import Services
from lab.webapp.watch.connection_list import ConnectionList
from lab.webapp.watch.watched_server import ServerSettings, WatchedServer, watched_server
from lab.webapp.web_application import WebApplication


class CannotServePages(Exception):
    """lab.web cannot start. The message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """What lab.web is to be: the ``port`` of its pages, 0 for any free one, and its server."""

    port: int
    server: ServerSettings = field(default_factory=ServerSettings)


async def serve_pages(settings: WebSettings, announce: Callable[[str], None]) -> None:
    """Serve until this is cancelled. ``announce`` gets the address to open, once it can be.

    Raises CannotServePages, and ``PkiError`` for what is wrong with a certificate of its server.
    """
    async with contextlib.AsyncExitStack() as stack:
        server = LoopbackServer()
        stack.push_async_callback(server.close)
        port = await _opened(server, settings.port)
        services = Services()
        stack.push_async_callback(services.close)
        services.server = await _watched(stack, settings.server, services.connections)
        access = Access(port)
        await server.serve(WebApplication(access, router(services)))
        announce(access.address)
        await asyncio.Event().wait()


async def _opened(server: LoopbackServer, port: int) -> int:
    try:
        return await server.open(port)
    except OSError as error:
        raise _cannot_listen(error, port, "--port") from error


async def _watched(
    stack: contextlib.AsyncExitStack, settings: ServerSettings, connections: ConnectionList
) -> WatchedServer:
    try:
        return await stack.enter_async_context(watched_server(settings, connections))
    except OSError as error:
        raise _cannot_listen(error, settings.port, "--server-port") from error


def _cannot_listen(error: OSError, port: int, option: str) -> CannotServePages:
    where = address_text(HOST, port)
    if error.errno == errno.EADDRINUSE:
        return CannotServePages(
            f"port {port} on {HOST} is in use; stop what listens there, or choose another "
            f"{option} (0: any free one)"
        )
    if error.errno == errno.EACCES:
        return CannotServePages(f"no permission to listen on {where}; choose a {option} above 1023")
    reason = error.strerror or str(error)
    return CannotServePages(f"cannot listen on {where}: {reason}; choose another {option}")
