"""The JSON document of an explained error text.

Rules: every field of the results is in it, under its name; what is not known is null, or
"unknown". Text is as it was given, escaped as JSON requires.
"""

from __future__ import annotations

from dataclasses import asdict

from lab.diagnosis.error_texts.results import ErrorExplanation, ErrorFinding

SCHEMA_VERSION = 1
"""The version of the schema: raised when a key goes or changes its meaning, not for a new one."""


def explanation_document(explanation: ErrorExplanation) -> dict[str, object]:
    """Return an explanation as one JSON value that is valid under the schema "explanation"."""
    return {
        "schema_version": SCHEMA_VERSION,
        "found": [_finding(finding) for finding in explanation.found],
        "unknown": [asdict(text) for text in explanation.unknown],
        "left_out": explanation.left_out,
    }


def _finding(finding: ErrorFinding) -> dict[str, object]:
    return {
        "text": finding.text,
        "line": finding.line,
        "count": finding.count,
        "speaker": finding.speaker or None,
        "role": finding.role.value,
        "says": finding.says,
        "alert": asdict(finding.alert) if finding.alert else None,
        "direction": finding.direction.value,
        "phase": finding.phase.value,
        "causes": [asdict(cause) for cause in finding.causes],
        "scenarios": list(finding.scenarios),
    }
