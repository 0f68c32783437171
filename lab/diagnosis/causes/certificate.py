"""The problems that a refused certificate chain is likely to have, the likeliest first.

Rules: the verify result of the verifying end's own library is a fact and comes first. Else what
the alert fits comes before what is merely visible; and where the alert, or that there is none,
fits causes that nothing shows, all of them are named, and each says that it is one of several.

This module must not know how the connection ended, beyond the alert that it is given.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from lab.diagnosis.causes.alerts_in_use import GENERAL_ALERTS, Fit, fit
from lab.diagnosis.causes.shown import Basis, LikelyProblem, ReceivedChain, shown_problems
from lab.diagnosis.results import ONE_OF_SEVERAL, THEIR_FILES, TrustVerdict
from lab.tls.code_points import AlertDescription as Alert
from lab.tls.escape import escaped
from lab.tls.events import Endpoint
from lab.x509 import problems
from lab.x509.certificates import CertificateDescription, describe
from lab.x509.names import distinguished_name
from lab.x509.problems import Problem

_YOUNG = timedelta(hours=24)  # a clock that is behind by less than this is common
_CERTAIN = (Basis.VERDICT, Basis.TRUST, Basis.SHOWN)
_ORDER = tuple(Basis)
_REMEMBERED_BYTES = 16384
_LAST_BEGIN = datetime.max.replace(tzinfo=timezone.utc) - _YOUNG


def likely_problems(received: ReceivedChain) -> list[LikelyProblem]:
    """Return the problems that fit, best first, each once; none where nothing speaks for any."""
    # The same clients come again and again: what fits a short chain is found once.
    if received.verdict is None and sum(map(len, received.chain)) <= _REMEMBERED_BYTES:
        return list(_remembered(replace(received, now=_same_period(received))))
    return _likely(received)


def _same_period(received: ReceivedChain) -> datetime | None:
    """Return the first moment of the period of ``now`` in which no certificate's state changes."""
    now = received.now
    if now is None:
        return None
    first = datetime.min.replace(tzinfo=timezone.utc)
    for certificate in map(describe, received.chain):
        begin, end = certificate.not_valid_before, certificate.not_valid_after
        for change in (begin, end, begin + _YOUNG if begin and begin < _LAST_BEGIN else None):
            if change == now:
                return now
            if change is not None and first <= change < now:
                first = change + timedelta(microseconds=1)
    return first


@functools.lru_cache(maxsize=64)
def _remembered(received: ReceivedChain) -> tuple[LikelyProblem, ...]:
    return tuple(_likely(received))


def _likely(received: ReceivedChain) -> list[LikelyProblem]:
    shown = shown_problems(received)
    ambiguous = list(_ambiguous(received))
    verdict, trust = received.verdict, received.trust if received.chain else None
    if verdict is not None and verdict.code is not None:
        says = f"the {received.sender.other.value}'s OpenSSL says"
        words = f"{says}: {escaped(verdict.reason)} (verify code {verdict.code})"
        said = _by_verdict(verdict.code, words, Basis.VERDICT, [*shown, *ambiguous])
        return _each_once([*said, *shown])
    judged: list[LikelyProblem] = []
    if trust is not None and not trust.accepted:
        judged = list(_by_trust(received, trust, [*shown, *ambiguous]))
    elif trust is not None:
        ambiguous = [
            replace(likely, evidence=(_other_files(trust),))
            for likely in ambiguous
            if likely.problem is problems.UNTRUSTED_CA
        ]
    visible = [*judged, *shown, *ambiguous]
    found = _each_once([*visible, *_unseen(received, visible)])
    found.sort(key=lambda likely: (-_rank(received.alert, likely), _ORDER.index(likely.basis)))
    return _with_doubts(received.alert, found)


def _other_files(trust: TrustVerdict) -> str:
    return (
        f"OpenSSL, asked here with {escaped(trust.files)}, accepts the chain: the server may use "
        "other files"
    )


def _each_once(found: Sequence[LikelyProblem]) -> list[LikelyProblem]:
    by_code: dict[str, LikelyProblem] = {}
    for likely in found:
        by_code.setdefault(likely.problem.code, likely)
    return list(by_code.values())


def _rank(alert: Alert | None, likely: LikelyProblem) -> Fit:
    if likely.basis not in _CERTAIN and alert in GENERAL_ALERTS:
        return Fit.GENERAL  # OpenSSL's choice, and others' for whatever they meet
    return fit(alert, likely.problem)


def _with_doubts(alert: Alert | None, found: list[LikelyProblem]) -> list[LikelyProblem]:
    """Say of each that it is one of several, unless the alert is for the first, and that shows."""
    if not found:
        return found
    first = found[0]
    certain = first.basis is Basis.SHOWN and _rank(alert, first) is Fit.OWN
    by_trust = [likely for likely in found if likely.basis is Basis.TRUST]
    explained = []
    for likely in found:
        doubt = ONE_OF_SEVERAL
        if alert is not None and _rank(alert, likely) is Fit.NONE:
            doubt = f"the alert {alert} is not in use for this"
        elif likely.basis is Basis.TRUST:
            doubt = THEIR_FILES
        elif certain and likely.basis in _CERTAIN:
            doubt = ""
        elif len(found) == 1 and not _is_bare(alert, likely):
            doubt = ""  # its own evidence says what it rests on
        elif len(found) == 1:
            doubt = "whether that is the reason is not visible on the wire"
        evidence = (*likely.evidence, doubt) if doubt else likely.evidence
        if doubt == THEIR_FILES and len(by_trust) > 1:
            evidence = (*evidence, ONE_OF_SEVERAL)
        explained.append(replace(likely, evidence=evidence))
    return explained


def _is_bare(alert: Alert | None, likely: LikelyProblem) -> bool:
    """Return whether nothing says that this is what the other end minded."""
    by_names = likely.basis is Basis.AMBIGUOUS and alert is None
    return likely.basis is Basis.SHOWN or by_names


def _by_verdict(
    code: int, words: str, basis: Basis, visible: Sequence[LikelyProblem]
) -> Iterator[LikelyProblem]:
    """Yield what OpenSSL's result can mean; where several problems do, those that are visible."""
    seen: dict[Problem, LikelyProblem] = {}
    for likely in visible:
        seen.setdefault(likely.problem, likely)
    fitting = [problem for problem in problems.PROBLEMS if code in problem.verify_codes]
    for problem in [problem for problem in seen if problem in fitting] or fitting:
        found = seen.get(problem) or LikelyProblem(problem=problem, evidence=(), basis=basis)
        yield replace(found, evidence=(words, *found.evidence), basis=basis)


def _by_trust(
    received: ReceivedChain, trust: TrustVerdict, visible: Sequence[LikelyProblem]
) -> Iterator[LikelyProblem]:
    """Yield what the verdict by the server's files can mean: it rests on these being right."""
    words = (
        f"OpenSSL, asked here with {escaped(trust.files)}, says: "
        f"{escaped(trust.reason)} (verify code {trust.code})"
    )
    if trust.code in problems.UNTRUSTED_CA.verify_codes:
        chain = [describe(der) for der in received.chain]
        for likely in _untrusted_or_incomplete(received.sender, chain, words):
            yield replace(likely, basis=Basis.TRUST)
    else:
        yield from _by_verdict(trust.code, words, Basis.TRUST, visible)


def _ambiguous(received: ReceivedChain) -> Iterator[LikelyProblem]:
    """Yield the causes that look alike where a chain leads to nothing that is known.

    An alert that is not in use for them does not rule them out where the names show a mismatch.
    """
    chain = [describe(der) for der in received.chain]
    if not chain:
        return
    leaf, top = chain[0], chain[-1]
    fits = received.alert is not None and fit(received.alert, problems.UNTRUSTED_CA) > Fit.NONE
    indicated = received.verdict is not None or fits
    wanted = list(map(distinguished_name, received.authorities))
    known = top.issuer in wanted or top.subject in wanted
    issuer = escaped(top.issuer)
    readable = leaf.not_valid_after is not None
    if leaf.subject == leaf.issuer and len(chain) == 1 and readable:
        if indicated or not known:
            observation = f"subject and issuer are both {escaped(leaf.subject)}"
            yield LikelyProblem(
                problem=problems.SELF_SIGNED, evidence=(observation,), basis=Basis.SHOWN
            )
    elif wanted and known:
        if indicated:
            yield _same_name(received, top)
    elif wanted or indicated:
        asked = "and the server names no CAs"
        if wanted:
            asked = f"and the server names {', '.join(map(escaped, wanted))}"
        observation = f"the chain ends with a certificate issued by {issuer}"
        if received.sender is Endpoint.CLIENT:
            observation = f"{observation}, {asked}"
        yield from _untrusted_or_incomplete(received.sender, chain, observation)


def _same_name(received: ReceivedChain, top: CertificateDescription) -> LikelyProblem:
    """The server names the issuer, and may mean another CA of that name, or lack its root."""
    issuer = escaped(top.issuer)
    evidence = [
        f"the server names {issuer}; its CA may be another one of the same name",
        "or it may know that CA as an intermediate, and lack the root above it",
    ]
    for der in received.others_chain:
        other = describe(der)
        key, theirs = top.authority_key_identifier, _key_of(top.issuer, other)
        if key and theirs and key != theirs:
            evidence.append(
                f"the CA {issuer} of the server's own certificate has another key "
                f"(identifier {theirs.hex()}) than the client's ({key.hex()})"
            )
            break
    return LikelyProblem(
        problem=problems.UNTRUSTED_CA, evidence=tuple(evidence), basis=Basis.AMBIGUOUS
    )


def _key_of(issuer: str, certificate: CertificateDescription) -> bytes | None:
    """The identifier of the issuer's key, as a certificate of the issuer or below it tells."""
    if certificate.subject == issuer:
        return certificate.subject_key_identifier
    return certificate.authority_key_identifier if certificate.issuer == issuer else None


def _untrusted_or_incomplete(
    sender: Endpoint, chain: Sequence[CertificateDescription], observation: str
) -> Iterator[LikelyProblem]:
    if chain[-1].subject == chain[-1].issuer:  # a root was sent, and nothing is missing
        yield _alike(problems.UNTRUSTED_CA, observation)
        return
    alike = "an untrusted CA and a missing intermediate look the same on the wire"
    yield _alike(problems.UNTRUSTED_CA, observation, alike)
    number = "one certificate" if len(chain) == 1 else f"{len(chain)} certificates"
    sent = f"the {sender.value} sent {number}, and no root"
    yield _alike(problems.INTERMEDIATE_MISSING, sent, observation, alike)


def _alike(problem: Problem, *evidence: str) -> LikelyProblem:
    return LikelyProblem(problem=problem, evidence=evidence, basis=Basis.AMBIGUOUS)


def _unseen(received: ReceivedChain, visible: Sequence[LikelyProblem]) -> Iterator[LikelyProblem]:
    """Yield what the alert fits, and nothing that was sent shows; none where something does."""
    alert = received.alert
    if alert is None and received.trust is not None and received.chain:
        observation = "nothing that was sent can show it"
        yield LikelyProblem(
            problem=problems.CRL_UNUSABLE, evidence=(observation,), basis=Basis.ALERT
        )
        if received.trust.accepted:
            yield LikelyProblem(
                problem=problems.REVOKED, evidence=(observation,), basis=Basis.ALERT
            )
            yield LikelyProblem(
                problem=problems.UNTRUSTED_CA,
                evidence=(_other_files(received.trust),),
                basis=Basis.ALERT,
            )
    if alert is None or not received.chain:
        return
    certain = [likely.problem for likely in visible if likely.basis is Basis.SHOWN]
    if any(fit(alert, problem) is Fit.OWN for problem in certain):
        return
    observation = f"inferred from the alert alone: {alert} ({alert.value})"
    candidates: list[tuple[Problem, bool]] = [
        (problems.REVOKED, alert == Alert.CERTIFICATE_REVOKED),
        (problems.WRONG_PURPOSE, alert == Alert.UNSUPPORTED_CERTIFICATE),
        (problems.CLOCK, _clock_fits(alert, received.chain, received.now)),
        (problems.CRL_UNUSABLE, fit(alert, problems.CRL_UNUSABLE) > Fit.NONE),
        (problems.CA_EXPIRED, alert == Alert.CERTIFICATE_EXPIRED),
        (problems.NAME_CONSTRAINTS, alert == Alert.CERTIFICATE_UNKNOWN),
        (problems.BAD_SIGNATURE, alert == Alert.DECRYPT_ERROR),
    ]
    for problem, fits in candidates:
        if fits:
            yield LikelyProblem(problem=problem, evidence=(observation,), basis=Basis.ALERT)


def _clock_fits(alert: Alert, chain: Sequence[bytes], now: datetime | None) -> bool:
    """Whether a clock that is ahead, or behind where a certificate is young, would explain it."""
    if alert == Alert.CERTIFICATE_EXPIRED:
        return True
    starts = [describe(der).not_valid_before for der in chain]
    young = any(start and now and timedelta() <= now - start < _YOUNG for start in starts)
    return young and fit(alert, problems.NOT_YET_VALID) > Fit.NONE
