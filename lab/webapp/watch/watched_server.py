"""The lab's own server, started along with the pages, with its connections in the list."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from lab.capture.results import Address
from lab.pki.files.lab_set import DEFAULT_DIRECTORY, SetPaths
from lab.pki.files.set_writing import KeyType, SetPlan, ensure_set
from lab.serving.lab_server import TodoServer, Watcher
from lab.serving.server_files import ServerFiles
from lab.show.html.home_page import home_page
from lab.tracing.target import LOOPBACK
from lab.webapp.watch.connection_list import ConnectionList
from lab.webapp.watch.recorded_connection import RecordedConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The server's certificates, as ``lab.server`` takes them, and its port (0: any free one)."""

    directory: Path = DEFAULT_DIRECTORY
    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None
    port: int = 0

    @property
    def needs_set(self) -> bool:
        """Whether it needs the lab's set of certificates at all."""
        return self.certificate is None or self.authorities is None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedServer:
    """The running server: where it listens, and the folder of its set.

    ``made`` tells that the set was made for the occasion, and goes with the process; ``own_set``
    that the server works with the set's certificates alone.
    """

    address: Address
    directory: Path
    made: bool
    own_set: bool


@contextlib.asynccontextmanager
async def watched_server(
    settings: ServerSettings, connections: ConnectionList
) -> AsyncIterator[WatchedServer]:
    """Run the server inside the block, with certificates made for the occasion if there are none.

    Raises ``PkiError`` for what is wrong with a file, and ``OSError``.
    """
    with _directory(settings) as directory:
        loaded = ServerFiles(
            directory=directory,
            certificate=settings.certificate,
            key=settings.key,
            authorities=settings.authorities,
        ).load(now=datetime.now(timezone.utc))
        watching = _Watching(connections)
        server = TodoServer(
            loaded.tls, contexts=loaded.contexts, watcher=watching.watcher, page=home_page
        )
        try:
            watching.address = Address(*await server.open(LOOPBACK, settings.port))
            yield WatchedServer(
                address=watching.address,
                directory=directory.absolute(),
                made=directory != settings.directory,
                own_set=settings.certificate is None and settings.authorities is None,
            )
        finally:
            await server.close()


@contextlib.contextmanager
def _directory(settings: ServerSettings) -> Iterator[Path]:
    """Return the folder of the set; a new one for the occasion where there is none."""
    is_default = settings.directory == DEFAULT_DIRECTORY
    if not (is_default and settings.needs_set) or SetPaths(directory=DEFAULT_DIRECTORY).existing():
        yield settings.directory
        return
    with tempfile.TemporaryDirectory(prefix="mtls-lab-") as folder:
        plan = SetPlan(key_type=KeyType.EC)  # RSA keys take seconds
        ensure_set(Path(folder), now=datetime.now(timezone.utc), plan=plan)
        yield Path(folder)


class _Watching:
    """Makes the watcher of each connection."""

    def __init__(self, connections: ConnectionList) -> None:
        self.address = Address(LOOPBACK, 0)
        self._connections = connections
        self._epoch = time.time() - time.monotonic()

    def watcher(self, peer: str) -> Watcher:
        """Return the watcher of the connection from ``peer``."""
        host, _, port = peer.rpartition(":")
        recorded = RecordedConnection(
            Address(host.strip("[]"), int(port)),
            self.address,
            epoch=self._epoch,
            began=time.monotonic(),
            changed=self._connections.change,
        )
        self._connections.add(recorded)
        return recorded
