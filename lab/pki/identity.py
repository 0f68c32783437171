"""An identity: a chain of certificates with the key of the first, and its forms as bytes.

Rules: the chain is what a TLS peer would send (RFC 9846, 4.5.1), leaf first, in whatever order
and number the maker wanted. This module must not know where identities come from or go to.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from lab.pki.keys import PrivateKey
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
