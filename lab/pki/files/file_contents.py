"""What is in a user's file: certificates, keys, requests and lists, in PEM, DER or PKCS#12.

Rules: everything in the file is taken up, in its order; nothing is judged. Errors of libraries end
here, as in :mod:`lab.pki.pem`. A password is asked for only where one is needed.

This module must not know what any of it is for.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from lab.pki.errors import WrongFormatError, WrongPasswordError
from lab.pki.files import pem
from lab.pki.files.crl_files import readable
from lab.pki.files.identity_files import is_pkcs12, open_pkcs12
from lab.x509.certificates import key_type

MAX_OBJECTS = 500
"""In one file; the trust store of a whole system has fewer."""

AskPassword = Callable[[Path], bytes | None]
"""Gives the password of a file, None where there is none to be had."""

_LIBRARY = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A private key. ``public`` is its public half as DER SubjectPublicKeyInfo, which is None, and
    ``kind`` is "", where the key is encrypted and there was no password.
    """

    kind: str
    encrypted: bool
    public: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherBlock:
    """A PEM block of another kind."""

    label: str


Item = (
    x509.Certificate
    | x509.CertificateSigningRequest
    | x509.CertificateRevocationList
    | StoredKey
    | OtherBlock
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A file: its path as given, ``PEM``, ``DER`` or ``PKCS#12``, and what it holds."""

    path: Path
    form: str
    items: tuple[Item, ...]

    def certificates(self) -> tuple[x509.Certificate, ...]:
        """Return the certificates in it."""
        return tuple(each for each in self.items if isinstance(each, x509.Certificate))


def read_contents(path: Path, ask: AskPassword) -> Contents:
    """Read a file. Raises a :class:`~lab.pki.errors.PkiError`: the file is missing, unreadable, of
    another kind, damaged, too full, or its password is missing (PKCS#12 only) or wrong.
    """
    data = pem.read_input(path, remedy="Name a file that exists")
    with warnings.catch_warnings():
        # The library warns of irregular certificates; the inspection reports what matters.
        warnings.simplefilter("ignore")
        if is_pkcs12(data):
            form, items = "PKCS#12", tuple(_in_pkcs12(data, path, ask))
        elif blocks := pem.blocks(data):
            _bound(len(blocks), path)
            form, items = "PEM", tuple(_block(label, block, path, ask) for label, block in blocks)
        else:
            form, items = "DER", (_der(data, path, ask),)
    _bound(len(items), path)
    return Contents(path=path, form=form, items=items)


def _bound(count: int, path: Path) -> None:
    if count > MAX_OBJECTS:
        raise WrongFormatError(
            f"contains {count} objects; the limit is {MAX_OBJECTS}",
            remedy="Split the file",
            path=path,
        )


def _in_pkcs12(data: bytes, path: Path, ask: AskPassword) -> Iterator[Item]:
    encrypted = False

    def password() -> bytes:
        nonlocal encrypted
        encrypted = True
        return ask(path) or b""

    content = open_pkcs12(data, path, password)
    if content.key is not None:
        yield _key(content.key, encrypted=encrypted)
    if content.cert is not None:
        yield content.cert.certificate
    for each in content.additional_certs:
        yield each.certificate


def _block(label: str, block: bytes, path: Path, ask: AskPassword) -> Item:
    try:
        if label in ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"):
            return x509.load_pem_x509_certificate(block)
        if label in ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"):
            return x509.load_pem_x509_csr(block)
        if label == "X509 CRL":
            return readable(x509.load_pem_x509_crl(block))
    except _LIBRARY as error:
        raise _damaged(label, path) from error
    if not label.endswith("PRIVATE KEY"):
        return OtherBlock(label=label)
    encrypted = pem.is_encrypted(block)
    return _open_key(
        lambda password: serialization.load_pem_private_key(block, password),
        ask(path) if encrypted else None,
        path,
        encrypted=encrypted,
    )


def _der(data: bytes, path: Path, ask: AskPassword) -> Item:
    for load in (
        x509.load_der_x509_certificate,
        x509.load_der_x509_csr,
        lambda data: readable(x509.load_der_x509_crl(data)),
    ):
        try:
            item: Item = load(data)
        except _LIBRARY:
            continue
        return item
    try:
        return _key(serialization.load_der_private_key(data, None), encrypted=False)
    except TypeError:  # this is how the library says that a password is needed
        return _open_key(
            lambda password: serialization.load_der_private_key(data, password),
            ask(path),
            path,
            encrypted=True,
        )
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise WrongFormatError(
            f"contains no certificate, key, request or CRL but {_what_is(data)}",
            remedy="Name a PEM, DER or PKCS#12 file",
            path=path,
        ) from None


def _what_is(data: bytes) -> str:
    return "damaged or other DER data" if data.startswith(b"\x30") else pem.what_is(data)


def _open_key(
    load: Callable[[bytes | None], PrivateKeyTypes],
    password: bytes | None,
    path: Path,
    *,
    encrypted: bool,
) -> StoredKey:
    if encrypted and not password:
        return StoredKey(kind="", encrypted=True, public=None)
    try:
        return _key(load(password), encrypted=encrypted)
    except _LIBRARY as error:
        if encrypted:
            raise WrongPasswordError(
                "the password does not open the private key",
                remedy="Give the password that it was encrypted with",
                path=path,
            ) from error
        raise _damaged("PRIVATE KEY", path) from error


def _key(key: PrivateKeyTypes, *, encrypted: bool) -> StoredKey:
    public_key = key.public_key()
    kind, bits = key_type(public_key)
    public = public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return StoredKey(kind=f"{kind} {bits}" if bits else kind, encrypted=encrypted, public=public)


def _damaged(label: str, path: Path) -> WrongFormatError:
    return WrongFormatError(
        f"contains a damaged {label}", remedy="Fetch or make it again", path=path
    )
