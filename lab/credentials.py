"""What doors that dial share: the identity and the CAs that a user names as files.

Rules: whatever is wrong with a file is said here, by its name, before OpenSSL would answer with a
code. A password is asked for on a terminal only.
"""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from lab.pki import pem
from lab.pki.errors import MissingFileError
from lab.pki.identity import Identity
from lab.pki.identity_files import load_identity

CERT_HELP = "the client's: PEM or PKCS#12"
KEY_HELP = "its key, if it is in its own file"


def named_identity(certificate: Path | None, key: Path | None) -> Identity | None:
    """The identity in the files of ``--cert`` and ``--key``, None where neither is given.

    Raises a :class:`~lab.pki.errors.PkiError`.
    """
    if certificate is not None:
        return load_identity(certificate, key, _ask if sys.stdin.isatty() else None)
    if key is not None:
        raise MissingFileError(
            "--key goes with --cert", remedy="Give the certificate that it belongs to"
        )
    return None


def named_authorities(path: Path) -> Path:
    """The file of ``--ca`` itself, once it is known to hold certificates. Raises as above."""
    pem.certificates_in(pem.read_file(path, remedy="Name a file that is there"), path)
    return path


def _ask() -> bytes:
    try:
        return getpass.getpass("Password of the client's key: ").encode()
    except EOFError:  # Ctrl+D: there is none
        return b""
