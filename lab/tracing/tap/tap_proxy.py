"""The tap as an HTTP proxy for one name: a client that asks for it by CONNECT gets the target.

So a client speaks to the name that it knows, with the right SNI and Host, and nothing on the
machine has to be changed. A client that begins with TLS has not asked, and gets the target too.

Source: RFC 9110 section 9.3.6.
"""

from __future__ import annotations

import asyncio
import socket

import h11

from lab.stream.wire import CHUNK, within
from lab.tls.escape import escaped
from lab.tls.records import looks_like_tls

_LIMIT = 10.0
_MOST_HEAD = 16384


class ProxyRefusal(Exception):
    """A client asked for something else. Its message says for what."""


async def answer_connect(client: socket.socket, name: str) -> bytes:
    """Answer a client's CONNECT to host ``name``; return the first bytes of what follows.

    The socket does not block. Raises ProxyRefusal once the client has been told, or has gone.
    """
    try:
        return await within(_LIMIT, _answer(client, name))
    except TimeoutError:
        raise ProxyRefusal(f"closed: it did not ask for anything within {_LIMIT:g} s") from None
    except OSError as error:
        raise ProxyRefusal(f"left before it was answered ({error.strerror})") from error


async def _answer(client: socket.socket, name: str) -> bytes:
    loop = asyncio.get_running_loop()
    http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST_HEAD)
    begun = False
    while True:
        data = await loop.sock_recv(client, CHUNK)
        if not data:
            raise ProxyRefusal("left before it asked for anything")
        if not begun and looks_like_tls(data):
            return data
        begun = True
        http.receive_data(data)
        try:
            event = http.next_event()
        except h11.RemoteProtocolError as error:
            await _refuse(client, http, 400, f"sent no request to a proxy ({error})")
        if event is h11.NEED_DATA:
            continue
        assert isinstance(event, h11.Request)  # the first event of a server's side
        wanted = event.target.decode("ascii", "replace")
        if event.method != b"CONNECT" or wanted.rpartition(":")[0].lower() != name.lower():
            asked = f"{event.method.decode('ascii', 'replace')} {wanted[:200]}"
            await _refuse(client, http, 403, f"asked for {escaped(asked)}; this is for {name} only")
        accepted = http.send(h11.Response(status_code=200, headers=[]))
        await loop.sock_sendall(client, accepted or b"")
        return http.trailing_data[0]


async def _refuse(client: socket.socket, http: h11.Connection, status: int, reason: str) -> None:
    """Tell a client that it gets nothing. Raises ProxyRefusal."""
    body = f"lab.tap: {reason}\n".encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    response = h11.Response(status_code=status, headers=[*headers, ("Connection", "close")])
    parts = http.send(response), http.send(h11.Data(data=body)), http.send(h11.EndOfMessage())
    await asyncio.get_running_loop().sock_sendall(client, b"".join(part or b"" for part in parts))
    raise ProxyRefusal(f"refused with HTTP {status}: {reason}")
