"""What the observer costs: alone, and in the server's CPU time for a handshake."""

from __future__ import annotations

import contextlib
import ssl
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from bench_processes import Process, free_port, handshake, lab_server, running, s_server
from bench_rows import Row, row
from bench_rows import ratios as ratios_of

from lab.pki.files.set_writing import write_set
from lab.pki.requests import SetPlan
from lab.stream.contexts import (
    ClientTls,
    IdentityFiles,
    ServerTls,
    TlsVersion,
    client_context,
    server_context,
)
from lab.stream.key_log_source import KeyLogSource
from lab.tls.events import Endpoint, MessageSeen
from lab.tls.observer import Observer

AT_ONCE = 4  # clients, so that the server is busy and not woken up for each
DECODED = 200  # handshakes in a round of decoding alone
Flight = tuple[Endpoint, bytes]


def measure(rounds: int, handshakes: int) -> list[Row]:
    """All figures of ``observe``."""
    with tempfile.TemporaryDirectory() as folder:
        certs = Path(folder) / "certs"
        write_set(certs, SetPlan(), now=datetime.now(timezone.utc))
        rows = [_decoding(certs, version, rounds) for version in TlsVersion]
        return rows + _serving(certs, rounds, handshakes)


def ratios(rows: Sequence[Row]) -> Iterator[str]:
    """What the observer adds, and how far all of it is from OpenSSL's own server.

    Each is the median of the rounds' own ratios: what slows a round down slows both down in it.
    """
    for operation in sorted({each["operation"] for each in rows if each["unit"] == "us"}):
        rounds = {each["server"]: each["rounds"] for each in rows if each["operation"] == operation}
        for server in ("lab", "lab, none decoded", "lab, all decoded"):
            added = ratios_of(rounds[server], rounds["lab, no observer"])
            beside = ratios_of(rounds[server], rounds["openssl s_server"])
            yield (
                f"{operation}, {server}: the observer and its log add "
                f"{(statistics.median(added) - 1) * 100:.1f} % "
                f"({(min(added) - 1) * 100:.1f} to {(max(added) - 1) * 100:.1f}); "
                f"{statistics.median(beside):.2f} times openssl s_server"
            )


def _tls(certs: Path, version: TlsVersion) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    ca = certs / "ca.crt"
    server = IdentityFiles(certificate=certs / "server.crt", key=certs / "server.key")
    client = IdentityFiles(certificate=certs / "client.crt", key=certs / "client.key")
    return (
        client_context(ClientTls(server_ca=ca, identity=client, minimum=version, maximum=version)),
        server_context(ServerTls(identity=server, client_ca=ca)),
    )


def _recorded(certs: Path, version: TlsVersion) -> tuple[list[Flight], str]:
    """The bytes of one mutual handshake, in order, and its key log."""
    client_side, server_side = _tls(certs, version)
    with KeyLogSource(server_side) as source:
        client_in, client_out, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
        client = client_side.wrap_bio(client_in, client_out, server_hostname="localhost")
        server = server_side.wrap_bio(server_in, server_out, server_side=True)
        flights: list[Flight] = []
        moved = True
        while moved:
            moved = False
            for who, end, out, other_in in (
                (Endpoint.CLIENT, client, client_out, server_in),
                (Endpoint.SERVER, server, server_out, client_in),
            ):
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
                if data := out.read():
                    flights.append((who, data))
                    other_in.write(data)
                    moved = True
        return flights, source.read()


def _decoding(certs: Path, version: TlsVersion, rounds: int) -> Row:
    flights, secrets = _recorded(certs, version)
    per_second = []
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(DECODED):
            observer = Observer()
            observer.learn(secrets)
            events = [event for who, data in flights for event in observer.feed(who, data, 0.0)]
            events += observer.finish()
        per_second.append(DECODED / (time.process_time() - start))
    names = [event.message.name for event in events if isinstance(event, MessageSeen)]
    assert names.count("Finished") == 2, names
    return row(f"decode-tls{version.value}", "observer alone", "handshakes/s", per_second)


def _serving(certs: Path, rounds: int, handshakes: int) -> list[Row]:
    makes: dict[str, Callable[[int], list[str]]] = {
        "lab": partial(lab_server, certs),
        "lab, none decoded": partial(lab_server, certs, words=["--decode-share", "0"]),
        "lab, all decoded": partial(lab_server, certs, words=["--decode-share", "100"]),
        "lab, no observer": partial(lab_server, certs, observed=False),
        "openssl s_server": partial(s_server, certs),
    }
    figures: dict[tuple[str, str], list[float]] = {}
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        servers: dict[str, Process] = {}
        for name, make in makes.items():
            port = free_port()
            servers[name] = stack.enter_context(running(make(port), port))
        for turn in range(rounds + 1):
            for version in TlsVersion:
                context, _ = _tls(certs, version)
                # Every other round backwards, so that none always follows the same one.
                for name, server in list(servers.items())[:: -1 if turn % 2 else 1]:
                    before = server.cpu()
                    list(pool.map(handshake, [server.port] * handshakes, [context] * handshakes))
                    each = (server.cpu() - before) / handshakes * 1e6
                    if turn:  # the first warms everything up
                        operation = f"handshake-tls{version.value}"
                        figures.setdefault((operation, name), []).append(each)
    return [row(operation, name, "us", values) for (operation, name), values in figures.items()]
