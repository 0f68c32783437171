"""Certificates that the library does not make: a finished one is parsed, changed, signed again.

Rules: each function changes one thing. The issuer's key signs as it did before, except where the
signature itself is what changes.

"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from lab.pki.identity import RSASSA_PSS, Identity, PrivateKey, PssIdentity
from lab.x509 import der
from lab.x509.der import Element

# Fields of TBSCertificate by their place (RFC 5280, 4.1), once version [0] is in front.
_SIGNATURE = 2
_PUBLIC_KEY = 6
_EXTENSIONS_TAG = 0xA3

_ECDSA_WITH_SHA1 = bytes.fromhex("300906072a8648ce3d0401")  # RFC 3279, 2.2.3

_Edit = Callable[[list[Element]], list[Element]]


def tampered(certificate: x509.Certificate) -> x509.Certificate:
    """Return the same with the last bit of its signature flipped."""
    tbs, algorithm, signature = der.parts(_encoded(certificate))
    flipped = signature.content[:-1] + bytes((signature.content[-1] ^ 1,))
    return _load(der.sequence(tbs, algorithm, replace(signature, content=flipped)))


def as_version_1(certificate: x509.Certificate, issuer_key: PrivateKey) -> x509.Certificate:
    """Return the same as X.509 version 1, which has no extensions (RFC 5280, 4.1.2.1)."""
    return _signed_again(
        certificate,
        issuer_key,
        lambda fields: [field for field in fields[1:] if field.tag != _EXTENSIONS_TAG],
    )


def with_sha1(
    certificate: x509.Certificate, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """Return the same, signed by ECDSA with SHA-1."""
    (algorithm,) = der.elements(_ECDSA_WITH_SHA1)
    fields = der.parts(certificate.tbs_certificate_bytes)
    tbs = der.sequence(*fields[:_SIGNATURE], algorithm, *fields[_SIGNATURE + 1 :])
    signature = issuer_key.sign(tbs.encode(), ec.ECDSA(hashes.SHA1()))
    return _load(der.sequence(tbs, algorithm, der.bit_string(signature)))


def with_pss_key(identity: Identity, issuer_key: PrivateKey) -> PssIdentity:
    """Return the same with its RSA key marked for RSASSA-PSS only (RFC 4055, 3.1)."""

    def mark(fields: list[Element]) -> list[Element]:
        _, key = der.elements(fields[_PUBLIC_KEY].content)
        (algorithm,) = der.elements(RSASSA_PSS)
        return [*fields[:_PUBLIC_KEY], der.sequence(algorithm, key), *fields[_PUBLIC_KEY + 1 :]]

    leaf = _signed_again(identity.certificate, issuer_key, mark)
    return PssIdentity(chain=(leaf, *identity.chain[1:]), key=identity.key)


def _signed_again(
    certificate: x509.Certificate, issuer_key: PrivateKey, edit: _Edit
) -> x509.Certificate:
    _, algorithm, _ = der.parts(_encoded(certificate))
    tbs = der.sequence(*edit(der.parts(certificate.tbs_certificate_bytes)))
    signature = _sign(issuer_key, tbs.encode(), certificate)
    return _load(der.sequence(tbs, algorithm, der.bit_string(signature)))


def _sign(key: PrivateKey, data: bytes, like: x509.Certificate) -> bytes:
    """Sign with the algorithm that ``like`` is signed with."""
    digest, parameters = like.signature_hash_algorithm, like.signature_algorithm_parameters
    if isinstance(key, rsa.RSAPrivateKey):
        assert digest is not None
        assert isinstance(parameters, padding.PKCS1v15 | padding.PSS)
        return key.sign(data, parameters, digest)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        assert digest is not None
        return key.sign(data, ec.ECDSA(digest))
    return key.sign(data)


def _encoded(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _load(whole: Element) -> x509.Certificate:
    return x509.load_der_x509_certificate(whole.encode())
