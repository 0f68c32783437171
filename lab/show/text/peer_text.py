"""Text of a peer's for all faces: escaped, bounded, and lists that tell what they leave out.

This module must not know what the text is part of.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab.tls.code_point import sample
from lab.tls.escape import escaped, printable
from lab.x509.certificates import describe
from lab.x509.public_keys import describe_key

_MOST_TEXT = 240
_MOST_OF_MANY = 64
_SAMPLE = 32


def bounded(text: str, most: int = _MOST_TEXT) -> str:
    """Return a peer's text, escaped, and truncated after ``most`` characters."""
    if len(text) <= most:
        return escaped(text)
    return f"{escaped(text[:most])}... ({len(text)} characters)"


def shortened(sentence: str, most: int = 600) -> str:
    """Return a sentence that is escaped already, truncated after ``most`` characters."""
    return sentence if len(sentence) <= most else f"{sentence[:most]}..."


def cleaned(sentence: str, most: int = 600) -> str:
    """Return a sentence of ours, in which a peer's text may be, printable and truncated."""
    return shortened(printable(sentence[: most + 1]), most)


def quoted(data: bytes) -> str:
    """Return the first bytes in quotes, those that are not printable ASCII as escapes."""
    return repr(data[:_SAMPLE])[1:] + ("..." if len(data) > _SAMPLE else "")


def listed(values: Iterable[object], most: int = 3) -> str:
    """Return the first ``most`` values, and how many more there are; GREASE is left out."""
    shown, rest = sample(values, most)
    texts = [bounded(str(value), _MOST_OF_MANY) for value in shown]
    return (", ".join(texts) or "none") + (f" and {rest} more" if rest > 0 else "")


def subject(der: bytes) -> str:
    """Return the subject of a certificate."""
    return bounded(describe(der).subject) or "no subject"


def key_words(public_key: bytes) -> str:
    """Return the type and size of a SubjectPublicKeyInfo: "RSA 2048"."""
    try:
        kind, bits = describe_key(public_key)
    except (ValueError, IndexError):
        return "a key that cannot be read"
    return kind if bits is None else f"{kind} {bits}"


def latin_text(name: bytes) -> str:
    """Return a name of the wire as text, each byte one character."""
    return name.decode("latin-1")
