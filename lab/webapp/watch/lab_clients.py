"""Clients that the page lets connect to the watched server, so that there is something to see.

Each is a good one or a wrong one of a kind, and has the shell commands that do the same.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from lab.api import LabCA, LabError, LabIdentity, trace_server
from lab.pki.files.lab_set import Role, SetPaths, load_role
from lab.webapp.watch.watched_server import WatchedServer

_LIMIT = 5.0  # seconds for each step of a client
_PATH = "/todo"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabClient:
    """A client of this ``name``; ``label`` is what its button says, ``does`` what happens."""

    name: str
    label: str
    does: str


GOOD = LabClient(
    name="good", label="A good client", does="presents the certificate that the server trusts"
)
NONE = LabClient(name="none", label="Without a certificate", does="has none to present")
OTHER_CA = LabClient(
    name="other-ca", label="Of another CA", does="presents a certificate of an unknown CA"
)
EXPIRED = LabClient(
    name="expired", label="Expired", does="presents a certificate that expired a while ago"
)


def clients_of(server: WatchedServer) -> tuple[LabClient, ...]:
    """Return those that can be had: a good one needs the set's, an expired one the CA's key."""
    if not server.own_set:
        return NONE, OTHER_CA
    paths = SetPaths(directory=server.directory)
    has_client = paths.certificate(Role.CLIENT).exists() and paths.key(Role.CLIENT).exists()
    has_key = paths.key(Role.CA).exists()
    return (*[GOOD] * has_client, NONE, OTHER_CA, *[EXPIRED] * has_key)


def connect(server: WatchedServer, name: str, version: str) -> None:
    """Let a client connect once, in a thread. Raises LabError and PkiError where it could not."""
    identity = _identity(server, name)
    ca = SetPaths(directory=server.directory).certificate(Role.CA)
    trace_server(
        server.address.authority,
        identity=identity,
        trust=ca if server.own_set else None,
        verify=server.own_set,
        versions=(version,),
        sni="localhost" if server.own_set else None,
        request=_PATH,
        timeout=_LIMIT,
    )


def _identity(server: WatchedServer, name: str) -> LabIdentity | None:
    directory, now = server.directory, datetime.now(timezone.utc)
    if name == NONE.name:
        return None
    if name == OTHER_CA.name:
        return LabCA().client(common_name="stranger")
    if name == EXPIRED.name:
        paths = SetPaths(directory=directory)
        ca = LabCA.load(paths.certificate(Role.CA), paths.key(Role.CA))
        return ca.client(scenario="expired")
    if name == GOOD.name:
        return LabIdentity(identity=load_role(directory, Role.CLIENT, now=now).identity)
    raise LabError(f"there is no client {name!r}")


def commands(server: WatchedServer) -> tuple[tuple[str, str], ...]:
    """Return shell commands that connect to the server, each with what it does."""
    paths, port = SetPaths(directory=server.directory), server.address.port
    url = f"https://localhost:{port}{_PATH}"
    if not server.own_set:
        return (
            ("without a certificate", _shell("curl", "--insecure", url)),
            ("explained", _shell("python", "-m", "lab.trace", str(port), "--insecure")),
        )
    ca = paths.certificate(Role.CA)
    cert, key = paths.certificate(Role.CLIENT), paths.key(Role.CLIENT)
    identity = ("--cert", cert, "--key", key)
    connect_to = ("-connect", f"localhost:{port}", "-CAfile", ca)
    return (
        ("a good client", _shell("curl", "--cacert", ca, *identity, url)),
        ("without a certificate", _shell("curl", "--cacert", ca, url)),
        (
            "by hand",
            _shell("openssl", "s_client", *connect_to, "-cert", cert, "-key", key),
        ),
        (
            "explained",
            _shell("python", "-m", "lab.trace", f"localhost:{port}", "--ca", ca, *identity),
        ),
    )


def _shell(*words: str | Path) -> str:
    return shlex.join(map(str, words))
