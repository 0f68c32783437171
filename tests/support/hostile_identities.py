"""Certificates whose every name is a hostile text: signed and in order, so that TLS takes them."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from lab.pki.identity import KeyKind, cached
from lab.x509 import der
from tests.support.harness import Identity
from tests.support.pki_fixtures import utc_now

_NAMES = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME)
_SAN = ObjectIdentifier("2.5.29.17")
_UTF8, _T61, _EMAIL, _DNS, _DIRECTORY, _URI = 0x0C, 0x14, 0x81, 0x82, 0xA4, 0x86
_ISSUER, _SUBJECT = 3, 5


@dataclass(frozen=True)
class HostileIdentities:
    """A CA, and a server and a client of it; files in PEM."""

    ca: Path
    server: Identity
    client: Identity


def hostile_identities(text: str, folder: Path) -> HostileIdentities:
    """All of one text: CN, O, OU, subjectAltName, and the same in the issuer."""
    ca_key, key = cached(KeyKind.EC_P256, 300), cached(KeyKind.EC_P256, 301)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    ca_name, name = _name(f"CA {text}"), _name(text)
    ca = _certificate(ca_key, ca_key, ca_name, ca_name, None, text)
    (folder / "ca.pem").write_text(ssl.DER_cert_to_PEM_cert(ca), encoding="ascii")

    def identity(kind: str, purpose: ObjectIdentifier) -> Identity:
        data = _certificate(key, ca_key, name, ca_name, purpose, text)
        path = folder / f"{kind}.pem"
        pem = [ssl.DER_cert_to_PEM_cert(one) for one in (data, ca)]
        path.write_text("".join([*pem, _key_pem(key)]), encoding="ascii")
        return Identity(chain=path, key=path, der=data)

    return HostileIdentities(
        ca=folder / "ca.pem",
        server=identity("server", ExtendedKeyUsageOID.SERVER_AUTH),
        client=identity("client", ExtendedKeyUsageOID.CLIENT_AUTH),
    )


def _tlv(tag: int, content: bytes) -> bytes:
    return der.Element(tag=tag, content=content).encode()


def _name(text: str) -> bytes:
    """A name of the text three times over. What is no UTF-8 stands as T61String."""
    try:
        tag, value = _UTF8, text.encode("utf-8")
    except UnicodeEncodeError:
        tag, value = _T61, text.encode("utf-8", "surrogatepass")
    kinds = (x509.NameAttribute(kind, "x").oid for kind in _NAMES)
    parts = (_tlv(0x30, _oid(kind) + _tlv(tag, value)) for kind in kinds)
    return _tlv(0x30, b"".join(_tlv(0x31, part) for part in parts))


def _oid(kind: ObjectIdentifier) -> bytes:
    first, second, *rest = map(int, kind.dotted_string.split("."))
    return _tlv(6, bytes([40 * first + second, *rest]))


def _certificate(
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    subject: bytes,
    issuer: bytes,
    purpose: ObjectIdentifier | None,
    text: str,
) -> bytes:
    """The DER of a certificate; a CA's without a ``purpose``."""
    plain = x509.Name([])
    builder = (
        x509.CertificateBuilder()
        .subject_name(plain)
        .issuer_name(plain)
        .public_key(key.public_key())
        .serial_number(77)
        .not_valid_before(utc_now() - timedelta(days=1))
        .not_valid_after(utc_now() + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=purpose is None, path_length=None), critical=True)
    )
    if purpose is not None:
        names = x509.UnrecognizedExtension(_SAN, _alternative_names(text))
        builder = builder.add_extension(names, critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    signed = builder.sign(issuer_key, hashes.SHA256())
    fields = [field.encode() for field in der.parts(signed.tbs_certificate_bytes)]
    fields[_ISSUER], fields[_SUBJECT] = issuer, subject
    tbs = _tlv(0x30, b"".join(fields))
    signature = issuer_key.sign(tbs, ec.ECDSA(hashes.SHA256()))
    return _tlv(0x30, tbs + fields[2] + _tlv(3, b"\0" + signature))


def _alternative_names(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    names = [(_DNS, b"localhost"), (_DNS, data), (_EMAIL, data), (_URI, b"javascript:" + data)]
    return _tlv(
        0x30,
        b"".join([_tlv(*name) for name in names] + [_tlv(_DIRECTORY, _name(text))]),
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode("ascii")
