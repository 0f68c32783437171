"""The documents of a probe: JSON, under the schema "probe", and JUnit's XML, as CI systems read it.

Rules: in JSON, what there is none of is null. In XML a finding is a test case; what is not as it
should be is a failure, what could not be tried is an error, or skipped where nothing depends on it.
"""

from __future__ import annotations

from lab.probing.results import Finding, Report, Verdict
from lab.show.documents.json_values import fields_of
from lab.show.documents.junit import PASSED, JunitCase, junit_suite

SCHEMA_VERSION = 1
"""The version of the schema: raised when a key goes or changes its meaning, not for a new one."""


def probe_document(report: Report) -> dict[str, object]:
    """Return the report as one JSON value: findings in their order, then the insights."""
    return {
        "schema_version": SCHEMA_VERSION,
        "target": report.target,
        "route": list(report.route),
        "passed": report.passed,
        "connections": report.connections,
        "seconds": round(report.seconds, 3),
        "versions_not_spoken": [str(version) for version in report.skipped],
        "versions_not_answered": [str(silent.version) for silent in report.silent],
        "findings": [_finding(finding) for finding in report.findings],
        "insights": [
            {
                "code": insight.code,
                "subject": insight.subject,
                "answer": insight.answer,
                "evidence": list(insight.evidence),
            }
            for insight in report.insights
        ],
    }


def _finding(finding: Finding) -> dict[str, object]:
    scenario, outcome = finding.scenario, finding.outcome
    alert = outcome.alert.description if outcome and outcome.alert else None
    return {
        "scenario": scenario.name,
        "family": scenario.family.value,
        "sentence": scenario.sentence,
        "norm": scenario.norm.value,
        "version": str(finding.version),
        "verdict": finding.verdict.value,
        "fine": finding.fine,
        "admitted": finding.admitted,
        "presented": finding.presented,
        "ending": finding.ending,
        "result": outcome.result.value if outcome else None,
        "by": outcome.by.value if outcome and outcome.by else None,
        "signal": outcome.signal.value if outcome and outcome.signal else None,
        "alert": {"number": alert.value, "name": str(alert)} if alert is not None else None,
        "http_status": outcome.http_status if outcome else None,
        "answer": fields_of(outcome.answer) if outcome and outcome.answer else None,
        "client_handshake_returned": finding.handshake_returned,
        "seconds": round(finding.seconds, 3),
        "tries": finding.tries,
        "like_this": finding.like_this,
        "notes": list(finding.notes),
    }


def junit(report: Report) -> bytes:
    """Return the XML document, in UTF-8."""
    return junit_suite(
        f"mTLS probe of {report.target}",
        report.seconds,
        [_case(finding) for finding in report.findings],
        [f"{insight.subject}: {insight.answer}" for insight in report.insights],
    )


def _case(finding: Finding) -> JunitCase:
    scenario = finding.scenario
    return JunitCase(
        classname=f"mtls.{scenario.family.value}",
        name=f"{scenario.name} ({finding.version})",
        seconds=finding.seconds,
        kind=_kind(finding),
        verdict=finding.verdict.value,
        lines=(scenario.sentence, finding.ending, *finding.notes),
    )


def _kind(finding: Finding) -> str:
    """The element that says how a test case ended; "system-out" is for one that passed."""
    if finding.verdict.fine:
        return PASSED
    if finding.fine:
        return "skipped"
    return "error" if finding.verdict is Verdict.NOT_TRIED else "failure"
