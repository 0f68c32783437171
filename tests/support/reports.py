"""Reports of probes made up by hand, for the tests of their faces."""

from __future__ import annotations

from lab.probing.results import (
    Finding,
    Norm,
    Report,
    ScenarioDescription,
    ScenarioFamily,
    ServerBehaviour,
    Verdict,
)
from lab.tls.code_points import ProtocolVersion
from lab.tracing.results import Trace

HOSTILE = "\x1b[31mred\x07 \u202e ]]> <b>&\x00"


def scenario_description(name: str) -> ScenarioDescription:
    return ScenarioDescription(
        name=name,
        family=ScenarioFamily.IDENTITY,
        sentence=f"The sentence of {name}",
        made="somehow",
        cause="somebody",
        fix="something",
        norm=Norm.REFUSE,
        command="openssl version | cat",
        anywhere=True,
        needs="a list",
    )


def found(
    name: str,
    verdict: Verdict,
    *notes: str,
    version: ProtocolVersion = ProtocolVersion.TLS_1_3,
    tries: int = 1,
    presented: bool | None = True,
    matters: bool = True,
    trace: Trace | None = None,
) -> Finding:
    return Finding(
        scenario=scenario_description(name),
        version=version,
        verdict=verdict,
        admitted=verdict is Verdict.LET_IN,
        ending="FIN",
        handshake_returned=None,
        outcome=None,
        tries=tries,
        presented=presented,
        matters=matters,
        notes=notes,
        trace=trace,
    )


def report(*findings: Finding) -> Report:
    insight = ServerBehaviour(
        code="ca-names", subject="CA names", answer=HOSTILE, evidence=("seen",)
    )
    return Report(
        target="127.0.0.1:443",
        findings=findings,
        insights=(insight,),
        skipped=(ProtocolVersion.TLS_1_2,),
        connections=7,
        seconds=1.26,
    )
