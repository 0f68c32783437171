"""What the pages share: jobs, and what the lab has running for them."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.webapp.bring.answers import Answers
from lab.webapp.jobs import Jobs
from lab.webapp.watch.connection_list import ConnectionList
from lab.webapp.watch.row_stream import RowStreams
from lab.webapp.watch.watched_server import WatchedServer
from lab.webapp.watch.watched_tap import WatchedTaps


@dataclass(slots=True, kw_only=True)
class Services:
    """Given to the pages of each section when their routes are made.

    ``server`` is None where there is none to watch.
    """

    jobs: Jobs = field(default_factory=Jobs)
    connections: ConnectionList = field(default_factory=ConnectionList)
    streams: RowStreams = field(init=False)
    taps: WatchedTaps = field(init=False)
    answers: Answers = field(default_factory=Answers)
    server: WatchedServer | None = None

    def __post_init__(self) -> None:
        self.streams = RowStreams(self.connections)
        self.taps = WatchedTaps(self.connections, self.jobs)

    async def close(self) -> None:
        """Stop the taps, and let go of the threads."""
        await self.taps.close()
        self.jobs.close()
