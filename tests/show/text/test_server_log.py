"""The server's line for a handshake: what is in it whatever the client does."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.outcome import OutcomeJudge
from lab.diagnosis.results import ONE_OF_SEVERAL, Cause
from lab.show.text.server_log import JsonFormatter, StageLog, TextFormatter
from lab.tls.code_points import (
    AlertDescription,
    AlertLevel,
    ContentType,
    HandshakeType,
    NameType,
)
from lab.tls.events import (
    AlertSeen,
    Endpoint,
    Event,
    Fact,
    LocalFact,
    RecordSpan,
    SealedSeen,
    StreamEnd,
    StreamEnded,
    Undecoded,
)
from lab.tls.extensions import ApplicationLayerProtocols, ServerName, ServerNameList
from lab.tls.messages import Certificate, CertificateRequest, ClientHello, ServerHello
from tests.support.pki_fixtures import leaf_key, utc_now
from tests.support.traces import EventBuilder, sample

SPAN = (RecordSpan(offset=0, length=24),)


def fact(which: Fact, reason: str = "") -> LocalFact:
    return LocalFact(time=0.0, endpoint=Endpoint.SERVER, fact=which, reason=reason)


def sealed(endpoint: Endpoint = Endpoint.CLIENT) -> SealedSeen:
    return SealedSeen(
        time=0.0,
        endpoint=endpoint,
        records=SPAN,
        encrypted=True,
        content_type=ContentType.APPLICATION_DATA,
        length=18,
        inference="",
    )


REFUSAL: list[Event] = [
    fact(Fact.CERTIFICATE_REFUSED, "peer did not return a certificate"),
    AlertSeen(
        time=0.0,
        endpoint=Endpoint.SERVER,
        records=SPAN,
        encrypted=True,
        level=AlertLevel.FATAL,
        description=AlertDescription.CERTIFICATE_REQUIRED,
    ),
    fact(Fact.HANDSHAKE_FAILED),
    StreamEnded(time=0.0, endpoint=Endpoint.SERVER, end=StreamEnd.FIN, truncated=False),
    fact(Fact.CLOSED),
]


def stage_log() -> StageLog:
    return StageLog(
        "192.0.2.1:1",
        logger=logging.getLogger("lab.server"),
        judge=OutcomeJudge,
        explain=diagnose,
    )


def record_of(events: list[Event], caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    caplog.set_level(logging.INFO, logger="lab.server")
    log = stage_log()
    for event in events:
        log(event)
    (record,) = caplog.records
    return record


@pytest.mark.parametrize("number", [0, 63, 64, 65, 10_000])
def test_of_many_records_what_decides_is_in_the_line(
    number: int, caplog: pytest.LogCaptureFixture
) -> None:
    record = record_of([fact(Fact.CONNECTED), *[sealed()] * number, *REFUSAL], caplog)
    line = record.getMessage()
    assert " rejected | server: connected" in line
    stages, cause, _ = line.rsplit(" | ", 2)
    assert cause.startswith("cause: ")
    assert stages.endswith(
        "server: certificate rejected: peer did not return a certificate, alert fatal "
        "certificate_required (116), handshake call failed, TCP FIN, closed"
        if number
        else "closed"
    )
    left_out = max(0, number - 63)
    assert (f"{left_out} more records" in line) == bool(left_out)
    assert len(record.fields["stages"]) <= 64 + 1 + len(REFUSAL)  # type: ignore[attr-defined]


def test_what_is_not_decoded_is_named_as_a_limit(caplog: pytest.LogCaptureFixture) -> None:
    hello = Undecoded(
        time=0.0,
        endpoint=Endpoint.CLIENT,
        records=SPAN,
        where="ClientHello.extensions",
        limit="more than 256 items",
        message=HandshakeType.CLIENT_HELLO,
    )
    rest = Undecoded(
        time=0.0,
        endpoint=Endpoint.CLIENT,
        records=(),
        where="stream",
        limit="more than 512 records",
    )
    record = record_of([hello, *[sealed()] * 100, rest, *REFUSAL], caplog)
    line = record.getMessage()
    assert "client: ClientHello not decoded: ClientHello.extensions: more than 256 items," in line
    assert "the rest not decoded: stream: more than 512 records | server: cert" in line


def test_a_certificate_that_is_too_long_is_not_described(
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = b"\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01a"
    names = b"\x30\x82\x10\x00" + name * 292 + bytes(8)
    fields = b"\x02\x01\x05\x30\x00" + names + b"\x30\x00" + names + b"\x30\x00"
    signed = b"\x30" + b"\x82" + len(fields).to_bytes(2, "big") + fields + b"\x30\x00\x03\x00"
    der = b"\x30\x82" + len(signed).to_bytes(2, "big") + signed
    refused = LocalFact(
        time=0.0,
        endpoint=Endpoint.SERVER,
        fact=Fact.CERTIFICATE_REFUSED,
        reason="self-signed certificate",
        certificate=der,
    )
    line = record_of([refused, fact(Fact.CLOSED)], caplog).getMessage()
    assert "certificate rejected: self-signed certificate: not described: serial number" in line
    assert len(line) < 1000


def from_client(description: AlertDescription) -> AlertSeen:
    return AlertSeen(
        time=0.0,
        endpoint=Endpoint.CLIENT,
        records=SPAN,
        encrypted=True,
        level=AlertLevel.FATAL,
        description=description,
    )


LEFT = StreamEnded(time=0.0, endpoint=Endpoint.CLIENT, end=StreamEnd.FIN)


@pytest.mark.parametrize(
    ("events", "result", "style"),
    [
        ([fact(Fact.HANDSHAKE_RETURNED)], "accepted", "green"),
        (REFUSAL, "rejected", "red"),
        (
            [
                from_client(AlertDescription.UNKNOWN_CA),
                fact(Fact.HANDSHAKE_FAILED),
                fact(Fact.CLOSED),
            ],
            "rejected by the client",
            "red",
        ),
        ([LEFT, fact(Fact.HANDSHAKE_FAILED), fact(Fact.CLOSED)], "failed", "yellow"),
        ([fact(Fact.TIMED_OUT), fact(Fact.CLOSED)], "failed", "yellow"),
        ([fact(Fact.CLOSED)], "failed", "yellow"),
    ],
)
def test_the_line_names_the_outcome_as_the_judge_does(
    events: list[Event], result: str, style: str, caplog: pytest.LogCaptureFixture
) -> None:
    record = record_of([fact(Fact.CONNECTED), sealed(), *events], caplog)
    assert record.parts[2] == f"version unknown: {result}"  # type: ignore[attr-defined]
    assert record.fields["result"] == result  # type: ignore[attr-defined]
    assert record.style == (2, style)  # type: ignore[attr-defined]


def logged(
    events: list[Event], caplog: pytest.LogCaptureFixture, level: int = logging.INFO
) -> list[logging.LogRecord]:
    caplog.set_level(logging.DEBUG, logger="lab.server")
    logging.getLogger("lab.server").setLevel(level)
    log = stage_log()
    logging.getLogger("lab.server").setLevel(logging.DEBUG)
    for event in events:
        log(event)
    return caplog.records


CONNECTED, CLOSED = fact(Fact.CONNECTED), fact(Fact.CLOSED)
RETURNED, FAILED = fact(Fact.HANDSHAKE_RETURNED), fact(Fact.HANDSHAKE_FAILED)
MAKE = EventBuilder()
LATE = MAKE.alert(Endpoint.SERVER, AlertDescription.DECODE_ERROR)


def test_a_refusal_ends_with_its_first_cause_and_the_fix(caplog: pytest.LogCaptureFixture) -> None:
    hello = sample(ClientHello)
    names = ServerNameList(
        server_name_list=(ServerName(name_type=NameType.HOST_NAME, name=b"db.example\x1b"),)
    )
    protocols = ApplicationLayerProtocols(protocol_name_list=(b"h2", b"http/1.1"))
    hello = replace(hello, extensions=(names, protocols), in_sslv2_form=False)
    empty = Certificate(certificate_list=())
    request = sample(CertificateRequest)
    events = [
        CONNECTED,
        MAKE.message(Endpoint.CLIENT, hello),
        MAKE.message(Endpoint.SERVER, sample(ServerHello)),
        MAKE.message(Endpoint.SERVER, request),
        MAKE.message(Endpoint.CLIENT, empty),
        *REFUSAL,
    ]
    (record,) = logged(events, caplog)
    line = record.getMessage()
    assert r"client: ClientHello (SNI db.example\x1b, ALPN h2, http/1.1)" in line
    (cause, fix) = line.split(" | ")[-2:]
    assert cause.startswith("cause: the server requires a client certificate, and the client sent")
    assert fix.startswith("fix: give the client a certificate and its key")
    fields = record.fields  # type: ignore[attr-defined]
    assert (fields["sni"], fields["alpn"]) == ("db.example\x1b", ["h2", "http/1.1"])
    assert fields["cause"]["code"] == "no-client-certificate"
    assert f"fix: {fields['cause']['fix']}" == fix


def test_causes_that_fit_alike_are_all_named(caplog: pytest.LogCaptureFixture) -> None:
    first, second, third = (
        Cause(code=code, summary=f"the {code} one", evidence=evidence, reference="", fix="")
        for code, evidence in (
            ("a", (ONE_OF_SEVERAL,)),
            ("b", (ONE_OF_SEVERAL, "seen")),
            ("c", ("seen",)),
        )
    )
    caplog.set_level(logging.INFO, logger="lab.server")
    log = StageLog(
        "192.0.2.1:1",
        logger=logging.getLogger("lab.server"),
        judge=OutcomeJudge,
        explain=lambda *_: (first, second, third),
    )
    for event in REFUSAL:
        log(event)
    (record,) = caplog.records
    assert record.getMessage().endswith(" | cause: the a one, or [b]: which one cannot be told")
    assert record.fields["cause"]["alternatives"] == ["b"]  # type: ignore[attr-defined]


def test_an_accepted_handshake_has_no_cause(caplog: pytest.LogCaptureFixture) -> None:
    (record,) = logged([CONNECTED, sealed(), RETURNED], caplog)
    assert "cause" not in record.getMessage()
    assert "cause" not in record.fields  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("events", "level"),
    [
        ([CONNECTED, LEFT, FAILED, CLOSED], logging.DEBUG),
        ([CONNECTED, replace(LEFT, end=StreamEnd.RESET), FAILED, CLOSED], logging.DEBUG),
        ([CONNECTED, LEFT, LATE, FAILED, MAKE.ended(Endpoint.SERVER), CLOSED], logging.DEBUG),
        ([CONNECTED, replace(LEFT, truncated=True), LATE, FAILED, CLOSED], logging.INFO),
        ([CONNECTED, sealed(), LEFT, FAILED, CLOSED], logging.INFO),
        ([CONNECTED, MAKE.unfinished(Endpoint.CLIENT), LEFT, FAILED, CLOSED], logging.INFO),
        ([CONNECTED, fact(Fact.TIMED_OUT), CLOSED], logging.INFO),
        ([CONNECTED, MAKE.ended(Endpoint.SERVER), LEFT, CLOSED], logging.INFO),
    ],
    ids=[
        "closed",
        "reset",
        "closed, and our library's alert",
        "a byte",
        "bytes",
        "part of a record",
        "silent",
        "stopped by the server",
    ],
)
def test_a_client_that_leaves_before_a_byte_is_a_matter_for_debugging(
    events: list[Event], level: int, caplog: pytest.LogCaptureFixture
) -> None:
    (record,) = logged(events, caplog)
    assert record.levelno == level


BYE = MAKE.alert(Endpoint.CLIENT, AlertDescription.CLOSE_NOTIFY, AlertLevel.WARNING)


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ([LEFT], ": the client left before it sent a request | client: TCP FIN"),
        (
            [BYE, LEFT],
            ": the client left before it sent a request | client: alert warning close_notify (0), "
            "TCP FIN",
        ),
        (
            [from_client(AlertDescription.UNKNOWN_CA), LEFT],
            ": the client left before it sent a request | client: alert fatal unknown_ca (48), "
            "TCP FIN",
        ),
        ([MAKE.ended(Endpoint.SERVER), LEFT], None),
        ([MAKE.data(Endpoint.CLIENT, b"GET"), LEFT], None),
        ([sealed(), LEFT], None),
        ([MAKE.undecoded(Endpoint.CLIENT), LEFT], None),
    ],
)
def test_an_accepted_client_that_leaves_before_a_request_has_a_line(
    events: list[Event], end: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    _, *later = logged([CONNECTED, RETURNED, *events, CLOSED], caplog)
    assert [record.getMessage().endswith(str(end)) for record in later] == [True] * bool(end)


def test_a_request_that_came_with_the_handshake_is_one(caplog: pytest.LogCaptureFixture) -> None:
    request = MAKE.data(Endpoint.CLIENT, b"GET")
    assert len(logged([CONNECTED, request, RETURNED, LEFT, CLOSED], caplog)) == 1


def test_an_alert_to_a_client_that_had_left_is_not_in_the_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hello = MAKE.message(Endpoint.CLIENT, sample(ClientHello))
    (record,) = logged([CONNECTED, hello, LEFT, FAILED, LATE, CLOSED], caplog)
    assert "decode_error" not in record.getMessage()
    assert "decode_error" not in json.dumps(record.fields)  # type: ignore[attr-defined]


ASKED: list[Event] = [
    fact(Fact.CONNECTED),
    MAKE.message(Endpoint.CLIENT, sample(ClientHello)),
    MAKE.message(Endpoint.SERVER, sample(ServerHello)),
    MAKE.message(Endpoint.SERVER, sample(CertificateRequest)),
]


@pytest.mark.parametrize("end", list(StreamEnd))
def test_a_client_that_leaves_when_it_is_asked_for_a_certificate_has_not_failed_yet(
    end: StreamEnd, caplog: pytest.LogCaptureFixture
) -> None:
    events = [*ASKED, replace(LEFT, end=end), LATE, FAILED, MAKE.ended(Endpoint.SERVER), CLOSED]
    record = record_of(events, caplog)
    assert record.levelno == logging.INFO
    line = record.getMessage()
    assert " not completed | server: connected | client: ClientHello" in line
    assert "CertificateRequest | client: TCP " in line
    assert (
        " | cause: the client left before presenting a certificate, as browsers do while they ask "
        "their user for one | fix: none, if the client connects again and is accepted; else "
        in line
    )
    for word in ("fail", "abort", "reject", "fatal", "error (50)"):
        assert word not in line.lower()
    assert record.fields["result"] == "failed"  # type: ignore[attr-defined]
    assert record.fields["cause"]["code"] == "client-left"  # type: ignore[attr-defined]
    assert record.style == (2, "dim")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "events",
    [
        [*ASKED[:-1], LEFT],  # not asked
        [*ASKED, MAKE.message(Endpoint.CLIENT, sample(Certificate)), LEFT],
        [*ASKED, sealed(), LEFT],
        [*ASKED, replace(LEFT, truncated=True)],
        [*ASKED, from_client(AlertDescription.UNKNOWN_CA), LEFT],
    ],
)
def test_a_client_that_leaves_otherwise_has_failed(
    events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    line = record_of([*events, FAILED, CLOSED], caplog).getMessage()
    assert " failed | " in line or " rejected by the client | " in line
    assert "handshake call failed" in line


def test_that_a_client_used_and_left_without_close_notify_is_no_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    request = MAKE.data(Endpoint.CLIENT, b"GET")
    assert len(logged([CONNECTED, RETURNED, request, LEFT, LATE, CLOSED], caplog)) == 1
    caplog.clear()
    _, left = logged([CONNECTED, RETURNED, LEFT, LATE, CLOSED], caplog)
    assert "the client left before it sent a request" in left.getMessage()
    assert "decode_error" not in left.getMessage()
    caplog.clear()
    _, broken = logged([CONNECTED, RETURNED, request, LATE, CLOSED], caplog)
    assert "alert fatal decode_error (50)" in broken.getMessage()


def test_a_name_of_any_length_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x" * 60)] * 25)
    key = leaf_key()
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 7, utc_now(), utc_now())
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
    verified = replace(fact(Fact.CERTIFICATE_VERIFIED), certificate=certificate)
    line = record_of([verified, RETURNED], caplog).getMessage()
    assert "subject='CN=xxx" in line
    assert len(line) < 2000


def test_an_echo_of_a_client_does_not_make_it_the_one_that_rejected(
    caplog: pytest.LogCaptureFixture,
) -> None:
    echo = from_client(AlertDescription.DECODE_ERROR)
    record = record_of([*REFUSAL[:-1], echo, REFUSAL[-1]], caplog)
    assert record.fields["result"] == "rejected"  # type: ignore[attr-defined]


def test_events_are_taken_after_the_line_and_logged_only_if_each_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, logger="lab.server")
    log = stage_log()
    for event in (fact(Fact.HANDSHAKE_RETURNED), sealed(), fact(Fact.CLOSED)):
        log(event)
    assert [record.fields["event"] for record in caplog.records] == [  # type: ignore[attr-defined]
        "stage",
        "handshake",
        "stage",
        "stage",
    ]


def written(
    formatter: logging.Formatter,
    message: str,
    *,
    fields: Mapping[str, object] | None = None,
    error: BaseException | None = None,
) -> str:
    """What a handler with this formatter writes for one record."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    exc_info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("any", logging.INFO, "", 0, message, (), exc_info)
    record.created = 1767225600.0625
    if fields is not None:
        record.fields = fields
    handler.handle(record)
    return stream.getvalue()


def raised(message: str) -> ValueError:
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


def test_text_is_the_message_behind_its_prefix() -> None:
    assert written(TextFormatter("SERVER"), "Añadir 100 %s") == "[SERVER] Añadir 100 %s\n"


@pytest.mark.parametrize(
    "text", ["a\r\n[SERVER] b", "\x1b[31m", "\u202e", "\x9b", "\u2028", "\udcff"]
)
def test_text_stays_on_its_line(text: str) -> None:
    line = written(TextFormatter("SERVER"), text)
    assert line.endswith("\n")
    assert line[:-1].isprintable()


def test_a_traceback_follows_the_text_indented_and_cannot_pass_for_a_line() -> None:
    text = written(TextFormatter("SERVER"), "failed", error=raised("x\n[SERVER] FORGED\x1b"))
    first, *rest = text.removesuffix("\n").split("\n")
    assert first == "[SERVER] failed"
    assert rest[0] == "    Traceback (most recent call last):"
    assert rest[-1] == "    [SERVER] FORGED\\x1b"
    assert all(line.startswith("    ") and line.isprintable() for line in rest)


def test_json_is_one_object_a_line() -> None:
    fields = {"peer": "127.0.0.1", "item": {"id": 6, "task": "Añadir\n\u202e"}}
    line = written(JsonFormatter(), "a\nb", fields=fields)
    assert line.isascii()
    assert line.count("\n") == 1
    assert json.loads(line) == {
        "time": "2026-01-01T00:00:00.062Z",
        "level": "INFO",
        "message": "a\nb",
        "fields": fields,
    }


def test_json_carries_a_traceback_and_does_without_fields() -> None:
    value = json.loads(written(JsonFormatter(), "failed", error=raised("why")))
    assert value["fields"] == {}
    assert value["traceback"].endswith("ValueError: why")


def test_json_never_fails_for_a_field_that_json_does_not_know() -> None:
    value = json.loads(written(JsonFormatter(), "x", fields={"raw": b"\x00"}))
    assert value["fields"] == {"raw": "b'\\x00'"}
