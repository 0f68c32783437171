"""The certificates that a user has at hand for a client, out of files of any format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.diagnosis.certificate_selection.results import CertificateAtHand
from lab.pki.errors import WrongFormatError
from lab.pki.files.file_contents import AskPassword, Contents, StoredKey, read_contents
from lab.x509.certificates import describe
from lab.x509.chains import issuers_of, path_of
from lab.x509.public_keys import key_itself

_UNORDERED = ("PKCS#7", "PKCS#12")
_NAME_ONE = "Name the file of a client's certificate"


def certificates_at_hand(
    files: Sequence[Path], keys: Sequence[Path], ask: AskPassword
) -> tuple[CertificateAtHand, ...]:
    """Return one certificate for each file, with the chain that the file has for it.

    A private key is not needed. Where there is one, in the file or among ``keys``, it settles which
    certificate is the client's own; else that is the first, or of a file without an order the one
    that issued no other. Raises a ``PkiError``.
    """
    opened = {path: _public_keys(read_contents(path, ask)) for path in keys}
    own = {key for found in opened.values() for key in found}
    found = tuple(_at_hand(read_contents(path, ask), own) for path in files)
    held = {key_itself(describe(each.chain[0]).public_key) for each in found}
    for path, public in opened.items():
        if public and not public & held:
            raise WrongFormatError(
                "has no key of a certificate that is given",
                remedy="Give the key that belongs to it; python -m lab.certs inspect compares them",
                path=path,
            )
    return found


def _public_keys(contents: Contents) -> set[bytes]:
    items = (item for item in contents.items if isinstance(item, StoredKey))
    return {key_itself(item.public) for item in items if item.public is not None} - {b""}


def _at_hand(contents: Contents, keys: set[bytes]) -> CertificateAtHand:
    certificates, path = contents.certificates(), contents.path
    if not certificates:
        remedy = f"Convert it: {contents.command}" if contents.command else _NAME_ONE
        raise WrongFormatError("contains no certificate", remedy=remedy, path=path)
    own = _own(contents, keys | _public_keys(contents))
    if not describe(own).public_key:
        raise WrongFormatError(
            "contains a certificate that cannot be read", remedy=_NAME_ONE, path=path
        )
    others = tuple(each for each in certificates if each != own)
    if contents.form in _UNORDERED:
        above = path_of(own, others).above
        # Of a CA that two have signed, programs take the one or the other.
        crossed = (each for each in issuers_of(own, others) if each not in above)
        others = (*above, *crossed)
    elif own != certificates[0]:  # "key values mismatch", as OpenSSL says
        raise WrongFormatError(
            "does not begin with the client's own certificate, and programs take the first for it",
            remedy="Put that one first, and those that issued it behind it",
            path=path,
        )
    return CertificateAtHand(name=str(path), chain=(own, *others))


def _own(contents: Contents, keys: set[bytes]) -> bytes:
    """Return the client's own certificate of a file. Raises WrongFormatError."""
    certificates = contents.certificates()
    if len(certificates) == 1:
        return certificates[0]
    for certificate in certificates:
        if key_itself(describe(certificate).public_key) in keys:
            return certificate
    above = {issuer for each in certificates for issuer in issuers_of(each, certificates)}
    below = [each for each in certificates if each not in above]
    if contents.form in _UNORDERED and len(below) == 1:
        return below[0]
    if contents.form not in _UNORDERED and certificates[0] in below:
        return certificates[0]
    raise WrongFormatError(
        "does not tell which of its certificates is the client's own",
        remedy="Put that one first and those that issued it behind it, or give its key (--key)",
        path=contents.path,
    )
