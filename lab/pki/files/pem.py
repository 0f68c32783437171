"""Reading certificates and keys from files: bytes in, objects or typed errors out.

Rules: errors of libraries end here; what leaves is a :class:`~lab.pki.errors.PkiError` that names
the file and says what it holds instead.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import PublicKeyAlgorithmOID

from lab.pki.errors import (
    ExpiredError,
    KeyMismatchError,
    MissingFileError,
    NotYetValidError,
    PasswordNeededError,
    UnreadableFileError,
    WrongFormatError,
    WrongPasswordError,
)
from lab.pki.files.derivation_rounds import check_rounds
from lab.pki.files.file_formats import CERTIFICATE_LABELS, KEY_LABELS, Block, first_element, kind_of
from lab.pki.files.recognise_file import recognise
from lab.pki.identity import Identity, PostQuantumKey, PrivateKey, PssIdentity, public_bytes
from lab.x509.certificates import described, moment
from lab.x509.public_keys import key_itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The limit for a file: ``octets``, whole MiB. ``beyond`` says why a larger one is refused.

    ``remedy`` is what to do then.
    """

    octets: int
    beyond: str
    remedy: str


CERTIFICATES = Bound(
    octets=1 << 20,
    beyond="too large for a file of certificates or keys",
    remedy="Name another file",
)
"""The limit for files of certificates and keys."""

Password = bytes | Callable[[], bytes] | None
"""A password, a function that asks for it, or None."""


def read_file(path: Path, *, remedy: str, bound: Bound = CERTIFICATES) -> bytes:
    """Return the bytes of a regular file. ``remedy`` is what to do if there is no such file.

    Other kinds of files are refused: reading a pipe or a device might never end.
    """
    return _read(path, remedy, bound, _open_regular)


def read_input(path: Path, *, remedy: str, bound: Bound = CERTIFICATES) -> bytes:
    """Return the bytes of a file or a pipe, for files that are named on the command line."""
    return _read(path, remedy, bound, os.open)


def _read(path: Path, remedy: str, bound: Bound, opener: Callable[[str, int], int]) -> bytes:
    try:
        with open(path, "rb", opener=opener) as file:
            data = file.read(bound.octets + 1)
    except FileNotFoundError:
        raise MissingFileError("no such file", remedy=remedy, path=path) from None
    except IsADirectoryError:
        raise UnreadableFileError("is a folder", remedy="Name a file in it", path=path) from None
    except OSError as error:
        raise UnreadableFileError(
            f"cannot be read: {error.strerror}",
            remedy="Let this user read it"
            if isinstance(error, PermissionError)
            else "Name another file",
            path=path,
        ) from error
    check_size(data, path, bound)
    return data


def check_size(data: bytes, path: Path, bound: Bound = CERTIFICATES) -> None:
    """Raise WrongFormatError where what is in a file is longer than ``bound``."""
    if len(data) > bound.octets:
        raise WrongFormatError(
            f"is larger than {bound.octets >> 20} MiB, {bound.beyond}",
            remedy=bound.remedy,
            path=path,
        )


def _open_regular(path: str, flags: int) -> int:
    # Without O_NONBLOCK, opening a pipe waits for a writer.
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise UnreadableFileError(
        "is not a regular file", remedy="Name a file that this user may read", path=Path(path)
    )


def certificate_blocks(data: bytes, path: Path) -> tuple[Block, ...]:
    """Return the certificates of a PEM file, in its order and unread; at least one, or an error."""
    return blocks_of(data, path, CERTIFICATE_LABELS, what="PEM certificate", example="CERTIFICATE")


def blocks_of(
    data: bytes, path: Path, labels: frozenset[str], *, what: str, example: str
) -> tuple[Block, ...]:
    """Return the blocks of a PEM file with one of ``labels``; at least one, or an error."""
    found = recognise(data, path)
    blocks = tuple(block for block in found.blocks if block.label in labels)
    if found.command:
        raise WrongFormatError(
            f"{found.obstacle}, which OpenSSL does not load as PEM",
            remedy=f"Make a file that it loads: {found.command}",
            path=path,
        )
    if found.obstacle or not blocks:
        others = ", ".join(dict.fromkeys(block.label for block in found.blocks))
        raise WrongFormatError(
            f"contains no {what} but {f'PEM of another kind: {others}' if others else found.name}",
            remedy=f"Name a file with -----BEGIN {example}----- in it",
            path=path,
        )
    return blocks


def certificates_in(data: bytes, path: Path) -> tuple[x509.Certificate, ...]:
    """Return all certificates of a PEM file, in its order; at least one, or an error."""
    return tuple(_certificate(block, path) for block in certificate_blocks(data, path))


def _certificate(block: Block, path: Path) -> x509.Certificate:
    if kind_of(block.data) != "CERTIFICATE" and block.label != "TRUSTED CERTIFICATE":
        raise WrongFormatError(
            "contains a damaged certificate", remedy="Fetch or make it again", path=path
        )
    try:
        return x509.load_der_x509_certificate(first_element(block.data))
    except Exception as error:  # the library has no one type for what it cannot read
        raise WrongFormatError(
            f"contains a certificate that cannot be read here, by OpenSSL perhaps: {error}",
            remedy=f"See what is in it: python -m lab.certs inspect {path}",
            path=path,
        ) from error


def key_in(data: bytes, path: Path, *, password: Password = None) -> PrivateKey:
    """Return the private key of a PEM file; ``password`` opens an encrypted one."""
    block = blocks_of(data, path, KEY_LABELS, what="PEM private key", example="PRIVATE KEY")[0]
    opener = _password_for(block.text, path, password)
    if opener is not None:
        check_rounds(block.data, path)
    try:
        key = serialization.load_pem_private_key(block.text, opener)
    except Exception as error:  # the library has no one type for what it cannot read
        if opener is not None:
            raise WrongPasswordError(
                "the password does not open the private key",
                remedy="Give the password that it was encrypted with",
                path=path,
            ) from error
        raise WrongFormatError(
            "contains a damaged private key, or one of an unknown type",
            remedy="Fetch or make it again, with its certificate",
            path=path,
        ) from error
    return signing_key(key, path)


def _password_for(block: bytes, path: Path, password: Password) -> bytes | None:
    """Return the password for an encrypted key, None for a plain one."""
    if not is_encrypted(block):
        return None
    if given := ask(password):
        return given
    raise PasswordNeededError(
        "the private key is encrypted, and no password was given",
        remedy="Give its password in a file (--password-file), in MTLS_LAB_PASSWORD or on a "
        "terminal, or decrypt it: "
        f"openssl pkey -in {path} -out NEW",
        path=path,
    )


def is_encrypted(block: bytes) -> bool:
    """Return whether the private key in a PEM block is encrypted."""
    # PKCS#8 says it in the label (RFC 7468, 11), OpenSSL's older form in a header.
    return block.startswith(b"-----BEGIN ENCRYPTED ") or b"Proc-Type: 4,ENCRYPTED" in block


def ask(password: Password) -> bytes | None:
    """Return the password, asking for it if need be."""
    return password() if callable(password) else password


def signing_key(key: object, path: Path) -> PrivateKey:
    """Return ``key`` if it is of a type that can sign a TLS handshake."""
    if isinstance(key, PostQuantumKey):
        return cast(PrivateKey, key)
    if not isinstance(key, PrivateKey):
        raise WrongFormatError(
            "the private key is of a type that cannot sign a TLS handshake",
            remedy="Use an RSA, EC, EdDSA or ML-DSA key",
            path=path,
        )
    return key


def fit(
    chain: Sequence[x509.Certificate], key: PrivateKey, *, path: Path, key_path: Path, remedy: str
) -> Identity:
    """Return chain (from ``path``) and key (from ``key_path``) as an identity if they match."""
    wanted = key_itself(public_bytes(key.public_key()))
    fits = [key_itself(described(certificate).public_key) == wanted for certificate in chain]
    if fits[0]:
        # The library reads a key that is for RSASSA-PSS only as a plain one.
        pss = chain[0].public_key_algorithm_oid == PublicKeyAlgorithmOID.RSASSA_PSS
        return (PssIdentity if pss else Identity)(chain=tuple(chain), key=key)
    if any(fits):
        raise KeyMismatchError(
            f"the private key belongs to certificate {fits.index(True) + 1} of {len(chain)}",
            remedy="Put that certificate first, followed by its issuers",
            path=path,
        )
    where = "in the same file" if path == key_path else f"in {path}"
    raise KeyMismatchError(
        f"the private key does not belong to the certificate {where}",
        remedy=remedy,
        path=key_path,
    )


def check_time(certificate: x509.Certificate, *, now: datetime, path: Path, remedy: str) -> None:
    """Raise unless ``certificate`` is valid at ``now`` (RFC 5280, 4.1.2.5; both ends included)."""
    if now > certificate.not_valid_after_utc:
        raise ExpiredError(
            f"expired at {moment(certificate.not_valid_after_utc)}", remedy=remedy, path=path
        )
    if now < certificate.not_valid_before_utc:
        raise NotYetValidError(
            f"is not valid before {moment(certificate.not_valid_before_utc)}",
            remedy=f"{remedy}; or set this machine's clock, which says {moment(now)}",
            path=path,
        )
