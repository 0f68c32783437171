"""Recognising what is in a file: PEM as OpenSSL loads it, in another layout, or another kind.

Rules: what OpenSSL does not load is named, with the command that makes a file of it which OpenSSL
loads; a test runs each of those commands.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from lab.pki.files.file_formats import (
    BEGIN,
    LABEL,
    LOADABLE,
    Block,
    FileFormat,
    armoured,
    binary,
    block_of,
    blocks_anywhere,
    decoded,
    has_empty_line,
    kind_of,
    label_fits,
    loadable_blocks,
    relabelled,
)

# A PFX begins with SEQUENCE { INTEGER 3, SEQUENCE (RFC 7292, 4), unlike any certificate or key.
_PFX = re.compile(rb"\x30(?:[\x00-\x80]|\x81.|\x82..|\x83...)\x02\x01\x03\x30", re.DOTALL)
_FEW_DASHES = re.compile(rb"^[- ]{0,12}BEGIN (" + LABEL + rb"?)[- ]{0,12}\s*$", re.MULTILINE)
_BLOCK_OF_YAML = re.compile(
    rb"^[ \t-]{0,99}[\w.\"'][\w.\"'-]{0,99}:[ \t]*[|>][+-]?[ \t\r]*$", re.MULTILINE
)
_VALUE_OF_YAML = re.compile(rb"^[ \t]*([\w.-]+):[ \t]+\"?([A-Za-z0-9+/=]{60,})\"?[ \t\r]*$", re.M)
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]{60,}\Z")
# Other kinds of files by how they begin: what they are, and what converts them.
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (
        b"\xfe\xed\xfe\xed",
        "a Java key store (JKS)",
        "keytool -importkeystore -srckeystore {file} -destkeystore {out}.p12 -deststoretype PKCS12",
    ),
    (
        b"\xce\xce\xce\xce",
        "a Java key store (JCEKS)",
        "keytool -importkeystore -srckeystore {file} -srcstoretype JCEKS "
        "-destkeystore {out}.p12 -deststoretype PKCS12",
    ),
    (
        b"\0\0\0\x02\0\0\0\x14",
        "a Bouncy Castle key store (BKS)",
        "keytool -importkeystore -srckeystore {file} -srcstoretype BKS -providerpath bcprov.jar "
        "-providerclass org.bouncycastle.jce.provider.BouncyCastleProvider "
        "-destkeystore {out}.p12 -deststoretype PKCS12",
    ),
    (b"PK\x03\x04", "a zip archive", "unzip {file}"),
    (b"\x1f\x8b", "data compressed by gzip", "gunzip -c {file} > {out}.pem"),
    (
        b"PuTTY-User-Key-File",
        "a key of PuTTY",
        "puttygen {file} -O private-openssh -o {out}.ssh && ssh-keygen -p -m PEM -f {out}.ssh",
    ),
    (b"ssh-", "a public key of SSH, which TLS has no use for", ""),
    (b"ecdsa-sha2-", "a public key of SSH, which TLS has no use for", ""),
)
_UNFOLD = (
    "sed -E 's/(-----BEGIN [A-Z0-9 ]+-----) */\\1\\n/g; "
    "s/ *(-----END [A-Z0-9 ]+-----) */\\n\\1\\n/g' {file} | "
    "sed '/^-----/!s/ /\\n/g' | sed '/^$/d' > {out}.pem"
)
_TRIM = "sed -E 's/^.*(-----BEGIN )/\\1/; s/(-----END [A-Z0-9 ]+-----).*$/\\1/'"
_BLOCK_LINES = "sed -n 's/^[[:space:]]*//; /^-----BEGIN/,/^-----END/p' {file} > {out}.pem"


def recognise(data: bytes, path: Path) -> FileFormat:
    """Return what ``data``, the content of ``path``, is."""
    found = _recognise(data)
    names = {
        "file": shlex.quote(str(path)),
        "out": shlex.quote(str(path.with_name(f"{path.stem}-new"))),
    }
    return replace(found, command=found.command.format(**names))


def _recognise(data: bytes) -> FileFormat:
    loadable = loadable_blocks(data)
    if loadable and len(loadable) == len(BEGIN.findall(data)):
        return _of_pem(loadable)
    if _PFX.match(data):
        return FileFormat(name="PKCS#12")
    for start, what, command in _OTHERS:
        if data.startswith(start):
            return FileFormat(name=what, obstacle=f"is {what}", command=command)
    if data.startswith(b"\x30") and (found := binary(data)):
        return found
    for layout in _LAYOUTS:
        if found := layout(data):
            return found
    return FileFormat(name=_unknown(data), obstacle=f"contains {_unknown(data)}")


def _of_pem(blocks: list[Block]) -> FileFormat:
    name, obstacle, command = "PEM", "", ""
    for block in blocks:
        if block.label in ("PKCS7", "CMS"):
            name, obstacle = "PKCS#7", "is PKCS#7"
            command = "openssl pkcs7 -in {file} -print_certs -out {out}.pem"
        elif block.label == "CERTIFICATE" and kind_of(block.data) == "PKCS7":
            obstacle = "has PKCS#7 under the label CERTIFICATE"
            command = (
                "sed 's/ CERTIFICATE-/ PKCS7-/' {file} | openssl pkcs7 -print_certs -out {out}.pem"
            )
        elif block.label == "OPENSSH PRIVATE KEY":
            name = "a private key of OpenSSH"
            obstacle, command = f"is {name}", _of_openssh(block.data)
        elif not block.data:
            obstacle = f"has no base64 between BEGIN {block.label} and its END"
        elif not label_fits(block):
            kind = kind_of(block.data)
            obstacle = f"has the structure of {kind} under the label {block.label}"
            command = ""
            if len(blocks) == 1 and (inner := binary(block.data)):
                command = "sed '/^-----/d' {file} | base64 -d | " + _from_stdin(inner)
    return FileFormat(
        name=name, blocks=tuple(map(relabelled, blocks)), obstacle=obstacle, command=command
    )


def _from_stdin(found: FileFormat) -> str:
    """Return the command of a format, with the data on its standard input."""
    return found.command.replace("-in {file} ", "")


def _of_openssh(data: bytes) -> str:
    if b"ssh-ed25519" in data:  # ssh-keygen writes those in its own form only
        return (
            'python -c "from cryptography.hazmat.primitives.serialization import *; import sys; '
            "key = load_ssh_private_key(sys.stdin.buffer.read(), None); sys.stdout.buffer.write("
            'key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))" '
            "< {file} > {out}.pem"
        )
    return "cp {file} {out}.pem && ssh-keygen -p -m PEM -f {out}.pem"


def _unknown(data: bytes) -> str:
    if kind_of(data) == "PUBLIC KEY":
        return "a public key (DER)"
    if data.startswith(b"\x30") and not data[:16].decode("latin-1").isprintable():
        return "damaged or other binary (DER) data"
    return "text or data of another kind" if data.strip() else "nothing"


def _of_layout(data: bytes, obstacle: str, command: str) -> FileFormat | None:
    blocks = blocks_anywhere(data)
    if not blocks:
        return None
    if not any(kind_of(block.data) or block.encrypted for block in blocks):
        command = ""  # it would make a file that OpenSSL does not load either
    return FileFormat(name="PEM", blocks=blocks, obstacle=obstacle, command=command)


def _utf16(data: bytes) -> FileFormat | None:
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return FileFormat(name="UTF-32 text", obstacle="is UTF-32 text")
    for start, encoding in (
        (b"\xff\xfe", "UTF-16"),
        (b"\xfe\xff", "UTF-16"),
        (b"-\0-\0", "UTF-16LE"),
        (b"\0-\0-", "UTF-16BE"),
    ):
        if data.startswith(start):
            text = data.decode(encoding, "replace").encode("utf-8", "replace")
            obstacle = "is UTF-16 text, as PowerShell's > writes it"
            command = f"iconv -f {encoding} -t UTF-8 {{file}} > {{out}}.pem"
            return _of_layout(text, obstacle, command) or FileFormat(
                name="UTF-16 text, as PowerShell's > writes it", obstacle="is UTF-16 text"
            )
    return None


def _json(data: bytes) -> FileFormat | None:
    if not data.lstrip().startswith((b"{", b"[")) or b"-----BEGIN" not in data:
        return None
    try:
        texts = "\n".join(_strings(json.loads(data)))
    except (ValueError, RecursionError):
        return None
    command = "jq -r '.. | strings | select(contains(\"-----BEGIN\"))' {file} > {out}.pem"
    return _of_layout(texts.encode("utf-8", "replace"), "is JSON with PEM in its strings", command)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _backslashes(data: bytes) -> FileFormat | None:
    if b"-----\\n" not in data and b"-----\\r\\n" not in data:
        return None
    text = re.sub(rb"\\r|\\n", b"\n", data)
    command = f"sed -e 's/\\\\r//g' -e 's/\\\\n/\\n/g' {{file}} | {_TRIM} > {{out}}.pem"
    return _of_layout(text, "has \\n written out instead of line ends", command)


def _carriage_returns(data: bytes) -> FileFormat | None:
    if b"\r" not in data or b"\n" in data:
        return None
    command = "tr '\\r' '\\n' < {file} > {out}.pem"
    return _of_layout(data, "has line ends of carriage returns only", command)


def _secret_of_kubernetes(data: bytes) -> FileFormat | None:
    """Recognise values of a YAML document that are PEM in base64, as in a Secret."""
    blocks: list[Block] = []
    commands = []
    for match in _VALUE_OF_YAML.finditer(data):
        inner = blocks_anywhere(decoded(match[2]))
        if inner:
            blocks += inner
            key = match[1].decode("ascii", "replace")
            commands.append(
                f"sed -n 's/^ *{key}: *//p' {{file}} | tr -d '\"' | base64 -d > {{out}}-{key}.pem"
            )
    if not blocks:
        return None
    obstacle = "is YAML with PEM in base64, as in a Secret of Kubernetes"
    command = "; ".join(commands[:4])
    return FileFormat(name="PEM", blocks=tuple(blocks), obstacle=obstacle, command=command)


def _places(data: bytes) -> FileFormat | None:
    """Recognise blocks that are in the wrong place of their lines."""
    if b"----------BEGIN" in data:
        command = "sed 's/----------BEGIN/-----\\n-----BEGIN/g' {file} > {out}.pem"
        return _of_layout(data, "has a BEGIN line glued to the END line before it", command)
    if _BLOCK_OF_YAML.search(data):
        return _of_layout(data, "is YAML with indented PEM in it", _BLOCK_LINES)
    if re.search(rb"[\"']-----BEGIN", data):
        command = f"{_TRIM} {{file}} > {{out}}.pem"
        return _of_layout(data, "has quotes around its PEM", command)
    if re.search(rb"-----BEGIN " + LABEL + rb"-----[ \t]*[A-Za-z0-9+/]", data):
        return _of_layout(data, "has a whole PEM block in one line", _UNFOLD)
    if re.search(rb"^[ \t]+-----(?:BEGIN|END)", data, re.MULTILINE):
        return _of_layout(data, "has indented BEGIN or END lines", _BLOCK_LINES)
    if any(has_empty_line(match[2]) for match in LOADABLE.finditer(data)):
        command = "sed '/^[[:space:]]*$/d' {file} > {out}.pem"
        return _of_layout(data, "has an empty line inside a PEM block", command)
    obstacle = "has text before BEGIN or behind END in the same line"
    return _of_layout(data, obstacle, f"{_TRIM} {{file}} > {{out}}.pem")


def _without_end(data: bytes) -> FileFormat | None:
    if not (match := BEGIN.search(data)):
        return None
    label = match[1]
    body = re.split(rb"-{1,9}\s{0,9}END", data[match.end() :])[0]
    text = armoured(label, re.sub(rb"[^A-Za-z0-9+/=]", b"", body))
    name = label.decode("ascii")
    block = block_of(label, text)
    if not kind_of(block.data) or not label_fits(block):
        what = "PEM that is cut off, without its END line"
        return FileFormat(name=what, obstacle=f"contains {what}")
    return FileFormat(
        name="PEM",
        blocks=(block,),
        obstacle="has a BEGIN line without its END line",
        command=f"(sed '/-END /d' {{file}}; echo; echo '-----END {name}-----') | sed '/^$/d' "
        "> {out}.pem",
    )


def _missing_dashes(data: bytes) -> FileFormat | None:
    if not _FEW_DASHES.search(data):
        return None
    lines = rb"^[- ]*(BEGIN|END) (" + LABEL + rb"?)[- ]*\s*$"
    text = re.sub(lines, rb"-----\1 \2-----", data, flags=re.MULTILINE)
    command = (
        "sed -E 's/^[- ]*(BEGIN|END) ([A-Z0-9 ]*[A-Z0-9])[- ]*$/-----\\1 \\2-----/' {file} "
        "> {out}.pem"
    )
    return _of_layout(text, "has not five dashes on each side of BEGIN and END", command)


def _base64(data: bytes) -> FileFormat | None:
    if not _BASE64.match(data):
        return None
    inner = decoded(data)
    if _PFX.match(inner):
        what = "PKCS#12 in base64"
        return FileFormat(name=what, obstacle=f"is {what}", command="base64 -d {file} > {out}.p12")
    if b"-----BEGIN" in inner:
        return _of_layout(inner, "is PEM in base64 once more", "base64 -d {file} > {out}.pem")
    if (found := binary(inner)) is None:
        return None
    return replace(
        found,
        obstacle="is base64 without BEGIN and END lines",
        command="base64 -d {file} | " + _from_stdin(found),
    )


_LAYOUTS: tuple[Callable[[bytes], FileFormat | None], ...] = (
    _utf16,
    _json,
    _backslashes,
    _carriage_returns,
    _secret_of_kubernetes,
    _places,
    _without_end,
    _missing_dashes,
    _base64,
)
