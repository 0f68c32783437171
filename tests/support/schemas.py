"""The JSON Schemas of the documents, as the package carries them."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any


def schema_of(kind: str) -> dict[str, Any]:
    """Return the schema of the documents of ``kind``: "trace", "probe" or "inspection"."""
    file = resources.files("lab.show.documents").joinpath(f"{kind}.schema.json")
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema
