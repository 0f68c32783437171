"""The diagnosis: the causes that fit an outcome, best first, each with its evidence and its fix.

Rules: every cause names what in the events speaks for it. An alert's number alone makes none.
Where the wire cannot decide between two causes, both are given, and the evidence says so.

This module must not know how a diagnosis is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from lab.diagnosis.causes import accepted
from lab.diagnosis.causes.aborted import failure, left
from lab.diagnosis.causes.application_refusals import left_open, refused_by_application
from lab.diagnosis.causes.certificate import likely_problems
from lab.diagnosis.causes.in_handshake import (
    in_mid_handshake,
    lacks_renegotiation_info,
    legacy_renegotiation,
    no_certificate,
    no_fitting_certificate,
)
from lab.diagnosis.causes.large_hello import unread_large_hello
from lab.diagnosis.causes.no_common_parameters import mismatches
from lab.diagnosis.causes.other_protocols import behind_prelude, closed_after_hello
from lab.diagnosis.causes.refused_certificate import (
    about_signatures,
    access_denied,
    of_certificate,
    of_proof,
    refused_raw_key,
)
from lab.diagnosis.causes.shown import Basis, LikelyProblem, ReceivedChain
from lab.diagnosis.causes.unread import (
    cannot_be_told,
    empty_likely,
    inconclusive,
    left_unread,
    refused_unread,
    refused_unseen,
)
from lab.diagnosis.ending import REFUSALS
from lab.diagnosis.evidence import Evidence, summarize
from lab.diagnosis.outcome_wording import what_was_seen
from lab.diagnosis.results import ONE_OF_SEVERAL, Cause, Outcome, Result, Signal, TrustVerdict
from lab.tls.code_points import AlertDescription as Alert
from lab.tls.escape import escaped
from lab.tls.events import Endpoint, Event, Malformed, WireEvent
from lab.x509.certificates import describe

_MOST = 5

# Alerts about the protocol's own rules: whoever sends one does not speak of a certificate.
_PROTOCOL = frozenset(
    {
        Alert.UNEXPECTED_MESSAGE,
        Alert.BAD_RECORD_MAC,
        Alert.RECORD_OVERFLOW,
        Alert.DECOMPRESSION_FAILURE,
        Alert.DECODE_ERROR,
        Alert.PROTOCOL_VERSION,
        Alert.INAPPROPRIATE_FALLBACK,
        Alert.NO_RENEGOTIATION,
        Alert.MISSING_EXTENSION,
        Alert.UNSUPPORTED_EXTENSION,
        Alert.UNRECOGNIZED_NAME,
        Alert.NO_APPLICATION_PROTOCOL,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What a diagnosis is made from."""

    events: Sequence[Event]
    summary: Evidence
    outcome: Outcome
    now: datetime | None
    client_has_certificate: bool | None
    client_certificate: bytes | None
    trust: TrustVerdict | None
    port: int | None

    @property
    def alert(self) -> Alert | None:
        return self.outcome.alert.description if self.outcome.alert else None

    @property
    def silent(self) -> bool:
        """Whether TCP ended, or TLS in order, and no alert said why."""
        return self.alert is None and self.outcome.signal is not None

    @property
    def ours(self) -> bool:
        """Whether the client is this program's own."""
        return self.summary.client_is_ours

    def case(self, owner: Endpoint) -> ReceivedChain:
        """The chain of ``owner``, as the other end received it."""
        summary, is_client = self.summary, owner is Endpoint.CLIENT
        request = summary.request
        return ReceivedChain(
            sender=owner,
            chain=(summary.client_chain if is_client else summary.server_chain) or (),
            others_chain=(summary.server_chain if is_client else summary.client_chain) or (),
            authorities=request.certificate_authorities if is_client and request else (),
            server_name="" if is_client else summary.server_name,
            alert=self.alert,
            verdict=summary.refusal_by(owner.other),
            now=self.now,
            trust=self.trust if is_client else None,
        )


def diagnose(
    events: Sequence[Event],
    outcome: Outcome,
    *,
    now: datetime | None = None,
    client_has_certificate: bool | None = None,
    client_certificate: bytes | None = None,
    trust: TrustVerdict | None = None,
    port: int | None = None,
    spoken: Sequence[str] = (),
    evidence: Evidence | None = None,
) -> tuple[Cause, ...]:
    """The causes of ``outcome``, best first, five at most; one at least.

    ``events`` are those that the outcome was judged from. ``now`` (aware) lets validity periods be
    compared with the present; without it they are left out. ``client_has_certificate`` tells
    whether the client was given one to present, ``client_certificate`` is its DER; None where that
    is not known. ``trust`` is the verdict on the client's chain by the files that the server is
    said to trust, ``port`` the server's TCP port; None where not known. ``spoken`` is what the
    client did before TLS, in words. ``evidence`` is what ``summarize`` makes of the events, where
    the caller has it.
    """
    summary = evidence or summarize(events)
    view = _View(
        events=events,
        summary=summary,
        outcome=outcome,
        now=None if _is_before_both(summary, now) else now,
        client_has_certificate=client_has_certificate,
        client_certificate=client_certificate,
        trust=trust,
        port=port,
    )
    by_code: dict[str, Cause] = {}
    for cause in _causes(view):
        by_code.setdefault(cause.code, cause)
    causes = tuple(by_code.values()) or (inconclusive(outcome),)
    if spoken and summary.server_hello is None:
        causes = behind_prelude(causes, spoken, view.alert)
    return causes[:_MOST]


def _is_before_both(summary: Evidence, now: datetime | None) -> bool:
    """Whether both ends' certificates begin after ``now``: it is of a capture with a wrong clock.

    Where the client is this program's, the clock is its own.
    """
    chains = (summary.client_chain, summary.server_chain)
    begins = [describe(chain[0]).not_valid_before for chain in chains if chain]
    later = [begin for begin in begins if begin is not None and now is not None and begin > now]
    return not summary.client_is_ours and len(later) == len(chains)


def _causes(view: _View) -> Iterator[Cause]:
    summary, outcome = view.summary, view.outcome
    if outcome.result is Result.UNKNOWN:
        yield cannot_be_told(view.events, outcome)
    elif outcome.result is not Result.REJECTED and _ended_unanswered(view):
        yield accepted.unanswered(summary, _ending(view))
    elif outcome.result is Result.ACCEPTED:
        found = likely_problems(view.case(Endpoint.CLIENT))
        told = tuple(accepted.accepted(view.events, summary, outcome, found, view.trust))
        undecided = tuple(left_open(outcome))
        # "Nothing to fix" does not come first where the application has not let the client in.
        yield from (*undecided, *told) if told and not told[0].fix else (*told, *undecided)
    elif outcome.signal in (Signal.HTTP_STATUS, Signal.APPLICATION):
        yield from _by_application(view)
    elif outcome.hung_up_on_hello:
        yield from _unnegotiated(view, what_was_seen(outcome))
    elif outcome.result is Result.FAILED:
        yield from _failed(view)
    elif outcome.by is Endpoint.SERVER:
        yield from _by_server(view)
    else:
        yield from _by_client(view)


def _by_application(view: _View) -> Iterator[Cause]:
    summary, outcome, case = view.summary, view.outcome, view.case(Endpoint.CLIENT)
    answer = "the application refused" if outcome.answer else f"HTTP answered {outcome.http_status}"
    given = bool(view.client_has_certificate and summary.request)
    if withholds := given and summary.client_chain == ():
        yield no_fitting_certificate(summary, view.client_certificate, answer, view.now)
    found = [likely for likely in likely_problems(case) if _is_visible(likely, case)]
    flaws = [of_certificate(likely, case.sender, answer, ours=view.ours) for likely in found]
    by_http = outcome.signal is Signal.HTTP_STATUS
    refused = accepted.refused_by_http if by_http else refused_by_application
    yield from refused(summary, outcome, flaws, view.trust, withholds=withholds)


def _ended_unanswered(view: _View) -> bool:
    """Whether the server ended a connection that it had accepted, and had sent no data."""
    outcome, end = view.outcome, view.outcome.decided_by
    ended = outcome.signal in (Signal.CLOSE_NOTIFY, Signal.FIN, Signal.RST)
    by_server = end is not None and end.endpoint is Endpoint.SERVER
    answered = view.summary.server_answered or view.summary.resumed
    return outcome.handshake_accepted and ended and by_server and not answered


def _ending(view: _View) -> str:
    assert view.outcome.signal is not None
    return f"then came {view.outcome.signal.value}, without a response"


def _failed(view: _View) -> Iterator[Cause]:
    summary, outcome = view.summary, view.outcome
    cause = failure(view.events, summary, outcome, view.port)
    if cause is not None:
        yield cause
    if cause is not None and outcome.signal is Signal.TIME_OUT and _is_unanswered(view):
        yield from _large_hello(view, cause.evidence[0])
    unasked = summary.server_hello and not (summary.request or summary.resumed)
    if outcome.handshake_accepted and unasked and not summary.sealed:
        yield accepted.not_mutual(summary)


def _is_unanswered(view: _View) -> bool:
    """Whether the server sent nothing after a ClientHello."""
    by_server = view.outcome.by is Endpoint.SERVER
    return by_server and not any(
        isinstance(event, WireEvent) and event.endpoint is Endpoint.SERVER for event in view.events
    )


def _large_hello(view: _View, ending: str) -> Iterator[Cause]:
    cause = unread_large_hello(view.events, view.alert, ending)
    if cause is not None:
        yield cause


def _by_server(view: _View) -> Iterator[Cause]:
    summary, ending = view.summary, what_was_seen(view.outcome)
    if summary.server_hello is None:
        yield from _unnegotiated(view, ending)
    elif summary.client_chain or summary.client_key or summary.unread_certificate:
        yield from _certificate_refused(view, ending)
    elif summary.client_chain is not None and summary.request is not None:
        if view.client_has_certificate is not True:
            yield no_certificate(summary, view.alert, ending)
        if view.client_has_certificate is not False:
            yield no_fitting_certificate(summary, view.client_certificate, ending, view.now)
        if view.silent:
            yield _unexplained(view, ending)
    elif view.silent:
        if view.summary.empty_certificate_likely:
            yield empty_likely(summary, ending)
        yield _unexplained(view, ending)
    else:
        yield from in_mid_handshake(view.events, summary, view.alert, ending)


def _certificate_refused(view: _View, ending: str) -> Iterator[Cause]:
    """The server refused a client that had presented a certificate, or a raw public key."""
    if view.summary.client_key is not None:
        yield refused_raw_key(Endpoint.CLIENT, ending)
        if view.silent:
            yield _unexplained(view, ending)
        return
    case = view.case(Endpoint.CLIENT)
    watched = view.outcome.server_handshake_returned is not None
    found = likely_problems(case)
    unheard = watched or view.alert is None or view.alert in _PROTOCOL
    if case.verdict is None and unheard:
        # Only what shows: neither silence nor such an alert speaks of a certificate.
        yield from (
            of_certificate(likely, case.sender, ending, ours=view.ours)
            for likely in found
            if _is_visible(likely, case)
        )
        if view.alert is None:
            yield _unexplained(view, ending)
        else:
            yield _protocol_failure(view, ending, view.summary.server_failure)
            yield from of_proof(view.events, Endpoint.CLIENT, view.alert, ending)
    else:
        yield from about_signatures(view.events, case, found, ending, ours=view.ours)
    if view.alert == Alert.ACCESS_DENIED and case.verdict is None:
        yield access_denied(ending)


def _is_visible(likely: LikelyProblem, case: ReceivedChain) -> bool:
    """Return whether the certificates, names, or a verdict by the server's files speak for it."""
    by_name = likely.basis is Basis.AMBIGUOUS and bool(case.authorities)
    return likely.basis in (Basis.SHOWN, Basis.TRUST) or by_name or case.trust is not None


def _unnegotiated(view: _View, ending: str) -> Iterator[Cause]:
    early = "no ServerHello or CertificateRequest was sent: client certificates are not the cause"
    warnings = [seen for seen in view.outcome.warnings if seen.endpoint is Endpoint.SERVER]
    alert = warnings[-1].description if view.alert is None and warnings else view.alert
    if view.silent and warnings:
        ending = f"{ending}; it had sent the warning {alert}"
    elif view.silent:
        yield closed_after_hello(ending, view.port)
    found = mismatches(view.summary, alert)
    doubts = (ONE_OF_SEVERAL,) if len(found) > 1 else ()
    for mismatch in found:
        yield Cause(
            code=mismatch.code,
            summary=mismatch.summary,
            evidence=(ending, early, mismatch.offer, *doubts),
            reference=mismatch.reference,
            fix=mismatch.fix,
        )
    if not view.silent or not warnings:
        yield from _large_hello(view, ending)
    if not found and alert is not None:
        yield Cause(
            code="refused-at-hello",
            summary="the server refused the ClientHello; the cause is not visible on the wire",
            evidence=(ending, early),
            reference="RFC 9846 section 4.2.1",
            fix="read the server's log",
        )


def _unexplained(view: _View, ending: str) -> Cause:
    if view.outcome.signal is Signal.UNREAD_ALERT:
        return refused_unread(view.summary, view.outcome, ending)
    ground = (view.outcome.ground,) if view.outcome.ground else ()
    lost: tuple[str, ...] = ()
    if view.outcome.signal is Signal.RST and view.summary.client_wrote_data:
        lost = (
            "the client had written data already: a server that closes with unread data sends "
            "RST, and the client can then lose an alert sent before it",
        )
    return Cause(
        code="refused-without-alert",
        summary="the server closed the connection without an alert",
        evidence=(ending, *ground, *lost),
        reference="RFC 9846 section 6.2",
        fix="read the server's log; a server should send its alert, shut down its sending side, "
        "and keep reading for a while before it closes",
    )


def _by_client(view: _View) -> Iterator[Cause]:
    summary, ending = view.summary, what_was_seen(view.outcome)
    watched = view.outcome.client_handshake_returned is not None
    case = view.case(Endpoint.SERVER)
    blind = not watched and view.alert not in _PROTOCOL
    if view.outcome.signal is Signal.UNREAD_ALERT:
        yield left_unread(view.outcome, ending)
    elif lacks_renegotiation_info(summary, view.outcome.exception):
        yield legacy_renegotiation(ending)
    elif summary.server_chain and (case.verdict or blind):
        yield from about_signatures(
            view.events, case, likely_problems(case), ending, ours=view.ours
        )
    elif summary.server_key is not None and blind:
        yield refused_raw_key(Endpoint.SERVER, ending)
    elif summary.server_chain is None and summary.sealed and view.alert in REFUSALS:
        yield refused_unseen(ending)
    elif summary.server_chain is None and summary.sealed and blind:
        yield left(view.outcome)
    elif view.alert is not None:
        said = view.outcome.exception
        proof = list(of_proof(view.events, Endpoint.SERVER, view.alert, ending, said=said))
        yield from proof or [_protocol_failure(view, ending, said)]
    else:
        yield left(view.outcome)


def _protocol_failure(view: _View, ending: str, said: str) -> Cause:
    """Return the cause where the end that aborted reports that it is not the certificate."""
    by = view.outcome.by
    assert by is not None
    own = (f"the {by.value}'s TLS library says: {escaped(said)}",) if said else ()
    broken = tuple(
        f"the {event.endpoint.value}'s {event.where} is malformed: {event.problem}"
        for event in view.events
        if isinstance(event, Malformed)
    )
    return Cause(
        code="protocol-failure",
        summary=f"the {by.value} aborted the handshake for a reason other than "
        f"the {by.other.value}'s certificate",
        evidence=(ending, *own, *broken),
        reference="RFC 9846 section 6.2",
        fix="look for incompatible settings, a bug in one implementation, or corrupted data",
    )
