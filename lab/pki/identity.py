"""An identity: a chain of certificates with the key of the first, and its forms as bytes.

Rules: the chain is what a TLS peer would send (RFC 9846, 4.5.1), leaf first, in whatever order
and number the maker wanted.
"""

from __future__ import annotations

import base64
import enum
import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from lab.x509 import der

RSASSA_PSS = bytes.fromhex("300b06092a864886f70d01010a")
"""The AlgorithmIdentifier in DER (RFC 4055, 3.1), without parameters: any hash will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """``chain`` is what is sent, leaf first and never empty; ``key`` signs for the leaf."""

    chain: tuple[x509.Certificate, ...]
    key: PrivateKey = field(compare=False)  # the leaf's public key settles it

    @property
    def certificate(self) -> x509.Certificate:
        """The leaf."""
        return self.chain[0]

    def chain_pem(self) -> bytes:
        """Return the chain as PEM, in the order in which it is sent."""
        return certificates_pem(self.chain)

    def key_pem(self, password: bytes | None = None) -> bytes:
        """Return the key as PEM PKCS#8, encrypted where a password is given."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password)
            if password
            else serialization.NoEncryption(),
        )

    @property
    def fits_pkcs12(self) -> bool:
        """Whether ``cryptography`` can write the key into PKCS#12."""
        return isinstance(self.key, PrivateKey)

    def pkcs12(
        self, password: bytes, *, friendly_name: str, authorities: Iterable[x509.Certificate] = ()
    ) -> bytes:
        """Return key, chain and ``authorities`` in one PKCS#12 file (RFC 7292).

        Key and certificates are encrypted by PBES2 with AES-256-CBC, and the file is protected by
        an HMAC with SHA-256: OpenSSL 3 opens it without its legacy provider. The password must
        not be empty.
        """
        protection = (
            serialization.PrivateFormat.PKCS12.encryption_builder()
            .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
            .hmac_hash(hashes.SHA256())
            .build(password)
        )
        return pkcs12.serialize_key_and_certificates(
            friendly_name.encode(),
            self.key,
            self.certificate,
            (*self.chain[1:], *authorities),
            protection,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PssIdentity(Identity):
    """An identity whose RSA key is of the kind id-RSASSA-PSS.

    ``cryptography`` reads such a key as a plain RSA key and would write it as one, and OpenSSL
    then finds that key and certificate do not fit.
    """

    @property
    def fits_pkcs12(self) -> bool:
        """No: it would be a plain RSA key there."""
        return False

    def key_pem(self, password: bytes | None = None) -> bytes:
        """Return the key as PEM PKCS#8. Raises ValueError for a password: it stays plain."""
        if password is not None:
            raise ValueError("a key of the kind id-RSASSA-PSS is written unencrypted only")
        plain = self.key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        version, _, key = der.parts(plain)
        (algorithm,) = der.elements(RSASSA_PSS)
        return _pem("PRIVATE KEY", der.sequence(version, algorithm, key).encode())

    def pkcs12(
        self, password: bytes, *, friendly_name: str, authorities: Iterable[x509.Certificate] = ()
    ) -> bytes:
        """Raise :class:`ValueError`: the library would pack the key as a plain one."""
        raise ValueError("a key of the kind id-RSASSA-PSS is not written as PKCS#12")


def certificates_pem(certificates: Iterable[x509.Certificate]) -> bytes:
    """Return certificates as PEM, one behind the other."""
    return b"".join(
        certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates
    )


def _pem(label: str, data: bytes) -> bytes:
    text = base64.encodebytes(data).decode("ascii")
    return f"-----BEGIN {label}-----\n{text}-----END {label}-----\n".encode("ascii")


PrivateKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)
"""A private key that can sign a TLS handshake, and that fits into PKCS#12."""

PostQuantumKey = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey
"""One that ``cryptography`` does not write into PKCS#12; else it is like the others."""

PublicKey = (
    rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
)
"""The public half of a :data:`PrivateKey`."""


class KeyKind(enum.Enum):
    """A kind of private key: algorithm and size, or algorithm and curve.

    RSA_PSS_2048 is the key of a certificate that names it id-RSASSA-PSS (RFC 4055, 3.1); the key
    itself is a plain RSA key.
    """

    RSA_1024 = "RSA 1024"
    RSA_2048 = "RSA 2048"
    RSA_4096 = "RSA 4096"
    EC_P256 = "EC P-256"
    EC_P384 = "EC P-384"
    EC_P521 = "EC P-521"
    ED25519 = "Ed25519"
    ED448 = "Ed448"
    RSA_PSS_2048 = "RSA-PSS 2048"


_RSA_BITS = {
    KeyKind.RSA_1024: 1024,
    KeyKind.RSA_2048: 2048,
    KeyKind.RSA_4096: 4096,
    KeyKind.RSA_PSS_2048: 2048,
}
_EC_CURVES: dict[KeyKind, ec.EllipticCurve] = {
    KeyKind.EC_P256: ec.SECP256R1(),
    KeyKind.EC_P384: ec.SECP384R1(),
    KeyKind.EC_P521: ec.SECP521R1(),
}


def generate(kind: KeyKind) -> PrivateKey:
    """Make a new key. RSA 4096 takes from a tenth of a second to a few seconds."""
    if kind in _RSA_BITS:
        return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS[kind])
    if kind in _EC_CURVES:
        return ec.generate_private_key(_EC_CURVES[kind])
    if kind is KeyKind.ED448:
        return ed448.Ed448PrivateKey.generate()
    return ed25519.Ed25519PrivateKey.generate()


KeySource = Callable[[KeyKind], PrivateKey]
"""Where keys come from: :func:`generate`, or a cache where speed matters more than secrecy."""


@functools.cache
def cached(kind: KeyKind, number: int = 0) -> PrivateKey:
    """Return the same key for the same arguments, as long as the process lives.

    For tests and for catalogues of certificates that nobody is meant to trust: making an RSA key
    costs more than everything else that a certificate needs. ``number`` tells apart keys of one
    kind.
    """
    del number  # part of the cache's key only
    return generate(kind)


def public_bytes(key: PublicKey) -> bytes:
    """Return the DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7): equal for equal keys."""
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
