"""What reading a capture of 1,000 mutual connections costs, beside ``tshark -V``, as processes.

Half of the handshakes are of TLS 1.2 and half of TLS 1.3, each on a connection of its own that ends
in order; all secrets are in one key log. The packets are such as tcpdump writes on Ethernet. Making
them is not measured. What both programs print is thrown away; they are measured as the system
accounts for them, start-up included.
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from bench.in_memory import InMemoryConnection, contexts
from bench.processes import PATIENCE, ROOT
from bench.rows import Row, ratios, row
from lab.pki.files.set_writing import SetPlan, write_set
from lab.stream.contexts import TlsVersion
from lab.stream.key_log_source import KeyLogSource
from lab.tls.events import Endpoint

CONNECTIONS = 1000
RATIO = 0.5  # of tshark's CPU time at most
MEMORY = 80.0  # MiB at most
# Settings that have Python compile all that it loads, and write each line by itself.
_UNUSUAL = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
_FIRST = 1_700_000_000
_SYN, _ACK, _PSH, _FIN = 2, 16, 8, 1
_FILE_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
# In a process of its own and small, as a child's highest memory counts its parent's at the fork.
_MEASURE = """
import json, resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""


def measure(rounds: int) -> list[Row]:
    """The CPU time of both, in seconds, and the peak memory of ours, in MiB."""
    if shutil.which("tshark") is None:
        raise SystemExit("bench: capture needs tshark (Debian package tshark)")
    ours, theirs, memory = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        capture, key_log = Path(folder, "many.pcap"), Path(folder, "secrets.log")
        make(capture, key_log, CONNECTIONS)
        _usage([sys.executable, "-m", "lab.trace", str(capture)])  # which compiles what it loads
        for _ in range(rounds):  # in turns: what slows the machine down slows down both
            lab = [sys.executable, "-m", "lab.trace", str(capture), "--keylog", str(key_log)]
            cpu, kib = _usage(lab)
            ours.append(cpu)
            memory.append(kib / 1024)
            options = ["-o", f"tls.keylog_file:{key_log}", "-V", "-O", "tls"]
            theirs.append(_usage(["tshark", "-r", str(capture), *options])[0])
    operation = f"{CONNECTIONS} connections"
    return [
        row(operation, "lab.trace", "s", ours),
        row(operation, "tshark", "s", theirs),
        row("peak-memory", "lab.trace", "MiB", memory),
    ]


def verdicts(rows: Sequence[Row]) -> Iterator[str]:
    """Whether the targets are reached."""
    ours, theirs, memory = rows
    each = ratios(ours["rounds"], theirs["rounds"])
    ratio, peak = statistics.median(each), max(memory["rounds"])
    yield (
        f"lab.trace takes {ratio:.2f} times the CPU time of tshark ({min(each):.2f} to "
        f"{max(each):.2f}); target {RATIO}: {'reached' if ratio <= RATIO else 'not reached'}"
    )
    reached = "reached" if peak <= MEMORY else "not reached"
    yield f"lab.trace takes {peak:.0f} MiB at most; target {MEMORY:.0f}: {reached}"


def make(capture: Path, key_log: Path, connections: int) -> None:
    """Write a capture of so many connections, the versions in turns, and their key log."""
    frames, secrets = [_FILE_HEADER], []
    with tempfile.TemporaryDirectory() as folder:
        certs = Path(folder) / "certs"
        write_set(certs, SetPlan(), now=datetime.now(timezone.utc))
        sides = [_sides(certs, version) for version in TlsVersion]
        for number in range(connections):
            client, server, source = sides[number % len(sides)]
            frames += _Frames(number).of(_exchange(client, server))
            secrets.append(source.read())
    capture.write_bytes(b"".join(frames))
    key_log.write_text("".join(secrets))


def _sides(certs: Path, version: TlsVersion) -> tuple[ssl.SSLContext, ssl.SSLContext, KeyLogSource]:
    client_side, server_side = contexts(certs, version)
    return client_side, server_side, KeyLogSource(server_side)


def _exchange(
    client_side: ssl.SSLContext, server_side: ssl.SSLContext
) -> list[tuple[Endpoint, bytes]]:
    """The bytes of one connection, in their order: handshake and close_notify."""
    connection = InMemoryConnection(client_side, server_side)
    connection.handshake()
    connection.close()
    return connection.flights


class _Frames:
    """The packets of one connection, as records of a pcap file: TCP over IPv4 over Ethernet."""

    def __init__(self, number: int) -> None:
        self._clock = _FIRST * 10**6 + number * 10_000
        self._sent = {Endpoint.CLIENT: 1000, Endpoint.SERVER: 9000}
        self._ports = {Endpoint.CLIENT: 1024 + number, Endpoint.SERVER: 8443}

    def of(self, flights: Sequence[tuple[Endpoint, bytes]]) -> Iterator[bytes]:
        """Yield the packets of all that was sent; the end that is silent acknowledges it."""
        client, server = Endpoint
        yield self._segment(client, _SYN)
        yield self._segment(server, _SYN | _ACK)
        yield self._segment(client, _ACK)
        for place, (sender, data) in enumerate(flights):
            yield self._segment(sender, _PSH | _ACK, data)
            if flights[place + 1 :][:1] and flights[place + 1][0] is sender:
                yield self._segment(sender.other, _ACK)
        for sender in Endpoint:
            yield self._segment(sender, _FIN | _ACK)
        yield self._segment(client, _ACK)

    def _segment(self, sender: Endpoint, flags: int, payload: bytes = b"") -> bytes:
        ports = self._ports[sender], self._ports[sender.other]
        numbers = self._sent[sender], self._sent[sender.other] if flags & _ACK else 0
        # Its header has 32 bytes: two that fill up, and the option of timestamps.
        tcp = struct.pack("!HHIIBBHHH", *ports, *numbers, 8 << 4, flags, 65535, 0, 0)
        tcp += b"\1\1\x08\x0a" + bytes(8) + payload
        self._sent[sender] += len(payload) + bool(flags & (_SYN | _FIN))
        hosts = (b"\x0a\0\0\1", b"\x0a\0\0\2")
        source, target = hosts if sender is Endpoint.CLIENT else hosts[::-1]
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0)
        frame = bytes(12) + b"\x08\0" + ip + source + target + tcp
        self._clock += 200
        seconds, micros = divmod(self._clock, 10**6)
        return struct.pack("<IIII", seconds, micros, len(frame), len(frame)) + frame


def _usage(words: Sequence[str]) -> tuple[float, int]:
    """Run a command; return its CPU time in seconds and its highest memory in KiB."""
    measured = subprocess.run(
        [sys.executable, "-c", _MEASURE, *words],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in _UNUSUAL},
        stdout=subprocess.PIPE,
        timeout=PATIENCE * 10,
        check=True,
    )
    code, cpu, kib = json.loads(measured.stdout)
    if code:
        raise SystemExit(f"bench: {' '.join(words)} ended with {code}")
    return cpu, kib
