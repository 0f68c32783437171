"""The JSON document of an inspection: every field, in types of JSON, as its schema says."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from lab.inspecting.results import (
    FileReport,
    Grade,
    InspectedCertificate,
    Inspection,
    KeyEntry,
    OtherEntry,
    RequestEntry,
    RevocationListEntry,
)
from lab.show.documents.inspection_json import SCHEMA_VERSION, inspection_document
from lab.x509.certificates import CertificateDescription
from tests.support.inspecting import CA, CLIENT, DAY, NOW, files_of, inspected, issued_client
from tests.support.schemas import schema_of

SCHEMA = schema_of("inspection")


def written(inspection: Inspection) -> Any:
    """Return the document as it is read from JSON, which is valid under the schema."""
    document = json.loads(json.dumps(inspection_document(inspection)))
    Draft202012Validator(SCHEMA).validate(document)
    return document


def test_the_schema_is_one_and_has_the_version() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema_version"] == {"const": SCHEMA_VERSION}


def test_a_document_has_what_the_inspection_has() -> None:
    document = written(inspected(files_of(CLIENT, CA), NOW))
    assert document["problems"] == []
    leaf = document["files"][0]["entries"][0]
    assert leaf["entry"] == "certificate"
    assert leaf["description"]["subject"] == "CN=mtls-client"
    assert leaf["description"]["extended_key_usage"] == ["clientAuth"]
    assert int(leaf["description"]["serial"], 16) == CLIENT.certificate.serial_number
    assert leaf["description"]["not_valid_after"].endswith("Z")
    assert len(leaf["sha256"]) == 64
    as_client, as_server = leaf["verdicts"]
    assert as_client == {
        "role": "client",
        "plain": {"accepted": True, "verify_code": 0, "verify_message": None},
        "strict": {"accepted": True, "verify_code": 0, "verify_message": None},
    }
    assert as_server["plain"]["verify_code"] == 26
    assert [file["entries"][0]["entry"] for file in document["files"]] == [
        "certificate",
        "private_key",
        "certificate",
    ]


def test_problems_come_with_their_places_the_gravest_first() -> None:
    late = issued_client(starts=-3 * DAY, lifetime=DAY, extended_key_usage=())
    first, second = written(inspected(files_of(late, CA), NOW))["problems"]
    assert (first["about"], first["code"], first["grade"]) == (
        "c.crt",
        "certificate-expired",
        "refused",
    )
    assert first["said"] == ["certificate has expired (10)"]
    assert (second["code"], second["grade"]) == ("eku-missing", "accepted")


def test_every_kind_of_entry_has_its_place_in_the_schema() -> None:
    description = CertificateDescription(authority_serial=2**150, authority_issuer=b"\x30\x00")
    entries = (
        InspectedCertificate(
            description=description,
            left=timedelta(days=-1, seconds=0.5),
            verdicts=(),
            trusted="",
            chain=("CN=x",),
            chain_whole=False,
            sha256="",
            sha1="",
            pin="",
            problems=(),
        ),
        KeyEntry(kind="", encrypted=True, read=False, fits=(), problems=()),
        RequestEntry(description=description, problems=()),
        RevocationListEntry(
            issuer="\udcff\x1b", this_update=NOW, next_update=None, revoked=2, problems=()
        ),
        OtherEntry(label="DH PARAMETERS"),
    )
    document = written(Inspection(files=(FileReport(name="x", form="PEM", entries=entries),)))
    (file,) = document["files"]
    assert [entry["entry"] for entry in file["entries"]] == [
        *("certificate", "private_key", "request", "crl", "other")
    ]
    leaf, _, _, crl, _ = file["entries"]
    assert leaf["left"] == -86399
    assert int(leaf["description"]["authority_serial"], 16) == 2**150
    assert leaf["description"]["authority_issuer"] == "3000"
    assert (crl["this_update"], crl["next_update"]) == (f"{NOW:%Y-%m-%dT%H:%M:%SZ}", None)


@pytest.mark.parametrize(
    ("kind", "definition"),
    [
        (CertificateDescription, "description"),
        (KeyEntry, "private_key"),
        (InspectedCertificate, "certificate"),
        (RequestEntry, "request"),
        (RevocationListEntry, "crl"),
        (OtherEntry, "other"),
        (FileReport, "file"),
    ],
)
def test_the_schema_names_every_field(kind: Any, definition: str) -> None:
    names = {field.name for field in dataclasses.fields(kind) if field.repr}
    assert SCHEMA["$defs"][definition]["properties"].keys() - {"entry"} == names


def test_the_schema_names_every_grade() -> None:
    for definition in ("problem", "problem_with_place"):
        grades = SCHEMA["$defs"][definition]["properties"]["grade"]["enum"]
        assert grades == [grade.name.lower() for grade in Grade]


@pytest.mark.parametrize("broken", [{"schema_version": SCHEMA_VERSION + 1}, {"unknown": 1}])
def test_another_document_is_not_valid(broken: dict[str, object]) -> None:
    document = inspection_document(inspected(files_of(CLIENT, CA), NOW))
    with pytest.raises(ValidationError):
        Draft202012Validator(SCHEMA).validate(document | broken)
