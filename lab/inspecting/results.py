"""The result of an inspection: what files of certificates and keys contain, and the flaws found.

Rules: text from a certificate is kept unescaped: whoever shows it escapes it. A flaw is an enum
member, its severity a grade; both come with evidence.

This module must not know how a flaw is found, nor how anything is shown.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from lab.x509.certificates import CertificateDescription


class Grade(enum.Enum):
    """The severity of a flaw; the value is a sentence about the certificate."""

    REFUSED = "OpenSSL refuses it"
    STRICT = "OpenSSL accepts it, but refuses it with VERIFY_X509_STRICT"
    ACCEPTED = "OpenSSL accepts it; other implementations may not"
    UNUSABLE = "certificate and key cannot be loaded together"


class TlsRole(enum.Enum):
    """The end that presents a certificate."""

    CLIENT = "client"
    SERVER = "server"


class FileProblem(enum.Enum):
    """Everything that an inspection can find; the value is a stable name for machines."""

    UNREADABLE = "unreadable"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRES_SOON = "expires-soon"
    KEY_TOO_WEAK = "key-too-weak"
    KEY_NOT_FOR_TLS = "key-not-for-tls"
    DIGEST_TOO_WEAK = "digest-too-weak"
    EKU_MISSING = "eku-missing"
    EKU_LACKS_PURPOSE = "eku-lacks-purpose"
    KEY_USAGE_LACKS_SIGNATURE = "key-usage-lacks-signature"
    SAN_MISSING = "san-missing"
    UNKNOWN_CRITICAL_EXTENSION = "unknown-critical-extension"
    SELF_SIGNED = "self-signed"
    TOO_LARGE = "too-large"
    AKI_MISSING = "aki-missing"
    SKI_MISSING = "ski-missing"
    CA_BASIC_CONSTRAINTS_NOT_CRITICAL = "ca-basic-constraints-not-critical"
    CA_KEY_USAGE_MISSING = "ca-key-usage-missing"
    LEAF_MAY_SIGN_CERTIFICATES = "leaf-may-sign-certificates"
    NO_SUBJECT_NO_SAN = "no-subject-no-san"
    NO_SUBJECT_SAN_NOT_CRITICAL = "no-subject-san-not-critical"
    ROOT_WITHOUT_BASIC_CONSTRAINTS = "root-without-basic-constraints"
    CHAIN_INCOMPLETE = "chain-incomplete"
    SIGNATURE_WRONG = "signature-wrong"
    INTERMEDIATE_IN_ANOTHER_FILE = "intermediate-in-another-file"
    ISSUER_IS_NO_CA = "issuer-is-no-ca"
    PATH_LENGTH_EXCEEDED = "path-length-exceeded"
    NAME_NOT_PERMITTED = "name-not-permitted"
    ISSUER_LACKS_PURPOSE = "issuer-lacks-purpose"
    REVOKED = "revoked"
    LEAF_NOT_FIRST = "leaf-not-first"
    WRONG_ORDER = "wrong-order"
    DUPLICATE_CERTIFICATE = "duplicate-certificate"
    SUPERFLUOUS_CERTIFICATE = "superfluous-certificate"
    KEY_DOES_NOT_FIT = "key-does-not-fit"
    REQUEST_SIGNATURE_WRONG = "request-signature-wrong"
    CRL_EXPIRED = "crl-expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundProblem:
    """A flaw that was found.

    ``summary`` is a sentence without its full stop, ``evidence`` what was seen that speaks for it,
    ``reference`` the section that the case is about, ``fix`` what to do.
    """

    flaw: FileProblem
    grade: Grade
    summary: str
    evidence: tuple[str, ...]
    reference: str
    fix: str


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
    findings: tuple[FoundProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """A private key. ``kind`` is "" where it is encrypted and was not opened.

    ``fits`` names the certificates and requests that it belongs to.
    """

    kind: str
    encrypted: bool
    fits: tuple[str, ...]
    findings: tuple[FoundProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEntry:
    """A certificate signing request (RFC 2986): what it asks for."""

    description: CertificateDescription
    findings: tuple[FoundProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationListEntry:
    """A CRL (RFC 5280 section 5). ``next_update`` is None where it does not say."""

    issuer: str
    this_update: datetime
    next_update: datetime | None
    revoked: int
    findings: tuple[FoundProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherEntry:
    """A PEM block of another kind."""

    label: str
    findings: tuple[FoundProblem, ...] = ()


Entry = InspectedCertificate | KeyEntry | RequestEntry | RevocationListEntry | OtherEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """One file: its name as the user wrote it, ``PEM``, ``DER`` or ``PKCS#12``, and what it holds.

    ``findings`` are those about the file as a whole.
    """

    name: str
    form: str
    entries: tuple[Entry, ...]
    findings: tuple[FoundProblem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """The result of inspecting files together."""

    files: tuple[FileReport, ...]

    def findings(self) -> Iterator[tuple[str, FoundProblem]]:
        """All findings with the names of what they are about, in the order of the files."""
        for file in self.files:
            for number, entry in enumerate(file.entries, start=1):
                for finding in entry.findings:
                    yield place(file.name, number, len(file.entries)), finding
            for finding in file.findings:
                yield file.name, finding


def place(name: str, number: int, of: int) -> str:
    """Return the name of an entry: its file, and its number where there are several."""
    return name if of == 1 else f"{name}, no. {number}"
