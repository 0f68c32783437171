"""How a PKCS#12 file (RFC 7292) is protected, and the keys in it: what it tells without a password.

Rules: nothing is decrypted here, and nothing raises: what cannot be read is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.x509 import der
from lab.x509.der import Element

_DATA, _ENCRYPTED_DATA = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.6"
_KEY_BAGS = ("1.2.840.113549.1.12.10.1.1", "1.2.840.113549.1.12.10.1.2")  # plain, encrypted
_PBES2 = "1.2.840.113549.1.5.13"
# OpenSSL's names (RFC 7292 appendix C, RFC 8018 appendix B.2).
_ALGORITHMS = {
    "1.2.840.113549.1.12.1.1": "pbeWithSHA1And128BitRC4",
    "1.2.840.113549.1.12.1.2": "pbeWithSHA1And40BitRC4",
    "1.2.840.113549.1.12.1.3": "pbeWithSHA1And3-KeyTripleDES-CBC",
    "1.2.840.113549.1.12.1.4": "pbeWithSHA1And2-KeyTripleDES-CBC",
    "1.2.840.113549.1.12.1.5": "pbeWithSHA1And128BitRC2-CBC",
    "1.2.840.113549.1.12.1.6": "pbeWithSHA1And40BitRC2-CBC",
    "1.2.840.113549.3.7": "PBES2 with DES-EDE3-CBC",
    "2.16.840.1.101.3.4.1.2": "PBES2 with AES-128-CBC",
    "2.16.840.1.101.3.4.1.22": "PBES2 with AES-192-CBC",
    "2.16.840.1.101.3.4.1.42": "PBES2 with AES-256-CBC",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pkcs12Parts:
    """``algorithms`` are those of its encryption, each once; ``keys`` its private keys in DER, each
    PKCS#8, encrypted or not (keys in data that is encrypted as a whole are not seen).
    """

    algorithms: tuple[str, ...] = ()
    keys: tuple[bytes, ...] = ()

    @property
    def needs_legacy(self) -> bool:
        """Whether OpenSSL 3 opens it only with its legacy provider, for RC2 or RC4."""
        return any("RC2" in name or "RC4" in name for name in self.algorithms)


def pkcs12_parts(data: bytes) -> Pkcs12Parts:
    """Return what a PKCS#12 file tells without its password; nothing where it cannot be read."""
    algorithms: list[str] = []
    keys: list[bytes] = []
    try:
        _, safe, *_ = der.parts(data)
        for item in der.parts(_octets(der.elements(safe.content)[1])):
            kind, content = der.elements(item.content)
            if der.dotted(kind.content) == _ENCRYPTED_DATA:
                _, encrypted, *_ = der.parts(content.content)
                algorithms.append(_algorithm(der.elements(encrypted.content)[1]))
            elif der.dotted(kind.content) == _DATA:
                for encrypted_key, key in _keys(_octets(content)):
                    keys.append(key)
                    if encrypted_key:
                        algorithms.append(_algorithm(der.parts(key)[0]))
    except (ValueError, IndexError):
        pass  # the certificates and keys are still read by the library, if it can
    return Pkcs12Parts(algorithms=tuple(dict.fromkeys(algorithms)), keys=tuple(keys))


def _octets(wrapped: Element) -> bytes:
    return der.content_of(wrapped.content, der.OCTET_STRING)


def _keys(safe: bytes) -> Iterator[tuple[bool, bytes]]:
    """Yield whether a key is encrypted, and its DER, for each of the SafeContents."""
    for bag in der.parts(safe):
        kind, value, *_ = der.elements(bag.content)
        if (number := der.dotted(kind.content)) in _KEY_BAGS:
            yield number == _KEY_BAGS[1], value.content


def _algorithm(identifier: Element) -> str:
    kind, *parameters = der.elements(identifier.content)
    number = der.dotted(kind.content)
    if number == _PBES2:
        scheme = der.elements(parameters[0].content)[1]
        number = der.dotted(der.elements(scheme.content)[0].content)
    return _ALGORITHMS.get(number, number)
