"""All servers for a client under test, in the order in which they are best read, and which to try.

Rules: the good server is always among them, and the first.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from lab.probing.clients.certificate_servers import (
    CERTIFICATE_SERVERS,
    CHAIN_SERVERS,
    NAME_SERVERS,
    SERVERS_IN_ORDER,
)
from lab.probing.clients.handshake_servers import (
    HANDSHAKE_SERVERS,
    LATER_SERVERS,
    REQUEST_SERVERS,
)
from lab.probing.clients.results import GOOD
from lab.probing.clients.tested_server import ServerUnderTest

TESTED_SERVERS = (
    *SERVERS_IN_ORDER,
    *CERTIFICATE_SERVERS,
    *NAME_SERVERS,
    *CHAIN_SERVERS,
    *HANDSHAKE_SERVERS,
    *REQUEST_SERVERS,
    *LATER_SERVERS,
)
_BY_NAME = {server.name: server for server in TESTED_SERVERS}


class UnknownServer(LookupError):
    """There is no server of this name. Its message names the nearest, where one is near."""


def find_server(name: str) -> ServerUnderTest:
    """Return the server of this name. Raises UnknownServer."""
    try:
        return _BY_NAME[name]
    except KeyError:
        near = difflib.get_close_matches(name, _BY_NAME, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UnknownServer(
            f"there is no server {name!r} for --client{hint}; --client --list shows all"
        ) from None


def servers_to_try(only: Sequence[str], skip: Sequence[str]) -> tuple[ServerUnderTest, ...]:
    """Return the servers to try; ``only`` and ``skip`` are names. Raises UnknownServer."""
    wanted, unwanted = ({find_server(name).name for name in names} for names in (only, skip))
    return tuple(
        server
        for server in TESTED_SERVERS
        if server.name == GOOD
        or ((not wanted or server.name in wanted) and server.name not in unwanted)
    )
