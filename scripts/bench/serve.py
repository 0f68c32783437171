"""The lab's server beside its peers: CPU for each operation, throughput, memory, latency.

The rules: the same client and the same certificates for all; rounds that take turns, every other
one backwards, after one that only warms up; each server on a core of its own where there are two,
and the client on the others. ``post`` and ``idle-memory`` have fresh servers: a list that grows
would change ``get``, and memory that was used once hides what connections take.

This module must not know how a server is started or what a picture looks like.
"""

from __future__ import annotations

import contextlib
import os
import resource
import ssl
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TypeVar

from bench import client
from bench.processes import Process, free_port, running
from bench.rows import Row, row
from bench.rows import ratios as ratios_of
from bench.servers import AT_ONCE, Server, available
from lab.pki.files.set_writing import SetPlan, write_set
from lab.stream.contexts import (
    ClientTls,
    IdentityFiles,
    TlsVersion,
    client_context,
)

_T = TypeVar("_T")
RATE = 200.0  # requests a second: what all can sustain
RATE_CONNECTIONS = 20
_WARM_UP = 20  # connections before memory is looked at
_SETTLE = 0.02  # seconds for what a server still does once its clients have what they want
_BUSY = 0.8  # of the time; below it, the server was not what limited the throughput
TARGETS = (
    ("handshake-tls1.2", "lab", "openssl-s_server", 1.35),
    ("handshake-tls1.3", "lab", "openssl-s_server", 1.25),
    ("handshake-tls1.2", "lab-refused", "openssl-s_server", 1.20),
    ("handshake-tls1.3", "lab-refused", "openssl-s_server", 1.05),
    ("resumed", "lab", "openssl-s_server", 1.6),
    ("get", "lab", "uvicorn-h11", 0.7),
)
IDLE_TARGET = 50.0  # KiB for each connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is done: ``handshakes`` of each kind, ``requests`` of each kind in at most
    ``seconds``, and ``load_seconds`` of the fixed load in a round, and ``idle`` connections in each
    of ``idle_rounds``.
    """

    rounds: int
    handshakes: int
    requests: int
    seconds: float
    load_seconds: float
    idle: int
    idle_rounds: int


FULL = Effort(
    rounds=7,
    handshakes=48,
    requests=800,
    seconds=2.0,
    load_seconds=3.0,
    idle=1000,
    idle_rounds=3,
)
QUICK = Effort(
    rounds=2,
    handshakes=12,
    requests=80,
    seconds=0.3,
    load_seconds=0.5,
    idle=100,
    idle_rounds=1,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All of it: ``rows`` for each operation, ``load`` for throughput and latency, and ``notes``
    on what is left out or not to be taken at its word.
    """

    rows: list[Row]
    load: list[Row]
    notes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    server: Server
    process: Process


class _Collected:
    """What the rounds gave, by operation and server."""

    def __init__(self) -> None:
        self._rounds: dict[tuple[str, str, str], list[float]] = {}

    def add(self, operation: str, server: Server, unit: str, value: float) -> None:
        self._rounds.setdefault((operation, server.name, unit), []).append(value)

    def rows(self, servers: Sequence[Server]) -> list[Row]:
        """In the order in which operations were first done, and in that of the servers."""
        operations = list(dict.fromkeys(operation for operation, _, _ in self._rounds))
        names = [server.name for server in servers]
        return [
            row(*what, self._rounds[what])
            for what in sorted(
                self._rounds, key=lambda what: (operations.index(what[0]), names.index(what[1]))
            )
        ]


class _Bench:
    """One run: the client's side, and what was found."""

    def __init__(self, certs: Path, effort: Effort, servers: Sequence[Server]) -> None:
        self._certs = certs
        self._effort = effort
        self._servers = servers
        self._contexts = {version: _context(certs, version) for version in TlsVersion}
        self._own, self._theirs = _cores()
        self.cpu = _Collected()
        self.load = _Collected()
        self.busy = _Collected()

    def run(self) -> None:
        """Measure everything."""
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self._own)  # the threads of the pools start from here
        try:
            with (
                ThreadPoolExecutor(AT_ONCE) as self._pool,
                ThreadPoolExecutor(RATE_CONNECTIONS) as self._wide_pool,
            ):
                self._take_turns(
                    self._servers,
                    {
                        "handshake-tls1.2": partial(self._full, version=TlsVersion.TLS12),
                        "handshake-tls1.3": partial(self._full, version=TlsVersion.TLS13),
                        "resumed": self._resumed,
                        "get": partial(self._talk, request=client.GET),
                        "latency": self._latency,
                    },
                )
                with_todo = [server for server in self._servers if server.at_once]
                self._take_turns(with_todo, {"post": partial(self._talk, request=client.POST)})
                for turn in range(self._effort.idle_rounds):
                    for server in _in_turn(with_todo, turn):
                        if server.at_once > 1:
                            self._idle(server)
        finally:
            os.sched_setaffinity(0, before)

    def _take_turns(
        self, servers: Sequence[Server], operations: dict[str, Callable[[_Target, str, int], None]]
    ) -> None:
        """All rounds of some operations, each with all servers."""
        with contextlib.ExitStack() as stack:
            targets = [
                _Target(server=server, process=stack.enter_context(self._started(server)))
                for server in servers
            ]
            for turn in range(self._effort.rounds + 1):
                for name, operation in operations.items():
                    for target in _in_turn(targets, turn):
                        with _blaming(target.server, name):
                            operation(target, name, turn)

    def _started(self, server: Server) -> contextlib.AbstractContextManager[Process]:
        port = free_port()
        return running(server.words(self._certs, port), port, cores=self._theirs)

    def _measure(
        self, target: _Target, name: str, turn: int, work: Callable[[], client.Done]
    ) -> None:
        """CPU and throughput of some operations."""
        before = target.process.cpu()
        done = work()
        time.sleep(_SETTLE)
        seconds = target.process.cpu() - before
        if turn:
            self.cpu.add(name, target.server, "us", seconds / done.count * 1e6)
            self.load.add(f"throughput-{name}", target.server, "1/s", done.count / done.seconds)
            self.busy.add(name, target.server, "", seconds / done.seconds)

    def _full(self, target: _Target, name: str, turn: int, *, version: TlsVersion) -> None:
        work = partial(client.full_handshake, target.process.port, self._contexts[version])
        self._measure(target, name, turn, partial(self._repeat, work))

    def _resumed(self, target: _Target, name: str, turn: int) -> None:
        port, context = target.process.port, self._contexts[TlsVersion.TLS13]
        session = client.full_handshake(port, context)
        work = partial(client.resumed_handshake, port, context, session)
        self._measure(target, name, turn, partial(self._repeat, work))

    def _repeat(self, work: Callable[[], object]) -> client.Done:
        return client.repeat(self._pool, self._effort.handshakes, work)

    def _talk(self, target: _Target, name: str, turn: int, *, request: bytes) -> None:
        if not target.server.at_once:
            return
        with self._opened(target.process, target.server.at_once) as connections:
            requests, most = self._effort.requests, self._effort.seconds
            work = partial(client.talk, self._pool, connections, request, requests, most)
            self._measure(target, name, turn, work)

    def _latency(self, target: _Target, name: str, turn: int) -> None:
        if target.server.at_once <= 1:
            return
        with self._opened(target.process, RATE_CONNECTIONS) as connections:
            late = client.at_rate(self._wide_pool, connections, RATE, self._effort.load_seconds)
        if turn:
            self.load.add(f"{name}-median", target.server, "ms", statistics.median(late) * 1e3)
            p99 = statistics.quantiles(late, n=100, method="inclusive")[98]
            self.load.add(f"{name}-p99", target.server, "ms", p99 * 1e3)

    def _idle(self, server: Server) -> None:
        """Memory for each connection that has had one answer."""
        with (
            _blaming(server, "idle-memory"),
            self._started(server) as process,
            self._opened(process, _WARM_UP),
        ):
            before = process.memory()
            with self._opened(process, self._effort.idle) as connections:
                grown = process.memory() - before
                if not client.still_open(connections):
                    raise client.NotServed("it did not leave its idle connections open")
            self.cpu.add("idle-memory", server, "KiB", grown / self._effort.idle)

    def _opened(
        self, process: Process, count: int
    ) -> contextlib.AbstractContextManager[list[ssl.SSLSocket]]:
        return client.opened(self._pool, process.port, self._contexts[TlsVersion.TLS13], count)


def measure(effort: Effort) -> Figures:
    """All figures. Ends the program with one line where a server fails."""
    servers, notes = available()
    _allow_descriptors(effort.idle + 200)
    with tempfile.TemporaryDirectory() as folder:
        certs = Path(folder) / "certs"
        write_set(certs, SetPlan(), now=datetime.now(timezone.utc))
        bench = _Bench(certs, effort, servers)
        bench.run()
    notes += _not_limited_by_servers(bench.busy.rows(servers))
    return Figures(rows=bench.cpu.rows(servers), load=bench.load.rows(servers), notes=notes)


def verdicts(rows: Sequence[Row]) -> Iterator[str]:
    """The lab beside the peers that it is measured by, and whether the targets are reached."""
    rounds = {(each["operation"], each["server"]): each["rounds"] for each in rows}
    for operation, lab, peer, target in TARGETS:
        if (operation, lab) in rounds and (operation, peer) in rounds:
            found = ratios_of(rounds[operation, lab], rounds[operation, peer])
            ratio = statistics.median(found)
            yield (
                f"{operation}: {lab} takes {ratio:.2f} times what {peer} does "
                f"({min(found):.2f} to {max(found):.2f}); {_judged(ratio, target)}"
            )
    if idle := rounds.get(("idle-memory", "lab")):
        value = statistics.median(idle)
        yield (
            f"idle-memory: lab takes {value:.1f} KiB for each connection "
            f"({min(idle):.1f} to {max(idle):.1f}); {_judged(value, IDLE_TARGET)}"
        )


def _not_limited_by_servers(rows: Sequence[Row]) -> Iterator[str]:
    """A line for each operation whose throughput tells more of the client than of some server."""
    for operation in dict.fromkeys(each["operation"] for each in rows):
        waiting = [
            f"{each['server']} ({each['value'] * 100:.0f} %)"
            for each in rows
            if each["operation"] == operation and each["value"] < _BUSY
        ]
        if waiting:
            yield f"throughput-{operation} was not limited by the CPU of {', '.join(waiting)}"


def _judged(value: float, target: float) -> str:
    return f"target {target:g}: {'reached' if value <= target else 'not reached'}"


def _context(certs: Path, version: TlsVersion) -> ssl.SSLContext:
    identity = IdentityFiles(certificate=certs / "client.crt", key=certs / "client.key")
    return client_context(
        ClientTls(server_ca=certs / "ca.crt", identity=identity, minimum=version, maximum=version)
    )


def _cores() -> tuple[frozenset[int], frozenset[int]]:
    """The client's cores and the servers' core: apart, where there are two."""
    cores = sorted(os.sched_getaffinity(0))
    return frozenset(cores[:-1] or cores), frozenset(cores[-1:])


def _allow_descriptors(count: int) -> None:
    """Raise the limit of open files to ``count``, for this process and its servers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        if hard != resource.RLIM_INFINITY and hard < count:
            raise SystemExit(f"bench: {count} open files are needed, and {hard} allowed; ulimit -n")
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def _in_turn(things: Sequence[_T], turn: int) -> Sequence[_T]:
    """Every other round backwards, so that none always follows the same one."""
    return things[:: -1 if turn % 2 else 1]


@contextlib.contextmanager
def _blaming(server: Server, operation: str) -> Iterator[None]:
    """Ends the program with a line that says which server failed at what."""
    try:
        yield
    except (client.NotServed, OSError) as error:
        raise SystemExit(f"bench: {server.name}, {operation}: {error}") from error
