"""Traces and probes of servers that speak something else than HTTP/1.1 inside TLS."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lab.api import (
    LabCA,
    LabIdentity,
    Report,
    Trace,
    load_identity,
    probe_server,
    trace_server_async,
)
from lab.diagnosis.results import AnswerMeaning

TRIED = ("good", "no-certificate", "wrong-ca", "expired")


def client(certs: Path) -> LabIdentity:
    return load_identity(certs / "client.crt", certs / "client.key")


def traced(
    address: str,
    certs: Path,
    *,
    identity: LabIdentity | None = None,
    version: str = "1.3",
    **settings: object,
) -> Trace:
    async def trace() -> Trace:
        (found,) = await trace_server_async(
            address,
            identity=identity,
            versions=[version],
            **{"trust": certs / "ca.crt", "sni": "localhost", **settings},  # type: ignore[arg-type]
        )
        return found

    return asyncio.run(trace())


def both(address: str, certs: Path, **settings: object) -> tuple[Trace, Trace]:
    """A client without a certificate, and the lab's client."""
    return (
        traced(address, certs, **settings),  # type: ignore[arg-type]
        traced(address, certs, identity=client(certs), **settings),  # type: ignore[arg-type]
    )


def said(trace: Trace) -> tuple[str, AnswerMeaning]:
    """The code of what the application answered, and what it means."""
    answer, meaning = trace.outcome.answer, trace.outcome.answer_meaning
    assert answer is not None and meaning is not None, trace.outcome
    return answer.code, meaning


def probed(address: str, certs: Path, **settings: object) -> Report:
    return probe_server(
        address,
        ca=LabCA.load(certs / "ca.crt", certs / "ca.key"),
        sni="localhost",
        only=TRIED,
        **{"versions": ["1.3"], **settings},  # type: ignore[arg-type]
    )


def admitted(report: Report) -> dict[str, bool | None]:
    """Who got in, by the scenario's name."""
    return {finding.scenario.name: finding.admitted for finding in report.findings}
