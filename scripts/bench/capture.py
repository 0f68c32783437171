"""What reading a capture of 1,000 mutual connections costs, beside ``tshark -V``, as processes.

Half of the connections are of TLS 1.2 and half of TLS 1.3, each with a request, a response and an
orderly end; all secrets are in one key log. Making them is not measured. Both programs write to
a file that is thrown away, and are measured as the system accounts for them, start-up included.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from bench.processes import PATIENCE, ROOT
from bench.rows import Row, ratios, row
from lab.capture.pcapng_writer import TcpPackets, file_header
from lab.capture.results import Address
from lab.pki.files.set_writing import SetPlan, write_set
from lab.stream.contexts import (
    ClientTls,
    IdentityFiles,
    ServerTls,
    TlsVersion,
    client_context,
    server_context,
)
from lab.stream.key_log_source import KeyLogSource
from lab.tls.events import Endpoint, StreamEnd

CONNECTIONS = 1000
RATIO = 0.5  # of tshark's CPU time at most
MEMORY = 80.0  # MiB at most
REQUEST = b"GET /todo HTTP/1.1\r\nHost: localhost\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"
_FIRST = 1_700_000_000.0
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
        capture, key_log = Path(folder, "many.pcapng"), Path(folder, "secrets.log")
        make(capture, key_log, CONNECTIONS)
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
    blocks, secrets = [file_header("bench")], []
    with tempfile.TemporaryDirectory() as folder:
        certs = Path(folder) / "certs"
        write_set(certs, SetPlan(), now=datetime.now(timezone.utc))
        sides = [_sides(certs, version) for version in TlsVersion]
        for number in range(connections):
            client, server, source = sides[number % len(sides)]
            blocks.append(_packets(number, _exchange(client, server)))
            secrets.append(source.read())
    capture.write_bytes(b"".join(blocks))
    key_log.write_text("".join(secrets))


def _sides(certs: Path, version: TlsVersion) -> tuple[ssl.SSLContext, ssl.SSLContext, KeyLogSource]:
    server = IdentityFiles(certificate=certs / "server.crt", key=certs / "server.key")
    client = IdentityFiles(certificate=certs / "client.crt", key=certs / "client.key")
    ca = certs / "ca.crt"
    client_side = client_context(
        ClientTls(server_ca=ca, identity=client, minimum=version, maximum=version)
    )
    server_side = server_context(ServerTls(identity=server, client_ca=ca))
    return client_side, server_side, KeyLogSource(server_side)


def _exchange(
    client_side: ssl.SSLContext, server_side: ssl.SSLContext
) -> list[tuple[Endpoint, bytes]]:
    """The bytes of one connection, in their order: handshake, request, response, close_notify."""
    client_in, client_out, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
    client = client_side.wrap_bio(client_in, client_out, server_hostname="localhost")
    server = server_side.wrap_bio(server_in, server_out, server_side=True)
    flights: list[tuple[Endpoint, bytes]] = []

    def carry(sender: Endpoint) -> bool:
        out, into = (
            (client_out, server_in) if sender is Endpoint.CLIENT else (server_out, client_in)
        )
        if data := out.read():
            flights.append((sender, data))
            into.write(data)
        return bool(data)

    moved = True
    while moved:
        moved = False
        for sender, end in ((Endpoint.CLIENT, client), (Endpoint.SERVER, server)):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
            moved = carry(sender) or moved
    client.write(REQUEST)
    carry(Endpoint.CLIENT)
    server.read()
    server.write(RESPONSE)
    carry(Endpoint.SERVER)
    client.read()
    for sender, end in ((Endpoint.CLIENT, client), (Endpoint.SERVER, server)):
        with contextlib.suppress(ssl.SSLWantReadError):
            end.unwrap()
        carry(sender)
    return flights


def _packets(number: int, flights: Sequence[tuple[Endpoint, bytes]]) -> bytes:
    client, server = Address("10.0.0.1", 1024 + number), Address("10.0.0.2", 8443)
    packets, time = TcpPackets(client, server, number), _FIRST + number / 100
    blocks = [packets.opened(time)]
    blocks += [packets.sent(sender, data, time) for sender, data in flights]
    blocks += [packets.ended(sender, StreamEnd.FIN, time) for sender in Endpoint]
    return b"".join(blocks)


def _usage(words: Sequence[str]) -> tuple[float, int]:
    """Run a command; return its CPU time in seconds and its highest memory in KiB."""
    measured = subprocess.run(
        [sys.executable, "-c", _MEASURE, *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=PATIENCE * 10,
        check=True,
    )
    code, cpu, kib = json.loads(measured.stdout)
    if code:
        raise SystemExit(f"bench: {' '.join(words)} ended with {code}")
    return cpu, kib
