"""The JSON document of a probe, under the schema "probe". What there is none of is null."""

from __future__ import annotations

from lab.probing.results import Finding, Report
from lab.show.documents.schemas import SCHEMA_VERSION
from lab.tls.events import AlertSeen


def probe_document(report: Report) -> dict[str, object]:
    """Return the report as one JSON value: findings in their order, then the insights."""
    return {
        "schema_version": SCHEMA_VERSION,
        "target": report.target,
        "passed": report.passed,
        "connections": report.connections,
        "seconds": round(report.seconds, 3),
        "versions_not_spoken": [str(version) for version in report.skipped],
        "versions_not_answered": [str(each.version) for each in report.silent],
        "findings": [_finding(each) for each in report.findings],
        "insights": [
            {
                "code": each.code,
                "subject": each.subject,
                "answer": each.answer,
                "evidence": list(each.evidence),
            }
            for each in report.insights
        ],
    }


def _finding(finding: Finding) -> dict[str, object]:
    scenario, outcome = finding.scenario, finding.outcome
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
        "alert": _alert(outcome.alert) if outcome and outcome.alert else None,
        "http_status": outcome.http_status if outcome else None,
        "client_handshake_returned": finding.handshake_returned,
        "tries": finding.tries,
        "like_this": finding.like_this,
        "notes": list(finding.notes),
    }


def _alert(alert: AlertSeen) -> dict[str, object]:
    return {"number": alert.description.value, "name": str(alert.description)}
