"""A certificate as a card: what matters when it is verified, and what is seen to be wrong.

Rules: a problem is one that the certificate itself shows, by the time of the connection and by
the end that presents it. Whether a peer refuses it is not said here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from lab.show.text.peer_text import bounded, listed
from lab.tls.events import Endpoint
from lab.x509.certificates import CertificateDescription, describe, moment
from lab.x509.problems import WRONG_PURPOSE, Wording

_MOST_NAMES = 12
_MOST_CERTIFICATES = 8
_ANY = "anyExtendedKeyUsage"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateCard:
    """``title`` is its place in the chain and its subject, ``pairs`` are labels and values."""

    title: str
    pairs: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]

    @property
    def octets(self) -> int:
        """About how many bytes it takes in a page."""
        return 700 + sum(len(label) + len(value) for label, value in self.pairs)


def cards(
    chain: Sequence[bytes], sender: Endpoint, now: datetime
) -> tuple[tuple[CertificateCard, ...], int]:
    """Return cards for a chain in DER that ``sender`` presented, and how many are left out."""
    shown = chain[:_MOST_CERTIFICATES]
    return (
        tuple(
            _card(data, sender, now, leaf=number == 0, of=f"{number + 1} of {len(chain)}")
            for number, data in enumerate(shown)
        ),
        len(chain) - len(shown),
    )


def _card(data: bytes, sender: Endpoint, now: datetime, *, leaf: bool, of: str) -> CertificateCard:
    about = describe(data)
    return CertificateCard(
        title=f"{of}: {bounded(about.subject) or 'no subject'}",
        pairs=tuple(_pairs(about, data)),
        problems=tuple(_problems(about, sender, now, leaf)),
    )


def _pairs(about: CertificateDescription, data: bytes) -> Iterator[tuple[str, str]]:
    yield "subject", bounded(about.subject) or "none"
    same = about.issuer == about.subject
    yield "issuer", f"{bounded(about.issuer) or 'none'}{' (itself)' if same else ''}"
    if about.not_valid_before and about.not_valid_after:
        yield "valid from", moment(about.not_valid_before)
        yield "valid until", moment(about.not_valid_after)
    names = about.subject_alt_names
    yield "subjectAltName", listed(names, _MOST_NAMES) if names else "none"
    purposes = about.extended_key_usage
    yield "extendedKeyUsage", "none" if purposes is None else listed(purposes, _MOST_NAMES)
    if about.key_usage:
        yield "keyUsage", listed(about.key_usage, _MOST_NAMES)
    yield "CA", {True: "yes", False: "no", None: "not stated"}[about.is_ca]
    yield "key", f"{about.key_type} {about.key_bits or ''}".strip() or "not known"
    yield "signed with", bounded(about.signature_algorithm) or "not known"
    yield "serial number", f"{about.serial:x}"
    yield "SHA-256", hashlib.sha256(data).hexdigest()


def _problems(
    about: CertificateDescription, sender: Endpoint, now: datetime, leaf: bool
) -> Iterator[str]:
    wording = Wording(certificate="it", purpose=f"{sender.value}Auth")
    if about.problem:
        yield bounded(about.problem)
    if about.not_valid_after is not None and about.not_valid_after < now:
        yield f"has expired: {_apart(now, about.not_valid_after)} before the connection"
    if about.not_valid_before is not None and about.not_valid_before > now:
        yield f"is not valid yet: begins {_apart(about.not_valid_before, now)} after the connection"
    purposes = about.extended_key_usage
    if leaf and purposes is not None and not {wording.purpose, _ANY} & set(purposes):
        yield WRONG_PURPOSE.summary_in(wording)


def _apart(later: datetime, earlier: datetime) -> str:
    hours = int((later - earlier).total_seconds()) // 3600
    if hours < 1:
        return "less than an hour"
    days = hours // 24
    return f"{days:,} day{'s' * (days != 1)}" if days else f"{hours} hour{'s' * (hours != 1)}"
