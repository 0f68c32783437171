"""lab.web's pages on a real port of loopback, and a client that speaks HTTP to them by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from lab.webapp.access import Access
from lab.webapp.loopback_server import LoopbackServer
from lab.webapp.routes import router
from lab.webapp.routing import Router
from lab.webapp.services import Services
from lab.webapp.web_application import WebApplication
from tests.support.http_rig import Answer, Client


@dataclass
class Pages:
    """Served pages; ``token`` is what the address has, ``origin`` what a browser would send."""

    port: int
    token: str
    services: Services
    clients: list[Client] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def cookie(self) -> str:
        return f"Cookie: lab_token_{self.port}={self.token}"

    @property
    def own(self) -> tuple[str, ...]:
        """The header lines of a page of this server."""
        return (f"Host: {self.host}", self.cookie, "Sec-Fetch-Site: same-origin")

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        return client

    async def ask(
        self,
        target: str,
        *,
        method: str = "GET",
        lines: Iterable[str] | None = None,
        body: bytes = b"",
        content_type: str = "application/x-www-form-urlencoded",
    ) -> Answer:
        """Ask on a connection of its own; ``lines`` replace those of a page of this server."""
        client = await self.connect()
        head = [f"{method} {target} HTTP/1.1", *(self.own if lines is None else lines)]
        if body or method == "POST":
            head += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
        await client.send("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        answer = await client.answer(bodiless=method == "HEAD")
        await client.close()
        return answer


class EventReader:
    """Reads the events of a stream: those that have data, as JSON, with their ids."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.last_id = ""

    async def begin(self, pages: Pages, last_id: str = "") -> None:
        lines = [*pages.own, *([f"Last-Event-ID: {last_id}"] if last_id else [])]
        await self._client.send(
            "\r\n".join(["GET /watch/events HTTP/1.1", *lines, "", ""]).encode()
        )
        head = await self._client.reader.readuntil(b"\r\n\r\n")
        assert b"text/event-stream" in head

    async def lines(self) -> list[str]:
        """Return the lines of the next event or comment; none at the end of the stream."""
        size = int(await self._client.reader.readuntil(b"\r\n"), 16)
        data = await self._client.reader.readexactly(size + 2)
        return data.decode().split("\n")

    async def next(self) -> dict[str, Any]:
        """Return the data of the next event that has JSON."""
        while True:
            fields = dict(line.partition(": ")[::2] for line in await self.lines())
            if "data" in fields and "id" in fields:
                self.last_id = fields["id"]
                value = json.loads(fields["data"])
                assert isinstance(value, dict)
                return value


@asynccontextmanager
async def served_pages(
    services: Services | None = None, own: Router | None = None
) -> AsyncIterator[Pages]:
    """Serve all pages, or those of ``own``, inside the block."""
    services = services or Services()
    server = LoopbackServer()
    port = await server.open(0)
    access = Access(port)
    await server.serve(WebApplication(access, own or router(services)))
    pages = Pages(port, access.address.partition("token=")[2], services)
    try:
        yield pages
    finally:
        for client in pages.clients:
            client.writer.close()
        await server.close()
        await services.close()
