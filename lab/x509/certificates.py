"""Descriptions of certificates and requests, from their DER.

Rules: nothing raises, whatever the DER. It is read field by field: what cannot be read stays empty,
``problem`` says what that is, and the rest is there. Text of a certificate is given as it stands:
whoever shows it escapes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lab.x509 import der
from lab.x509.certificate_extensions import EXTENSIONS, ExtensionValues
from lab.x509.names import rfc4514
from lab.x509.public_keys import SIGNATURES, describe_key, digest_of

if TYPE_CHECKING:
    from cryptography import x509

HEADERS = ("subject", "SAN", "EKU", "valid until")

# A certificate of 90 KB with 30,000 names takes 150 ms to describe, and 2 MB when it is kept.
_CACHED_BYTES = 4096
_MOST_NAMES = 4096
_MOST_EXTENSIONS = 100

_EXTENSION_REQUEST = "1.2.840.113549.1.9.14"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateDescription(ExtensionValues):
    """What a certificate says (RFC 5280 section 4).

    Names are in the form of RFC 4514. ``key_bits`` is None for keys of one size.
    ``signature_algorithm`` has OpenSSL's name, or a dotted number; ``signature_digest`` is the
    name of the hash in it, "" where it has none that is known. ``extensions`` are the names, or
    dotted numbers, of all extensions, ``critical_extensions`` of the critical ones. ``problem`` is
    "" if all was readable. The fields of bytes are DER: the names, the SubjectPublicKeyInfo, what
    was signed, with its AlgorithmIdentifier, and the signature itself.
    """

    version: int = 3
    subject: str = ""
    issuer: str = ""
    serial: int = 0
    not_valid_before: datetime | None = None
    not_valid_after: datetime | None = None
    key_type: str = ""
    key_bits: int | None = None
    signature_algorithm: str = ""
    signature_digest: str = ""
    extensions: tuple[str, ...] = ()
    critical_extensions: tuple[str, ...] = ()
    problem: str = ""
    subject_der: bytes = field(default=b"", repr=False, compare=False)
    issuer_der: bytes = field(default=b"", repr=False, compare=False)
    public_key: bytes = field(default=b"", repr=False, compare=False)
    signed: bytes = field(default=b"", repr=False, compare=False)
    algorithm: bytes = field(default=b"", repr=False, compare=False)
    signature: bytes = field(default=b"", repr=False, compare=False)


class _Fields:
    """The fields that were read so far, and what could not be."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.problems: list[str] = []

    def read(self, what: str, read: Callable[[], dict[str, Any]]) -> None:
        """Add the fields that ``read`` returns, or the problem of ``what`` where it cannot."""
        try:
            self.values.update(read())
        except (ValueError, OverflowError, IndexError) as error:
            self.problems.append(f"{what} ({error})")

    def description(self) -> CertificateDescription:
        """Return the description."""
        problem = f"cannot be read here: {'; '.join(self.problems)}" if self.problems else ""
        return CertificateDescription(**self.values, problem=problem)


def describe(data: bytes) -> CertificateDescription:
    """Describe a certificate in DER. Descriptions of short ones are cached."""
    return _described_cached(data) if len(data) <= _CACHED_BYTES else _described(data)


def describe_names(data: bytes) -> CertificateDescription:
    """Describe subject, issuer and serial number only, at a small cost whatever a peer sends.

    Where they are longer than in any certificate of use, they stay empty, and ``problem`` says so.
    """
    if len(data) <= _CACHED_BYTES:
        return _described_cached(data)
    try:
        places, _ = _tbs_places(data)
    except ValueError as error:
        return CertificateDescription(problem=f"not a readable certificate: {error}")
    start, end = places[1][0], places[5][2]
    if end - start > _MOST_NAMES:
        problem = f"not described: serial number and names take more than {_MOST_NAMES} bytes"
        return CertificateDescription(problem=problem)
    fields = _Fields()
    _read_names(fields, data, places)
    return fields.description()


_Places = list[tuple[int, int, int]]


def _tbs_places(data: bytes) -> tuple[_Places, _Places]:
    """Return where the fields of tbsCertificate are, version first, and the parts of the whole.

    Raises ValueError for what has not the structure of a certificate (RFC 5280 section 4.1).
    """
    ((start, content, end),) = _exactly(1, der.spans(data, 0, len(data)))
    whole = _exactly(3, der.spans(data, content, end))
    fields = der.spans(data, whole[0][1], whole[0][2])
    if fields and data[fields[0][0]] != 0xA0:
        fields.insert(0, (start, start, start))  # version 1 is not written
    if len(fields) < 7 or data[start] != der.SEQUENCE or data[whole[0][0]] != der.SEQUENCE:
        raise ValueError("it has not the fields of a certificate")
    return fields, whole


def _exactly(number: int, found: _Places) -> _Places:
    if len(found) != number:
        raise ValueError(f"{len(found)} elements where {number} were expected")
    return found


def _described(data: bytes) -> CertificateDescription:
    try:
        places, whole = _tbs_places(data)
    except ValueError as error:
        return CertificateDescription(problem=f"not a readable certificate: {error}")
    fields = _Fields()
    _read_names(fields, data, places)
    fields.read("version", lambda: {"version": _version(data[places[0][1] : places[0][2]])})
    fields.read("validity", lambda: _validity(data[places[4][1] : places[4][2]]))
    _read_key(fields, data[places[6][0] : places[6][2]])
    _read_signature(fields, data, whole)
    for start, content, end in places[7:]:
        if data[start] == 0xA3:
            _read_extensions(fields, data[content:end])
    return fields.description()


_described_cached = lru_cache(maxsize=64)(_described)


def _read_names(fields: _Fields, data: bytes, places: _Places) -> None:
    issuer, subject = (data[places[at][0] : places[at][2]] for at in (3, 5))
    serial = data[places[1][1] : places[1][2]]
    fields.values.update(issuer_der=issuer, subject_der=subject)
    fields.read("serialNumber", lambda: {"serial": der.integer(serial)})
    fields.read("issuer", lambda: {"issuer": rfc4514(issuer)})
    fields.read("subject", lambda: {"subject": rfc4514(subject)})


def _version(field_: bytes) -> int:
    return der.integer(der.content_of(field_, der.INTEGER)) + 1 if field_ else 1


def _validity(content: bytes) -> dict[str, Any]:
    begin, end = der.elements(content)
    return {"not_valid_before": der.moment_of(begin), "not_valid_after": der.moment_of(end)}


def _read_key(fields: _Fields, public_key: bytes) -> None:
    fields.values.update(public_key=public_key, key_type="unknown")

    def read() -> dict[str, Any]:
        key_type, key_bits = describe_key(public_key)
        return {"key_type": key_type, "key_bits": key_bits}

    fields.read("subjectPublicKeyInfo", read)


def _read_signature(fields: _Fields, data: bytes, whole: _Places) -> None:
    signed, algorithm, signature = (data[start:end] for start, _, end in whole)

    def read() -> dict[str, Any]:
        kind, *parameters = der.parts(algorithm)
        number = der.dotted(kind.content)
        name = SIGNATURES.get(number, number)
        return {
            "signature_algorithm": name,
            "signature_digest": digest_of(name, parameters),
            "signature": der.content_of(signature, der.BIT_STRING)[1:],
        }

    fields.values.update(signed=signed, algorithm=algorithm)
    fields.read("signatureAlgorithm", read)


def _read_extensions(fields: _Fields, data: bytes) -> None:
    """Read the extensions, a SEQUENCE in DER."""
    names: list[str] = []
    critical: list[str] = []
    try:
        found = der.parts(data)
        for element in found[:_MOST_EXTENSIONS]:
            kind, *flag, value = der.elements(element.content)
            number = der.dotted(kind.content)
            name, read = EXTENSIONS.get(number, (number, None))
            names.append(name)
            if flag and flag[0].content != b"\0":
                critical.append(name)
            if read is not None:
                content = value.content
                fields.read(name, lambda read=read, content=content: read(content))  # type: ignore[misc]
    except ValueError as error:
        fields.problems.append(f"extensions ({error})")
    fields.values.update(extensions=tuple(names), critical_extensions=tuple(critical))


def describe_request(data: bytes) -> CertificateDescription:
    """Describe what a certificate signing request in DER (RFC 2986) asks for."""
    fields = _Fields()
    try:
        whole = _exactly(3, der.spans(data, *der.spans(data, 0, len(data))[0][1:]))
        _, subject, key, *attributes = der.spans(data, *whole[0][1:])
        fields.read("subject", lambda: {"subject": rfc4514(data[subject[0] : subject[2]])})
        _read_key(fields, data[key[0] : key[2]])
        _read_signature(fields, data, whole)
        for _, content, end in attributes:
            for attribute in der.elements(data[content:end]):
                kind, values = der.elements(attribute.content)
                if der.dotted(kind.content) == _EXTENSION_REQUEST:
                    _read_extensions(fields, values.content)
    except (ValueError, IndexError) as error:
        return CertificateDescription(problem=f"not a readable request: {error}")
    return fields.description()


def described(certificate: x509.Certificate) -> CertificateDescription:
    """Describe a certificate that is parsed already."""
    return describe(der_of(certificate))


def der_of(certificate: x509.Certificate) -> bytes:
    """Return a certificate that is parsed already in DER."""
    # Imported here: a capture is read without, and whoever has such an object has it loaded.
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def distinguished(name: x509.Name) -> str:
    """Return a name in the form of RFC 4514, such as ``CN=mtls-client``."""
    return name.rfc4514_string()


def row(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the cells under :data:`HEADERS`; what a certificate does not say is ``-``."""
    description = described(certificate)
    return (
        description.subject,
        ", ".join(description.subject_alt_names) or "-",
        ", ".join(description.extended_key_usage or ()) or "-",
        moment(certificate.not_valid_after_utc),
    )


def moment(time: datetime) -> str:
    """Return a time of UTC in words, to the second."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
