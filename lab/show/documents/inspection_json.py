"""The JSON document of an inspection.

Rules: every field of the results is in it, under its name. Bytes are hexadecimal; DER is left out,
since the files have it. Times are in ISO 8601, spans of time in seconds. Absent values are null.
Text is as the certificates have it, escaped as JSON requires.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from datetime import datetime, timedelta

from lab.inspecting.results import (
    InspectedCertificate,
    Inspection,
    KeyEntry,
    OtherEntry,
    RequestEntry,
    RevocationListEntry,
)

SCHEMA_VERSION = 1
"""The version of the schema: raised when a key goes or changes its meaning, not for a new one."""

_KINDS = {
    InspectedCertificate: "certificate",
    KeyEntry: "private_key",
    RequestEntry: "request",
    RevocationListEntry: "crl",
    OtherEntry: "other",
}


def inspection_document(inspection: Inspection) -> dict[str, object]:
    """Return an inspection as one JSON value; ``problems`` are all of them, the gravest first."""
    return {
        "schema_version": SCHEMA_VERSION,
        "files": [_value(file) for file in inspection.files],
        "problems": [
            {"about": place} | _fields(problem) for place, problem in inspection.problems()
        ],
    }


def _fields(value: object) -> dict[str, object]:
    assert dataclasses.is_dataclass(value)
    kind: Mapping[str, object] = {"entry": _KINDS[type(value)]} if type(value) in _KINDS else {}
    return {
        **kind,
        **{
            field.name: _value(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.repr  # DER is not shown
        },
    }


def _value(value: object) -> object:
    if isinstance(value, enum.Enum):
        return value.name.lower()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if isinstance(value, tuple):
        return [_value(inner) for inner in value]
    return _fields(value) if dataclasses.is_dataclass(value) else value
