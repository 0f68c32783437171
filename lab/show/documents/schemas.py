"""The JSON Schemas (draft 2020-12) of the documents, which are files of the package."""

from __future__ import annotations

import json
from importlib import resources

SCHEMA_VERSION = 1
"""The version of both schemas: raised when a key goes or changes its meaning, not for a new one."""


def schema_of(kind: str) -> dict[str, object]:
    """Return the schema of the documents of ``kind``, "trace" or "probe"."""
    file = resources.files(__package__).joinpath(f"{kind}.schema.json")
    schema: dict[str, object] = json.loads(file.read_text(encoding="utf-8"))
    return schema
