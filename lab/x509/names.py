"""Names in certificates: distinguished names (RFC 4514), and those of subjectAltName."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterator

from lab.x509 import der
from lab.x509.der import Element

# The short names of RFC 4514 section 3.
_SHORT_NAMES = {
    "2.5.4.3": "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
}
_COMMON_NAME = "2.5.4.3"
_EMAIL_ADDRESS = "1.2.840.113549.1.9.1"
# How the content of each string type is encoded (X.690 section 8.23). OpenSSL reads T61String as
# Latin-1; those who write it put UTF-8 or Latin-1 into it.
_ENCODINGS = {
    0x0C: ("utf-8",),
    0x12: ("ascii", "latin-1"),
    0x13: ("ascii", "latin-1"),
    0x14: ("utf-8", "latin-1"),
    0x16: ("ascii", "latin-1"),
    0x1A: ("ascii", "latin-1"),
    0x1C: ("utf-32-be",),
    0x1E: ("utf-16-be",),
}
_CACHED_BYTES = 256  # longer names are rare, and may come from a peer
# The kinds of GeneralName whose value is a text (RFC 5280 section 4.2.1.6), by OpenSSL's names.
_TEXT_NAMES = {0x81: "email", 0x82: "DNS", 0x86: "URI"}
_IP_ADDRESS, _DIRECTORY_NAME, _REGISTERED_ID = 0x87, 0xA4, 0x88


def distinguished_name(name: bytes) -> str:
    """Return a name in the form of RFC 4514 from its DER, in hex where it cannot be read."""
    try:
        return rfc4514(name)
    except ValueError:
        return name.hex()


def rfc4514(name: bytes) -> str:
    """Return a name in the form of RFC 4514, such as ``CN=mtls-client``. Raises ValueError."""
    relative = [
        "+".join(f"{_SHORT_NAMES.get(kind, kind)}={_escaped(value)}" for kind, value in attributes)
        for attributes in attributes_of(name)
    ]
    return ",".join(reversed(relative))


def attributes_of(name: bytes) -> Iterator[list[tuple[str, Element]]]:
    """Yield the attributes of each relative distinguished name of a name, as type and value.

    Raises ValueError.
    """
    for relative in der.parts(name):
        if relative.tag != der.SET:
            raise ValueError(f"tag {relative.tag:#04x} where a SET was expected")
        attributes = []
        for attribute in der.elements(relative.content):
            kind, value = der.elements(attribute.content)
            attributes.append((der.dotted(kind.content), value))
        yield attributes


def has_short_names(name: bytes) -> bool:
    """Return whether RFC 4514 has a short name for each attribute. Raises ValueError."""
    return all(kind in _SHORT_NAMES for attributes in attributes_of(name) for kind, _ in attributes)


def _text(value: Element) -> str | None:
    """Return the text of a string, None where it is none."""
    for encoding in _ENCODINGS.get(value.tag, ()):
        try:
            return value.content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _escaped(value: Element) -> str:
    """Return a value as RFC 4514 section 2.4 writes it."""
    text = _text(value)
    if text is None:
        return f"#{value.encode().hex()}"
    text = re.sub(r'([\\"+,;<>])', r"\\\1", text).replace("\0", "\\00")
    if text.endswith(" "):
        text = f"{text[:-1]}\\ "
    return f"\\{text}" if text.startswith(("#", " ")) else text


def common_names(name: bytes) -> list[str]:
    """Return the values of all commonName attributes. Raises ValueError."""
    return _values(name, _COMMON_NAME)


def email_addresses(name: bytes) -> list[str]:
    """Return the values of all emailAddress attributes. Raises ValueError."""
    return _values(name, _EMAIL_ADDRESS)


def _values(name: bytes, wanted: str) -> list[str]:
    return [
        text
        for attributes in attributes_of(name)
        for kind, value in attributes
        if kind == wanted and (text := _text(value)) is not None
    ]


def same_name(one: bytes, other: bytes) -> bool:
    """Return whether OpenSSL takes two names in DER for the same one.

    It compares texts whatever string type they are in, without regard to the case of ASCII letters
    and to repeated spaces.
    """
    if one == other:
        return True
    try:
        return normalised(one) == normalised(other)
    except ValueError:
        return False


NormalisedName = tuple[tuple[tuple[str, object], ...], ...]
"""What ``same_name`` compares."""


def normalised(name: bytes) -> NormalisedName:
    """Return what OpenSSL compares of a name in DER; it can be hashed. Raises ValueError."""
    return _canonical_cached(name) if len(name) <= _CACHED_BYTES else _canonical(name)


def _canonical(name: bytes) -> NormalisedName:
    return tuple(
        tuple(sorted(((kind, _canonical_value(value)) for kind, value in attributes), key=repr))
        for attributes in attributes_of(name)
    )


_canonical_cached = functools.lru_cache(maxsize=1024)(_canonical)


def _canonical_value(value: Element) -> object:
    text = _text(value)
    if text is None:
        return value
    words = " ".join(word for word in text.split(" ") if word)
    return "".join(letter.lower() if letter.isascii() else letter for letter in words)


def general_name_text(name: Element) -> str:
    """Return a name as OpenSSL's configuration writes it, such as ``DNS:localhost``.

    Raises ValueError.
    """
    if kind := _TEXT_NAMES.get(name.tag):
        return f"{kind}:{name.content.decode('ascii')}"
    if name.tag == _IP_ADDRESS:
        return f"IP:{_address(name.content)}"
    if name.tag == _DIRECTORY_NAME:
        return f"dirName:{rfc4514(name.content)}"
    if name.tag == _REGISTERED_ID:
        return f"RID:{der.dotted(name.content)}"
    return "otherName"


def _address(content: bytes) -> str:
    """Return an address, or a network in nameConstraints (RFC 5280 section 4.2.1.10)."""
    if len(content) in (4, 16):
        return str(ipaddress.ip_address(content))
    if len(content) not in (8, 32):
        raise ValueError(f"an IP address of {len(content)} octets")
    half = len(content) // 2
    mask = int.from_bytes(content[half:], "big")
    bits = mask.bit_count()
    if mask != ((1 << bits) - 1) << (8 * half - bits):
        raise ValueError("an IP network whose mask has gaps")
    return str(ipaddress.ip_network((content[:half], bits), strict=False))
