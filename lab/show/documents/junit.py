"""JUnit's XML, as CI systems read it: a suite of cases with verdicts.

XML 1.0 has no way to write most control characters (section 2.2), so all text is escaped first.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

from lab.tls.escape import escaped

PASSED = "system-out"
"""The kind of a case that passed; the others are "failure", "error" and "skipped"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JunitCase:
    """A test case: ``kind`` says how it ended, ``lines`` what is to be known."""

    classname: str
    name: str
    seconds: float
    kind: str
    verdict: str
    lines: Sequence[str]


def junit_suite(
    name: str, seconds: float, cases: Sequence[JunitCase], remarks: Sequence[str]
) -> bytes:
    """Return the XML document, in UTF-8; ``remarks`` are lines on the whole suite."""
    kinds = [case.kind for case in cases]
    suite = ET.Element(
        "testsuite",
        name=escaped(name),
        tests=str(len(kinds)),
        failures=str(kinds.count("failure")),
        errors=str(kinds.count("error")),
        skipped=str(kinds.count("skipped")),
        time=f"{seconds:.3f}",
    )
    for case in cases:
        suite.append(_element(case))
    if remarks:
        lines = (f"{escaped(remark)}\n" for remark in remarks)
        ET.SubElement(suite, "system-out").text = "".join(lines)
    ET.indent(suite)
    document: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _element(case: JunitCase) -> ET.Element:
    found = ET.Element(
        "testcase", classname=case.classname, name=case.name, time=f"{case.seconds:.3f}"
    )
    lines = [*case.lines]
    if case.kind == PASSED:
        lines.insert(0, case.verdict)
        element = ET.SubElement(found, case.kind)
    else:
        element = ET.SubElement(found, case.kind, message=case.verdict, type="verdict")
    element.text = "\n".join(map(escaped, lines))
    return found
