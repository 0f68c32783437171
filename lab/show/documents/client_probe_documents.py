"""The documents of a probe of a client: JSON, under the schema "client_probe", and JUnit's XML.

Rules: those of the documents of a probe.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from lab.probing.clients.results import ClientFinding, ClientReport
from lab.tls.code_points import AlertDescription
from lab.tls.escape import escaped

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
    kinds = [_kind(finding) for finding in report.findings]
    suite = ET.Element(
        "testsuite",
        name=escaped(f"TLS client: {' '.join(report.command)}"),
        tests=str(len(kinds)),
        failures=str(kinds.count("failure")),
        errors=str(kinds.count("error")),
        skipped=str(kinds.count("skipped")),
        time=f"{report.seconds:.3f}",
    )
    for finding, kind in zip(report.findings, kinds, strict=True):
        suite.append(_case(finding, kind))
    if report.mistakes:
        ET.SubElement(suite, "system-out").text = "".join(
            f"{escaped(mistake.summary)} ({'; '.join(mistake.evidence)})\n"
            for mistake in report.mistakes
        )
    ET.indent(suite)
    document: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _case(finding: ClientFinding, kind: str) -> ET.Element:
    server, verdict = finding.server, finding.verdict.value
    offered = f" ({finding.offered})" if finding.offered else ""
    case = ET.Element(
        "testcase",
        classname=f"mtls.client.{server.family.value}",
        name=f"{server.name}{offered}",
        time=f"{finding.seconds:.3f}",
    )
    code = "none: it did not end" if finding.exit_code is None else str(finding.exit_code)
    lines = [
        server.sentence,
        f"{finding.conduct.value}: {finding.by}; exit code {code}",
        *finding.notes,
        *finding.output.splitlines(),
    ]
    if kind == "system-out":
        lines.insert(0, verdict)
        element = ET.SubElement(case, kind)
    else:
        element = ET.SubElement(case, kind, message=verdict, type="verdict")
    element.text = "\n".join(map(escaped, lines))
    return case


def _kind(finding: ClientFinding) -> str:
    """The element that says how a test case ended; "system-out" is for one that passed."""
    if finding.verdict.faulty:
        return "failure"
    if not finding.fine:
        return "error"
    return "skipped" if finding.conduct.value == "cannot be told" else "system-out"
