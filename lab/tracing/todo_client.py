"""The TODO client's two requests: create an item, then fetch the list."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator

from lab.tracing.connection import connected
from lab.tracing.event_buffer import EventBuffer
from lab.tracing.http_client import ClientResponse, HttpClient
from lab.tracing.target import Target

PATH = "/todo"


async def post_then_get(
    target: Target, context: ssl.SSLContext, task: str, *, limit: float
) -> AsyncIterator[ClientResponse]:
    """Yield the response to POST, then that to GET, each as soon as it is there.

    Both go over one connection, unless the server ends it after the first. ``limit`` bounds each
    step, in seconds. Raises NoConnection, StreamError, ExchangeError, and TimeoutError.
    """
    body = json.dumps({"task": task, "done": False}, ensure_ascii=False).encode()
    async with connected(target, context, EventBuffer(), limit=limit) as stream:
        await stream.handshake(limit)
        http = HttpClient(stream, target.authority)
        yield await asyncio.wait_for(http.request("POST", PATH, body), limit)
        if http.reusable:
            yield await asyncio.wait_for(http.request("GET", PATH), limit)
            return
    async with connected(target, context, EventBuffer(), limit=limit) as stream:
        await stream.handshake(limit)
        http = HttpClient(stream, target.authority)
        yield await asyncio.wait_for(http.request("GET", PATH), limit)
