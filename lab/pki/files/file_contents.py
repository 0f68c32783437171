"""What is in a user's file: certificates, keys, requests and lists, in whatever form they are.

Rules: everything in the file is taken up, in its order; nothing is judged. What cannot be read here
is an item all the same. A password is asked for only where one is needed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs7

from lab.pki.errors import WrongFormatError, WrongPasswordError
from lab.pki.files import pem
from lab.pki.files.crl_files import LISTS
from lab.pki.files.derivation_rounds import check_rounds
from lab.pki.files.file_formats import (
    CERTIFICATE_LABELS,
    CRL_LABELS,
    KEY_LABELS,
    REQUEST_LABELS,
    Block,
    FileFormat,
    first_element,
    kind_of,
)
from lab.pki.files.identity_files import open_pkcs12
from lab.pki.files.pkcs12_parts import Pkcs12Parts, pkcs12_parts
from lab.pki.files.recognise_file import recognise
from lab.x509 import der
from lab.x509.certificates import der_of
from lab.x509.public_keys import describe_key

MAX_OBJECTS = 500
"""In one file; the trust store of a whole system has fewer."""

_BOUND = replace(
    LISTS,
    beyond="the limit for a file of certificates, keys or CRLs",
    remedy="Name another file; of a CRL that is in order, have the CA issue a shorter one",
)
AskPassword = Callable[[Path], bytes | None]
"""Gives the password of a file, None where there is none to be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCertificate:
    """A certificate, in DER."""

    der: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRequest:
    """A certificate signing request, in DER."""

    der: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredList:
    """A CRL, in DER."""

    der: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A private key. ``public`` is its public half as DER SubjectPublicKeyInfo, and None where the
    key was not read: it is encrypted and there was no password, or ``problem`` says why.
    """

    kind: str
    encrypted: bool
    public: bytes | None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherBlock:
    """An object of another kind, which was not looked at."""

    label: str


Item = StoredCertificate | StoredRequest | StoredList | StoredKey | OtherBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A file: its path as given, its form, and what it holds.

    ``form``, ``obstacle`` and ``command`` are those of its
    :class:`~lab.pki.files.file_formats.FileFormat`. ``pkcs12`` tells how a PKCS#12 file is
    protected.
    """

    path: Path
    form: str
    items: tuple[Item, ...]
    obstacle: str = ""
    command: str = ""
    pkcs12: Pkcs12Parts | None = None

    def certificates(self) -> tuple[bytes, ...]:
        """Return the certificates in it."""
        return tuple(item.der for item in self.items if isinstance(item, StoredCertificate))


def read_contents(path: Path, ask: AskPassword) -> Contents:
    """Read a file. Raises a :class:`~lab.pki.errors.PkiError`: the file is missing, cannot be
    opened, is too large or too full, or its password is missing (PKCS#12 only) or wrong.
    """
    return contents_of(
        pem.read_input(path, remedy="Name a file that exists", bound=_BOUND), path, ask
    )


def contents_of(data: bytes, path: Path, ask: AskPassword) -> Contents:
    """Read what is in ``data``, of the file ``path``, which need not exist. Raises as above."""
    pem.check_size(data, path, _BOUND)
    found = recognise(data, path)
    if found.obstacle and not found.blocks and not found.command:
        raise WrongFormatError(
            f"contains no certificate, key, request or CRL but {found.name}",
            remedy="Name a PEM, DER, PKCS#7 or PKCS#12 file",
            path=path,
        )
    _bound(len(found.blocks), path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the inspection reports what matters
        if found.name == "PKCS#12":
            parts = pkcs12_parts(data)
            items = tuple(_in_pkcs12(data, path, ask, parts))
        else:
            parts, items = None, tuple(_items(found, path, ask))
            if found.name == "PKCS#7" and not items:
                obstacle = f"{found.obstacle}, and no certificate was found in it"
                found = replace(found, obstacle=obstacle, command="")
    _bound(len(items), path)
    return Contents(
        path=path,
        form=found.name,
        items=items,
        obstacle=found.obstacle,
        command=found.command,
        pkcs12=parts,
    )


def _bound(count: int, path: Path) -> None:
    if count > MAX_OBJECTS:
        raise WrongFormatError(
            f"contains {count} objects; the limit is {MAX_OBJECTS}",
            remedy="Split the file",
            path=path,
        )


def _items(found: FileFormat, path: Path, ask: AskPassword) -> Iterator[Item]:
    for block in found.blocks:
        if block.label in ("PKCS7", "CMS") or kind_of(block.data) == "PKCS7":
            yield from map(_stored, _in_pkcs7(block.data))
        else:
            yield _item(block, path, ask)
        if block.label == "TRUSTED CERTIFICATE" and first_element(block.data) != block.data:
            yield OtherBlock(label="trust settings of a TRUSTED CERTIFICATE")


def _stored(data: bytes) -> StoredCertificate:
    return StoredCertificate(der=data)


def _item(block: Block, path: Path, ask: AskPassword) -> Item:
    if not block.data:
        return OtherBlock(label=block.label)
    if block.label in CERTIFICATE_LABELS:
        return StoredCertificate(der=first_element(block.data))
    if block.label in REQUEST_LABELS:
        return StoredRequest(der=first_element(block.data))
    if block.label in CRL_LABELS:
        return StoredList(der=first_element(block.data))
    if block.label in KEY_LABELS:
        return _key_of(block, path, ask)
    return OtherBlock(label=block.label)


def _in_pkcs7(data: bytes) -> list[bytes]:
    """Return the certificates of a PKCS#7 SignedData (RFC 2315 section 9.1)."""
    try:
        _, content = der.parts(data)
        fields = der.parts(content.content)
        return [
            certificate.encode()
            for field in fields
            if field.tag == 0xA0
            for certificate in der.elements(field.content)
        ]
    except ValueError:  # with indefinite lengths, for example
        try:
            loaded = pkcs7.load_der_pkcs7_certificates(data)
        except Exception:  # the library has no one type for what it cannot read
            return []
        return [der_of(certificate) for certificate in loaded]


def _in_pkcs12(data: bytes, path: Path, ask: AskPassword, parts: Pkcs12Parts) -> Iterator[Item]:
    given: bytes | None = None

    def password() -> bytes:
        nonlocal given
        given = ask(path) or b""
        return given

    content = open_pkcs12(data, path, password)
    # A password may be needed though nothing is encrypted: for the MAC.
    encrypted = bool(parts.algorithms) or (given is not None and not parts.keys)
    if len(parts.keys) > 1:
        for key in parts.keys:
            yield _opened(key, given, path, encrypted=encrypted)
    elif content.key is not None:
        yield _stored_key(content.key, encrypted=encrypted)
    if content.cert is not None:
        yield _stored(der_of(content.cert.certificate))
    for other in content.additional_certs:
        yield _stored(der_of(other.certificate))


def _opened(key: bytes, password: bytes | None, path: Path, *, encrypted: bool) -> StoredKey:
    return _load(
        lambda given: serialization.load_der_private_key(key, given),
        key,
        password or None,
        path,
        encrypted=encrypted,
    )


def _key_of(block: Block, path: Path, ask: AskPassword) -> StoredKey:
    encrypted = block.encrypted
    return _load(
        lambda password: (
            serialization.load_pem_private_key(block.text, password)
            if block.text
            else serialization.load_der_private_key(block.data, password)
        ),
        block.data,
        ask(path) if encrypted else None,
        path,
        encrypted=encrypted,
    )


def _load(
    load: Callable[[bytes | None], PrivateKeyTypes],
    data: bytes,
    password: bytes | None,
    path: Path,
    *,
    encrypted: bool,
) -> StoredKey:
    if encrypted and not password:
        return StoredKey(kind="", encrypted=True, public=None)
    if encrypted:
        check_rounds(data, path)
    try:
        return _stored_key(load(password), encrypted=encrypted)
    except Exception as error:  # the library has no one type for what it cannot read
        if encrypted:
            raise WrongPasswordError(
                "the password does not open the private key",
                remedy="Give the password that it was encrypted with",
                path=path,
            ) from error
        problem = " ".join(str(error).split()) or type(error).__name__
        return StoredKey(
            kind=_kind_named_in(data), encrypted=encrypted, public=None, problem=problem
        )


def _kind_named_in(data: bytes) -> str:
    """Return the type that a PKCS#8 key names (RFC 5958), "unknown" where that cannot be read."""
    try:
        algorithm = der.parts(data)[1]
        return describe_key(der.sequence(algorithm, der.bit_string(b"")).encode())[0]
    except (ValueError, IndexError):
        return "unknown"


def _stored_key(key: PrivateKeyTypes, *, encrypted: bool) -> StoredKey:
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    kind, bits = describe_key(public)
    return StoredKey(kind=f"{kind} {bits}" if bits else kind, encrypted=encrypted, public=public)
