"""The tap's connection to its target: dialled, and led through a proxy or announced by a header.

What a client says to change to TLS passes the tap as all else does.
"""

from __future__ import annotations

import socket

from lab.capture.results import Address
from lab.stream.wire import DialledWire, open_connection, within
from lab.tracing.preludes.before_tls import speak_before_tls
from lab.tracing.route import Route
from lab.tracing.target import Target

DIAL_LIMIT = 10.0
"""How long dialling may take, and each step behind it, in seconds."""


async def open_upstream(
    target: Target, route: Route, client: socket.socket, client_address: Address
) -> tuple[socket.socket, Address, bytes]:
    """Return a socket to the target, the address that it is connected to, and what came first.

    A header of the PROXY protocol names the client, and the tap as what it is connected to. Raises
    OSError, TimeoutError and PreludeError.
    """
    end = route.proxy or target
    server, peer = await within(DIAL_LIMIT, open_connection(end.host, end.port))
    ends = client_address, Address(*client.getsockname()[:2])
    wire = DialledWire(server, peer)
    try:
        _, said = await speak_before_tls(
            wire, route, target, name=target.host, ends=ends, limit=DIAL_LIMIT
        )
    except BaseException:
        await wire.close(0)
        raise
    return server, Address(*peer), said
