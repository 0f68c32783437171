"""The extensions of a certificate (RFC 5280 section 4.2), each read from its value in DER."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lab.x509 import der
from lab.x509.der import Element
from lab.x509.names import general_name_text

_MOST_VALUES = 1000  # names in one extension: reading takes 5 µs for each

# The names of RFC 5280 section 4.2.1.12.
_PURPOSES = {
    "1.3.6.1.5.5.7.3.1": "serverAuth",
    "1.3.6.1.5.5.7.3.2": "clientAuth",
    "1.3.6.1.5.5.7.3.3": "codeSigning",
    "1.3.6.1.5.5.7.3.4": "emailProtection",
    "1.3.6.1.5.5.7.3.8": "timeStamping",
    "1.3.6.1.5.5.7.3.9": "OCSPSigning",
    "2.5.29.37.0": "anyExtendedKeyUsage",
}
# The bits of RFC 5280 section 4.2.1.3.
_USAGES = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)
_NETSCAPE_TYPES = ("client", "server", "email", "objsign", "reserved", "sslCA", "emailCA", "objCA")
_OCSP, _CA_ISSUERS = "1.3.6.1.5.5.7.48.1", "1.3.6.1.5.5.7.48.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionValues:
    """What the extensions say.

    Names are written as OpenSSL's configuration writes them (``DNS:localhost``); those of name
    constraints are trees of names. ``extended_key_usage`` and ``key_usage`` are None where the
    extension is missing, which is not the same as empty; so is ``is_ca`` where there are no basic
    constraints, and ``path_length`` where they do not limit it. ``authority_serial`` and
    ``authority_issuer`` (a name in DER) are those of the issuer's certificate, where the authority
    key identifier names them. The addresses are those of CRLs, of the
    issuer's certificate and of OCSP.
    """

    subject_alt_names: tuple[str, ...] = ()
    extended_key_usage: tuple[str, ...] | None = None
    key_usage: tuple[str, ...] | None = None
    is_ca: bool | None = None
    path_length: int | None = None
    subject_key_identifier: bytes | None = None
    authority_key_identifier: bytes | None = None
    authority_serial: int | None = None
    authority_issuer: bytes | None = None
    permitted_names: tuple[str, ...] = ()
    excluded_names: tuple[str, ...] = ()
    crl_addresses: tuple[str, ...] = ()
    issuer_addresses: tuple[str, ...] = ()
    ocsp_addresses: tuple[str, ...] = ()
    netscape_types: tuple[str, ...] = ()


def _basic_constraints(value: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {"is_ca": False, "path_length": None}
    for element in der.parts(value):
        if element.tag == der.BOOLEAN:
            found["is_ca"] = element.content != b"\0"
        elif element.tag == der.INTEGER:
            found["path_length"] = der.integer(element.content)
    return found


def _bits(value: bytes, names: Sequence[str]) -> tuple[str, ...]:
    content = der.content_of(value, der.BIT_STRING)
    octets = content[1:3]
    return tuple(
        name
        for bit, name in enumerate(names)
        if bit // 8 < len(octets) and octets[bit // 8] >> (7 - bit % 8) & 1
    )


def _key_usage(value: bytes) -> dict[str, Any]:
    usages = _bits(value, _USAGES)
    if "keyAgreement" not in usages:  # the last two bits have no meaning without it
        usages = tuple(usage for usage in usages if not usage.endswith("Only"))
    return {"key_usage": usages}


def _purposes(value: bytes) -> dict[str, Any]:
    numbers = [der.dotted(element.content) for element in _bounded(der.parts(value))]
    return {"extended_key_usage": tuple(_PURPOSES.get(number, number) for number in numbers)}


def _bounded(found: list[Element]) -> list[Element]:
    if len(found) > _MOST_VALUES:
        raise ValueError(f"{len(found)} values, and the limit here is {_MOST_VALUES}")
    return found


def _general_names(found: list[Element]) -> tuple[str, ...]:
    return tuple(map(general_name_text, _bounded(found)))


def _subject_alt_names(value: bytes) -> dict[str, Any]:
    return {"subject_alt_names": _general_names(der.parts(value))}


def _subject_key_identifier(value: bytes) -> dict[str, Any]:
    return {"subject_key_identifier": der.content_of(value, der.OCTET_STRING)}


def _authority_key_identifier(value: bytes) -> dict[str, Any]:
    found = {element.tag: element.content for element in der.parts(value)}
    names = [name for name in der.elements(found.get(0xA1, b"")) if name.tag == 0xA4]
    return {
        "authority_issuer": names[0].content if names else None,
        "authority_key_identifier": found.get(0x80),
        "authority_serial": der.integer(found[0x82]) if 0x82 in found else None,
    }


def _name_constraints(value: bytes) -> dict[str, Any]:
    fields = {0xA0: "permitted_names", 0xA1: "excluded_names"}
    return {
        fields[element.tag]: _general_names(
            [der.elements(tree.content)[0] for tree in _bounded(der.elements(element.content))]
        )
        for element in der.parts(value)
        if element.tag in fields
    }


def _crl_addresses(value: bytes) -> dict[str, Any]:
    found: list[Element] = []
    for point in _bounded(der.parts(value)):
        for element in der.elements(point.content):
            if element.tag == 0xA0:
                for name in der.elements(element.content):
                    found += der.elements(name.content) if name.tag == 0xA0 else []
    return {"crl_addresses": _general_names(found)}


def _authority_access(value: bytes) -> dict[str, Any]:
    found: dict[str, list[Element]] = {_OCSP: [], _CA_ISSUERS: []}
    for description in _bounded(der.parts(value)):
        method, location = der.elements(description.content)
        found.setdefault(der.dotted(method.content), []).append(location)
    return {
        "ocsp_addresses": _general_names(found[_OCSP]),
        "issuer_addresses": _general_names(found[_CA_ISSUERS]),
    }


def _netscape_types(value: bytes) -> dict[str, Any]:
    return {"netscape_types": _bits(value, _NETSCAPE_TYPES)}


_Reader = Callable[[bytes], dict[str, Any]]

EXTENSIONS: dict[str, tuple[str, _Reader | None]] = {
    "2.5.29.14": ("subjectKeyIdentifier", _subject_key_identifier),
    "2.5.29.15": ("keyUsage", _key_usage),
    "2.5.29.17": ("subjectAltName", _subject_alt_names),
    "2.5.29.19": ("basicConstraints", _basic_constraints),
    "2.5.29.30": ("nameConstraints", _name_constraints),
    "2.5.29.31": ("cRLDistributionPoints", _crl_addresses),
    "2.5.29.32": ("certificatePolicies", None),
    "2.5.29.33": ("policyMappings", None),
    "2.5.29.35": ("authorityKeyIdentifier", _authority_key_identifier),
    "2.5.29.36": ("policyConstraints", None),
    "2.5.29.37": ("extendedKeyUsage", _purposes),
    "2.5.29.54": ("inhibitAnyPolicy", None),
    "1.3.6.1.5.5.7.1.1": ("authorityInfoAccess", _authority_access),
    "1.3.6.1.5.5.7.1.24": ("tlsFeature", None),
    "1.3.6.1.5.5.7.48.1.5": ("ocspNoCheck", None),
    "1.3.6.1.4.1.11129.2.4.2": ("signedCertificateTimestampList", None),
    "2.16.840.1.113730.1.1": ("netscapeCertType", _netscape_types),
}
"""The extensions by their numbers: the name, and what reads the value, None where nothing does."""

# What OpenSSL supports, so that it may be critical; the last four are IP addresses, AS numbers,
# proxy certificates and issuerAltName.
_SUPPORTED = frozenset(
    {
        "basicConstraints",
        "keyUsage",
        "extendedKeyUsage",
        "subjectAltName",
        "nameConstraints",
        "certificatePolicies",
        "policyConstraints",
        "policyMappings",
        "inhibitAnyPolicy",
        "cRLDistributionPoints",
        "ocspNoCheck",
        "netscapeCertType",
        "1.3.6.1.5.5.7.1.7",
        "1.3.6.1.5.5.7.1.8",
        "1.3.6.1.5.5.7.1.14",
        "2.5.29.18",
    }
)


def unsupported(critical: Sequence[str]) -> list[str]:
    """Return those of the critical extensions for which OpenSSL refuses a certificate."""
    return [name for name in critical if name not in _SUPPORTED]
