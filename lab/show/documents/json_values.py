"""Results as JSON values: the fields of dataclasses under their names.

Rules: bytes are hexadecimal; a code point is its number with the registry's name; host and protocol
names are text, each byte one character. Times are in ISO 8601, UTC; spans of time in seconds.
Absent values are null. Text is as peers and files have it, escaped as JSON requires.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from lab.inspecting.results import FoundProblem
from lab.tls.code_point import CodePoint, CodePoints
from lab.tls.events import AlertSeen, LocalFact
from lab.tls.extensions import ApplicationLayerProtocols, CertificateAuthorities, ServerName
from lab.tls.messages import CertificateEntry, CertificateRequest, HandshakeMessage
from lab.x509.certificates import CertificateDescription, describe
from lab.x509.names import distinguished_name

# What the document of a trace has of a certificate, besides its DER.
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


def alert_json(alert: AlertSeen) -> dict[str, object]:
    """Return an alert's level, number and name."""
    number, name = alert.description.value, str(alert.description)
    return {"level": str(alert.level), "number": number, "name": name}


def certificate_json(der: bytes) -> dict[str, object]:
    """Return a certificate's DER, and what it says."""
    description = describe(der)
    fields = {name: value for name, value in fields_of(description).items() if name in DESCRIBED}
    return {"der": der.hex(), **fields}


def _names(authorities: Sequence[bytes]) -> list[object]:
    return [{"der": der.hex(), "name": distinguished_name(der)} for der in authorities]


def _text(value: bytes) -> str:
    return value.decode("latin-1")


def _hexadecimal(number: int | None) -> str | None:
    """Return a serial number, which is too long for the numbers of many JSON libraries."""
    return None if number is None else f"{number:#x}"


# Fields that are written otherwise than their type is.
_MEANINGS: Mapping[tuple[type, str], Callable[..., object]] = {
    (LocalFact, "certificate"): lambda der: None if der is None else certificate_json(der),
    (CertificateDescription, "serial"): _hexadecimal,
    (CertificateDescription, "authority_serial"): _hexadecimal,
    (FoundProblem, "grade"): lambda grade: grade.name.lower(),
    (CertificateEntry, "cert_data"): certificate_json,
    (CertificateRequest, "certificate_authorities"): _names,
    (CertificateAuthorities, "authorities"): _names,
    (ServerName, "name"): _text,
    (ApplicationLayerProtocols, "protocol_name_list"): lambda names: [
        _text(name) for name in names
    ],
}


def fields_of(value: object) -> dict[str, object]:
    """Return the fields of a dataclass as JSON values, but for those that its repr leaves out."""
    assert dataclasses.is_dataclass(value)
    return {
        field.name: _MEANINGS.get((type(value), field.name), json_value)(getattr(value, field.name))
        for field in dataclasses.fields(value)
        if field.repr
    }


def json_value(value: object) -> object:
    """Return a value of a result as JSON has it."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, CodePoint):
        return {"number": int(value), "name": str(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple | CodePoints):
        return [json_value(item) for item in value]
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if isinstance(value, HandshakeMessage):
        return {"name": value.name, **fields_of(value)}
    return fields_of(value) if dataclasses.is_dataclass(value) else value
