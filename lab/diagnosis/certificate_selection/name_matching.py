"""Which names of CAs clients take for the same, and what no run covers of names."""

from __future__ import annotations

import contextlib
import enum
import functools
import re
import unicodedata
from collections.abc import Mapping, Sequence

from lab.x509 import der
from lab.x509.der import Element
from lab.x509.names import attributes_of, has_short_names, normalised, rfc4514

# String types that names were measured with: UTF8String and PrintableString (X.680 section 41).
_COMPARED = {0x0C, 0x13}
# Those, T61String, IA5String and BMPString were read by all clients, encoded as they should be.
_ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}
_PADDED_NUMBER = re.compile(rb"(?:^|[\x00-\x7f])\x80")  # in an object identifier
_Attributes = tuple[tuple[tuple[str, str], ...], ...]


class NameMatch(enum.Enum):
    """How a client compares the issuers of its chain with the names that the server sends."""

    BYTES = "byte for byte"
    TEXT = "by their text, whatever the string type"
    NORMALISED = "by their text, without regard to string type, case and repeated spaces"


def names_one(names: tuple[bytes, ...], issuer: bytes, match: NameMatch) -> bool | None:
    """Return whether an issuer is among names; None: they differ in a way that no run covers."""
    if issuer in names:
        return True
    if match is NameMatch.BYTES:
        return False
    try:
        like = _by_letters(names).get(_letters(issuer), ())
    except ValueError:
        return None
    found = {_is_alike(name, issuer, match) for name in like}
    return True if True in found else None if None in found else False


def _is_alike(name: bytes, issuer: bytes, match: NameMatch) -> bool | None:
    """Return whether a client takes names for the same that have the same letters."""
    if not _strings(name) | _strings(issuer) <= _COMPARED or not has_short_names(issuer):
        return None
    if normalised(name) != normalised(issuer):  # beyond ASCII, Unicode's normal forms come in
        return None
    return match is NameMatch.NORMALISED or rfc4514(name) == rfc4514(issuer)


def _strings(name: bytes) -> set[int]:
    """Return the types of the values in a name that can be read."""
    return {value.tag for relative in attributes_of(name) for _, value in relative}


@functools.lru_cache(maxsize=2)  # a server may name thousands, and many clients are asked about
def _by_letters(names: tuple[bytes, ...]) -> Mapping[_Attributes, Sequence[bytes]]:
    found: dict[_Attributes, list[bytes]] = {}
    for name in names:
        with contextlib.suppress(ValueError):  # one that cannot be read is like no other
            found.setdefault(_letters(name), []).append(name)
    return found


def _letters(name: bytes) -> _Attributes:
    """Return what is left of a name without anything that any client might disregard."""
    return tuple(
        tuple(sorted((kind, _letters_of(value)) for kind, value in relative))
        for relative in attributes_of(name)
    )


def _letters_of(value: Element) -> str:
    text = value.content.decode(_ENCODINGS.get(value.tag, "latin-1"), "replace")
    plain = unicodedata.normalize("NFKD", text.casefold()).casefold()
    return "".join(filter(str.isalnum, plain))


@functools.lru_cache(maxsize=2)
def all_are_covered(names: tuple[bytes, ...]) -> bool:
    """Return whether runs cover names: each is DER, not empty, and of strings that all read.

    Of others OpenSSL, BoringSSL and Java, which need none of them, break off.
    """
    return all(map(_is_covered, names))


def _is_covered(name: bytes) -> bool:
    try:
        relatives = der.parts(name)
        return bool(relatives) and _is_shortest(name) and all(map(_is_set, relatives))
    except ValueError:
        return False


def _is_set(relative: Element) -> bool:
    attributes = der.elements(relative.content)
    if relative.tag != der.SET or not attributes or not _is_shortest(relative.content):
        return False
    return all(map(_is_attribute, attributes))


def _is_attribute(attribute: Element) -> bool:
    kind, value = der.elements(attribute.content)
    encoding = _ENCODINGS.get(value.tag)
    if attribute.tag != der.SEQUENCE or kind.tag != der.OBJECT_IDENTIFIER or encoding is None:
        return False
    if _PADDED_NUMBER.search(kind.content):
        return False
    der.dotted(kind.content)
    value.content.decode(encoding)
    return _is_shortest(attribute.content)


def _is_shortest(data: bytes) -> bool:
    """Return whether the lengths of elements are written as DER has them."""
    return b"".join(element.encode() for element in der.elements(data)) == data
