"""The JSON document of an inspection.

Rules: every field of the results is in it, under its name, but for DER, which the files have.
"""

from __future__ import annotations

import dataclasses

from lab.inspecting.results import (
    FileReport,
    InspectedCertificate,
    Inspection,
    KeyEntry,
    OtherEntry,
    RequestEntry,
    RevocationListEntry,
)
from lab.show.documents.json_values import fields_of

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
    """Return an inspection as one JSON value that is valid under the schema "inspection".

    ``problems`` are all of them, the gravest first.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "files": [_file(file) for file in inspection.files],
        "problems": [
            {"about": place, **fields_of(problem)} for place, problem in inspection.problems()
        ],
    }


def _file(file: FileReport) -> dict[str, object]:
    entries = [{"entry": _KINDS[type(entry)], **fields_of(entry)} for entry in file.entries]
    return fields_of(dataclasses.replace(file, entries=())) | {"entries": entries}
