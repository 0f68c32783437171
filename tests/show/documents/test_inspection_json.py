"""The JSON document of an inspection: every field, in types of JSON."""

from __future__ import annotations

import json

from lab.show.documents.inspection_json import inspection_document
from tests.support.inspecting import CA, CLIENT, DAY, NOW, files_of, inspected, issued_client


def test_a_document_has_what_the_inspection_has() -> None:
    document = json.loads(json.dumps(inspection_document(inspected(files_of(CLIENT, CA), NOW))))
    assert document["schema_version"] == 1
    assert document["problems"] == []
    leaf = document["files"][0]["entries"][0]
    assert leaf["entry"] == "certificate"
    assert leaf["description"]["subject"] == "CN=mtls-client"
    assert leaf["description"]["extended_key_usage"] == ["clientAuth"]
    assert len(leaf["sha256"]) == 64
    as_client, as_server = leaf["verdicts"]
    assert as_client == {
        "role": "client",
        "plain": {"accepted": True, "verify_code": 0, "verify_message": ""},
        "strict": {"accepted": True, "verify_code": 0, "verify_message": ""},
    }
    assert as_server["plain"]["verify_code"] == 26
    assert [file["entries"][0]["entry"] for file in document["files"]] == [
        "certificate",
        "private_key",
        "certificate",
    ]


def test_problems_come_with_their_places_the_gravest_first() -> None:
    late = issued_client(starts=-3 * DAY, lifetime=DAY, extended_key_usage=())
    document = json.loads(json.dumps(inspection_document(inspected(files_of(late, CA), NOW))))
    first, second = document["problems"]
    assert (first["about"], first["code"], first["grade"]) == (
        "c.crt",
        "certificate-expired",
        "refused",
    )
    assert first["said"] == ["certificate has expired (10)"]
    assert (second["code"], second["grade"]) == ("eku-missing", "accepted")
