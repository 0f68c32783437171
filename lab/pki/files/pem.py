"""Reading certificates and keys from files: bytes in, objects or typed errors out.

Rules: errors of libraries end here; what leaves is a :class:`~lab.pki.errors.PkiError` that names
the file and says what it holds instead.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
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
from lab.pki.identity import Identity, PrivateKey, PssIdentity, public_bytes
from lab.x509.certificates import moment, public_key_bytes


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

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----.*?-----END \1-----", re.DOTALL)


def read_file(path: Path, *, remedy: str, bound: Bound = CERTIFICATES) -> bytes:
    """Return the bytes of a regular file. ``remedy`` is what to do if there is no such file.

    Other kinds of files are refused: reading a pipe or a device might never end.
    """
    return _read(path, remedy, bound, _open_regular)


def read_input(path: Path, *, remedy: str) -> bytes:
    """Return the bytes of a file or a pipe, for files that are named on the command line."""
    return _read(path, remedy, CERTIFICATES, os.open)


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
            remedy="Let this user read it",
            path=path,
        ) from error
    if len(data) > bound.octets:
        raise WrongFormatError(
            f"is larger than {bound.octets >> 20} MiB, {bound.beyond}",
            remedy=bound.remedy,
            path=path,
        )
    return data


def _open_regular(path: str, flags: int) -> int:
    # Without O_NONBLOCK, opening a pipe waits for a writer.
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise UnreadableFileError(
        "is not a regular file", remedy="Name a file that this user may read", path=Path(path)
    )


def blocks(data: bytes) -> list[tuple[str, bytes]]:
    """Return the label and the whole text of each PEM block (RFC 7468) in ``data``."""
    return [(match[1].decode("ascii"), match[0]) for match in _BLOCK.finditer(data)]


def certificates_in(data: bytes, path: Path) -> tuple[x509.Certificate, ...]:
    """Return all certificates of a PEM file, in its order; at least one, or an error."""
    found = [block for label, block in blocks(data) if label == "CERTIFICATE"]
    if not found:
        raise WrongFormatError(
            f"contains no PEM certificate but {what_is(data)}",
            remedy="Name a file with -----BEGIN CERTIFICATE----- in it",
            path=path,
        )
    try:
        return tuple(x509.load_pem_x509_certificate(block) for block in found)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise WrongFormatError(
            "contains a damaged certificate", remedy="Fetch or make it again", path=path
        ) from error


def key_in(data: bytes, path: Path, *, password: Password = None) -> PrivateKey:
    """Return the private key of a PEM file; ``password`` opens an encrypted one."""
    block = next((block for label, block in blocks(data) if label.endswith("PRIVATE KEY")), None)
    if block is None:
        raise WrongFormatError(
            f"contains no PEM private key but {what_is(data)}",
            remedy="Name a file with -----BEGIN PRIVATE KEY----- in it",
            path=path,
        )
    opener = _password_for(block, path, password)
    try:
        key = serialization.load_pem_private_key(block, opener)
    except (ValueError, UnsupportedAlgorithm) as error:
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
        remedy="Give its password (a terminal asks for it), or decrypt it: "
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
    if not isinstance(key, PrivateKey):
        raise WrongFormatError(
            "the private key is of a type that cannot sign a TLS handshake",
            remedy="Use an RSA, EC or EdDSA key",
            path=path,
        )
    return key


def what_is(data: bytes) -> str:
    """Return a phrase for what ``data`` looks like, for an error message."""
    if not data.strip():
        return "nothing"
    if labels := [label for label, _ in blocks(data)]:
        return "PEM of another kind: " + ", ".join(dict.fromkeys(labels))
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16 text, as PowerShell's > writes it"
    if data.startswith(b"\x30"):
        return "binary (DER) data, which openssl x509 and openssl pkey convert to PEM"
    if data.startswith(b"\xfe\xed\xfe\xed"):
        return "a Java key store"
    return "text or data of another kind"


def fit(
    chain: Sequence[x509.Certificate], key: PrivateKey, *, path: Path, key_path: Path, remedy: str
) -> Identity:
    """Return chain (from ``path``) and key (from ``key_path``) as an identity if they match."""
    wanted = public_bytes(key.public_key())
    fits = [public_key_bytes(certificate) == wanted for certificate in chain]
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
