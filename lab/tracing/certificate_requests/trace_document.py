"""Read the certificate requests out of the JSON document of traces, as ``lab.trace --json`` writes.

Rules: whoever wrote the document is not trusted: a value of another kind than the schema has is an
error that names its place. What is not about the request is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TypeVar, overload

from lab.tls.code_point import CodePoint
from lab.tls.code_points import (
    ClientCertificateType,
    ContentType,
    ExtensionType,
    HandshakeType,
    ProtocolVersion,
    SignatureScheme,
)
from lab.tls.events import Endpoint, Gap
from lab.tls.extensions import (
    CertificateAuthorities,
    Extension,
    OidFilter,
    OidFilters,
    SignatureAlgorithms,
)
from lab.tls.messages import (
    Certificate,
    CertificateEntry,
    CertificateRequest,
    Finished,
    HandshakeMessage,
    HelloRequest,
    ServerHelloDone,
)
from lab.tracing.certificate_requests.find_requests import (
    SentMessage,
    lack_among,
    requests_among,
)
from lab.tracing.certificate_requests.results import AskedConnection, NoRequest

SCHEMA_VERSION = 1
MOST_BYTES = 64 * 1024 * 1024
"""How long a document may be; that of a connection has some 50 KB."""
_SCHEMES = (ExtensionType.SIGNATURE_ALGORITHMS, ExtensionType.SIGNATURE_ALGORITHMS_CERT)
_VERSIONS = {str(version): version for version in ProtocolVersion}

T = TypeVar("T")
C = TypeVar("C", bound=CodePoint)


class NotATraceDocument(ValueError):
    """The text is no document of traces. Its message says why."""


def connections_in_document(data: bytes, now: datetime) -> tuple[AskedConnection, ...]:
    """Return the connections of a document, each with its requests.

    ``now`` (aware) is for connections that the document has no time of. Raises NotATraceDocument.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NotATraceDocument(f"is no JSON: {error}") from None
    whole = _Value(value, "the document")
    if not isinstance(value, dict) or "traces" not in value:
        raise NotATraceDocument("is JSON, and no document of lab.trace --json")
    if value.get("schema_version") != SCHEMA_VERSION:
        raise NotATraceDocument(
            f"has the schema version {str(value.get('schema_version'))[:20]}; "
            f"known is {SCHEMA_VERSION}"
        )
    return tuple(_connection(trace, now) for trace in whole["traces"].items())


@dataclass(frozen=True, slots=True)
class _Value:
    """A value of the document, and its place in words."""

    value: object
    place: str

    def __getitem__(self, key: str) -> _Value:
        fields = self.of(dict)
        return _Value(fields.get(key), f"{self.place}: {key}")

    @overload
    def of(self, kind: type[T]) -> T: ...
    @overload
    def of(self, kind: type[T], default: T) -> T: ...
    def of(self, kind: type[T], default: T | None = None) -> T:
        """Return the value, which must be of ``kind``, or null where there is a ``default``."""
        if self.value is None and default is not None:
            return default
        if not isinstance(self.value, kind):
            raise NotATraceDocument(f"{self.place} is no {kind.__name__}")
        return self.value

    def items(self) -> Iterator[_Value]:
        """Yield the items of a list; null is an empty one."""
        for number, item in enumerate(self.of(list, []), start=1):
            yield _Value(item, f"{self.place} {number}")

    def octets(self) -> bytes:
        """Return bytes that are written in hexadecimal."""
        try:
            return bytes.fromhex(self.of(str, ""))
        except ValueError:
            raise NotATraceDocument(f"{self.place} is not hexadecimal") from None

    def code_point(self, kind: type[C]) -> C:
        """Return a code point of a registry."""
        try:
            return kind(self["number"].of(int))
        except ValueError as error:
            if isinstance(error, NotATraceDocument):
                raise
            raise NotATraceDocument(f"{self.place} is no {kind.__name__}") from None

    def code_points(self, kind: type[C]) -> tuple[C, ...]:
        """Return a list of code points."""
        return tuple(item.code_point(kind) for item in self.items())

    @property
    def name(self) -> str:
        """The name of a message, "" where it is none."""
        return self["name"].of(str, "") if self.value is not None else ""


def _connection(trace: _Value, now: datetime) -> AskedConnection:
    events = list(trace["events"].items())
    version = _version(trace["negotiated_version"]) or _version(trace["requested_version"])
    tls13 = version is not None and version >= ProtocolVersion.TLS_1_3
    messages = list(_messages(events))
    requests = requests_among(messages, tls13=tls13)
    lack, detail = (None, "") if requests else _lack(trace, events, messages, tls13=tls13)
    flow = trace["flow"]
    dialled = flow.value is None
    return AskedConnection(
        server=trace["target"].of(str),
        number=None if dialled else flow["number"].of(int),
        version=version,
        began=now if dialled else _moment(flow["first_packet"]),
        requests=requests,
        lack=lack,
        detail=detail,
    )


def _version(value: _Value) -> ProtocolVersion | None:
    return _VERSIONS.get(value.of(str, ""))


def _moment(value: _Value) -> datetime:
    try:
        text = value.of(str).removesuffix("Z")
        return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
    except ValueError:
        raise NotATraceDocument(f"{value.place} is no time") from None


def _sender(event: _Value) -> Endpoint | None:
    return next((end for end in Endpoint if end.value == event["from"].value), None)


def _messages(events: Sequence[_Value]) -> Iterator[SentMessage]:
    for event in events:
        sender = _sender(event)
        if event["type"].value == "message_seen" and sender is not None:
            message = _message(event["message"])
            if message is not None:
                yield sender, message


def _message(value: _Value) -> HandshakeMessage | None:
    """Return a message that tells of a request or of its answer; None: it is another one."""
    match value.name:
        case "CertificateRequest":
            return _request(value)
        case "Certificate":
            return _certificate(value)
        case "CompressedCertificate" if value["certificate"].value is not None:
            return _certificate(value["certificate"])
        case "Finished":
            return Finished(verify_data=b"")
        case "ServerHelloDone":
            return ServerHelloDone()
        case "HelloRequest":
            return HelloRequest()
    return None


def _certificate(value: _Value) -> Certificate:
    entries = (entry["cert_data"]["der"].octets() for entry in value["certificate_list"].items())
    key = value["raw_public_key"]
    return Certificate(
        certificate_request_context=value["certificate_request_context"].octets(),
        certificate_list=tuple(CertificateEntry(cert_data=der) for der in entries),
        raw_public_key=None if key.value is None else key.octets(),
    )


def _request(value: _Value) -> CertificateRequest:
    return CertificateRequest(
        extensions=tuple(filter(None, map(_extension, value["extensions"].items()))),
        certificate_request_context=value["certificate_request_context"].octets(),
        certificate_types=value["certificate_types"].code_points(ClientCertificateType),
        supported_signature_algorithms=value["supported_signature_algorithms"].code_points(
            SignatureScheme
        ),
        certificate_authorities=_names(value["certificate_authorities"]),
    )


def _names(value: _Value) -> tuple[bytes, ...]:
    return tuple(name["der"].octets() for name in value.items())


def _extension(value: _Value) -> Extension | None:
    """Return an extension that says which certificate is asked for; None: it says another thing."""
    kind = value["extension_type"].code_point(ExtensionType)
    if kind in _SCHEMES:
        schemes = value["supported_signature_algorithms"].code_points(SignatureScheme)
        return SignatureAlgorithms(extension_type=kind, supported_signature_algorithms=schemes)
    if kind == ExtensionType.CERTIFICATE_AUTHORITIES:
        return CertificateAuthorities(authorities=_names(value["authorities"]))
    if kind == ExtensionType.OID_FILTERS:
        return OidFilters(filters=tuple(map(_filter, value["filters"].items())))
    return None


def _filter(value: _Value) -> OidFilter:
    return OidFilter(
        certificate_extension_oid=value["certificate_extension_oid"].octets(),
        certificate_extension_values=value["certificate_extension_values"].octets(),
    )


def _lack(
    trace: _Value, events: Sequence[_Value], messages: Sequence[SentMessage], *, tls13: bool
) -> tuple[NoRequest, str]:
    """Return why there is no request, as ``asked_connection`` does for a trace."""
    if any(_is_undecoded_request(event) for event in events):
        return NoRequest.NOT_DECODED, ""
    if _is_resumed([event["message"] for event in events if event["message"].value]):
        return NoRequest.RESUMED, ""
    sealed = any(_is_sealed(event, tls13=tls13) for event in events)
    missing = any(_is_missing(event) for event in events)
    if found := lack_among(messages, tls13=tls13, sealed=sealed, missing=missing):
        return found
    causes = list(trace["diagnosis"].items())
    return NoRequest.ENDED_BEFORE, causes[0]["summary"].of(str, "") if causes else ""


def _is_sealed(event: _Value, *, tls13: bool) -> bool:
    if event["type"].value == "sealed_seen":
        number = event["content_type"]["number"].value
        handshake = number == ContentType.HANDSHAKE
        return tls13 or (handshake and event["inference"].value != "a Finished message")
    return event["type"].value == "undecoded"


def _is_missing(event: _Value) -> bool:
    ends = [gap.value for gap in Gap if gap.is_end]
    return event["type"].value == "not_captured" and event["gap"].value not in ends


def _is_undecoded_request(event: _Value) -> bool:
    if event["type"].value == "malformed":
        return event["where"].of(str, "").startswith("CertificateRequest")
    if event["type"].value != "undecoded" or event["message"].value is None:
        return False
    return event["message"]["number"].value == HandshakeType.CERTIFICATE_REQUEST


def _is_resumed(messages: Sequence[_Value]) -> bool:
    """Return whether the server took up a session, as lab/diagnosis/evidence.py tells it."""
    hellos: Mapping[str, _Value] = {each.name: each for each in reversed(messages)}
    server, client = hellos.get("ServerHello"), hellos.get("ClientHello")
    if server is None:
        return False
    types = [each["extension_type"]["number"].value for each in server["extensions"].items()]
    if ExtensionType.PRE_SHARED_KEY in types:
        return True
    session = server["legacy_session_id_echo"].octets()
    is_tls13 = ExtensionType.SUPPORTED_VERSIONS in types
    known = client is not None and client["legacy_session_id"].octets() == session
    return bool(session) and known and not is_tls13
