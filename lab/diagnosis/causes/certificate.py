"""The problems that a refused certificate chain is likely to have, by verify result and contents.

Rules: the verify result of the verifying end's own library is a fact and comes first; what the
certificates show comes second; an alert alone makes a problem likely, never certain. Where two
causes look the same on the wire, both are named and the text says so.

This module must not know how the connection ended, beyond the alert that it is given.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from lab.diagnosis.causes.alerts_in_use import ALERTS, GENERAL_ALERTS
from lab.tls.code_points import AlertDescription
from lab.tls.events import Endpoint, LocalFact, escaped
from lab.x509 import problems
from lab.x509.certificates import CertificateDescription, describe, distinguished_name
from lab.x509.problems import Problem

_ANY_PURPOSE = "anyExtendedKeyUsage"
_MIN_BITS = 2048  # of RSA and DSA keys
_WEAK_DIGESTS = ("md5", "sha1")
_USUAL_CURVES = ("EC secp256r1", "EC secp384r1", "EC secp521r1")
_MAX_CHAIN = 102_400  # OpenSSL's SSL_MAX_CERT_LIST_DEFAULT, in bytes

# Problems that what was sent need not show: of an intermediate that was not sent, for example.
_INVISIBLE = (problems.REVOKED, problems.EXPIRED, problems.WRONG_PURPOSE)


class Basis(enum.Enum):
    """What makes a problem likely, the firmest first."""

    VERDICT = "the verifying end's library said so"
    SHOWN = "the certificates show it"
    AMBIGUOUS = "the chain leads to no known CA, which has several causes"
    ALERT = "an alert that is in use for little else"


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelyProblem:
    """A problem that fits, with what speaks for it."""

    problem: Problem
    evidence: tuple[str, ...]
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedChain:
    """A chain of certificates and how it was received.

    ``sender`` sent the chain; ``authorities`` are the names (DER) that the other end asked for,
    ``server_name`` the host that a client wanted; ``now`` is the present, None to leave it out.
    """

    sender: Endpoint
    chain: tuple[bytes, ...]
    authorities: tuple[bytes, ...]
    server_name: str
    alert: AlertDescription | None
    verdict: LocalFact | None
    now: datetime | None


def likely_problems(received: ReceivedChain) -> list[LikelyProblem]:
    """Return the problems that fit, best first, each once; none where nothing speaks for any.

    Where the verifying end's own library has spoken, only what it can have meant, and what shows.
    """
    chain = [describe(der) for der in received.chain]
    shown = sorted(
        _shown(received, chain), key=lambda likely: not _supports(received.alert, likely.problem)
    )
    ambiguous = list(_ambiguous(received, chain))
    if received.verdict is not None and received.verdict.code is not None:
        found = [*_by_verdict(received, received.verdict, [*shown, *ambiguous]), *shown]
    else:
        found = [*shown, *ambiguous, *_by_alert(received)]
    by_code: dict[str, LikelyProblem] = {}
    for likely in found:
        by_code.setdefault(likely.problem.code, likely)
    return list(by_code.values())


def _by_verdict(
    received: ReceivedChain, verdict: LocalFact, visible: Sequence[LikelyProblem]
) -> Iterator[LikelyProblem]:
    """Yield what OpenSSL's result can mean; where several problems do, those that are visible."""
    words = (
        f"the {received.sender.other.value}'s OpenSSL says: "
        f"{escaped(verdict.reason)} (verify code {verdict.code})"
    )
    evidence: dict[Problem, tuple[str, ...]] = {}
    for likely in visible:
        evidence.setdefault(likely.problem, likely.evidence)
    fitting = [problem for problem in problems.PROBLEMS if verdict.code in problem.verify_codes]
    for problem in [problem for problem in evidence if problem in fitting] or fitting:
        yield LikelyProblem(
            problem=problem, evidence=(words, *evidence.get(problem, ())), basis=Basis.VERDICT
        )


def _shown(
    received: ReceivedChain, chain: Sequence[CertificateDescription]
) -> Iterator[LikelyProblem]:
    """Yield what the certificates show by themselves."""
    now = received.now
    for depth, certificate in enumerate(chain):
        name = _name(received.sender, depth, certificate)
        begin, end = certificate.not_valid_before, certificate.not_valid_after
        if now is not None and end is not None and end < now:
            yield _show(problems.EXPIRED, f"{name} was valid until {end:%Y-%m-%d %H:%M:%S} UTC")
        if now is not None and begin is not None and begin > now:
            since = f"{name} is valid from {begin:%Y-%m-%d %H:%M:%S} UTC"
            yield _show(problems.NOT_YET_VALID, since)
        yield from _shown_purpose(received.sender, depth, certificate, name)
        is_repeated = received.chain[depth] == received.chain[0]
        if certificate.is_ca is not True and not is_repeated:
            yield _show(problems.NOT_A_CA, f"{name} is not a CA certificate")
        if weakness := _weakness(certificate):
            yield _show(problems.WEAK, f"{name} has {weakness}")
    size = sum(map(len, received.chain))
    if size > _MAX_CHAIN:
        seen = f"the chain has {size} bytes; OpenSSL accepts {_MAX_CHAIN} by default"
        yield _show(problems.TOO_LARGE, seen)
    if chain and chain[0].key_type.startswith("EC ") and chain[0].key_type not in _USUAL_CURVES:
        seen = f"the {received.sender.value}'s key is on the curve {chain[0].key_type[3:]}"
        yield _show(problems.KEY_TYPE, seen)
    if chain and received.sender is Endpoint.SERVER and received.server_name:
        yield from _shown_name(received.server_name, chain[0])


def _shown_purpose(
    sender: Endpoint, depth: int, certificate: CertificateDescription, name: str
) -> Iterator[LikelyProblem]:
    purpose, allowed = f"{sender.value}Auth", certificate.extended_key_usage
    if allowed is not None and purpose not in allowed:
        seen = f"{name} has the extendedKeyUsage {', '.join(allowed)}, without {purpose}"
        if _ANY_PURPOSE in allowed:
            seen += f"; not every implementation accepts {_ANY_PURPOSE} instead"
        yield _show(problems.WRONG_PURPOSE, seen)
    usage = certificate.key_usage
    if depth == 0 and usage is not None and "digitalSignature" not in usage:
        seen = f"{name} has the keyUsage {', '.join(usage)}, without digitalSignature"
        yield _show(problems.WRONG_KEY_USAGE, seen)


def _shown_name(server_name: str, leaf: CertificateDescription) -> Iterator[LikelyProblem]:
    names = [name.lower() for name in leaf.subject_alt_names if name.startswith("DNS:")]
    host = server_name.lower()
    wildcard = f"dns:*.{host.partition('.')[2]}"
    if f"dns:{host}" not in names and wildcard not in names:
        has = ", ".join(map(escaped, leaf.subject_alt_names)) or "no names"
        seen = f"the client asked for {escaped(server_name)}; subjectAltName has {has}"
        yield _show(problems.WRONG_NAME, seen)


def _ambiguous(
    received: ReceivedChain, chain: Sequence[CertificateDescription]
) -> Iterator[LikelyProblem]:
    """Yield the causes that look alike where a chain leads to nothing that is known.

    An alert that is not in use for them does not rule them out where the names show a mismatch.
    """
    if not chain:
        return
    leaf, top = chain[0], chain[-1]
    indicated = received.verdict is not None or _supports(received.alert, problems.UNTRUSTED_CA)
    wanted = list(map(distinguished_name, received.authorities))
    known = top.issuer in wanted or top.subject in wanted
    issuer = escaped(top.issuer)
    if leaf.subject == leaf.issuer and len(chain) == 1:
        if indicated or (wanted and not known):
            seen = f"subject and issuer are both {escaped(leaf.subject)}"
            yield _alike(problems.SELF_SIGNED, seen)
    elif wanted and known:
        if indicated:
            seen = f"the server names {issuer}; its CA may be another one of the same name"
            yield _alike(problems.UNTRUSTED_CA, seen)
    elif wanted:
        seen = (
            f"the chain ends with a certificate issued by {issuer}, "
            f"and the server names {', '.join(map(escaped, wanted))}"
        )
        yield from _untrusted_or_incomplete(received.sender, chain, seen)
    elif indicated:
        ask = "" if received.sender is Endpoint.SERVER else ", and the server names no CAs"
        seen = f"the chain ends with a certificate issued by {issuer}{ask}"
        yield from _untrusted_or_incomplete(received.sender, chain, seen)


def _untrusted_or_incomplete(
    sender: Endpoint, chain: Sequence[CertificateDescription], seen: str
) -> Iterator[LikelyProblem]:
    alike = "an untrusted CA and a missing intermediate look the same on the wire"
    yield _alike(problems.UNTRUSTED_CA, seen, alike)
    if chain[-1].subject != chain[-1].issuer:  # else a root was sent, and nothing is missing
        number = "one certificate" if len(chain) == 1 else f"{len(chain)} certificates"
        sent = f"the {sender.value} sent {number}, and no root"
        yield _alike(problems.INTERMEDIATE_MISSING, sent, seen, alike)


def _by_alert(received: ReceivedChain) -> Iterator[LikelyProblem]:
    """Yield invisible problems for which an alert that is in use for little else was sent."""
    alert = received.alert
    if alert is None or alert in GENERAL_ALERTS:
        return
    for problem in _INVISIBLE:
        if _supports(alert, problem):
            seen = f"inferred from the alert alone: {alert} ({alert.value})"
            yield LikelyProblem(problem=problem, evidence=(seen,), basis=Basis.ALERT)


def _show(problem: Problem, seen: str) -> LikelyProblem:
    return LikelyProblem(problem=problem, evidence=(seen,), basis=Basis.SHOWN)


def _alike(problem: Problem, *evidence: str) -> LikelyProblem:
    return LikelyProblem(problem=problem, evidence=evidence, basis=Basis.AMBIGUOUS)


def _supports(alert: AlertDescription | None, problem: Problem) -> bool:
    """Return whether an alert is in use for a problem."""
    return alert in ALERTS[problem.code]


def _weakness(certificate: CertificateDescription) -> str:
    bits = certificate.key_bits
    if bits is not None and bits < _MIN_BITS:
        return f"a key of {bits} bits ({certificate.key_type})"
    signature = certificate.signature_algorithm.lower().replace("-", "")
    is_root = certificate.subject == certificate.issuer
    if not is_root and any(digest in signature for digest in _WEAK_DIGESTS):
        return f"a signature with {certificate.signature_algorithm}"
    return ""


def _name(sender: Endpoint, depth: int, certificate: CertificateDescription) -> str:
    if depth == 0:
        return f"the {sender.value}'s certificate"
    return f"the certificate of {escaped(certificate.subject)}, number {depth + 1} in the chain,"
