"""The documents of a probe of a client: JSON, under the schema "client_probe", and JUnit's XML.

Rules: those of the documents of a probe.
"""

from __future__ import annotations

from lab.probing.clients.results import ClientFinding, ClientReport
from lab.show.documents.junit import PASSED, JunitCase, junit_suite
from lab.tls.code_points import AlertDescription

CLIENT_SCHEMA_VERSION = 1
"""The version of the schema: raised when a key goes or changes its meaning, not for a new one."""


def client_probe_document(report: ClientReport) -> dict[str, object]:
    """Return the report as one JSON value: findings in their order, then the mistakes."""
    return {
        "schema_version": CLIENT_SCHEMA_VERSION,
        "command": list(report.command),
        "passed": report.passed,
        "good_accepted": report.good_accepted,
        "seconds": round(report.seconds, 3),
        "findings": [_finding(finding) for finding in report.findings],
        "mistakes": [
            {
                "code": mistake.code,
                "summary": mistake.summary,
                "evidence": list(mistake.evidence),
                "fix": mistake.fix,
            }
            for mistake in report.mistakes
        ],
    }


def _finding(finding: ClientFinding) -> dict[str, object]:
    server, outcome = finding.server, finding.outcome
    return {
        "server": server.name,
        "family": server.family.value,
        "sentence": server.sentence,
        "norm": server.norm.value,
        "reason": server.reason,
        "offered": str(finding.offered) if finding.offered else None,
        "version": str(finding.version) if finding.version else None,
        "verdict": finding.verdict.value,
        "fine": finding.fine,
        "client": finding.conduct.value,
        "by": finding.by,
        "exit_code": finding.exit_code,
        "alert": _alert(outcome.alert.description) if outcome and outcome.alert else None,
        "alert_by": outcome.by.value if outcome and outcome.alert and outcome.by else None,
        "connections": finding.connections,
        "presented": finding.presented,
        "refused_first": finding.refused_first,
        "seconds": round(finding.seconds, 3),
        "notes": list(finding.notes),
        "output": finding.output,
    }


def _alert(alert: AlertDescription) -> dict[str, object]:
    return {"number": alert.value, "name": str(alert)}


def client_junit(report: ClientReport) -> bytes:
    """Return the XML document, in UTF-8."""
    return junit_suite(
        f"TLS client: {' '.join(report.command)}",
        report.seconds,
        [_case(finding) for finding in report.findings],
        [f"{mistake.summary} ({'; '.join(mistake.evidence)})" for mistake in report.mistakes],
    )


def _case(finding: ClientFinding) -> JunitCase:
    server = finding.server
    offered = f" ({finding.offered})" if finding.offered else ""
    code = "none: it did not end" if finding.exit_code is None else str(finding.exit_code)
    return JunitCase(
        classname=f"mtls.client.{server.family.value}",
        name=f"{server.name}{offered}",
        seconds=finding.seconds,
        kind=_kind(finding),
        verdict=finding.verdict.value,
        lines=(
            server.sentence,
            f"{finding.conduct.value}: {finding.by}; exit code {code}",
            *finding.notes,
            *finding.output.splitlines(),
        ),
    )


def _kind(finding: ClientFinding) -> str:
    """The element that says how a test case ended; "system-out" is for one that passed."""
    if finding.verdict.faulty:
        return "failure"
    if not finding.fine:
        return "error"
    return "skipped" if finding.conduct.value == "cannot be told" else PASSED
