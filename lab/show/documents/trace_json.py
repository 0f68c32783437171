"""The JSON document of traces.

Rules: the document is complete, the sequence diagram is not: every field of every message is in
it, under its RFC's name. Bytes are hexadecimal; a code point is its number with the registry's
name; host and protocol names are text, each byte one character. Times are seconds since the start
of the trace. The outcome's ``decided_by`` is the index of an event. Absent values are null. Of
application data there is only the length, the first bytes and, of HTTP, the first line. Text is as
the peers sent it, escaped as JSON requires.

This module must not know who prints the document, nor how.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from lab.show.text.event_text import start_line
from lab.tls.code_point import CodePoint, CodePoints
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    Event,
    LocalFact,
    MessageSeen,
    WireEvent,
)
from lab.tls.extensions import ApplicationLayerProtocols, CertificateAuthorities, ServerName
from lab.tls.messages import CertificateEntry, CertificateRequest, HandshakeMessage
from lab.tracing.results import Trace
from lab.x509.certificates import describe
from lab.x509.names import distinguished_name

SCHEMA_VERSION = 1
"""The version of the schema: raised when a key goes or changes its meaning, not for a new one."""
FIRST_BYTES = 64
"""How many bytes of application data are in a document."""

# What a document has of a certificate, besides its DER.
DESCRIBED = frozenset(
    {
        "subject",
        "issuer",
        "serial",
        "not_valid_before",
        "not_valid_after",
        "subject_alt_names",
        "extended_key_usage",
        "key_usage",
        "is_ca",
        "key_type",
        "key_bits",
        "signature_algorithm",
        "subject_key_identifier",
        "authority_key_identifier",
        "problem",
    }
)
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


def document(traces: Sequence[Trace]) -> dict[str, object]:
    """Return the traces as one JSON value that is valid under the schema "trace"."""
    return {"schema_version": SCHEMA_VERSION, "traces": [_trace(trace) for trace in traces]}


def _trace(trace: Trace) -> dict[str, object]:
    certificate = trace.client_certificate
    return {
        "target": trace.target,
        "requested_version": _name(trace.requested_version),
        "negotiated_version": _name(trace.negotiated_version),
        "client_certificate": None if certificate is None else _certificate(certificate),
        "events": [_event(event, trace.start) for event in trace.events],
        "outcome": _outcome(trace),
        "diagnosis": [_fields(cause) for cause in trace.causes],
    }


def _outcome(trace: Trace) -> dict[str, object]:
    outcome = trace.outcome
    places = (at for at, event in enumerate(trace.events) if event is outcome.decided_by)
    return _fields(dataclasses.replace(outcome, decided_by=None)) | {
        "alert": None if outcome.alert is None else _alert(outcome.alert),
        "echoes": [_alert(alert) for alert in outcome.echoes],
        "warnings": [_alert(alert) for alert in outcome.warnings],
        "decided_by": next(places, None),
    }


def _event(event: Event, start: float) -> dict[str, object]:
    whose = "endpoint" if isinstance(event, LocalFact) else "from"
    common: dict[str, object] = {
        "type": _WORD.sub("_", type(event).__name__).lower(),
        "time": round(event.time - start, 6),
        whose: event.endpoint.value,
    }
    if isinstance(event, WireEvent):
        common["records"] = [span._asdict() for span in event.records]
        common["encrypted"] = event.encrypted
    match event:
        case MessageSeen():
            return common | {
                "out_of_order": event.out_of_order,
                "length": len(event.raw),
                "message": _json(event.message),
            }
        case AlertSeen():
            return common | {"alert": _alert(event)}
        case ApplicationDataSeen():
            return common | {
                "length": len(event.data),
                "first_bytes": event.data[:FIRST_BYTES].hex(),
                "start_line": start_line(event.data),
            }
    shared = {field.name for field in dataclasses.fields(WireEvent)}
    return common | {name: value for name, value in _fields(event).items() if name not in shared}


def _alert(alert: AlertSeen) -> dict[str, object]:
    number, name = alert.description.value, str(alert.description)
    return {"level": str(alert.level), "number": number, "name": name}


def _name(code_point: CodePoint | None) -> str | None:
    return None if code_point is None else str(code_point)


def _certificate(der: bytes) -> dict[str, object]:
    description = describe(der)
    fields = {name: value for name, value in _fields(description).items() if name in DESCRIBED}
    return {"der": der.hex(), **fields, "serial": f"{description.serial:#x}"}


def _names(authorities: Sequence[bytes]) -> list[object]:
    return [{"der": der.hex(), "name": distinguished_name(der)} for der in authorities]


def _text(value: bytes) -> str:
    return value.decode("latin-1")


# Fields of bytes that are decoded.
_MEANINGS: Mapping[tuple[type, str], Callable[..., object]] = {
    (LocalFact, "certificate"): lambda der: None if der is None else _certificate(der),
    (CertificateEntry, "cert_data"): _certificate,
    (CertificateRequest, "certificate_authorities"): _names,
    (CertificateAuthorities, "authorities"): _names,
    (ServerName, "name"): _text,
    (ApplicationLayerProtocols, "protocol_name_list"): lambda names: [
        _text(name) for name in names
    ],
}


def _fields(value: object) -> dict[str, object]:
    """Return the fields of a dataclass as JSON values."""
    assert dataclasses.is_dataclass(value)
    return {
        field.name: _MEANINGS.get((type(value), field.name), _json)(getattr(value, field.name))
        for field in dataclasses.fields(value)
    }


def _json(value: object) -> object:
    if isinstance(value, str):
        return value or None
    if isinstance(value, CodePoint):
        return {"number": int(value), "name": str(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple | CodePoints):
        return [_json(item) for item in value]
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, HandshakeMessage):
        return {"name": value.name, **_fields(value)}
    return _fields(value) if dataclasses.is_dataclass(value) else value
