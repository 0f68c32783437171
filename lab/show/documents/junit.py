"""The findings of a probe as JUnit's XML, in the form that CI systems read.

Rules: a finding is a test case; what is not as it should be is a failure, what could not be tried
is an error, or skipped where nothing depends on it. XML 1.0 has no way to
write most control characters (section 2.2), so all text is escaped first.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from lab.probing.results import Finding, Report, Verdict
from lab.tls.events import escaped


def junit(report: Report) -> bytes:
    """The XML document, in UTF-8."""
    kinds = [_kind(finding) for finding in report.findings]
    suite = ET.Element(
        "testsuite",
        name=escaped(f"mTLS probe of {report.target}"),
        tests=str(len(report.findings)),
        failures=str(kinds.count("failure")),
        errors=str(kinds.count("error")),
        skipped=str(kinds.count("skipped")),
        time=f"{report.seconds:.3f}",
    )
    for finding in report.findings:
        suite.append(_case(finding))
    for insight in report.insights:
        out = suite.find("system-out")
        if out is None:
            out = ET.SubElement(suite, "system-out")
        out.text = f"{out.text or ''}{escaped(insight.subject)}: {escaped(insight.answer)}\n"
    ET.indent(suite)
    document: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _case(finding: Finding) -> ET.Element:
    case = ET.Element(
        "testcase", classname=f"mtls.{finding.scenario.family.value}", name=_name(finding), time="0"
    )
    told = "\n".join(
        escaped(line) for line in (finding.scenario.sentence, finding.ending, *finding.notes)
    )
    kind = _kind(finding)
    if kind == "system-out":
        ET.SubElement(case, kind).text = f"{finding.verdict.value}\n{told}"
    else:
        element = ET.SubElement(case, kind, message=finding.verdict.value, type="verdict")
        element.text = told
    return case


def _kind(finding: Finding) -> str:
    """The element that says how a test case ended; "system-out" is for one that passed."""
    if finding.verdict.fine:
        return "system-out"
    if finding.fine:
        return "skipped"
    return "error" if finding.verdict is Verdict.NOT_TRIED else "failure"


def _name(finding: Finding) -> str:
    return f"{finding.scenario.name} ({finding.version})"
