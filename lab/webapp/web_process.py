"""lab.web from its settings to its end: the server of its pages, and what they need running."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Callable
from dataclasses import dataclass

from lab.stream.wire import address_text
from lab.webapp.access import HOST, Access
from lab.webapp.loopback_server import LoopbackServer
from lab.webapp.routes import router
from lab.webapp.services import Services
from lab.webapp.web_application import WebApplication


class CannotServePages(Exception):
    """lab.web cannot start. The message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """What lab.web is to be: ``port`` 0 takes any free one."""

    port: int


async def serve_pages(settings: WebSettings, announce: Callable[[str], None]) -> None:
    """Serve until this is cancelled. ``announce`` gets the address to open, once it can be.

    Raises CannotServePages.
    """
    async with contextlib.AsyncExitStack() as stack:
        services = Services()
        stack.callback(services.jobs.close)
        server = LoopbackServer()
        stack.push_async_callback(server.close)
        port = await _opened(server, settings.port)
        access = Access(port)
        await server.serve(WebApplication(access, router(services)))
        announce(access.address)
        await asyncio.Event().wait()


async def _opened(server: LoopbackServer, port: int) -> int:
    try:
        return await server.open(port)
    except OSError as error:
        where = address_text(HOST, port)
        if error.errno == errno.EADDRINUSE:
            raise CannotServePages(
                f"port {port} on {HOST} is in use; stop what listens there, or choose another "
                "--port (0: any free one)"
            ) from error
        if error.errno == errno.EACCES:
            raise CannotServePages(
                f"no permission to listen on {where}; choose a --port above 1023"
            ) from error
        raise CannotServePages(
            f"cannot listen on {where}: {error.strerror or error}; choose another --port"
        ) from error
