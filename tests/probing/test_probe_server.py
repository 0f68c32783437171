"""A whole probe, of the lab's own server and of one elsewhere, and a scenario explained."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lab.pki.files.identity_files import load_authority
from lab.pki.lab_ca import LabAuthority
from lab.probing import probe_server
from lab.probing.probe_server import Extent, explain, probe_own, probe_target
from lab.probing.results import OWN_SERVER, Report, Verdict
from lab.probing.scenarios.catalogue_order import find_scenario
from lab.probing.server_behaviour import EARLY_TRIES, NEEDED
from lab.stream.contexts import ClientAuth, ClientTls, TlsVersion, server_context
from lab.tls.code_points import ProtocolVersion
from lab.tracing.target import Target
from lab.tracing.trace_server import Plan
from tests.support.http2_answers import Http2Answers
from tests.support.serving import PATIENCE, running, server_tls

TLS13 = [TlsVersion.TLS13]


@pytest.fixture(scope="module")
def ca(certs: Path) -> LabAuthority:
    now = datetime.now(timezone.utc)
    authority = load_authority(certs / "ca.crt", certs / "ca.key", None, now=now)
    return LabAuthority(authority=authority, now=now)


def plan_for(port: int, certs: Path) -> Plan:
    target = Target(host="127.0.0.1", port=port)
    tls = ClientTls(server_ca=certs / "ca.crt")
    return Plan(target=target, tls=tls, request="/todo", limit=PATIENCE)


def extent(*names: str, repeat: int = 1) -> Extent:
    scenarios = [find_scenario(name) for name in names]
    return Extent(scenarios=scenarios, versions=TLS13, repeat=repeat)


def unwatched(total: int) -> Callable[[str], None]:
    return lambda name: None


def summary(report: Report) -> list[tuple[str, Verdict, int]]:
    return [(found.scenario.name, found.verdict, found.tries) for found in report.findings]


async def test_the_labs_own_server(ca: LabAuthority) -> None:
    totals, done = list[int](), list[str]()

    def progress(total: int) -> Callable[[str], None]:
        totals.append(total)
        return done.append

    report = await probe_own(extent("good", "server-expired", repeat=2), ca, progress)
    assert report.target == OWN_SERVER
    assert summary(report) == [("good", Verdict.RIGHT, 2), ("server-expired", Verdict.RIGHT, 2)]
    # What insights stand on is tried too, once, unless it was chosen anyway.
    others = len(NEEDED) - 1
    assert totals == [len(done)] == [2 + others]
    assert report.connections == 2 * 2 + others + EARLY_TRIES
    assert {found.code for found in report.insights} == {
        "client-certificate",
        "ca-names",
        "chain",
        "reset",
    }
    assert report.seconds > 0


async def test_a_server_elsewhere(certs: Path, ca: LabAuthority) -> None:
    both = Extent(scenarios=extent("good", "expired").scenarios, versions=list(TlsVersion))
    async with running(certs) as server:
        where = plan_for(server.port, certs)
        report = await probe_target(
            both, where, ca, lambda total: lambda name: None, prepared=False
        )
    assert report.target == f"127.0.0.1:{server.port}"
    assert report.passed
    assert [found.version for found in report.findings] == [
        ProtocolVersion.TLS_1_2,
        ProtocolVersion.TLS_1_3,
    ] * 2
    assert report.bad_refused
    assert (report.skipped, report.silent) == ((), ())


def kept(report: Report) -> list[tuple[str, bool]]:
    return [
        (found.scenario.name, bool(found.trace and found.trace.records))
        for found in report.findings
    ]


async def test_records_are_kept_where_asked_for(certs: Path, ca: LabAuthority) -> None:
    few = extent("good", "plain-http")
    report = await probe_own(few, ca, unwatched)
    assert kept(report) == [("good", False), ("plain-http", False)]
    report = await probe_own(replace(few, keep_records=True), ca, unwatched)
    assert kept(report)[0] == ("good", True)
    async with running(certs) as server:
        where = replace(plan_for(server.port, certs), keep_records=True)
        report = await probe_target(few, where, ca, unwatched, prepared=False)
    assert kept(report)[0] == ("good", True)


async def test_records_of_a_whole_probe_are_bounded(
    ca: LabAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_server, "MOST_OCTETS", 5000)
    few = replace(extent("good", "expired"), keep_records=True, concurrency=1)
    report = await probe_own(few, ca, unwatched)
    assert kept(report) == [("good", True), ("expired", False)]


async def test_one_that_asks_for_no_certificate_lets_the_expired_one_in(
    certs: Path, ca: LabAuthority
) -> None:
    async with running(certs, client_auth=ClientAuth.NONE) as server:
        where = plan_for(server.port, certs)
        chosen = extent("good", "expired")
        report = await probe_target(chosen, where, ca, unwatched, prepared=False)
    assert summary(report) == [("good", Verdict.NOT_TRIED, 1), ("expired", Verdict.LET_IN, 1)]
    assert report.faulty


async def test_a_scenario_is_explained_at_home_and_elsewhere(certs: Path, ca: LabAuthority) -> None:
    explanation = await explain(extent("no-certificate"), None, ca)
    scenario = explanation.scenario
    assert scenario.name == "no-certificate"
    assert "localhost:8443" in scenario.command and "{" not in scenario.command
    assert [trace.both_ends for trace in explanation.traces] == [True]
    async with running(certs) as server:
        where = plan_for(server.port, certs)
        elsewhere = await explain(extent("no-certificate"), where, ca)
    assert f"127.0.0.1:{server.port}" in elsewhere.scenario.command
    assert [trace.both_ends for trace in elsewhere.traces] == [False]


@contextlib.contextmanager
def h2_server(certs: Path) -> Iterator[int]:
    """A server that speaks HTTP/2 alone, and closes where h2 is not agreed on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs / "server.crt", certs / "server.key")
    context.load_verify_locations(certs / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])

    def serve(connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
            if tls.selected_alpn_protocol() == "h2":
                answers = Http2Answers()
                tls.sendall(answers.first)
                while data := tls.recv(65536):
                    tls.sendall(answers.receive(data))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


async def test_one_that_speaks_http_2_alone(certs: Path, ca: LabAuthority) -> None:
    both = Extent(
        scenarios=extent("good", "expired", "wrong-ca").scenarios, versions=list(TlsVersion)
    )
    with h2_server(certs) as port:
        plan = plan_for(port, certs)
        offering = replace(plan, tls=replace(plan.tls, alpn=("h2",)))
        report = await probe_target(both, offering, ca, unwatched, prepared=False)
        assert report.passed, report.findings
        assert report.bad_refused
        # Without the protocol no client gets an answer, and none is said to be refused.
        report = await probe_target(both, plan, ca, unwatched, prepared=False)
    assert not report.passed


async def test_one_that_answers_for_one_host_only(certs: Path, ca: LabAuthority) -> None:
    """Probed by its address with --sni, it gets the name in Host as well."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        status = b"200 OK" if b"\r\nHost: localhost:" in request else b"403 Forbidden"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()

    context = server_context(server_tls(certs))
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as front:
        plan = replace(plan_for(front.sockets[0].getsockname()[1], certs), sni="localhost")
        report = await probe_target(extent("good"), plan, ca, unwatched, prepared=False)
    assert summary(report) == [("good", Verdict.RIGHT, 1)]
