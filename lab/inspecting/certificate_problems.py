"""What one certificate shows by itself: causes of what OpenSSL says, and advice.

Rules: a rule names a cause and what was line. What OpenSSL makes of the chain is not decided here:
it is asked (:mod:`lab.inspecting.openssl_verdicts`), and its verdict grades the cause.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from lab.inspecting.results import Grade, TlsRole
from lab.x509 import problems
from lab.x509.certificate_extensions import unsupported
from lab.x509.certificates import CertificateDescription, moment
from lab.x509.chains import is_self_signed
from lab.x509.problems import NEUTRAL_WORDING, Problem, Wording
from lab.x509.public_cas import NO_MORE_CLIENT_AUTH, OWN_CA_FOR_CLIENTS, public_ca
from lab.x509.signatures import is_readable

SOON = timedelta(days=30)
"""A certificate expires soon if less than this is left, and less than a third of its lifetime."""

_MIN_BITS = 2048  # of RSA and DSA keys
_WEAK_CURVES = ("EC secp192r1",)
_WEAK_DIGESTS = ("md5", "sha1")
_TLS_KEYS = ("RSA", "RSA-PSS", "EC secp256r1", "EC secp384r1", "EC secp521r1", "Ed25519", "Ed448")
_NO_TLS_KEYS = (
    "unknown",
    "EC SM2",
    "X25519",
    "GOST R 34.10-2001",
    "GOST R 34.10-2012 256",
    "GOST R 34.10-2012 512",
)
# Clients of workloads look for a SPIFFE ID.
_LOOKED_FOR = ("DNS:", "IP:", "URI:spiffe:")
_HOST = re.compile(
    r"(?:\*\.)?(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_-]+"
)
_ADDRESS = re.compile(r"[0-9.]+|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenProblem:
    """A problem that was seen.

    ``advice``: OpenSSL does not look at it, and accepts it. ``tentative``: it may be what OpenSSL
    says, and is none where OpenSSL does not say it. ``about_signature``: it shows only where the
    signature is verified. ``about_unknown``: this tool does not know the type of the key, and
    OpenSSL may. ``unless_said``: what it is where OpenSSL does not say it, by another authority.
    ``fix`` stands in for the problem's, "" for that.
    """

    problem: Problem
    evidence: tuple[str, ...]
    wording: Wording = NEUTRAL_WORDING
    advice: bool = False
    tentative: bool = False
    about_signature: bool = False
    about_unknown: bool = False
    unless_said: Grade | None = None
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateUnderCheck:
    """A certificate under inspection, with what several checks ask of it.

    ``has_key`` and ``issues`` tell whether its key, and a certificate that it issued, are among
    the files. ``role`` is the role that the user named, None if none. ``soon`` is how long before
    its end a certificate is reported. ``svid``: it is meant as a SPIFFE identity, for both roles.
    """

    der: bytes
    description: CertificateDescription
    now: datetime
    soon: timedelta | None = None
    has_key: bool = False
    issues: bool = False
    role: TlsRole | None = None
    svid: bool = False

    @property
    def self_signed(self) -> bool:
        """Whether it signed itself."""
        return is_self_signed(self.der)

    @property
    def is_authority(self) -> bool:
        """Whether OpenSSL takes it for a CA's.

        Without basicConstraints a root still counts, if it is from before version 3 or has the
        keyUsage of a CA.
        """
        if self.description.is_ca is not None:
            return self.description.is_ca
        old = self.description.version < 3
        return self.self_signed and (old or "keyCertSign" in (self.description.key_usage or ()))

    @property
    def is_leaf(self) -> bool:
        """Whether it is checked as one to be presented in a handshake.

        A CA is, if the user named what it is for and its key is among the files.
        """
        if (self.role is not None or self.svid) and self.has_key:
            return True
        return not self.issues and not self.is_authority

    @property
    def roles(self) -> tuple[TlsRole, ...]:
        """The role that the user named; else those in the extendedKeyUsage; else both."""
        if self.role is not None:
            return (self.role,)
        if self.svid:
            return tuple(TlsRole)
        purposes = self.description.extended_key_usage or ()
        return tuple(role for role in TlsRole if role.purpose in purposes) or tuple(TlsRole)

    @property
    def wording(self) -> Wording:
        """The words of problems: with the names of both ends, if it is meant for one role."""
        if len(self.roles) > 1:
            return NEUTRAL_WORDING
        (role,) = self.roles
        return Wording(role=role.value, other=role.other.value, purpose=role.purpose)


def certificate_causes(checked: CertificateUnderCheck) -> Iterator[SeenProblem]:
    """Yield every problem of the certificate on its own; none of what could not be read at all."""
    if not checked.description.signed:
        return
    of_leaf = _LEAF_CHECKS if not checked.svid else _SVID_CHECKS
    for check in (*_CHECKS, *(of_leaf if checked.is_leaf else ())):
        yield from check(checked)
    # RFC 5280 does not apply to self-signed end entities (RFC 6818, 2), so nor do strict checks.
    if not checked.self_signed or checked.is_authority:
        yield from (SeenProblem(problem=problem, evidence=()) for problem in _strict(checked))


def _validity(checked: CertificateUnderCheck) -> Iterator[SeenProblem]:
    begin, end = checked.description.not_valid_before, checked.description.not_valid_after
    now, wording = checked.now, checked.wording
    if begin is None or end is None:
        return
    soon = min(SOON, (end - begin) / 3) if checked.soon is None else checked.soon
    if now > end:
        line = f"notAfter is {moment(end)}, {_days(now - end)} ago"
        yield SeenProblem(problem=problems.EXPIRED, evidence=(line,), wording=wording)
    elif now < begin:
        line = (
            f"notBefore is {moment(begin)}, in {_days(begin - now)}; "
            f"this machine's clock says {moment(now)}"
        )
        yield SeenProblem(problem=problems.NOT_YET_VALID, evidence=(line,), wording=wording)
    elif end - now < soon:
        line = f"notAfter is {moment(end)}, in {_days(end - now)}"
        yield SeenProblem(problem=problems.EXPIRES_SOON, evidence=(line,), advice=True)


def _days(time: timedelta) -> str:
    if time < timedelta(days=1):
        return "less than a day"
    return "1 day" if time.days == 1 else f"{time.days} days"


def _key(checked: CertificateUnderCheck) -> Iterator[SeenProblem]:
    about = checked.description
    kind = f"{about.key_type} {about.key_bits or ''}".strip()
    if (about.key_bits or _MIN_BITS) < _MIN_BITS or about.key_type in _WEAK_CURVES:
        line = f"the key is {kind}; OpenSSL's security level 2 requires 112 bits of security"
        yield SeenProblem(problem=problems.WEAK, evidence=(line,))
    elif about.key_type == "EC explicit parameters":
        line = "the key gives the parameters of its curve instead of a name"
        yield SeenProblem(problem=problems.EXPLICIT_CURVE, evidence=(line,))
    elif about.key_type not in _TLS_KEYS and (checked.is_leaf or about.key_type in _NO_TLS_KEYS):
        line = f"the key is {kind}, {_signature_algorithms(about.key_type)}"
        yield SeenProblem(
            problem=problems.KEY_TYPE,
            evidence=(line,),
            wording=checked.wording,
            advice=about.key_type not in _NO_TLS_KEYS,
            tentative=not checked.is_leaf,
            about_unknown=about.key_type == "unknown",
        )
    if about.public_key and not is_readable(about.public_key):
        line = (
            f"the key ({kind}) cannot be read here; OpenSSL takes one that it cannot read as weak"
        )
        yield SeenProblem(problem=problems.WEAK, evidence=(line,), tentative=True)
    elif about.key_type.startswith("ML-DSA") and ssl.OPENSSL_VERSION_INFO < (3, 5):
        line = f"{ssl.OPENSSL_VERSION} does not know {about.key_type}, and takes the key as weak"
        fix = "use OpenSSL 3.5 or later on both ends, or give the certificate an EC P-256 key"
        yield SeenProblem(problem=problems.WEAK, evidence=(line,), tentative=True, fix=fix)


def _signature_algorithms(key_type: str) -> str:
    if key_type.startswith("EC brainpool"):
        return "which OpenSSL takes in TLS 1.3 since version 3.2 (RFC 8734)"
    if key_type.startswith("ML-DSA"):
        return "which OpenSSL takes since version 3.5, and in TLS 1.3 only"
    if key_type == "unknown":
        return "which this tool does not know"
    if key_type in _NO_TLS_KEYS:
        return "which OpenSSL does not use in TLS"
    return "for which TLS 1.3 has no signature algorithm"


def _digest(checked: CertificateUnderCheck) -> Iterator[SeenProblem]:
    # The signature of a trusted certificate is not verified.
    digest = checked.description.signature_digest
    if digest in _WEAK_DIGESTS and not checked.self_signed:
        line = f"the signature is {checked.description.signature_algorithm} ({digest})"
        yield SeenProblem(problem=problems.WEAK, evidence=(line,), about_signature=True)


def _critical(checked: CertificateUnderCheck) -> Iterator[SeenProblem]:
    unknown = [
        f"extension {name}, which OpenSSL does not support"
        for name in unsupported(checked.description.critical_extensions)
    ]
    if unknown:
        yield SeenProblem(problem=problems.CRITICAL_EXTENSION, evidence=tuple(unknown[:3]))


def _purpose(checked: CertificateUnderCheck) -> Iterator[SeenProblem]:
    purposes, wording = checked.description.extended_key_usage, checked.wording
    if purposes is None:
        line = "OpenSSL accepts a certificate without it for every purpose"
        yield SeenProblem(
            problem=problems.PURPOSE_MISSING, evidence=(line,), wording=wording, advice=True
        )
        return
    of_servers = TlsRole.CLIENT in checked.roles and TlsRole.SERVER.purpose in purposes
    public = public_ca(checked.description.issuer) if of_servers else ""
    trend = f"the issuer names itself {public}; {NO_MORE_CLIENT_AUTH}"
    listed = f"extendedKeyUsage: {', '.join(purposes[:5]) or 'empty'}"
    if not all(role.purpose in purposes for role in checked.roles):
        yield SeenProblem(
            problem=problems.WRONG_PURPOSE,
            evidence=(listed, trend) if public else (listed,),
            wording=wording,
            fix=OWN_CA_FOR_CLIENTS if public else "",
        )
    elif public and checked.role is TlsRole.CLIENT:
        yield SeenProblem(
            problem=problems.CLIENT_AUTH_ENDS,
            evidence=(listed, trend),
            advice=True,
            unless_said=Grade.AHEAD,
        )


def _netscape(checked: CertificateUnderCheck) -> Iterator[SeenProblem]:
    types = checked.description.netscape_types
    if types and not all(role.value in types for role in checked.roles):
        line = f"netscapeCertType: {', '.join(types)}"
        yield SeenProblem(problem=problems.NETSCAPE_TYPE, evidence=(line,), tentative=True)


def _usage(checked: CertificateUnderCheck) -> Iterator[SeenProblem]:
    usage = checked.description.key_usage
    if usage is not None and "digitalSignature" not in usage:
        line = f"keyUsage: {', '.join(usage) or 'empty'}"
        yield SeenProblem(problem=problems.WRONG_KEY_USAGE, evidence=(line,))


def _names(checked: CertificateUnderCheck) -> Iterator[SeenProblem]:
    about = checked.description
    purposes = about.extended_key_usage or ()
    if checked.role is TlsRole.CLIENT or (
        checked.role is None and TlsRole.SERVER.purpose not in purposes
    ):
        return
    names = about.subject_alt_names
    if not names:
        if not any("subjectAltName" in problem for problem in (about.problem,)):
            line = "OpenSSL falls back to the CN for a host name, never for an IP address"
            yield SeenProblem(problem=problems.SAN_MISSING, evidence=(line,), advice=True)
    elif not any(name.startswith(_LOOKED_FOR) for name in names):
        line = f"subjectAltName has {', '.join(names[:3])}, and neither a DNS name nor an address"
        yield SeenProblem(problem=problems.SAN_MATCHES_NO_HOST, evidence=(line,), advice=True)
    for name in names[:100]:
        if reason := _trap(name):
            yield SeenProblem(
                problem=problems.SAN_MATCHES_NO_HOST, evidence=(f"{name}: {reason}",), advice=True
            )


def _trap(name: str) -> str:
    """Return why no client takes a DNS name for that of its server, "" where one may."""
    kind, _, value = name.partition(":")
    if kind != "DNS":
        return ""
    if "://" in value:
        return "a URL, where the host name alone belongs"
    if value.count("*") > 1:
        return "a wildcard stands for one label, the first"
    if _ADDRESS.fullmatch(value):
        return "an IP address is compared with IP entries only: write it as IP:ADDRESS"
    if re.search(r":\d+\Z", value):
        return "a port, which no certificate names"
    if any(letter.isspace() for letter in value):
        return "a space in it"
    if "*" in value and not value.startswith("*."):
        return "a wildcard stands for the whole first label only (RFC 9525 section 6.3)"
    return "" if _HOST.fullmatch(value.rstrip(".")) else "it is not a host name"


def _issuer(checked: CertificateUnderCheck) -> Iterator[SeenProblem]:
    if checked.self_signed:
        line = "a peer accepts it only if its CA file contains this certificate"
        yield SeenProblem(problem=problems.SELF_SIGNED, evidence=(line,), wording=checked.wording)


def _strict(checked: CertificateUnderCheck) -> Iterator[Problem]:
    """Yield what OpenSSL refuses with VERIFY_X509_STRICT only."""
    about = checked.description
    if about.version == 3 and about.authority_key_identifier is None and not checked.self_signed:
        yield problems.AKI_MISSING
    yield from _strict_for_a_ca(about) if checked.is_authority else _strict_for_a_leaf(about)
    if about.problem:
        return
    if "subjectAltName" in about.extensions and not about.subject_alt_names:
        yield problems.SAN_EMPTY
    if not about.subject and "subjectAltName" not in about.extensions:
        yield problems.NO_SUBJECT_NO_SAN
    elif not about.subject and "subjectAltName" not in about.critical_extensions:
        yield problems.NO_SUBJECT_SAN_NOT_CRITICAL


def _strict_for_a_ca(about: CertificateDescription) -> Iterator[Problem]:
    if about.version == 3 and about.subject_key_identifier is None:
        yield problems.SKI_MISSING
    if "basicConstraints" not in about.extensions:
        yield problems.ROOT_WITHOUT_BASIC_CONSTRAINTS
        return
    if "basicConstraints" not in about.critical_extensions:
        yield problems.CA_CONSTRAINTS_NOT_CRITICAL
    if about.key_usage is None:
        yield problems.CA_KEY_USAGE_MISSING


def _strict_for_a_leaf(about: CertificateDescription) -> Iterator[Problem]:
    if "keyCertSign" in (about.key_usage or ()):
        yield problems.LEAF_MAY_SIGN
    if about.path_length is not None:
        yield problems.LEAF_PATH_LENGTH


_Check = Callable[[CertificateUnderCheck], Iterator[SeenProblem]]

_CHECKS: tuple[_Check, ...] = (_validity, _key, _digest, _critical)
_LEAF_CHECKS: tuple[_Check, ...] = (_issuer, _purpose, _netscape, _usage, _names)
# An SVID has rules of its own for purpose and names, and is known by neither CN nor host name.
_SVID_CHECKS: tuple[_Check, ...] = (_issuer, _netscape, _usage)
