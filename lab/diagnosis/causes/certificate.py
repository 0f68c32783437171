"""The faults that a refused certificate chain can have, by verify result, contents and alert.

Rules: the verify result of the verifying end's own library is a fact and comes first; what the
certificates show comes second; an alert alone makes a fault likely, never certain. Where two causes
look the same on the wire, both are named and the text says so.

This module must not know how the connection ended, beyond the alert that it is given.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from lab.diagnosis.causes.alerts_in_use import ALERTS
from lab.tls.code_points import AlertDescription
from lab.tls.escape import escaped
from lab.tls.events import Endpoint, LocalFact
from lab.x509 import problems
from lab.x509.certificates import CertificateDescription, describe, distinguished_name
from lab.x509.problems import Problem

_PURPOSE = {Endpoint.CLIENT: "clientAuth", Endpoint.SERVER: "serverAuth"}
_ANY_PURPOSE = "anyExtendedKeyUsage"
_WEAKEST_RSA = 2048
_WEAK_DIGESTS = ("md5", "sha1")
_USUAL_CURVES = ("EC secp256r1", "EC secp384r1", "EC secp521r1")
_LARGE = 102400  # OpenSSL's SSL_MAX_CERT_LIST_DEFAULT, in bytes

# Faults that the chain itself cannot show: its judge must be asked.
_UNSEEN = (problems.REVOKED, problems.EXPIRED, problems.WRONG_PURPOSE, problems.UNTRUSTED_CA)
# Alerts that are in use for almost everything, so that they speak for nothing.
_BROAD = frozenset(
    {
        AlertDescription.HANDSHAKE_FAILURE,
        AlertDescription.BAD_CERTIFICATE,
        AlertDescription.CERTIFICATE_UNKNOWN,
        AlertDescription.ILLEGAL_PARAMETER,
        AlertDescription.ACCESS_DENIED,
        AlertDescription.DECODE_ERROR,
        AlertDescription.DECRYPT_ERROR,
        AlertDescription.INTERNAL_ERROR,
    }
)


class SuspicionBasis(enum.Enum):
    """What a suspicion rests on, the firmest first."""

    VERDICT = "the judging end's library said so"
    SHOWN = "the certificates show it"
    ALIKE = "the chain leads to nothing known, which has several causes"
    ALERT = "an alert that is in use for little else"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """A fault that fits, with what speaks for it."""

    fault: Problem
    evidence: tuple[str, ...]
    ground: SuspicionBasis


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A chain and how it was received.

    ``owner`` sent the chain; ``authorities`` are the names (DER) that the other end asked for,
    ``server_name`` the host that a client wanted; ``now`` is the present, None to leave it out.
    """

    owner: Endpoint
    chain: tuple[bytes, ...]
    authorities: tuple[bytes, ...]
    server_name: str
    alert: AlertDescription | None
    verdict: LocalFact | None
    now: datetime | None


def suspicions(case: Case) -> list[Suspicion]:
    """The faults that fit, best first, each once. Empty where nothing speaks for any.

    Where the judge's own library has spoken, only what it can have meant, and what shows.
    """
    described = [describe(der) for der in case.chain]
    shown = sorted(_shown(case, described), key=lambda each: not _supported(each.fault, case.alert))
    alike = list(_alike(case, described))
    if case.verdict is not None and case.verdict.code is not None:
        found = [*_by_verdict(case, case.verdict, [*shown, *alike]), *shown]
    else:
        found = [*shown, *alike, *_by_alert(case)]
    by_code: dict[str, Suspicion] = {}
    for each in found:
        by_code.setdefault(each.fault.code, each)
    return list(by_code.values())


def _by_verdict(case: Case, verdict: LocalFact, shown: Sequence[Suspicion]) -> Iterator[Suspicion]:
    """What the judge's OpenSSL said; where that fits several faults, those that show come first."""
    said = (
        f"the {case.owner.other.value}'s OpenSSL says: "
        f"{escaped(verdict.reason)} (verify code {verdict.code})"
    )
    fitting = [fault for fault in problems.FAULTS if verdict.code in fault.verdicts]
    visible = {each.fault.code: each.evidence for each in reversed(shown)}
    order = list(dict.fromkeys(each.fault.code for each in shown))
    fitting.sort(key=lambda fault: order.index(fault.code) if fault.code in order else len(order))
    for fault in fitting:
        evidence = (said, *visible.get(fault.code, ()))
        yield Suspicion(fault=fault, evidence=evidence, ground=SuspicionBasis.VERDICT)


def _shown(case: Case, chain: Sequence[CertificateDescription]) -> Iterator[Suspicion]:
    """What the certificates show by themselves."""
    for depth, seen in enumerate(chain):
        whose = _whose(case.owner, depth, seen)
        if case.now is not None and seen.not_valid_after and seen.not_valid_after < case.now:
            until = f"{whose} was valid until {seen.not_valid_after:%Y-%m-%d %H:%M:%S} UTC"
            yield _show(problems.EXPIRED, until)
        if case.now is not None and seen.not_valid_before and seen.not_valid_before > case.now:
            since = f"{whose} is valid from {seen.not_valid_before:%Y-%m-%d %H:%M:%S} UTC"
            yield _show(problems.NOT_YET_VALID, since)
        yield from _shown_purpose(case, depth, seen, whose)
        if depth > 0 and seen.is_ca is not True and case.chain[depth] != case.chain[0]:
            yield _show(problems.NOT_A_CA, f"{whose} is not a CA certificate")
        if weakness := _weakness(seen):
            yield _show(problems.WEAK, f"{whose} has {weakness}")
    octets = sum(map(len, case.chain))
    if octets > _LARGE:
        says = f"the chain has {octets} bytes; OpenSSL accepts {_LARGE} by default"
        yield _show(problems.TOO_LARGE, says)
    if chain and chain[0].key_type.startswith("EC ") and chain[0].key_type not in _USUAL_CURVES:
        says = f"the {case.owner.value}'s key is on the curve {chain[0].key_type[3:]}"
        yield _show(problems.KEY_TYPE, says)
    if chain and case.owner is Endpoint.SERVER and case.server_name:
        yield from _shown_name(case, chain[0])


def _shown_purpose(
    case: Case, depth: int, seen: CertificateDescription, whose: str
) -> Iterator[Suspicion]:
    purpose, allowed = _PURPOSE[case.owner], seen.extended_key_usage
    if allowed is not None and purpose not in allowed:
        says = f"{whose} has the extendedKeyUsage {', '.join(allowed)}, without {purpose}"
        if _ANY_PURPOSE in allowed:
            says += f"; not every implementation accepts {_ANY_PURPOSE} instead"
        yield _show(problems.WRONG_PURPOSE, says)
    if depth == 0 and seen.key_usage is not None and "digitalSignature" not in seen.key_usage:
        says = f"{whose} has the keyUsage {', '.join(seen.key_usage)}, without digitalSignature"
        yield _show(problems.WRONG_KEY_USAGE, says)


def _shown_name(case: Case, leaf: CertificateDescription) -> Iterator[Suspicion]:
    names = [name.lower() for name in leaf.subject_alt_names if name.startswith("DNS:")]
    host = case.server_name.lower()
    wildcard = f"dns:*.{host.partition('.')[2]}"
    if f"dns:{host}" not in names and wildcard not in names:
        has = ", ".join(map(escaped, leaf.subject_alt_names)) or "no names"
        says = f"the client asked for {escaped(case.server_name)}; subjectAltName has {has}"
        yield _show(problems.WRONG_NAME, says)


def _alike(case: Case, chain: Sequence[CertificateDescription]) -> Iterator[Suspicion]:
    """Where a chain leads to nothing that is known: the causes that look alike on the wire.

    An alert that is not in use for them does not rule them out where the names show a mismatch.
    """
    if not chain:
        return
    leaf, top = chain[0], chain[-1]
    told = case.verdict is not None or (
        case.alert is not None and _supported(problems.UNTRUSTED_CA, case.alert)
    )
    wanted = _names(case.authorities)
    known = top.issuer in wanted or top.subject in wanted
    issuer = escaped(top.issuer)
    if leaf.subject == leaf.issuer and len(chain) == 1:
        if told or (wanted and not known):
            says = f"subject and issuer are both {escaped(leaf.subject)}"
            yield _like(problems.SELF_SIGNED, says)
    elif wanted and known:
        if told:
            says = f"the server names {issuer}; its CA may be another one of the same name"
            yield _like(problems.UNTRUSTED_CA, says)
    elif wanted:
        says = (
            f"the chain ends with a certificate issued by {issuer}, "
            f"and the server names {', '.join(map(escaped, wanted))}"
        )
        yield from _untrusted_or_incomplete(case, chain, says)
    elif told:
        ask = "" if case.owner is Endpoint.SERVER else ", and the server names no CAs"
        says = f"the chain ends with a certificate issued by {issuer}{ask}"
        yield from _untrusted_or_incomplete(case, chain, says)


def _untrusted_or_incomplete(
    case: Case, chain: Sequence[CertificateDescription], says: str
) -> Iterator[Suspicion]:
    alike = "an untrusted CA and a missing intermediate look the same on the wire"
    yield _like(problems.UNTRUSTED_CA, says, alike)
    if chain[-1].subject != chain[-1].issuer:  # else a root was sent, and nothing is missing
        number = "one certificate" if len(chain) == 1 else f"{len(chain)} certificates"
        sent = f"the {case.owner.value} sent {number}, and no root"
        yield _like(problems.INTERMEDIATE_MISSING, sent, says, alike)


def _by_alert(case: Case) -> Iterator[Suspicion]:
    """Faults that cannot be seen, for which an alert that is in use for little else was sent."""
    if case.alert is None or case.alert in _BROAD:
        return
    for fault in _UNSEEN:
        if case.alert in ALERTS[fault.code]:
            says = f"inferred from the alert alone: {case.alert} ({case.alert.value})"
            yield Suspicion(fault=fault, evidence=(says,), ground=SuspicionBasis.ALERT)


def _show(fault: Problem, *evidence: str) -> Suspicion:
    return Suspicion(fault=fault, evidence=evidence, ground=SuspicionBasis.SHOWN)


def _like(fault: Problem, *evidence: str) -> Suspicion:
    return Suspicion(fault=fault, evidence=evidence, ground=SuspicionBasis.ALIKE)


def _supported(fault: Problem, alert: AlertDescription | None) -> bool:
    """Whether an alert speaks for a fault; no alert at all speaks neither for nor against."""
    return alert is None or alert in ALERTS[fault.code]


def _weakness(seen: CertificateDescription) -> str:
    if seen.key_type == "RSA" and seen.key_bits is not None and seen.key_bits < _WEAKEST_RSA:
        return f"an RSA key of {seen.key_bits} bits"
    signature = seen.signature_algorithm.lower().replace("-", "")
    if seen.subject != seen.issuer and any(digest in signature for digest in _WEAK_DIGESTS):
        return f"a signature with {seen.signature_algorithm}"
    return ""


def _whose(owner: Endpoint, depth: int, seen: CertificateDescription) -> str:
    if depth == 0:
        return f"the {owner.value}'s certificate"
    return f"the certificate of {escaped(seen.subject)}, number {depth + 1} in the chain,"


def _names(authorities: Sequence[bytes]) -> list[str]:
    return list(map(distinguished_name, authorities))
