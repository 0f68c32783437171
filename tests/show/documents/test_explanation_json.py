"""The JSON document of an explained error text is valid under its schema."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lab.diagnosis.error_texts.explain_text import explain_text
from lab.show.documents.explanation_json import SCHEMA_VERSION, explanation_document
from tests.diagnosis.error_texts.real_lines import REAL_LINES
from tests.support.schemas import schema_of

SCHEMA = schema_of("explanation")
VALIDATOR = Draft202012Validator(SCHEMA)


def written(text: str) -> Any:
    """Return the document as it is read from JSON, which is valid under the schema."""
    document = json.loads(json.dumps(explanation_document(explain_text(text))))
    VALIDATOR.validate(document)
    return document


def test_the_schema_is_one_and_has_the_version() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema_version"] == {"const": SCHEMA_VERSION}


def test_a_document_has_what_the_explanation_has() -> None:
    document = written("ssl.SSLError: [SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca")
    (found,) = document["found"]
    assert found["alert"] == {"number": 48, "name": "unknown_ca"}
    assert (found["direction"], found["phase"], found["role"]) == ("received", "unknown", "unknown")
    assert found["speaker"] == "Python ssl, OpenSSL"
    assert found["causes"][0]["code"] == "client-ca-not-trusted"
    assert set(found["causes"][0]) == {"code", "summary", "how_to_tell", "fix"}
    assert "wrong-ca" in found["scenarios"]
    assert document["unknown"] == []


@pytest.mark.parametrize("text", ["nothing", "tls frob failed", "20", "certificate_required"])
def test_what_is_not_known_is_null(text: str) -> None:
    for found in written(text)["found"]:
        assert found["speaker"] in (None, "OpenSSL")


def test_the_whole_table_of_real_lines_is_one_document() -> None:
    document = written("\n".join(line.text for lines in REAL_LINES.values() for line in lines))
    assert len(document["found"]) > 100
