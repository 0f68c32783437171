"""Is an honest client served while eight others send what costs most for its size?

``python scripts/hostile_clients.py [--short]`` (Linux, in the project's environment). A server runs
as a user starts it, ``python -m lab.server``. The eight have certificates that it accepts, and then
send records without data, KeyUpdates, or one byte a record; or they add items and ask for the list,
in turns. The bar, for each kind: the 99th percentile of an honest client, which makes a full
handshake and one GET on each connection, is at most 100 ms (on a machine that is busy otherwise: at
most three times what it was just before). ``--short`` sends less, and judges the percentile over
all kinds. Exit status: 0, or 1 where the bar is missed.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import hostile_hellos  # noqa: E402
from hostile_hellos import (  # noqa: E402
    PATIENCE,
    Server,
    honest,
    print_heading,
    quiet,
    row,
    run,
)

from lab.stream.key_log_source import KeyLogSource  # noqa: E402
from lab.tls.cipher_suites import CipherSuite  # noqa: E402
from lab.tls.record_suites import suite_of  # noqa: E402
from tests.faults.processes import Observed  # noqa: E402
from tests.tls.sealing import Sealer13  # noqa: E402

SLOWEST = 0.100  # seconds, the honest client's 99th percentile
CLIENTS = 8
_HANDSHAKE, _DATA = 22, 23
_HEAD = b"GET /todo HTTP/1.1\r\nHost: localhost\r\nX: "
_POST = (
    b"POST /todo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)
_LIST = b"GET /todo HTTP/1.1\r\nHost: localhost\r\n\r\n"
_EMPTY_IN_A_ROW = 31  # OpenSSL ends a connection at the 33rd

Kind = Callable[[Sealer13, int], Iterator[bytes]]
"""The records that one client sends, so many as asked for."""


def key_updates(sealer: Sealer13, count: int) -> Iterator[bytes]:
    """KeyUpdates that ask for none in return (RFC 9846 section 4.7.3)."""
    for _ in range(count):
        yield sealer.seal(_HANDSHAKE, b"\x18\0\0\1\0")
        sealer = sealer.updated()


def requested_key_updates(sealer: Sealer13, count: int) -> Iterator[bytes]:
    """KeyUpdates that each ask for one in return."""
    for _ in range(count // 4):
        yield sealer.seal(_HANDSHAKE, b"\x18\0\0\1\1")
        sealer = sealer.updated()


def head_by_bytes(sealer: Sealer13, count: int) -> Iterator[bytes]:
    """A request's head, a byte a record, as long as the server allows and without an end."""
    head = _HEAD + b"x" * (16_000 - len(_HEAD))
    for byte in head[:count]:
        yield sealer.seal(_DATA, bytes([byte]))


def body_by_bytes(sealer: Sealer13, count: int) -> Iterator[bytes]:
    """A request's body, a byte a record."""
    body = b'{"task": "%b"}' % (b"x" * min(count, 60_000))
    head, _, body = (_POST % (len(body), body)).partition(b"\r\n\r\n")
    yield sealer.seal(_DATA, head + b"\r\n\r\n")
    for byte in body:
        yield sealer.seal(_DATA, bytes([byte]))


def empty_records(sealer: Sealer13, count: int) -> Iterator[bytes]:
    """Records without data, and a byte of a head among them where OpenSSL insists on one."""
    for number in range(count):
        byte = b"" if number % (_EMPTY_IN_A_ROW + 1) else (_HEAD + bytes(60))[number // 32 :][:1]
        yield sealer.seal(_DATA, byte.replace(b"\0", b"x"))


def items_and_lists(sealer: Sealer13, count: int) -> Iterator[bytes]:
    """New items with the list behind each."""
    item = b'{"task": "%b"}' % (b"x" * 400)
    for _ in range(count // 100):
        yield sealer.seal(_DATA, _POST % (len(item), item) + _LIST)


KINDS: dict[str, Kind] = {
    "KeyUpdates": key_updates,
    "KeyUpdates that ask for one": requested_key_updates,
    "a head in records of one byte": head_by_bytes,
    "a body in records of one byte": body_by_bytes,
    "records without data": empty_records,
    "items and lists": items_and_lists,
}


class Attacker:
    """A client that the server has accepted, with all that it is going to send."""

    def __init__(self, port: int, context: ssl.SSLContext, kind: Kind, count: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with KeyLogSource(context) as key_log:
            done = False
            while not done:
                try:
                    tls.do_handshake()
                    done = True
                except ssl.SSLWantReadError:
                    pass
                if data := outgoing.read():
                    self._socket.sendall(data)
                if not done:
                    incoming.write(self._socket.recv(65536))
            lines = key_log.read().splitlines()
        (secret,) = (line.split()[2] for line in lines if line.startswith("CLIENT_TRAFFIC_SECRET"))
        name = tls.cipher()
        assert name is not None
        suite = suite_of(CipherSuite[name[0].replace("-", "_")])
        self._data = b"".join(kind(Sealer13(suite, bytes.fromhex(secret)), count))

    def attack(self) -> None:
        """Send it all, while reading what comes; then close."""
        reader = threading.Thread(target=self._read)
        reader.start()
        with contextlib.suppress(OSError):  # the server may end it before
            self._socket.sendall(self._data)
            self._socket.sendall(b"")
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        reader.join()
        self._socket.close()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while self._socket.recv(1 << 18):
                pass


def measured(
    server: Server, contexts: Sequence[ssl.SSLContext], kind: Kind, count: int
) -> list[float]:
    """What the honest client measures while the eight are at it, in a process of their own."""
    forking = multiprocessing.get_context("fork")
    ready, start, over = forking.Event(), forking.Event(), threading.Event()

    def attack() -> None:
        attackers = [Attacker(server.port, contexts[-1], kind, count) for _ in range(CLIENTS)]
        ready.set()
        start.wait(PATIENCE)
        threads = [threading.Thread(target=attacker.attack) for attacker in attackers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def wait() -> None:
        process.join()
        over.set()

    process = forking.Process(target=attack)
    process.start()
    waiting = threading.Thread(target=wait)
    waiting.start()
    try:
        while not over.is_set() and not ready.wait(0.1):
            pass
        start.set()
        return honest(server.port, contexts, over)
    finally:
        waiting.join()


def judge(server: Server, contexts: Sequence[ssl.SSLContext], *, short: bool) -> list[str]:
    """Print the figures; the bars that are missed."""
    count, pause = (3_000, 0.5) if short else (12_500, 2.0)
    quiet(server, contexts, 2.0)  # the server has warmed up behind this
    process = Observed(server.pid)
    memory = process.memory()
    print_heading()
    missed: list[str] = []
    alone: list[float] = []
    attacked: list[float] = []
    for name, kind in KINDS.items():
        before = quiet(server, contexts, pause)
        seconds = measured(server, contexts, kind, count)
        alone += before
        attacked += seconds
        print(row(name, before, seconds, process.peak_memory() - memory), flush=True)
        missed += [] if short else missed_bar(name, before, seconds)
    print(row("all kinds", alone, attacked, process.peak_memory() - memory))
    return missed + missed_bar("all kinds", alone, attacked)


def missed_bar(name: str, before: Sequence[float], seconds: Sequence[float]) -> list[str]:
    """The bar for the honest client, where it is missed."""
    return hostile_hellos.missed_bar(name, before, seconds, slowest=SLOWEST, times=3)


def main() -> int:
    """Measure, print, judge; see the module's description."""
    assert __doc__ is not None
    return run(judge, description=__doc__.splitlines()[0], short="a quarter of each kind")


if __name__ == "__main__":
    raise SystemExit(main())
