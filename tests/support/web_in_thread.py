"""lab.web's pages in a thread, for tests that block as they drive a browser."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from lab.api.server_in_thread import LoopThread
from lab.webapp.services import Services
from lab.webapp.watch.watched_server import ServerSettings, watched_server
from tests.support.web_rig import Pages, served_pages

T = TypeVar("T")


@dataclass(frozen=True)
class PagesInThread:
    """Served pages. ``address`` lets in."""

    pages: Pages
    thread: LoopThread

    @property
    def origin(self) -> str:
        return f"http://{self.pages.host}"

    @property
    def address(self) -> str:
        return f"{self.origin}/?token={self.pages.token}"

    @property
    def services(self) -> Services:
        return self.pages.services

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` returns, which runs on the loop of the pages."""
        return self.thread.call(work).result(30)


@contextlib.contextmanager
def in_thread(thread: LoopThread, manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Hold an asynchronous context on the loop of a thread."""
    value = thread.call(manager.__aenter__()).result(30)
    try:
        yield value
    finally:
        thread.call(_end(manager)).result(30)


async def _end(manager: AbstractAsyncContextManager[Any]) -> None:
    await manager.__aexit__(None, None, None)


@contextlib.contextmanager
def pages_in_thread(settings: ServerSettings | None = None) -> Iterator[PagesInThread]:
    """Serve all pages inside the block, and a server to watch where there are settings."""

    @contextlib.asynccontextmanager
    async def serve() -> AsyncIterator[Pages]:
        services = Services()
        async with contextlib.AsyncExitStack() as stack:
            if settings is not None:
                watched = watched_server(settings, services.connections)
                services.server = await stack.enter_async_context(watched)
            yield await stack.enter_async_context(served_pages(services))

    thread = LoopThread()
    try:
        with in_thread(thread, serve()) as pages:
            yield PagesInThread(pages, thread)
    finally:
        thread.stop()


class _Page(http.server.BaseHTTPRequestHandler):
    """Answers each GET with the one page of its server."""

    def do_GET(self) -> None:
        content = getattr(self.server, "content", "").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def foreign_page(content: str) -> Iterator[int]:
    """Serve a page of somebody else's on a port of loopback, which this yields."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        server.content = content  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
