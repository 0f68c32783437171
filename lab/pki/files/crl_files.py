"""CRLs from a file, checked against the CAs that a server trusts.

Rules: a CRL belongs to the CA that signed it under its own name, and is valid from thisUpdate to
nextUpdate (RFC 5280, 6.3.3). With revocation checks, OpenSSL refuses every client of a CA that has
no valid CRL. So a file without a valid CRL for any of the CAs is refused: no client could connect.
If only some of the CAs have none, they are reported instead: a new CRL of one CA must not have to
wait for another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from lab.pki.authority import revocation_lists_pem
from lab.pki.catalogue import REVOKED_SERIAL, fresh_crl
from lab.pki.errors import (
    ExpiredError,
    NotYetValidError,
    PkiError,
    UnreadableFileError,
    WrongFormatError,
)
from lab.pki.files import pem
from lab.pki.files.file_formats import CERTIFICATE_LABELS, CRL_LABELS
from lab.pki.files.recognise_file import recognise
from lab.pki.files.secret_files import write_public
from lab.pki.identity import PublicKey
from lab.pki.lab_ca import LabAuthority
from lab.x509.certificates import distinguished, moment

LISTS = pem.Bound(
    octets=16 << 20,
    beyond="the limit for CRLs",
    remedy="Have the CA issue shorter ones: expired certificates can be left out",
)
"""The limit for CRLs, about 300,000 entries: each process keeps all of them in memory."""

_FETCH = "Replace it by a current one from the CA"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEnd:
    """When a list comes to its end: ``at``, its nextUpdate.

    ``issuer`` is the name in it, ``number`` its CRL number (RFC 5280, 5.2.3), if it has one.
    """

    issuer: x509.Name
    number: int | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What a file of revocation lists does for a number of CAs.

    ``until`` is when the first of the CAs covered will have no current list any more (nextUpdate),
    None where the lists do not say. ``revoked`` is how many certificates are on the lists that
    count. ``uncovered`` are CAs, valid themselves, without a list that counts. ``ends`` are those
    of all lists in the file that have one, whether they count or not.
    """

    until: datetime | None
    revoked: int
    uncovered: tuple[x509.Certificate, ...]
    ends: tuple[ListEnd, ...]


def load_coverage(
    path: Path, authorities: Sequence[x509.Certificate], *, now: datetime
) -> Coverage:
    """Load the lists in ``path`` (PEM), and check them against ``authorities`` at ``now``.

    Raises a :class:`~lab.pki.errors.PkiError`: a file that is missing, unreadable, of another kind,
    or with a certificate in it; lists of which none counts for any of ``authorities``.
    """
    data = pem.read_file(path, remedy="Put it there, or name another file", bound=LISTS)
    lists = lists_in(data, path)
    if any(block.label in CERTIFICATE_LABELS for block in recognise(data, path).blocks):
        raise WrongFormatError(
            "contains a certificate besides the CRLs, which OpenSSL would trust as a CA",
            remedy="Remove the certificate",
            path=path,
        )
    valid = [ca for ca in authorities if ca.not_valid_before_utc <= now <= ca.not_valid_after_utc]
    own = {ca: [crl for crl in lists if signed_by(crl, ca)] for ca in valid}
    current = {
        ca: max(those, key=lambda crl: crl.last_update_utc)
        for ca, signed in own.items()
        if (those := [crl for crl in signed if _counts(crl, now)])
    }
    if not current:
        signed_lists = [crl for signed in own.values() for crl in signed]
        raise _no_use(path, lists, signed_lists, now)
    ends = [crl.next_update_utc for crl in current.values() if crl.next_update_utc is not None]
    return Coverage(
        until=min(ends, default=None),
        revoked=sum(len(crl) for crl in current.values()),
        uncovered=tuple(ca for ca in valid if ca not in current),
        ends=tuple(
            ListEnd(issuer=crl.issuer, number=_number(crl), at=crl.next_update_utc)
            for crl in lists
            if crl.next_update_utc is not None
        ),
    )


def lists_in(data: bytes, path: Path) -> tuple[x509.CertificateRevocationList, ...]:
    """Return all lists of a PEM file, in its order; at least one, or an error."""
    found = pem.blocks_of(data, path, CRL_LABELS, what="PEM CRL", example="X509 CRL")
    try:
        return tuple(readable(x509.load_der_x509_crl(block.data)) for block in found)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise WrongFormatError(
            "contains a damaged CRL", remedy="Fetch or make it again", path=path
        ) from error


def readable(crl: x509.CertificateRevocationList) -> x509.CertificateRevocationList:
    """Return the same list. Raises ValueError where it cannot be read to its end."""
    # The library parses these when they are asked for, and not before.
    _ = crl.issuer, crl.last_update_utc, crl.next_update_utc, len(crl)
    return crl


def signed_by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Return whether ``crl`` has the name and the signature of ``issuer``."""
    try:
        key = issuer.public_key()
        return (
            crl.issuer == issuer.subject
            and isinstance(key, PublicKey)
            and crl.is_signature_valid(key)
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _number(crl: x509.CertificateRevocationList) -> int | None:
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except (x509.ExtensionNotFound, ValueError):  # the library reads extensions when asked
        return None


def _counts(crl: x509.CertificateRevocationList, now: datetime) -> bool:
    end = crl.next_update_utc
    return crl.last_update_utc <= now and (end is None or now <= end)


def _no_use(
    path: Path,
    lists: Sequence[x509.CertificateRevocationList],
    own: Sequence[x509.CertificateRevocationList],
    now: datetime,
) -> PkiError:
    """Return the error for lists none of which counts; ``own`` are signed by the CAs."""
    if not own:
        return WrongFormatError(
            "contains no CRL signed by the CA (the first one is issued by "
            f"{distinguished(lists[0].issuer)!r}); with it, every client would be refused",
            remedy="Use the CRL of the trusted CA",
            path=path,
        )
    latest = max(own, key=lambda crl: crl.last_update_utc)
    if latest.last_update_utc > now:
        return NotYetValidError(
            f"the CRL is not valid before {moment(latest.last_update_utc)}; with it, every client "
            "would be refused",
            remedy=f"{_FETCH}; or set this machine's clock, which says {moment(now)}",
            path=path,
        )
    assert latest.next_update_utc is not None, "without an end, it would count"
    return ExpiredError(
        f"the CRL expired at {moment(latest.next_update_utc)}; with it, every client would be "
        "refused",
        remedy=_FETCH,
        path=path,
    )


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
    )
    own = [crl for crl in lists if crl.issuer == ca.root.subject]
    remedy = "Name a file that does not exist, to have it made; then load it into the server"
    if not any(crl.get_revoked_certificate_by_serial_number(REVOKED_SERIAL) for crl in own):
        raise WrongFormatError(
            f"does not revoke the serial number {REVOKED_SERIAL:#x} of this CA",
            remedy=remedy,
            path=path,
        )
    for crl in own:
        if crl.next_update_utc is not None and crl.next_update_utc < ca.now:
            raise ExpiredError(
                f"the CRL expired at {moment(crl.next_update_utc)}", remedy=remedy, path=path
            )
    return False
