"""The fields of a certificate (RFC 5280 section 4.1), inside of the message that carries it.

Rules: an element of DER is one field, its tag and length included; where its parts matter they are
fields of their own. A certificate that cannot be read this far stays one field.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lab.show.text.peer_text import bounded, listed
from lab.tls.layout import Field
from lab.x509 import der
from lab.x509.certificate_extensions import EXTENSIONS
from lab.x509.certificates import CertificateDescription, describe, moment
from lab.x509.names import distinguished_name

_NAME = "distinguished_name"
_CERTIFICATES = frozenset({"certificate", "cert_data"})
_MOST_NAMES = 8
_MOST_EXTENSIONS = 40
_EXPLICIT_EXTENSIONS = 0xA3
_OTHER_PARTS = {0x81: "issuerUniqueID", 0x82: "subjectUniqueID"}
# The sections of RFC 5280 on the extensions, by their names.
_SECTIONS = {
    "authorityKeyIdentifier": "4.2.1.1",
    "subjectKeyIdentifier": "4.2.1.2",
    "keyUsage": "4.2.1.3",
    "certificatePolicies": "4.2.1.4",
    "subjectAltName": "4.2.1.6",
    "basicConstraints": "4.2.1.9",
    "nameConstraints": "4.2.1.10",
    "extendedKeyUsage": "4.2.1.12",
    "cRLDistributionPoints": "4.2.1.13",
    "authorityInfoAccess": "4.2.2.1",
}

_Span = tuple[int, int, int]


def with_certificates(data: bytes, field: Field) -> Field:
    """Return ``field`` of ``data`` with the fields of the certificates in it, and names read."""
    if field.name == _NAME and not field.children and field.end > field.start:
        name = bounded(distinguished_name(data[field.start : field.end]))
        return replace(field, meaning=f"{field.meaning}: {name}")
    if field.name in _CERTIFICATES and not field.children and field.end > field.start:
        try:
            children = tuple(_certificate(data, field.start, field.end))
        except (ValueError, IndexError):
            return field
        return replace(field, children=children)
    children = tuple(with_certificates(data, child) for child in field.children)
    return replace(field, children=children) if children else field


def _certificate(data: bytes, start: int, end: int) -> Iterator[Field]:
    """Yield the fields of the certificate in ``data[start:end]``. Raises ValueError."""
    about = describe(data[start:end])
    ((_, inside, behind),) = der.spans(data, start, end)
    signed, algorithm, signature = der.spans(data, inside, behind)
    yield _field("Certificate", start, inside, "tag and length of the whole", "4.1")
    parts = tuple(_signed(data, signed, about))
    yield replace(
        _field("tbsCertificate", signed[0], signed[2], "what the CA signed", "4.1.2"),
        children=parts,
    )
    kind = f"what it was signed with: {bounded(about.signature_algorithm)}"
    yield _field("signatureAlgorithm", algorithm[0], algorithm[2], kind, "4.1.1.2")
    yield _field("signatureValue", signature[0], signature[2], "the CA's signature", "4.1.1.3")


def _signed(data: bytes, span: _Span, about: CertificateDescription) -> Iterator[Field]:
    start, inside, end = span
    spans = der.spans(data, inside, end)
    yield _field("TBSCertificate", start, inside, "tag and length", "4.1")
    if data[spans[0][0]] == 0xA0:
        yield _field("version", *_ends(spans.pop(0)), f"X.509 version {about.version}", "4.1.2.1")
    serial, signature, issuer, validity, subject, key, *others = spans
    number = f"the CA's number for it: {about.serial:x}"
    algorithm = f"what it was signed with: {bounded(about.signature_algorithm)}"
    yield _field("serialNumber", *_ends(serial), number, "4.1.2.2")
    yield _field("signature", *_ends(signature), algorithm, "4.1.2.3")
    issued = bounded(about.issuer) or "empty"
    yield _field("issuer", *_ends(issuer), f"who signed it: {issued}", "4.1.2.4")
    yield _validity(data, validity, about)
    owner = bounded(about.subject) or "empty"
    yield _field("subject", *_ends(subject), f"whose it is: {owner}", "4.1.2.6")
    kind = f"{about.key_type} {about.key_bits or ''}".strip()
    yield _field("subjectPublicKeyInfo", *_ends(key), f"its public key: {kind}", "4.1.2.7")
    for span in others:
        if data[span[0]] == _EXPLICIT_EXTENSIONS:
            yield _extensions(data, span, about)
        else:
            name = _OTHER_PARTS.get(data[span[0]], "unknown element")
            yield _field(name, *_ends(span), "not in use any more", "4.1.2.8")


def _validity(data: bytes, span: _Span, about: CertificateDescription) -> Field:
    start, inside, end = span
    whole = _field("validity", start, end, "from when to when it is valid", "4.1.2.5")
    begins, ends = der.spans(data, inside, end)
    first, last = about.not_valid_before, about.not_valid_after
    return replace(
        whole,
        children=(
            _field("Validity", start, inside, "tag and length", "4.1"),
            _field("notBefore", *_ends(begins), moment(first) if first else "", "4.1.2.5"),
            _field("notAfter", *_ends(ends), moment(last) if last else "", "4.1.2.5"),
        ),
    )


def _extensions(data: bytes, span: _Span, about: CertificateDescription) -> Field:
    start, inside, end = span
    whole = _field("extensions", start, end, "what else is said of it", "4.1.2.9")
    ((_, first, last),) = der.spans(data, inside, end)
    found = der.spans(data, first, last)
    children = [_field("Extensions", start, first, "tags and lengths", "4.1")]
    for extension in found[:_MOST_EXTENSIONS]:
        kind, *_ = der.spans(data, extension[1], extension[2])
        number = der.dotted(data[kind[1] : kind[2]])
        name, _ = EXTENSIONS.get(number, (number, None))
        critical = "critical" if name in about.critical_extensions else ""
        text = ", ".join(filter(None, (critical, _extension_text(name, about))))
        children.append(_field(name, *_ends(extension), text, _SECTIONS.get(name, "4.2")))
    if rest := found[_MOST_EXTENSIONS:]:
        children.append(_field("others", rest[0][0], last, f"{len(rest):,} extensions", "4.2"))
    return replace(whole, children=tuple(children))


def _extension_text(name: str, about: CertificateDescription) -> str:
    """Return in words what an extension says, "" where that is not told here."""
    if name == "basicConstraints":
        return "a CA" if about.is_ca else "not a CA"
    values = {
        "subjectAltName": about.subject_alt_names,
        "extendedKeyUsage": about.extended_key_usage,
        "keyUsage": about.key_usage,
        "cRLDistributionPoints": about.crl_addresses,
        "authorityInfoAccess": (*about.ocsp_addresses, *about.issuer_addresses),
    }.get(name)
    return listed(values, _MOST_NAMES) if values else ""


def _ends(span: _Span) -> tuple[int, int]:
    return span[0], span[2]


def _field(name: str, start: int, end: int, meaning: str, section: str) -> Field:
    reference = f"RFC 5280 section {section}"
    return Field(name=name, start=start, end=end, meaning=meaning, reference=reference)
