"""The objects of a file: blocks of PEM, and DER by its structure.

Rules: nothing is decrypted here, nor read further than its outermost structure.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from lab.x509 import der


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One object of a file: the label of its PEM block (RFC 7468), or what that would be.

    ``data`` is its DER, b"" where that cannot be decoded. ``text`` is the PEM as OpenSSL loads it,
    b"" for what was not in PEM.
    """

    label: str
    data: bytes
    text: bytes = b""

    @property
    def encrypted(self) -> bool:
        """Whether it is an encrypted private key: by its label, or a header of OpenSSL's."""
        return self.label == "ENCRYPTED PRIVATE KEY" or b"Proc-Type: 4,ENCRYPTED" in self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFormat:
    """``name`` is PEM, DER, PKCS#12, PKCS#7, or that of another kind; ``blocks`` are its objects.

    ``obstacle`` is what keeps OpenSSL from loading the file as PEM, a phrase that begins with a
    verb, and ``command`` makes a file of it that OpenSSL loads; both are "" where nothing does.
    """

    name: str
    blocks: tuple[Block, ...] = ()
    obstacle: str = ""
    command: str = ""


CERTIFICATE_LABELS = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
REQUEST_LABELS = frozenset({"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"})
KEY_LABELS = frozenset(
    {
        "PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "DSA PRIVATE KEY",
    }
)
CRL_LABELS = frozenset({"X509 CRL"})

LABEL = rb"[A-Z0-9][A-Z0-9 ]{0,39}"
LOADABLE = re.compile(
    rb"(?:\A(?:\xef\xbb\xbf)?|\n)-----BEGIN (" + LABEL + rb")-----[ \t\r]*\n"
    rb"((?:(?!-----).)*)(?<=\n)-----END \1-----[ \t\r]*(?=\n|\Z)",
    re.DOTALL,
)
_ANYWHERE = re.compile(
    rb"-----BEGIN (" + LABEL + rb")-----((?:(?!-----).)*)-----END \1-----", re.DOTALL
)
BEGIN = re.compile(rb"-----BEGIN (" + LABEL + rb")-----")
_HEADER = re.compile(rb"(?:[A-Za-z-]{1,40}:[^\n]+\n)+(?:[ \t]+[^\n]+\n)*[ \t\r]*\n")
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")  # PKCS#7 (RFC 2315, 14)


def loadable_blocks(data: bytes) -> list[Block]:
    """Return the PEM blocks that OpenSSL loads, as they lie in ``data``."""
    return [
        block_of(match[1], match[0].lstrip(b"\n\xef\xbb\xbf"))
        for match in LOADABLE.finditer(data)
        if not has_empty_line(match[2])
    ]


def block_of(label: bytes, text: bytes) -> Block:
    """Return a block from its text, which is as OpenSSL loads it."""
    body = text.partition(b"\n")[2].rpartition(b"\n-----END")[0]
    header = _HEADER.match(body)
    data = decoded(body[header.end() :] if header else body)
    return Block(label=label.decode("ascii"), data=data, text=text)


def has_empty_line(body: bytes) -> bool:
    """Return whether an empty line ends the block too early, for OpenSSL."""
    header = _HEADER.match(body + b"\n")
    text = body[header.end() :] if header else body
    return any(not line.strip() for line in text.strip().splitlines())


def blocks_anywhere(data: bytes) -> tuple[Block, ...]:
    """Return the blocks of ``data`` wherever they are in their lines, in a normal layout."""
    found = []
    for match in _ANYWHERE.finditer(data):
        header = _HEADER.match(match[2].lstrip(b"\r\n"))
        body = match[2].lstrip(b"\r\n")[header.end() :] if header else match[2]
        text = armoured(match[1], re.sub(rb"[^A-Za-z0-9+/=]", b"", body))
        if header:
            text = text.replace(b"\n", b"\n" + header[0], 1)
        found.append(block_of(match[1], text))
    return tuple(found)


def armoured(label: bytes, encoded: bytes) -> bytes:
    """Return the text of a PEM block from its base64."""
    lines = [encoded[start : start + 64] for start in range(0, len(encoded), 64)]
    return b"\n".join((b"-----BEGIN %s-----" % label, *lines, b"-----END %s-----" % label, b""))


# The labels of DER by its structure, and the command of OpenSSL that converts it.
_CONVERTERS = {
    "CERTIFICATE": "x509",
    "CERTIFICATE REQUEST": "req",
    "X509 CRL": "crl",
    "PRIVATE KEY": "pkey",
    "ENCRYPTED PRIVATE KEY": "pkey",
}


def binary(data: bytes) -> FileFormat | None:
    """Return the format of DER, None where it is no object that TLS has a use for."""
    first = first_element(data)
    label, behind = kind_of(first), data[len(first) :]
    block = Block(label=label, data=first)
    if label == "PKCS7":
        return FileFormat(
            name="PKCS#7",
            blocks=(block,),
            obstacle="is binary PKCS#7",
            command="openssl pkcs7 -inform DER -in {file} -print_certs -out {out}.pem",
        )
    if label not in _CONVERTERS:
        return None
    if behind.strip():
        rest = Block(label=f"{len(behind)} bytes behind the first object", data=behind)
        return FileFormat(
            name="DER with data behind it",
            blocks=(block, rest),
            obstacle="has data behind its first object, which OpenSSL does not read",
        )
    return FileFormat(
        name="DER",
        blocks=(block,),
        obstacle="is binary (DER) data",
        command=f"openssl {_CONVERTERS[label]} -inform DER -in {{file}} -out {{out}}.pem",
    )


def kind_of(data: bytes) -> str:
    """Return the label of DER by its structure, "" where it has none that is known."""
    try:
        found = der.parts(data)
        tags = [element.tag for element in found]
        if tags[:1] == [der.OBJECT_IDENTIFIER]:
            return "PKCS7" if found[0].encode() == _SIGNED_DATA else ""
        if tags[:1] == [der.INTEGER]:
            sec1 = tags[1:2] == [der.OCTET_STRING]
            pkcs8 = tags[1:3] == [der.SEQUENCE, der.OCTET_STRING]
            pkcs1 = tags[:6] == [der.INTEGER] * 6
            return "PRIVATE KEY" if sec1 or pkcs8 or pkcs1 else ""
        inner = [element.tag for element in der.elements(found[0].content)]
        if tags == [der.SEQUENCE, der.OCTET_STRING]:
            return "ENCRYPTED PRIVATE KEY"
        if tags == [der.SEQUENCE, der.BIT_STRING] and inner[:1] == [der.OBJECT_IDENTIFIER]:
            return "PUBLIC KEY"
        if tags != [der.SEQUENCE, der.SEQUENCE, der.BIT_STRING]:
            return ""
        if inner[:3] == [der.INTEGER, der.SEQUENCE, der.SEQUENCE] and inner[3:] in ([], [0xA0]):
            return "CERTIFICATE REQUEST"
        if {der.UTC_TIME, der.GENERALIZED_TIME}.intersection(inner):
            return "X509 CRL"
        return "CERTIFICATE"
    except (ValueError, IndexError):
        return ""


def label_fits(block: Block) -> bool:
    """Return whether a block may be what its label says, as far as its structure tells."""
    kind = kind_of(first_element(block.data))
    fitting = next((labels for labels in _LABELS if block.label in labels), None)
    return not kind or fitting is None or kind in fitting


_LABELS = (CERTIFICATE_LABELS, REQUEST_LABELS, KEY_LABELS, CRL_LABELS)


def relabelled(block: Block) -> Block:
    """Return a block under the label of what is in it, if its own does not fit."""
    return block if label_fits(block) else Block(label=kind_of(block.data), data=block.data)


def decoded(text: bytes) -> bytes:
    """Return what base64 encodes, b"" where ``text`` is none."""
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def first_element(data: bytes) -> bytes:
    """Return the first element of DER: what a TRUSTED CERTIFICATE has behind it is OpenSSL's own.

    Data that is no DER is returned as it is.
    """
    try:
        return der.first(data)
    except ValueError:
        return data
