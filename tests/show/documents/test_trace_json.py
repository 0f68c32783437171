"""The JSON document: it is whole, it fits its schema, and the schema fits the core's classes."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from lab.diagnosis.results import Cause, Result, Signal
from lab.show.documents.json_values import DESCRIBED
from lab.show.documents.trace_json import SCHEMA_VERSION, document
from lab.tls import messages as msg
from lab.tls.code_points import AlertDescription, AlertLevel, ProtocolVersion
from lab.tls.events import (
    Fact,
    Gap,
    LocalFact,
    Part,
    Protocol,
    StreamEnd,
)
from lab.tls.extensions import Extension
from lab.tracing.results import Trace
from lab.x509.certificates import CertificateDescription
from tests.support.schemas import schema_of
from tests.support.traces import (
    CLIENT,
    EVENTS,
    EXTENSIONS,
    FLOW,
    MESSAGES,
    SERVER,
    START,
    EventBuilder,
    one_of_each_event,
    sample,
    trace_of,
)

CAUSE = Cause(code="a", summary="b", evidence=("c",), reference="d", fix="")
DEFINITIONS: Mapping[str, Any] = schema_of("trace")["$defs"]


def written(*traces: Trace) -> Any:
    """The document as a reader of its JSON gets it, checked against the schema."""
    loaded = json.loads(json.dumps(document(traces), allow_nan=False))
    Draft202012Validator(schema_of("trace")).validate(loaded)
    return loaded


def events_of(trace: Trace, kind: str) -> list[Any]:
    return [event for event in written(trace)["traces"][0]["events"] if event["type"] == kind]


def test_the_schema_is_one_and_has_the_version() -> None:
    schema = schema_of("trace")
    Draft202012Validator.check_schema(schema)
    assert schema["properties"]["schema_version"] == {"const": SCHEMA_VERSION}


def test_a_refusal_in_each_version(refused12: Trace, refused13: Trace) -> None:
    first, second = written(refused12, refused13)["traces"]
    assert list(first) == [
        "target",
        "route",
        "requested_version",
        "negotiated_version",
        "client_certificate",
        "events",
        "outcome",
        "diagnosis",
        "flow",
        "resumption",
    ]
    assert first["target"] == "127.0.0.1:8443"
    assert (first["requested_version"], first["negotiated_version"]) == ("TLS 1.2", "TLS 1.2")
    assert first["client_certificate"] is None
    assert first["outcome"] == {
        "result": "rejected",
        "by": "server",
        "signal": "alert",
        "alert": {"level": "fatal", "number": 40, "name": "handshake_failure"},
        "http_status": None,
        "http_text": None,
        "answer": None,
        "answer_meaning": None,
        "handshake_accepted": False,
        "after": "Finished",
        "sealed": False,
        "client_handshake_returned": False,
        "server_handshake_returned": False,
        "exception": "ALERT_HANDSHAKE_FAILURE",
        "echoes": [],
        "warnings": [],
        "decided_by": [event["type"] for event in first["events"]].index("alert_seen"),
        "ground": None,
    }
    assert second["outcome"]["alert"]["number"] == 116
    assert second["outcome"]["client_handshake_returned"] is True
    cause = second["diagnosis"][0]
    assert list(cause) == ["code", "summary", "evidence", "reference", "fix", "clients"]
    assert cause["code"] == "no-client-certificate"


def test_an_accepted_client_with_its_certificate(accepted13: Trace) -> None:
    (trace,) = written(accepted13)["traces"]
    certificate = trace["client_certificate"]
    assert bytes.fromhex(certificate["der"]) == accepted13.client_certificate
    assert certificate["subject"] == "CN=client"
    assert certificate["extended_key_usage"] == ["clientAuth"]
    assert certificate["not_valid_after"].endswith("Z")
    assert int(certificate["serial"], 16) > 0
    sent = [
        event["message"]["certificate_list"][0]["cert_data"]
        for event in trace["events"]
        if event["type"] == "message_seen"
        and event["from"] == "client"
        and event["message"]["name"] == "Certificate"
    ]
    assert sent == [certificate]
    request, answer = events_of(accepted13, "application_data_seen")
    assert request["start_line"] == "GET /todo HTTP/1.1"
    assert answer["start_line"] == "HTTP/1.1 200 OK"
    assert bytes.fromhex(answer["first_bytes"]).startswith(b"HTTP/1.1 200 OK\r\n")
    assert trace["outcome"]["http_status"] == 200


def test_times_and_names_in_a_real_handshake(refused13: Trace) -> None:
    hello, *_ = events_of(refused13, "message_seen")
    assert hello["time"] == 0.0
    assert hello["records"] == [{"offset": 0, "length": hello["length"] + 5}]
    assert hello["message"]["legacy_version"] == {"number": 0x0303, "name": "TLS 1.2"}
    names = [
        extension["server_name_list"][0]["name"]
        for extension in hello["message"]["extensions"]
        if extension["extension_type"]["name"] == "server_name"
    ]
    assert names == ["localhost"]
    times = [event["time"] for event in written(refused13)["traces"][0]["events"]]
    assert times == sorted(times)


def test_every_class_of_event_is_in_the_document() -> None:
    trace = trace_of(one_of_each_event(), diagnosis=[CAUSE])
    types = [event["type"] for event in written(trace)["traces"][0]["events"]]
    assert len(types) == len(set(types)) == len(EVENTS)
    assert types[0] == "local_fact"
    assert set(types) == {
        "message_seen",
        "alert_seen",
        "change_cipher_spec_seen",
        "application_data_seen",
        "heartbeat_seen",
        "sealed_seen",
        "malformed",
        "unfinished",
        "left_out",
        "undecoded",
        "not_captured",
        "not_tls",
        "stream_ended",
        "local_fact",
    }


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_every_message_is_written_whole_and_unknown_values_survive(kind: type) -> None:
    message = sample(kind)
    trace = trace_of([EventBuilder().message(SERVER, message)], diagnosis=[CAUSE])
    (event,) = events_of(trace, "message_seen")
    fields = [field.name for field in dataclasses.fields(message)]
    assert list(event["message"]) == ["name", *fields]
    assert event["message"]["msg_type"] == {"number": 0xEE, "name": "unknown(0xee)"}


@pytest.mark.parametrize("kind", EXTENSIONS, ids=lambda kind: kind.__name__)
def test_every_extension_is_written_whole(kind: type[Extension]) -> None:
    message = msg.EncryptedExtensions(extensions=(sample(kind),))
    trace = trace_of([EventBuilder().message(SERVER, message)], diagnosis=[CAUSE])
    (event,) = events_of(trace, "message_seen")
    (extension,) = event["message"]["extensions"]
    assert list(extension) == [field.name for field in dataclasses.fields(kind)]


@pytest.mark.parametrize("kind", [*MESSAGES, *EXTENSIONS], ids=lambda kind: kind.__name__)
def test_the_schema_allows_the_fields_of_each_class_and_no_others(kind: Any) -> None:
    definition = DEFINITIONS[kind.__name__]
    fields = {field.name for field in dataclasses.fields(kind)}
    assert set(definition["properties"]) - {"name"} == fields
    assert set(definition["required"]) == set(definition["properties"])
    assert definition["additionalProperties"] is False


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        (Protocol, ("not_tls", "protocol")),
        (Part, ("unfinished", "part")),
        (Fact, ("local_fact", "fact")),
        (StreamEnd, ("stream_ended", "end")),
        (Result, ("outcome", "result")),
        (Signal, ("outcome", "signal")),
        (Gap, ("gap", "")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_schema_allows_each_member_of_an_enum(
    kind: type[enum.Enum], where: tuple[str, str]
) -> None:
    definition, name = where
    schema = DEFINITIONS[definition]
    allowed = (schema["properties"][name] if name else schema)["enum"]
    assert [value for value in allowed if value is not None] == [member.value for member in kind]


def test_the_schema_allows_the_fields_of_a_certificate_and_no_others() -> None:
    fields = {field.name for field in dataclasses.fields(CertificateDescription)}
    assert set(DEFINITIONS["certificate"]["properties"]) == {"der", *DESCRIBED}
    assert fields >= DESCRIBED


def test_the_schema_is_strict_everywhere() -> None:
    for name, definition in DEFINITIONS.items():
        if definition.get("type") == "object":
            assert definition["additionalProperties"] is False, name
            assert definition["required"] == list(definition["properties"]), name


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("target",), 8443),
        (("extra",), "x"),
        (("outcome", "result"), "perhaps"),
        (("outcome", "alert", "number"), "40"),
        (("events", 0, "type"), "seen"),
        (("events", 0, "time"), None),
        (("events", 2, "records"), []),
        (("events", 2, "message", "name"), "Hello"),
        (("events", 2, "message", "random"), "xyz"),
        (("diagnosis", 0, "evidence"), []),
    ],
    ids=str,
)
def test_the_schema_refuses_what_is_no_such_document(
    refused12: Trace, path: tuple[str | int, ...], value: object
) -> None:
    broken = written(refused12)
    *way, last = path
    place = broken["traces"][0]
    for step in way:
        place = place[step]
    place[last] = value
    with pytest.raises(ValidationError):
        Draft202012Validator(schema_of("trace")).validate(broken)


def test_application_data_is_bounded_and_the_rest_is_not_cut() -> None:
    make = EventBuilder()
    body = bytes(range(256)) * 64
    trace = trace_of([make.data(SERVER, body)])
    (event,) = events_of(trace, "application_data_seen")
    assert event["length"] == len(body)
    assert event["first_bytes"] == body[:64].hex()
    assert event["start_line"] is None


def test_the_text_of_peers_stays_as_it_is_and_json_contains_it() -> None:
    hostile = "\x1b[31m\r\n\u202e\x00"
    make = EventBuilder()
    trace = trace_of([make.fact(CLIENT, Fact.READ_FAILED, hostile)])
    (event,) = events_of(trace, "local_fact")
    assert event["reason"] == hostile
    assert json.dumps(document([trace])).isprintable()


def test_a_verdict_names_its_certificate(accepted13: Trace) -> None:
    fact = LocalFact(
        time=START,
        endpoint=SERVER,
        fact=Fact.CERTIFICATE_REFUSED,
        reason="certificate has expired",
        code=10,
        certificate=accepted13.client_certificate,
    )
    (event,) = events_of(trace_of([fact]), "local_fact")
    assert event["endpoint"] == "server"
    assert event["code"] == 10
    assert event["certificate"]["subject"] == "CN=client"


def test_authorities_are_bytes_and_names(refused13: Trace) -> None:
    message = msg.CertificateRequest(certificate_authorities=(b"no name",))
    (event,) = events_of(trace_of([EventBuilder().message(SERVER, message)]), "message_seen")
    (authority,) = event["message"]["certificate_authorities"]
    assert authority == {"der": b"no name".hex(), "name": b"no name".hex()}


def test_echoes_and_warnings_are_alerts() -> None:
    make = EventBuilder()
    events = [
        make.message(CLIENT, msg.HelloRequest()),
        make.alert(SERVER, AlertDescription.USER_CANCELED, AlertLevel.WARNING),
        make.ended(SERVER),
        make.alert(CLIENT, AlertDescription.DECODE_ERROR),
    ]
    (trace,) = written(trace_of(events, requested=ProtocolVersion.TLS_1_2))["traces"]
    outcome = trace["outcome"]
    assert outcome["echoes"] == [{"level": "fatal", "number": 50, "name": "decode_error"}]
    assert outcome["warnings"] == [{"level": "warning", "number": 90, "name": "user_canceled"}]
    assert trace["negotiated_version"] is None


def test_a_connection_of_a_capture_has_its_ends_times_and_gaps(refused13: Trace) -> None:
    (trace,) = written(dataclasses.replace(refused13, flow=FLOW))["traces"]
    assert trace["flow"] == {
        "number": 3,
        "client": {"host": "2001:db8::1", "port": 50000},
        "server": {"host": "192.0.2.1", "port": 443},
        "first_packet": "2026-11-29T22:19:14.250000Z",
        "last_packet": "2026-11-29T22:19:15.000000Z",
        "packets": 9,
        "prelude": "SMTP STARTTLS",
        "gaps": [
            {"from": "server", "gap": "a segment is missing from the capture", "octets": 1460},
            {"from": "client", "gap": "the capture ends here", "octets": None},
        ],
    }
    assert written(refused13)["traces"][0]["flow"] is None
