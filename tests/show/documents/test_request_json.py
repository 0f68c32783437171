"""The document of explained requests: valid whatever the peer sends, and complete."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timezone

from jsonschema import validate

from lab.show.documents.request_json import request_document
from lab.tls.code_points import ProtocolVersion, SignatureScheme
from lab.tls.messages import CertificateRequest
from lab.tracing.certificate_requests.explain_requests import explain_requests
from lab.tracing.certificate_requests.results import (
    AskedConnection,
    ClientAnswer,
    NoRequest,
    RequestReport,
    RequestTime,
    SeenRequest,
)
from tests.show.test_request_text import AT_HAND
from tests.support.schemas import schema_of

NOW = datetime.now(timezone.utc)


def test_it_is_valid_and_has_every_field() -> None:
    hostile = CertificateRequest(
        supported_signature_algorithms=(SignatureScheme(0x1234),),
        certificate_authorities=(b"\x30\x00", b"\xff", b""),
    )
    seen = SeenRequest(request=hostile, time=RequestTime.IN_HANDSHAKE, answer=ClientAnswer.EMPTY)
    asked = AskedConnection(
        server="10.0.0.2:443",
        number=3,
        version=ProtocolVersion.TLS_1_3,
        began=NOW,
        requests=(seen,),
    )
    late = dataclasses.replace(seen, time=RequestTime.AFTER_HANDSHAKE)
    later = dataclasses.replace(asked, requests=(late,))
    sealed = dataclasses.replace(asked, requests=(), lack=NoRequest.SEALED, version=None)
    report = explain_requests("x.pcap", [asked, later, sealed], [AT_HAND])
    document = json.loads(json.dumps(request_document(report)))
    validate(document, schema_of("request"))
    assert sorted(document) == sorted(
        ["schema_version", *(field.name for field in dataclasses.fields(RequestReport))]
    )
    request, _ = document["requests"]
    assert document["later_clients"]
    assert request["terms"]["names"] == ["", "ff", ""]
    assert request["answers"] == [{"answer": "sent an empty Certificate", "count": 1}]
    assert request["fits"][0] == {"certificate": AT_HAND.name, "named": "", "key_fits": None}
    assert document["unasked"][0]["lack"] == "sealed"
    assert request["selections"]
