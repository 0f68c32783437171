"""Results of an inspection: what files of certificates and keys contain, and their problems.

Rules: text from a certificate is kept unescaped: whoever shows it escapes it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lab.stream.chain_judge import ChainVerdict
from lab.x509.certificates import CertificateDescription
from lab.x509.problems import NEUTRAL_WORDING, UNREADABLE, Problem, Wording


class Grade(enum.Enum):
    """The severity of a problem, the gravest first; the value is a sentence about it."""

    UNUSABLE = "it cannot be loaded or used as it is"
    REFUSED = "OpenSSL refuses it"
    SPIFFE_REFUSES = "a SPIFFE library refuses it"
    SPIFFE_FORBIDS = "the SPIFFE specification forbids it; not every SPIFFE library refuses it"
    STRICT = "OpenSSL accepts it, but refuses it with VERIFY_X509_STRICT"
    HIDDEN = "OpenSSL stops at another problem, and says nothing of this one"
    VERSION = "OpenSSL accepts the chain; whether it can be used depends on the version of TLS"
    NOT_ASKED = (
        "OpenSSL judges what is presented in a handshake, and was not asked about this by itself"
    )
    ACCEPTED = "OpenSSL accepts it; other implementations may not"
    AHEAD = "OpenSSL accepts it; this is about the certificate that will replace it"
    CONVERT = "it has to be converted for whatever loads PEM"
    NOT_READ = "this was not looked at, so nothing is known about it"


class TlsRole(enum.Enum):
    """The end that presents a certificate."""

    CLIENT = "client"
    SERVER = "server"

    @property
    def other(self) -> TlsRole:
        """The end that verifies the certificate."""
        return TlsRole.SERVER if self is TlsRole.CLIENT else TlsRole.CLIENT

    @property
    def purpose(self) -> str:
        """The purpose in extendedKeyUsage that allows the role (RFC 5280 section 4.2.1.12)."""
        return f"{self.value}Auth"


SPIFFE = "spiffe"
USES: Mapping[str, TlsRole | None] = {**{role.value: role for role in TlsRole}, SPIFFE: None}
"""What certificates can be said to be meant for, and the role where that is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundProblem:
    """A problem of a file, with its grade and what was seen.

    ``code`` is that of the problem in :mod:`lab.x509.problems`, and so are ``summary``,
    ``reference`` (the section that the problem is about) and ``fix``. ``evidence`` is what was
    seen in the files, ``said`` what OpenSSL says of it.
    """

    code: str
    grade: Grade
    summary: str
    evidence: tuple[str, ...]
    reference: str
    fix: str
    said: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        problem: Problem,
        grade: Grade,
        *evidence: str,
        wording: Wording = NEUTRAL_WORDING,
        said: tuple[str, ...] = (),
    ) -> FoundProblem:
        """Return ``problem`` in the words of ``wording``."""
        return cls(
            code=problem.code,
            grade=grade,
            summary=problem.summary_in(wording),
            evidence=evidence,
            reference=problem.reference,
            fix=problem.fix_in(wording),
            said=said,
        )


def unreadable(problem: str, what: str) -> FoundProblem:
    """Return the problem that a field of ``what`` could not be read."""
    wording = Wording(certificate=what)
    return FoundProblem.of(UNREADABLE, Grade.NOT_READ, problem, wording=wording)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleVerdict:
    """What OpenSSL makes of a certificate's chain in one TLS role, plain and with
    VERIFY_X509_STRICT.
    """

    role: TlsRole
    plain: ChainVerdict
    strict: ChainVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedCertificate:
    """A certificate. ``left`` is the time until it expires, negative behind that.

    ``verdicts`` are OpenSSL's, and empty for a CA; ``trusted`` names whom it was told to trust,
    and in which file. ``chain`` has the subjects of those above it as far as they were found, each
    with its file; ``chain_whole`` tells whether a root was reached. ``fingerprints`` are SHA-256
    and SHA-1 of the certificate, and the pin: SHA-256 of its SubjectPublicKeyInfo, in base64.
    """

    description: CertificateDescription
    left: timedelta | None
    verdicts: tuple[RoleVerdict, ...]
    trusted: str
    chain: tuple[str, ...]
    chain_whole: bool
    sha256: str
    sha1: str
    pin: str
    problems: tuple[FoundProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """A private key. ``kind`` is "" where it is encrypted and was not opened.

    ``read`` tells whether it was read; ``fits`` names the certificates and requests that it belongs
    to.
    """

    kind: str
    encrypted: bool
    read: bool
    fits: tuple[str, ...]
    problems: tuple[FoundProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEntry:
    """A certificate signing request (RFC 2986): what it asks for."""

    description: CertificateDescription
    problems: tuple[FoundProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationListEntry:
    """A CRL (RFC 5280 section 5). The times are None where it does not say."""

    issuer: str
    this_update: datetime | None
    next_update: datetime | None
    revoked: int
    problems: tuple[FoundProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherEntry:
    """An object of another kind, which was not looked at."""

    label: str
    problems: tuple[FoundProblem, ...] = ()


Entry = InspectedCertificate | KeyEntry | RequestEntry | RevocationListEntry | OtherEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """One file: its name as the user wrote it, its form (``PEM``, ``DER``, ``PKCS#12``, ``PKCS#7``
    or what it is instead), and what it holds.

    ``encryption`` are the algorithms of a PKCS#12 file. ``problems`` are those about the file as a
    whole.
    """

    name: str
    form: str
    entries: tuple[Entry, ...]
    encryption: tuple[str, ...] = ()
    problems: tuple[FoundProblem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """The result of inspecting files together."""

    files: tuple[FileReport, ...]

    def problems(self) -> list[tuple[str, FoundProblem]]:
        """Return all problems with the names of what they are about, the gravest first."""
        found = []
        for file in self.files:
            found += [(file.name, problem) for problem in file.problems]
            for number, entry in enumerate(file.entries, start=1):
                name = place(file.name, number, len(file.entries))
                found += [(name, problem) for problem in entry.problems]
        grades = list(Grade)
        return sorted(found, key=lambda pair: grades.index(pair[1].grade))


def place(name: str, number: int, of: int) -> str:
    """Return the name of an entry: its file, and its number where there are several."""
    return name if of == 1 else f"{name}, no. {number}"
