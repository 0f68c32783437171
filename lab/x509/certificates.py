"""Descriptions of certificates and requests, from their DER.

Rules: nothing raises, whatever the DER; what cannot be read stays empty, and ``problem`` says why.
Text of a certificate is given as it stands: whoever shows it escapes it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, SignatureAlgorithmOID

E = TypeVar("E", bound=x509.ExtensionType)
_Signed = x509.Certificate | x509.CertificateSigningRequest

# A certificate of 90 KB with 30,000 names takes 150 ms to describe, and 2 MB when it is kept.
_CACHED_BYTES = 4096
_MOST_NAMES = 4096

# The names of RFC 5280 section 4.2.1.12.
_PURPOSES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
    ExtendedKeyUsageOID.CODE_SIGNING: "codeSigning",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
    ExtendedKeyUsageOID.TIME_STAMPING: "timeStamping",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSPSigning",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "anyExtendedKeyUsage",
}
# The bits of RFC 5280 section 4.2.1.3, and cryptography's names for them.
_USAGES = (
    ("digitalSignature", "digital_signature"),
    ("nonRepudiation", "content_commitment"),
    ("keyEncipherment", "key_encipherment"),
    ("dataEncipherment", "data_encipherment"),
    ("keyAgreement", "key_agreement"),
    ("keyCertSign", "key_cert_sign"),
    ("cRLSign", "crl_sign"),
)
# OpenSSL's names of the kinds of subjectAltName whose value is a text or an address.
_NAME_KINDS: dict[type[x509.GeneralName], str] = {
    x509.DNSName: "DNS",
    x509.IPAddress: "IP",
    x509.UniformResourceIdentifier: "URI",
    x509.RFC822Name: "email",
}
# OpenSSL's names.
_SIGNATURES = {
    SignatureAlgorithmOID.RSA_WITH_MD5: "md5WithRSAEncryption",
    SignatureAlgorithmOID.RSA_WITH_SHA1: "sha1WithRSAEncryption",
    SignatureAlgorithmOID.RSA_WITH_SHA224: "sha224WithRSAEncryption",
    SignatureAlgorithmOID.RSA_WITH_SHA256: "sha256WithRSAEncryption",
    SignatureAlgorithmOID.RSA_WITH_SHA384: "sha384WithRSAEncryption",
    SignatureAlgorithmOID.RSA_WITH_SHA512: "sha512WithRSAEncryption",
    SignatureAlgorithmOID.RSASSA_PSS: "rsassaPss",
    SignatureAlgorithmOID.ECDSA_WITH_SHA1: "ecdsa-with-SHA1",
    SignatureAlgorithmOID.ECDSA_WITH_SHA224: "ecdsa-with-SHA224",
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: "ecdsa-with-SHA256",
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: "ecdsa-with-SHA384",
    SignatureAlgorithmOID.ECDSA_WITH_SHA512: "ecdsa-with-SHA512",
    SignatureAlgorithmOID.ED25519: "ED25519",
    SignatureAlgorithmOID.ED448: "ED448",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateDescription:
    """What a certificate says (RFC 5280 section 4).

    Names are in the form of RFC 4514. Alternative names are written as OpenSSL's configuration
    writes them (``DNS:localhost``). ``extended_key_usage`` and ``key_usage`` are None where the
    extension is missing, which is not the same as empty; so is ``is_ca`` where there are no basic
    constraints. ``key_bits`` is None for keys of one size. ``signature_algorithm`` has OpenSSL's
    name, or a dotted number. ``problem`` is "" if all was readable.
    """

    subject: str = ""
    issuer: str = ""
    serial: int = 0
    not_valid_before: datetime | None = None
    not_valid_after: datetime | None = None
    subject_alt_names: tuple[str, ...] = ()
    extended_key_usage: tuple[str, ...] | None = None
    key_usage: tuple[str, ...] | None = None
    is_ca: bool | None = None
    key_type: str = ""
    key_bits: int | None = None
    signature_algorithm: str = ""
    subject_key_identifier: bytes | None = None
    authority_key_identifier: bytes | None = None
    problem: str = ""


def describe(der: bytes) -> CertificateDescription:
    """Describe a certificate in DER. Descriptions of short ones are cached."""
    return _described_cached(der) if len(der) <= _CACHED_BYTES else _described(der)


def describe_names(der: bytes) -> CertificateDescription:
    """Describe subject, issuer and serial number only, at a small cost whatever a peer sends.

    Where they are longer than in any certificate of use, they stay empty, and ``problem`` says so.
    """
    if len(der) <= _CACHED_BYTES:
        return _described_cached(der)
    if _names_end(der) > _MOST_NAMES:
        problem = f"not described: serial number and names take more than {_MOST_NAMES} bytes"
        return CertificateDescription(problem=problem)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            certificate = x509.load_der_x509_certificate(der)
            return CertificateDescription(
                subject=distinguished(certificate.subject),
                issuer=distinguished(certificate.issuer),
                serial=certificate.serial_number,
            )
        except Exception as error:  # see _described
            return CertificateDescription(problem=f"not a readable certificate: {error}")


def _names_end(der: bytes) -> int:
    """Return where the subject ends, the last of what names a certificate (RFC 5280, 4.1)."""
    at = _content(der, _content(der, 0)[0])[0]
    elements = 7 if der[at : at + 1] == b"\xa0" else 6  # the version may be left out
    for _ in range(elements - 1):
        at = sum(_content(der, at))
    return at


def _content(der: bytes, at: int) -> tuple[int, int]:
    """Return where the content of the DER element at ``at`` begins, and how many bytes it has."""
    size = der[at + 1 : at + 2]
    length = size[0] if size else 0
    if length < 0x80:
        return at + 2, length
    start = at + 2 + (length & 0x7F)
    return start, int.from_bytes(der[at + 2 : start], "big")


def _described(der: bytes) -> CertificateDescription:
    with warnings.catch_warnings():
        # The library warns of what some authorities do wrong; here it is only described.
        warnings.simplefilter("ignore")
        try:
            return _describe(x509.load_der_x509_certificate(der))
        except Exception as error:  # the library has no one type for what hostile DER makes it do
            return CertificateDescription(problem=f"not a readable certificate: {error}")


_described_cached = lru_cache(maxsize=64)(_described)


def describe_request(der: bytes) -> CertificateDescription:
    """Describe what a certificate signing request in DER (RFC 2986) asks for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _describe(x509.load_der_x509_csr(der))
        except Exception as error:  # see _described
            return CertificateDescription(problem=f"not a readable request: {error}")


def _describe(item: _Signed) -> CertificateDescription:
    key_type, key_bits = _key(item)
    extensions, problem = _extensions(item)
    constraints = _find(extensions, x509.BasicConstraints)
    description = CertificateDescription(
        subject=distinguished(item.subject),
        subject_alt_names=_alternative_names(extensions),
        extended_key_usage=_purposes(extensions),
        key_usage=_usages(extensions),
        is_ca=constraints.ca if constraints else None,
        key_type=key_type,
        key_bits=key_bits,
        signature_algorithm=_signature(item),
        problem=problem,
    )
    if isinstance(item, x509.CertificateSigningRequest):
        return description
    identifier = _find(extensions, x509.SubjectKeyIdentifier)
    authority = _find(extensions, x509.AuthorityKeyIdentifier)
    return replace(
        description,
        issuer=distinguished(item.issuer),
        serial=item.serial_number,
        not_valid_before=item.not_valid_before_utc,
        not_valid_after=item.not_valid_after_utc,
        subject_key_identifier=identifier.digest if identifier else None,
        authority_key_identifier=authority.key_identifier if authority else None,
    )


def distinguished(name: x509.Name) -> str:
    """Return a name in the form of RFC 4514, such as ``CN=mtls-client``."""
    return name.rfc4514_string()


def distinguished_name(der: bytes) -> str:
    """Return the same from DER, or the DER in hex where it cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return distinguished(x509.Name.from_bytes(der))
        except Exception:  # see _described
            return der.hex()


def _extensions(certificate: _Signed) -> tuple[x509.Extensions | None, str]:
    try:
        return certificate.extensions, ""
    except Exception as error:  # see _described
        return None, f"unreadable extensions: {error}"


def _find(extensions: x509.Extensions | None, kind: type[E]) -> E | None:
    if extensions is None:
        return None
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _key(certificate: _Signed) -> tuple[str, int | None]:
    try:
        return key_type(certificate.public_key())
    except Exception:  # see _described
        return "unknown", None


def key_type(key: object) -> tuple[str, int | None]:
    """Return the type of a public key, and its size in bits where that varies."""
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA", key.key_size
    if isinstance(key, dsa.DSAPublicKey):
        return "DSA", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}", None
    return type(key).__name__.lstrip("_").removesuffix("PublicKey"), None


def _signature(certificate: _Signed) -> str:
    oid = certificate.signature_algorithm_oid
    return _SIGNATURES.get(oid, oid.dotted_string)


def _alternative_names(extensions: x509.Extensions | None) -> tuple[str, ...]:
    names = _find(extensions, x509.SubjectAlternativeName)
    return () if names is None else tuple(map(_general_name, names))


def _purposes(extensions: x509.Extensions | None) -> tuple[str, ...] | None:
    usage = _find(extensions, x509.ExtendedKeyUsage)
    return None if usage is None else tuple(_PURPOSES.get(o, o.dotted_string) for o in usage)


def _usages(extensions: x509.Extensions | None) -> tuple[str, ...] | None:
    usage = _find(extensions, x509.KeyUsage)
    if usage is None:
        return None
    names = [name for name, attribute in _USAGES if getattr(usage, attribute)]
    if usage.key_agreement:  # the last two bits have no meaning without it
        names += ["encipherOnly"] * usage.encipher_only + ["decipherOnly"] * usage.decipher_only
    return tuple(names)


def _general_name(name: x509.GeneralName) -> str:
    if isinstance(name, x509.DirectoryName):
        return f"dirName:{distinguished(name.value)}"
    if isinstance(name, x509.RegisteredID):
        return f"RID:{name.value.dotted_string}"
    kind = _NAME_KINDS.get(type(name))
    return f"{kind}:{name.value}" if kind else "otherName"


DER = Encoding.DER
HEADERS = ("subject", "SAN", "EKU", "valid until")

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


def row(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the cells under :data:`HEADERS`; what a certificate does not say is ``-``."""
    seen = described(certificate)
    return (
        seen.subject,
        ", ".join(seen.subject_alt_names) or "-",
        ", ".join(seen.extended_key_usage or ()) or "-",
        moment(certificate.not_valid_after_utc),
    )


def described(certificate: x509.Certificate) -> CertificateDescription:
    """Describe a certificate that is parsed already."""
    return describe(certificate.public_bytes(DER))


def moment(time: datetime) -> str:
    """Return a time of UTC in words, to the second."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def extension(
    certificate: x509.Certificate, kind: type[_Extension]
) -> x509.Extension[_Extension] | None:
    """Return the extension of this kind, if there is one."""
    try:
        return certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def public_key_bytes(item: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    """Return the DER SubjectPublicKeyInfo, b"" where the library cannot read the key."""
    try:
        return item.public_key().public_bytes(DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # the library has no one type for a key that it cannot read
        return b""
