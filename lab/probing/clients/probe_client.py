"""Probe a client: run its command against one server after another, the good one first.

Rules: a client that does not accept the good server is not tried with the others, since its
refusals would prove nothing. Each server has a port of its own, and each run its own server.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from lab.capture.results import Address, Flow
from lab.pki import catalogue
from lab.pki.files.secret_files import write_private, write_public
from lab.pki.identity import certificates_pem
from lab.pki.lab_ca import LabAuthority, new_lab_authority
from lab.probing.clients.client_connection import ClientConnection, Progress, connection_of
from lab.probing.clients.client_mistakes import mistakes_of
from lab.probing.clients.client_verdict import ServerTrial, conclude
from lab.probing.clients.openssl_context import NotAvailable
from lab.probing.clients.results import (
    GOOD,
    ClientConduct,
    ClientFinding,
    ClientReport,
    ClientVerdict,
)
from lab.probing.clients.tested_command import CommandRun, ConnectionDetails, run_tested
from lab.probing.clients.tested_listener import RunningListener, listening
from lab.probing.clients.tested_server import ServerUnderTest
from lab.probing.results import Norm
from lab.stream.contexts import TlsVersion
from lab.tracing.flow_trace import only_version
from lab.tracing.results import Trace
from lab.tracing.trace_server import VERSIONS

_SETTLE = 2.0  # seconds for the server to see the end of a client that has ended

Steps = Callable[[int], Callable[[str], None]]
"""Takes how many runs there are; returns what to call with the name of each that is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientProbePlan:
    """What to run, and how: each run has ``limit`` seconds, ``concurrency`` run at a time.

    Of each server there is one run in each of ``versions``; None is for all that it speaks.
    """

    command: tuple[str, ...]
    servers: tuple[ServerUnderTest, ...]
    versions: tuple[TlsVersion | None, ...] = (None,)
    limit: float = 15.0
    concurrency: int = 4

    @property
    def runs(self) -> list[tuple[ServerUnderTest, TlsVersion | None]]:
        """What to run, the good server first."""
        return [
            (server, version)
            for server in self.servers
            for version in self.versions
            if version is None or server.only in (None, version)
        ]


async def probe_client(plan: ClientProbePlan, progress: Steps) -> ClientReport:
    """Run the command against each server. Raises NoCommand, and OSError."""
    begun = time.monotonic()
    ca = new_lab_authority(datetime.now(timezone.utc))
    with tempfile.TemporaryDirectory(prefix="mtls-lab-") as folder:
        probing = _Probing(plan=plan, ca=ca, files=_files(Path(folder), ca))
        findings = await probing.all_findings(progress(len(plan.runs)))
    return ClientReport(
        command=plan.command,
        findings=tuple(findings),
        mistakes=mistakes_of(findings),
        seconds=time.monotonic() - begun,
    )


def _files(folder: Path, ca: LabAuthority) -> ConnectionDetails:
    """Write what a client needs into ``folder``."""
    client = catalogue.good(ca)
    details = ConnectionDetails(
        host="",
        port=0,
        ca=folder / "ca.crt",
        cert=folder / "client.crt",
        key=folder / "client.key",
    )
    write_public(details.ca, certificates_pem((ca.root,)), lasting=False)
    write_public(details.cert, client.chain_pem(), lasting=False)
    write_private(details.key, client.key_pem(), lasting=False)
    return details


@dataclass(slots=True, kw_only=True)
class _Probing:
    """A probe under way."""

    plan: ClientProbePlan
    ca: LabAuthority
    files: ConnectionDetails

    async def all_findings(self, done: Callable[[str], None]) -> list[ClientFinding]:
        """Try the good server, and then all others, some at a time; keep their order."""
        runs = self.plan.runs
        good = [run for run in runs if run[0].name == GOOD]
        findings = {}
        for run in good:
            findings[run] = await self.finding(*run)
            done(run[0].name)
        if any(finding.verdict is not ClientVerdict.RIGHT for finding in findings.values()):
            return list(findings.values())
        waiting = deque(run for run in runs if run not in findings)

        async def work() -> None:
            while waiting:
                run = waiting.popleft()
                findings[run] = await self.finding(*run)
                done(run[0].name)

        workers = [asyncio.ensure_future(work()) for _ in range(self.plan.concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return [findings[run] for run in runs]

    async def finding(self, server: ServerUnderTest, version: TlsVersion | None) -> ClientFinding:
        """Run the command against one server."""
        try:
            async with listening(server.server, self.ca, version) as listener:
                run = await self._run(server, listener.port)
                await listener.closed(_SETTLE)
            return _finding(server, version, run, listener)
        except NotAvailable as error:
            return ClientFinding(
                server=server,
                conduct=ClientConduct.UNTOLD,
                verdict=ClientVerdict.UNTOLD,
                by="not tried",
                offered=VERSIONS[version] if version else None,
                matters=False,
                notes=(str(error),),
            )

    async def _run(self, server: ServerUnderTest, port: int) -> CommandRun:
        details = replace(self.files, host=server.host, port=port)
        words, environment = details.fill_in(self.plan.command), details.environment(os.environ)
        return await run_tested(words, environment, self.plan.limit)


def _finding(
    server: ServerUnderTest, version: TlsVersion | None, run: CommandRun, listener: RunningListener
) -> ClientFinding:
    connections = tuple(connection_of(buffer.events) for buffer in listener.buffers)
    trial = ServerTrial(
        server=server,
        run=run,
        connections=connections,
        not_agreed=listener.not_agreed,
        surplus=listener.surplus,
        returned=tuple(listener.returned),
    )
    conclusion = conclude(trial)
    at = conclusion.at
    decisive = connections[at] if at is not None else None
    presented = [each.presented for each in connections if each.presented is not None]
    return ClientFinding(
        server=server,
        conduct=conclusion.conduct,
        verdict=conclusion.verdict,
        by=conclusion.by,
        offered=VERSIONS[version] if version else None,
        version=decisive.evidence.version if decisive else None,
        exit_code=run.exit_code,
        connections=len(connections) + listener.surplus,
        presented=any(presented) if presented else None,
        outcome=decisive.outcome if decisive else None,
        refused_first=conclusion.refused_first,
        in_clear=any(each.progress is Progress.IN_CLEAR for each in connections),
        matters=conclusion.applies and server.norm is not Norm.EITHER,
        seconds=run.seconds,
        notes=conclusion.notes,
        output=run.output,
        trace=_trace(server, connections[at], listener, at) if at is not None else None,
    )


def _trace(
    server: ServerUnderTest, connection: ClientConnection, listener: RunningListener, at: int
) -> Trace:
    """Return what passed on one connection, with the times of the day.

    It has no causes: what is wrong is known, and is not to be found out.
    """
    events = tuple(listener.buffers[at].events)
    epoch = time.time() - time.monotonic()
    first, last = events[0].time, events[-1].time
    target = Address(server.host, listener.port)
    return Trace(
        target=target.authority,
        requested_version=only_version(connection.evidence),
        negotiated_version=connection.evidence.version,
        client_certificate=next(iter(connection.evidence.client_chain or ()), None),
        start=first,
        events=events,
        both_ends=False,
        outcome=connection.outcome,
        causes=(),
        flow=Flow(
            number=at + 1,
            client=listener.peers[at],
            server=target,
            first=epoch + first,
            last=epoch + last,
            packets=0,
        ),
    )
