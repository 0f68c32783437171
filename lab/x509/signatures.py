"""Whether signatures verify, and whether a key can be read: what ``cryptography`` says.

It takes long to load, so only who verifies a signature imports this module.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

from lab.x509 import der
from lab.x509.public_keys import SIGNATURES, digest_of, pss

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "md5": hashes.MD5(),
    "sha1": hashes.SHA1(),
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


def is_readable(public_key: bytes) -> bool:
    """Return whether ``cryptography`` can read a SubjectPublicKeyInfo."""
    try:
        serialization.load_der_public_key(public_key)
    except Exception:  # the library has no one type for what it cannot read
        return False
    return True


def signature_verifies(
    public_key: bytes, signed: bytes, algorithm: bytes, signature: bytes
) -> bool | None:
    """Return whether the key (DER) made the signature over ``signed``; None if that is not known.

    ``algorithm`` is the AlgorithmIdentifier in DER.
    """
    try:
        kind, *parameters = der.parts(algorithm)
        name = SIGNATURES.get(der.dotted(kind.content), "")
        digest = _HASHES.get(digest_of(name, parameters))
        key = serialization.load_der_public_key(public_key)
        if isinstance(key, rsa.RSAPublicKey) and digest is not None:
            scheme: padding.AsymmetricPadding = padding.PKCS1v15()
            if name == "rsassaPss":
                scheme = padding.PSS(padding.MGF1(digest), pss(parameters)[1])
            key.verify(signature, signed, scheme, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and digest is not None:
            key.verify(signature, signed, ec.ECDSA(digest))
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, signed)
        else:
            return None
    except InvalidSignature:
        return False
    except Exception:  # the library has no one type for what hostile DER makes it do
        return None
    return True


def scheme_verifies(public_key: bytes, signed: bytes, scheme: str, signature: bytes) -> bool | None:
    """Return whether the key (DER) made a signature of TLS over ``signed``; None if not known.

    ``scheme`` is the name of a SignatureScheme (RFC 9846 section 4.3.3).
    """
    digest = _HASHES.get(scheme.rpartition("_")[2])
    try:
        key = serialization.load_der_public_key(public_key)
        if isinstance(key, rsa.RSAPublicKey) and digest is not None and scheme.startswith("rsa_"):
            form: padding.AsymmetricPadding = padding.PKCS1v15()
            if scheme.startswith("rsa_pss_"):
                form = padding.PSS(padding.MGF1(digest), digest.digest_size)
            key.verify(signature, signed, form, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and scheme.startswith("ecdsa_"):
            if digest is None:
                return None
            key.verify(signature, signed, ec.ECDSA(digest))
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, signed)
        else:
            return None
    except InvalidSignature:
        return False
    except Exception:  # the library has no one type for what hostile DER makes it do
        return None
    return True
