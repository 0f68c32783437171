"""The peers of ``bench.py serve`` as programs: ``peers.py NAME CERTS PORT``.

The rules: a peer's own code serves TLS and HTTP, as it comes, but for three settings: a client
certificate is required, each request is logged, and an idle connection is kept for two minutes.
The application around it is as small as can be, so that servers are compared, and answers with
the same bodies as the lab's.

This module must not know what is measured.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lab.http.message import json_bytes
from lab.pki.profiles import CLIENT_NAME
from lab.todo.store import SEEDS

KEEP_ALIVE = 120  # seconds
Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


class Todos:
    """The list, with its body made anew only when it has changed, as the lab does."""

    def __init__(self) -> None:
        self._items = [asdict(item) for item in SEEDS]
        self._listing = b""

    def listing(self) -> bytes:
        """The body of GET."""
        if not self._listing:
            self._listing = json_bytes({"client": CLIENT_NAME, "todos": self._items})
        return self._listing

    def create(self, body: bytes) -> bytes:
        """Keeps what a POST brought; the body of its answer. Raises ValueError."""
        asked = json.loads(body)
        task, done = asked["task"], asked.get("done", False)
        if not isinstance(task, str) or not task.strip() or not isinstance(done, bool):
            raise ValueError("no TODO item")
        item = {"id": len(self._items) + 1, "task": task, "done": done}
        self._items.append(item)
        self._listing = b""
        return json_bytes({"client": CLIENT_NAME, "message": "TODO item created", "todo": item})


def _asgi(todos: Todos) -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """The application for uvicorn and hypercorn."""

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        if scope["path"] != "/todo":
            status, body = 404, b"{}"
        elif scope["method"] == "POST":
            sent, more = b"", True
            while more:
                message = await receive()
                sent += message.get("body", b"")
                more = message.get("more_body", False)
            status, body = 201, todos.create(sent)
        else:
            status, body = 200, todos.listing()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return application


def _uvicorn(certs: Path, port: int, loop: str) -> None:
    import uvicorn

    uvicorn.run(
        _asgi(Todos()),
        port=port,
        loop=loop,
        http="h11",
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE,
        ssl_certfile=str(certs / "server.crt"),
        ssl_keyfile=str(certs / "server.key"),
        ssl_ca_certs=str(certs / "ca.crt"),
        ssl_cert_reqs=ssl.CERT_REQUIRED,
    )


def _hypercorn(certs: Path, port: int) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from hypercorn.typing import ASGIFramework

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.certfile = str(certs / "server.crt")
    config.keyfile = str(certs / "server.key")
    config.ca_certs = str(certs / "ca.crt")
    config.verify_mode = ssl.CERT_REQUIRED
    config.keep_alive_timeout = KEEP_ALIVE
    config.accesslog = "-"
    asyncio.run(serve(cast(ASGIFramework, _asgi(Todos())), config))


def _aiohttp(certs: Path, port: int) -> None:
    from aiohttp import web

    todos = Todos()

    async def listing(_: web.Request) -> web.Response:
        return web.Response(body=todos.listing(), content_type="application/json")

    async def create(request: web.Request) -> web.Response:
        body = todos.create(await request.read())
        return web.Response(status=201, body=body, content_type="application/json")

    application = web.Application()
    application.add_routes([web.get("/todo", listing), web.post("/todo", create)])
    logging.basicConfig(level=logging.INFO)  # which turns on its log of requests
    web.run_app(
        application,
        host="127.0.0.1",
        port=port,
        ssl_context=_context(certs),
        keepalive_timeout=KEEP_ALIVE,
        print=None,
    )


def _http_server(certs: Path, port: int) -> None:
    """As the original lab has it, but for HTTP/1.1: by itself it closes after each answer."""
    todos = Todos()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(200, todos.listing())

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            self._answer(201, todos.create(self.rfile.read(length)))

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = HTTPServer(("127.0.0.1", port), Handler)
    server.socket = _context(certs).wrap_socket(server.socket, server_side=True)
    server.serve_forever()


def _context(certs: Path) -> ssl.SSLContext:
    """The context of the original lab."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cafile=certs / "ca.crt")
    context.load_cert_chain(certs / "server.crt", certs / "server.key")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def main(name: str, certs: Path, port: int) -> None:
    """Serve until killed. Raises KeyError for a name that is none of the peers'."""
    {
        "uvicorn-h11": lambda: _uvicorn(certs, port, "asyncio"),
        "uvicorn-h11-uvloop": lambda: _uvicorn(certs, port, "uvloop"),
        "hypercorn": lambda: _hypercorn(certs, port),
        "aiohttp": lambda: _aiohttp(certs, port),
        "http.server": lambda: _http_server(certs, port),
    }[name]()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
