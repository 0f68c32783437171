"""Identities from a user's own files: PEM, together or apart, and PKCS#12.

Rules: the certificates of a PEM file are sent in the order of the file, so that the effect of a
wrong order can be seen; a PKCS#12 file has no order, so its chain is sorted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import pkcs12

from lab.pki.authority import Authority
from lab.pki.errors import PasswordNeededError, WrongFormatError, WrongPasswordError
from lab.pki.files import pem
from lab.pki.files.derivation_rounds import check_rounds
from lab.pki.files.file_formats import KEY_LABELS
from lab.pki.files.pem import Password
from lab.pki.files.recognise_file import recognise
from lab.pki.identity import Identity
from lab.x509.certificates import described
from lab.x509.chains import End, parsed_path

_NAME_IT = (
    "Make the lab's CA (python -m lab.certs), or name the one that the server trusts "
    "(--ca-cert and --ca-key)"
)
_NO_SUCH_FILE = "Name a file that exists"
_NO_KEY = "contains no private key"


def load_identity(
    certificate: Path, key: Path | None = None, password: Password = None
) -> Identity:
    """Load the identity in ``certificate``, with its key from the same file or from ``key``.

    ``certificate`` is PEM (the leaf first, then what else is to be sent) or PKCS#12; ``key`` is
    PEM. ``password`` opens an encrypted key or a PKCS#12 file; where it can be called, it is called
    only if one is needed. The validity of the certificate is not checked.

    Raises a :class:`~lab.pki.errors.PkiError`: :class:`~lab.pki.errors.MissingFileError` and
    ``UnreadableFileError``, ``WrongFormatError`` for a file of another kind or without what is
    needed, ``PasswordNeededError``, ``WrongPasswordError``, and ``KeyMismatchError``.
    """
    data = pem.read_file(certificate, remedy=_NO_SUCH_FILE)
    key_data = None if key is None else pem.read_file(key, remedy=_NO_SUCH_FILE)
    return identity_in(data, certificate, key_data, key, password)


def identity_in(
    data: bytes,
    certificate: Path,
    key_data: bytes | None = None,
    key: Path | None = None,
    password: Password = None,
) -> Identity:
    """Load the identity in ``data``, with its key there or in ``key_data``.

    ``certificate`` and ``key`` are the files' names, which need not exist. Raises as above.
    """
    found = recognise(data, certificate)
    if found.name == "PKCS#12":
        if key is not None:
            raise WrongFormatError(
                "is a PKCS#12 file, which contains its key",
                remedy="Leave out the key file",
                path=certificate,
            )
        return _from_pkcs12(data, certificate, password)
    chain = pem.certificates_in(data, certificate)
    if key is None and not any(block.label in KEY_LABELS for block in found.blocks):
        raise WrongFormatError(_NO_KEY, remedy="Name the key file too", path=certificate)
    key_path = key or certificate
    opened = pem.key_in(data if key_data is None else key_data, key_path, password=password)
    return _fit(chain, opened, certificate, key_path)


def _fit(
    chain: Sequence[x509.Certificate], key: object, certificate: Path, key_path: Path
) -> Identity:
    return pem.fit(
        tuple(chain),
        pem.signing_key(key, key_path),
        path=certificate,
        key_path=key_path,
        remedy="Name the key that belongs to the certificate",
    )


def _from_pkcs12(data: bytes, path: Path, password: Password) -> Identity:
    content = open_pkcs12(data, path, password)
    if content.key is None:
        raise WrongFormatError(_NO_KEY, remedy="Export it again, with the private key", path=path)
    if content.cert is None:
        raise WrongFormatError(
            "contains no certificate for its private key",
            remedy="Export it again, with the certificate",
            path=path,
        )
    others = [other.certificate for other in content.additional_certs]
    return _fit(_ordered(content.cert.certificate, others), content.key, path, path)


def load_authority(certificate: Path, key: Path, password: Password, *, now: datetime) -> Authority:
    """Load the CA in ``certificate`` (PEM, with those above it behind it) and its ``key``.

    Raises a :class:`~lab.pki.errors.PkiError`: a file that is missing, unreadable or of another
    kind, a key that is encrypted or of another certificate, a CA that is expired, or is none.
    """
    chain = pem.certificates_in(pem.read_file(certificate, remedy=_NAME_IT), certificate)
    signing = pem.key_in(pem.read_file(key, remedy=_NAME_IT), key, password=password)
    identity = pem.fit(
        chain, signing, path=certificate, key_path=key, remedy="Name the key of this CA"
    )
    pem.check_time(chain[0], now=now, path=certificate, remedy="Name a CA that is valid")
    if described(chain[0]).is_ca is not True:
        raise WrongFormatError(
            "the certificate is not a CA certificate (basicConstraints lacks CA:TRUE)",
            remedy="Name the CA's certificate, not one that it issued",
            path=certificate,
        )
    return Authority(identity=identity)


def open_pkcs12(data: bytes, path: Path, password: Password) -> pkcs12.PKCS12KeyAndCertificates:
    """Open a PKCS#12 file.

    Raises ``PasswordNeededError``, ``WrongPasswordError``, and ``WrongFormatError`` where it asks
    for too much work.
    """
    check_rounds(data, path)
    try:
        # Some files have an empty password, or none: then there is no need to ask.
        return pkcs12.load_pkcs12(data, None)
    except (ValueError, UnsupportedAlgorithm):
        given = pem.ask(password)
    if not given:
        raise PasswordNeededError(
            "the PKCS#12 file needs a password",
            remedy="Give its password in a file (--password-file), in MTLS_LAB_PASSWORD or on a "
            "terminal",
            path=path,
        )
    try:
        return pkcs12.load_pkcs12(data, given)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise WrongPasswordError(
            "the password does not open the PKCS#12 file, or the file is damaged",
            remedy="Give the password that it was exported with, or export it again",
            path=path,
        ) from error


def _ordered(
    leaf: x509.Certificate, others: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """Return the leaf and those above it, each behind the one it issued, without the root.

    That is what a peer is to be sent (RFC 9846, 4.5.1); certificates beside that path stay out.
    """
    (_, *above), end = parsed_path(leaf, others)
    return (leaf, *(above[:-1] if end is End.ROOT else above))
