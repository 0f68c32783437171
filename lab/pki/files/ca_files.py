"""A user's CA from files, to issue with; and the file of revocation lists that goes with it.

Rules: every fault is found here, before anything is issued. The list revokes one serial number,
that of the catalogue, and is made once: whoever has loaded it into a server finds it unchanged.

This module must not know who is tried with what is issued.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from lab.pki.authority import Authority
from lab.pki.catalogue import REVOKED_SERIAL, fresh_crl
from lab.pki.errors import ExpiredError, UnreadableFileError, WrongFormatError
from lab.pki.files import pem
from lab.pki.files.crl_files import LISTS, lists_in
from lab.pki.files.pem import Password
from lab.pki.files.secret_files import write_public
from lab.pki.lab_ca import LabAuthority
from lab.pki.revocation import revocation_lists_pem
from lab.x509.describe import described, moment

_NAME_IT = (
    "Make the lab's CA (python -m lab.certs), or name the one that the server trusts "
    "(--ca-cert and --ca-key)"
)


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


def ensure_revocation_lists(path: Path, ca: LabAuthority) -> bool:
    """Make sure that ``path`` has the CA's CRLs; return whether they were made just now.

    Raises a :class:`~lab.pki.errors.PkiError` where the file holds something else, or lists of
    another CA, without the catalogue's serial number, or past their nextUpdate.
    """
    if not path.exists():
        try:
            write_public(path, revocation_lists_pem(fresh_crl(ca)))
        except OSError as error:
            raise UnreadableFileError(
                f"cannot be written: {error.strerror}", remedy="Name another file", path=path
            ) from error
        return True
    lists = lists_in(
        pem.read_file(path, remedy="Name another file", bound=LISTS),
        path,
        remedy="Name a file with -----BEGIN X509 CRL----- in it, or one that does not exist",
    )
    own = [each for each in lists if each.issuer == ca.root.subject]
    remedy = "Name a file that does not exist, to have it made; then load it into the server"
    if not any(each.get_revoked_certificate_by_serial_number(REVOKED_SERIAL) for each in own):
        raise WrongFormatError(
            f"does not revoke the serial number {REVOKED_SERIAL:#x} of this CA",
            remedy=remedy,
            path=path,
        )
    for each in own:
        if each.next_update_utc is not None and each.next_update_utc < ca.now:
            raise ExpiredError(
                f"the CRL expired at {moment(each.next_update_utc)}", remedy=remedy, path=path
            )
    return False
