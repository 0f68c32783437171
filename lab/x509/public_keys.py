"""Public keys and signatures in certificates: what they are, by their DER alone."""

from __future__ import annotations

from collections.abc import Sequence

from lab.x509 import der
from lab.x509.der import Element

# OpenSSL's names (RFC 3279, 4055, 5758, 8410, 9881).
SIGNATURES = {
    "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
    "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
    "1.2.840.113549.1.1.14": "sha224WithRSAEncryption",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
    "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
    "1.2.840.113549.1.1.10": "rsassaPss",
    "1.2.840.10045.4.1": "ecdsa-with-SHA1",
    "1.2.840.10045.4.3.1": "ecdsa-with-SHA224",
    "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
    "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
    "1.2.156.10197.1.501": "SM2-with-SM3",
    "1.3.101.112": "ED25519",
    "1.3.101.113": "ED448",
    "2.16.840.1.101.3.4.3.17": "ML-DSA-44",
    "2.16.840.1.101.3.4.3.18": "ML-DSA-65",
    "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
}
"""The names of signature algorithms by their numbers."""

DIGESTS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
"""The names of the hashes in signature algorithms that are known here."""

_DIGEST_NUMBERS = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_RSA = {"1.2.840.113549.1.1.1": "RSA", "1.2.840.113549.1.1.10": "RSA-PSS"}
_DSA = "1.2.840.10040.4.1"
_EC = "1.2.840.10045.2.1"
_KEY_TYPES = {
    "1.3.101.110": "X25519",
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
    "1.2.643.2.2.19": "GOST R 34.10-2001",
    "1.2.643.7.1.1.1.1": "GOST R 34.10-2012 256",
    "1.2.643.7.1.1.1.2": "GOST R 34.10-2012 512",
    "2.16.840.1.101.3.4.3.17": "ML-DSA-44",
    "2.16.840.1.101.3.4.3.18": "ML-DSA-65",
    "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
}
_CURVES = {
    "1.2.840.10045.3.1.1": "secp192r1",
    "1.2.840.10045.3.1.7": "secp256r1",
    "1.3.132.0.10": "secp256k1",
    "1.3.132.0.33": "secp224r1",
    "1.3.132.0.34": "secp384r1",
    "1.3.132.0.35": "secp521r1",
    "1.3.36.3.3.2.8.1.1.7": "brainpoolP256r1",
    "1.3.36.3.3.2.8.1.1.11": "brainpoolP384r1",
    "1.3.36.3.3.2.8.1.1.13": "brainpoolP512r1",
    "1.2.156.10197.1.301": "SM2",
}


def describe_key(public_key: bytes) -> tuple[str, int | None]:
    """Return the type of a SubjectPublicKeyInfo, and its size in bits where that varies.

    Raises ValueError.
    """
    algorithm, key = der.parts(public_key)
    kind, *parameters = der.elements(algorithm.content)
    number = der.dotted(kind.content)
    if number in _RSA:
        modulus = der.parts(key.content[1:])[0]
        return _RSA[number], der.integer(modulus.content).bit_length()
    if number == _DSA and parameters:
        return "DSA", der.integer(der.elements(parameters[0].content)[0].content).bit_length()
    if number == _EC and parameters:
        if parameters[0].tag != der.OBJECT_IDENTIFIER:
            return "EC explicit parameters", None
        curve = der.dotted(parameters[0].content)
        return f"EC {_CURVES.get(curve, curve)}", None
    return _KEY_TYPES.get(number, "unknown"), None


def key_itself(public_key: bytes) -> bytes:
    """Return what tells a SubjectPublicKeyInfo from others, b"" where it cannot be read.

    That leaves out its algorithm: a key for RSASSA-PSS only is often stored as a plain RSA key.
    """
    try:
        return der.parts(public_key)[1].content
    except (ValueError, IndexError):
        return b""


def digest_of(algorithm: str, parameters: Sequence[Element]) -> str:
    """Return the name of the hash in a signature algorithm, "" where it has none that is known."""
    if algorithm == "rsassaPss":
        return pss(parameters)[0]
    name = algorithm.lower()
    return next((digest for digest in reversed(DIGESTS) if digest in name), "")


def pss(parameters: Sequence[Element]) -> tuple[str, int]:
    """Return the hash and the length of the salt of RSASSA-PSS (RFC 4055 section 3.1).

    Raises ValueError.
    """
    digest, salt = "sha1", 20
    for element in der.elements(parameters[0].content) if parameters else ():
        if element.tag == 0xA0:
            number = der.dotted(der.parts(element.content)[0].content)
            digest = _DIGEST_NUMBERS.get(number, number)
        elif element.tag == 0xA2:
            salt = der.integer(der.content_of(element.content, der.INTEGER))
    return digest, salt
