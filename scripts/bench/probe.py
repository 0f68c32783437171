"""How long a whole probe of the lab's own server takes, beside as many ``openssl s_client`` calls.

Both in wall-clock time, from the start of their processes, as many at a time as the probe has.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

from bench.processes import PATIENCE, ROOT, free_port, running, s_server
from bench.rows import Row, row
from lab.pki.files.set_writing import KeyType, SetPlan, write_set
from lab.stream.contexts import TlsVersion

AT_ONCE = 4  # the probe's own default


def measure(rounds: int) -> list[Row]:
    """The figures of ``probe``: seconds for all connections."""
    with tempfile.TemporaryDirectory() as folder:
        certs = Path(folder) / "certs"
        write_set(certs, SetPlan(key_type=KeyType.EC), now=datetime.now(timezone.utc))
        port = free_port()
        with running(s_server(certs, port), port):
            probes, calls = [], []
            for _ in range(rounds):
                seconds, connections = _probe()
                probes.append(seconds)
                calls.append(_s_client(certs, port, connections))
    operation = f"{connections} connections"
    return [
        row(operation, "lab.probe", "s", probes),
        row(operation, "openssl s_client", "s", calls),
    ]


def ratios(rows: Sequence[Row]) -> Iterator[str]:
    """The one by the other."""
    probe, calls = (each["value"] for each in rows)
    yield f"a whole probe takes {probe / calls:.2f} times as long as as many calls of s_client"


def _probe() -> tuple[float, int]:
    start = time.monotonic()
    words = [sys.executable, "-m", "lab.probe", "--json", "-", "--concurrency", str(AT_ONCE)]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    seconds = time.monotonic() - start
    return seconds, int(json.loads(done.stdout)["connections"])


def _s_client(certs: Path, port: int, connections: int) -> float:
    versions = [list(TlsVersion)[number % 2] for number in range(connections)]
    start = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda version: _call(certs, port, version), versions))
    return time.monotonic() - start


def _call(certs: Path, port: int, version: TlsVersion) -> None:
    """One call with the client's certificate; it ends where its input does."""
    files = ["-cert", f"{certs}/client.crt", "-key", f"{certs}/client.key"]
    which = f"-tls{version.value.replace('.', '_')}"
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", f"{certs}/ca.crt"]
    subprocess.run(
        [*words, *files, which],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=PATIENCE,
        check=True,
    )
