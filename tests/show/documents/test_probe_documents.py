"""The documents of a probe: JSON is valid under its schema, which names all that may be in it."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator, ValidationError

from lab.api import LabCA, LabServer, probe_server
from lab.diagnosis.results import Result, Signal
from lab.probing.results import Verdict
from lab.show.documents.probe_documents import SCHEMA_VERSION, probe_document
from tests.support.schemas import schema_of

SCHEMA = schema_of("probe")


def test_the_schema_is_one_and_has_the_version() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema_version"] == {"const": SCHEMA_VERSION}


def test_a_report_is_valid_and_another_version_is_not() -> None:
    ca = LabCA()
    with LabServer(trust=ca) as server:
        report = probe_server(server.address, ca=ca, only=["good", "expired"], versions=["1.3"])
    document = probe_document(report)
    Draft202012Validator(SCHEMA).validate(document)
    for broken in (
        document | {"schema_version": SCHEMA_VERSION + 1},
        document | {"unknown": 1},
        {key: value for key, value in document.items() if key != "schema_version"},
    ):
        with pytest.raises(ValidationError):
            Draft202012Validator(SCHEMA).validate(broken)


def test_the_schema_names_every_verdict_result_and_signal() -> None:
    finding = SCHEMA["$defs"]["finding"]["properties"]
    assert finding["verdict"]["enum"] == [verdict.value for verdict in Verdict]
    assert finding["result"]["enum"] == [*(result.value for result in Result), None]
    assert finding["signal"]["enum"] == [*(signal.value for signal in Signal), None]
