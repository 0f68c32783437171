"""Results of an inspection: what files of certificates and keys contain, and their problems.

Rules: text from a certificate is kept unescaped: whoever shows it escapes it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from lab.x509.certificates import CertificateDescription
from lab.x509.problems import NEUTRAL_WORDING, Problem, Wording


class Grade(enum.Enum):
    """The severity of a problem; the value is a sentence about the certificate."""

    REFUSED = "OpenSSL refuses it"
    STRICT = "OpenSSL accepts it, but refuses it with VERIFY_X509_STRICT"
    ACCEPTED = "OpenSSL accepts it; other implementations may not"
    UNUSABLE = "certificate and key cannot be loaded together"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundProblem:
    """A problem of a file, with its grade and what was seen.

    ``code`` is that of the problem in :mod:`lab.x509.problems`, and so are ``summary``,
    ``reference`` (the section that the problem is about) and ``fix``. ``evidence`` is what was
    seen in the files.
    """

    code: str
    grade: Grade
    summary: str
    evidence: tuple[str, ...]
    reference: str
    fix: str

    @classmethod
    def of(
        cls, problem: Problem, grade: Grade, *evidence: str, wording: Wording = NEUTRAL_WORDING
    ) -> FoundProblem:
        """Return ``problem`` in the words of ``wording``."""
        return cls(
            code=problem.code,
            grade=grade,
            summary=problem.summary_in(wording),
            evidence=evidence,
            reference=problem.reference,
            fix=problem.fix_in(wording),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Suitability:
    """Whether OpenSSL accepts a certificate in one TLS role: if ``obstacles`` is empty."""

    role: TlsRole
    obstacles: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedCertificate:
    """A certificate. ``left`` is the time until it expires, negative behind that.

    ``roles`` is empty for a CA. ``chain`` has the subjects of those above it as far as they were
    found, each with its file; ``chain_whole`` tells whether a root was reached.
    """

    description: CertificateDescription
    left: timedelta | None
    roles: tuple[Suitability, ...]
    chain: tuple[str, ...]
    chain_whole: bool
    problems: tuple[FoundProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """A private key. ``kind`` is "" where it is encrypted and was not opened.

    ``fits`` names the certificates and requests that it belongs to.
    """

    kind: str
    encrypted: bool
    fits: tuple[str, ...]
    problems: tuple[FoundProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEntry:
    """A certificate signing request (RFC 2986): what it asks for."""

    description: CertificateDescription
    problems: tuple[FoundProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationListEntry:
    """A CRL (RFC 5280 section 5). ``next_update`` is None where it does not say."""

    issuer: str
    this_update: datetime
    next_update: datetime | None
    revoked: int
    problems: tuple[FoundProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherEntry:
    """A PEM block of another kind."""

    label: str
    problems: tuple[FoundProblem, ...] = ()


Entry = InspectedCertificate | KeyEntry | RequestEntry | RevocationListEntry | OtherEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """One file: its name as the user wrote it, ``PEM``, ``DER`` or ``PKCS#12``, and what it holds.

    ``problems`` are those about the file as a whole.
    """

    name: str
    form: str
    entries: tuple[Entry, ...]
    problems: tuple[FoundProblem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """The result of inspecting files together."""

    files: tuple[FileReport, ...]

    def problems(self) -> Iterator[tuple[str, FoundProblem]]:
        """Yield all problems with the names of what they are about, in the order of the files."""
        for file in self.files:
            for number, entry in enumerate(file.entries, start=1):
                for problem in entry.problems:
                    yield place(file.name, number, len(file.entries)), problem
            for problem in file.problems:
                yield file.name, problem


def place(name: str, number: int, of: int) -> str:
    """Return the name of an entry: its file, and its number where there are several."""
    return name if of == 1 else f"{name}, no. {number}"
