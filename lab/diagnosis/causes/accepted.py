"""The meaning of an accepted handshake, and of what follows it: an answer, a refusal, or nothing.

Rules: of a connection, only what is true of this connection: whether a server asks for a
certificate may depend on the host name, on the path, and on a proxy in front of it.

This module must not claim more than an end has shown: only the server itself can report that it
verified a certificate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.diagnosis.causes.asked_later import (
    asked_late,
    could_not_be_asked,
    too_long_to_ask,
    which_clients_can,
)
from lab.diagnosis.causes.remedies import give_certificate
from lab.diagnosis.causes.shown import Basis, LikelyProblem
from lab.diagnosis.causes.unread import accepted_by_tls, accepted_unread, accepted_unseen
from lab.diagnosis.causes.withheld import kinds_of_clients
from lab.diagnosis.evidence import Evidence
from lab.diagnosis.results import Cause, Outcome, TrustVerdict
from lab.tls.application_protocol import ApplicationAnswer
from lab.tls.escape import escaped
from lab.tls.events import Endpoint, Event, Fact, LocalFact
from lab.x509 import problems

EMPTY = "the client's Certificate message is empty"
NO_REQUEST = "the server sent no CertificateRequest"
_RESUMED = "the server accepted the session that the client offered"

# Flaws that no verifying end of any make takes; the others are a matter of its rules.
_HARD = (
    problems.EXPIRED,
    problems.NOT_YET_VALID,
    problems.WRONG_PURPOSE,
    problems.NOT_A_CA,
    problems.PATH_LENGTH,
    problems.BAD_SIGNATURE,
    problems.CRITICAL_EXTENSION,
)
_MISDIRECTED = 421  # RFC 9110 section 15.5.20
_REQUIRE_ONE = (
    "make the server require one (ssl.CERT_REQUIRED in Python, ssl_verify_client on in nginx, "
    "verify required in HAProxy, requestCert and rejectUnauthorized in Node, "
    "RequireAndVerifyClientCert in Go)"
)


def _ground(outcome: Outcome) -> tuple[str, ...]:
    return (outcome.ground,) if outcome.ground else ()


def not_mutual(summary: Evidence, status: int | None = None) -> Cause:
    """The server asked for no certificate, of this client on this connection.

    ``status`` is that of HTTP's answer.
    """
    return Cause(
        code="not-mutual",
        summary="the server asked for no client certificate on this connection",
        evidence=(NO_REQUEST, *_where_else(summary), *too_long_to_ask(status)),
        reference="RFC 9846 section 4.4.2; RFC 5246 section 7.4.4",
        fix=f"to authenticate clients by certificate, {_REQUIRE_ONE}; a proxy in front that ends "
        "TLS must do it itself",
    )


def _where_else(summary: Evidence) -> Iterator[str]:
    """Where the server may ask all the same."""
    if not summary.server_name:
        yield "the client sent no host name (SNI); a server may ask clients of certain hosts only"
    if not summary.offers_later_authentication:
        yield (
            "the client did not offer post-handshake authentication; in TLS 1.3 a server that "
            "asks for certain paths only asks no other clients"
        )


def accepted(
    events: Sequence[Event],
    summary: Evidence,
    outcome: Outcome,
    suspected: Sequence[LikelyProblem],
    trust: TrustVerdict | None,
) -> Iterator[Cause]:
    """The handshake was completed, and nothing refused the client after it."""
    if summary.resumed and not summary.asked_after_handshake:
        yield Cause(
            code="resumed",
            summary="an earlier session was resumed; the client's identity is the one from then",
            evidence=(_RESUMED,),
            reference="RFC 9846 section 2.2; RFC 5246 section 7.3",
            fix="",
        )
    elif summary.request is None and summary.sealed and not summary.client_chain:
        yield accepted_unseen(events, outcome, "the server requested a certificate")
    elif summary.request is None and not summary.client_chain:
        yield not_mutual(summary, outcome.http_status)
    elif summary.unread_certificate:
        yield accepted_unread(outcome, summary.unread_certificate)
    elif summary.client_chain is None and summary.sealed:
        yield accepted_unseen(events, outcome, "it presented a certificate")
    elif summary.client_key is not None:
        yield _with_raw_key(outcome)
    elif not summary.client_chain:
        yield _without_certificate(summary, outcome)
    else:
        yield _with_certificate(events, summary, outcome)
        if not (_verified(events, Endpoint.SERVER) or outcome.ground):
            yield from _despite(suspected, trust)
    yield from which_clients_can(summary)


def _without_certificate(summary: Evidence, outcome: Outcome) -> Cause:
    unasked = "no HTTP response was read: HTTP may still refuse the client"
    more = [unasked] if outcome.http_status is None else ["the server answered"]
    if outcome.answer is not None:
        more = [answered(outcome.answer)]
    more += _ground(outcome)
    return Cause(
        code="certificate-optional",
        summary="the server requests a client certificate, and its handshake accepts a client "
        "without one",
        evidence=("the server sent CertificateRequest", EMPTY, *more, *asked_late(summary)),
        reference="RFC 9846 section 4.5.1.3; RFC 5246 section 7.4.6",
        fix="if every client must have one, require it (ssl.CERT_REQUIRED, not CERT_OPTIONAL), "
        "or refuse such clients in the application",
    )


def answered(answer: ApplicationAnswer) -> str:
    """Return in a sentence what the application was asked, and what it answered."""
    to = f"to {answer.asked}, " if answer.asked else ""
    return f"{to}the application answered {answer.sentence}"


def _with_certificate(events: Sequence[Event], summary: Evidence, outcome: Outcome) -> Cause:
    if outcome.ground:
        return accepted_by_tls(events, outcome)
    by_server = _verified(events, Endpoint.SERVER)
    by_client = _verified(events, Endpoint.CLIENT)
    unverified = summary.client_is_ours and not by_client
    if by_server:
        words = "mutual TLS works: both ends are authenticated"
        says = "the server's OpenSSL verified the client's certificate"
    else:
        words = (
            "the server accepted the client's certificate; whether it verified it is not visible"
        )
        says = "only the server can report whether it verified the certificate"
    if by_server and not by_client:
        words = (
            "the server verified the client's certificate; whether the client verified the "
            "server's is not visible"
        )
    if unverified:
        words = (
            "the server accepted the client's certificate; the client did not verify the server's"
        )
    checked = "only the client can report whether it verified the server's certificate"
    if summary.client_is_ours:
        how = "verified" if by_client else "did not verify"
        checked = f"the client {how} the server's certificate"
    return Cause(
        code="mutual-tls",
        summary=words,
        evidence=(
            "the server accepted the client's Certificate and CertificateVerify",
            says,
            checked,
            *asked_late(summary),
        ),
        reference="RFC 9846 section 4.5; RFC 5246 section 7.4.8",
        fix="",
    )


def _with_raw_key(outcome: Outcome) -> Cause:
    return Cause(
        code="raw-public-key-accepted",
        summary="the server accepted the client, which showed a raw public key in place of a "
        "certificate; whether it knows the key is not visible",
        evidence=("the client sent a raw public key", *_ground(outcome)),
        reference="RFC 7250 sections 4.4 and 6",
        fix="",
    )


def _despite(suspected: Sequence[LikelyProblem], trust: TrustVerdict | None) -> Iterator[Cause]:
    """The server took a chain that others would refuse."""
    test = "test the server with certificates that it must refuse (python -m lab.probe)"
    evidence = [
        likely.evidence[0]
        for likely in suspected
        if likely.basis is Basis.SHOWN and likely.problem in _HARD
    ]
    if evidence:
        yield Cause(
            code="taken-despite-flaw",
            summary="the server accepted a client whose certificate looks invalid: "
            "it does not check this, or it verifies no certificates",
            evidence=tuple(dict.fromkeys(evidence)),
            reference="RFC 9846 section 4.5.1.3; RFC 5280 section 6.1",
            fix=test,
        )
    if trust is not None and not trust.accepted:
        yield Cause(
            code="taken-against-files",
            summary=f"the server accepted a chain that {escaped(trust.files)} would refuse: it "
            "trusts more than these files, or it verifies no certificates",
            evidence=(judged_here(trust),),
            reference="RFC 9846 section 4.5.1.3; RFC 5280 section 6.1",
            fix=f"compare the server's files with these; {test}",
        )


def judged_here(trust: TrustVerdict) -> str:
    """Return in a sentence what OpenSSL says here."""
    asked = f"OpenSSL, asked here with {escaped(trust.files)},"
    if trust.accepted:
        return f"{asked} accepts the client's chain"
    return f"{asked} refuses the client's chain: {escaped(trust.reason)} (code {trust.code})"


def _verified(events: Sequence[Event], endpoint: Endpoint) -> bool:
    return any(
        isinstance(event, LocalFact)
        and event.endpoint is endpoint
        and event.fact is Fact.CERTIFICATE_VERIFIED
        for event in events
    )


def refused_by_http(
    summary: Evidence,
    outcome: Outcome,
    suspected: Sequence[Cause],
    trust: TrustVerdict | None,
    *,
    withholds: bool,
) -> Iterator[Cause]:
    """Return the causes where the handshake was accepted and HTTP refused the request.

    ``suspected`` are those that the client's certificate shows. With ``withholds`` the client is
    known to have one that it did not send: nobody need tell it to get one.
    """
    said = f": {outcome.http_text}" if outcome.http_text else ""
    answer = f"the handshake completed, and HTTP answered {outcome.http_status}{said}"
    reason = outcome.http_text.lower()
    host = _host(summary, outcome, (answer,))
    if later := could_not_be_asked(summary, answer, reason):
        yield later
        return
    if outcome.http_status == _MISDIRECTED:
        yield host
    if "certificate error" in reason:  # nginx: a certificate that does not verify
        yield from suspected
    if summary.client_chain:
        judged = (judged_here(trust),) if trust else ()
        evidence = (answer, "the client presented a certificate", *judged)
        if "certificate error" in reason:
            yield _does_not_verify(evidence)
        else:
            yield _identity(evidence)
            yield from suspected
    elif summary.request is not None or summary.sealed:
        if not withholds:
            yield _wants_certificate(summary, answer)
    elif summary.resumed:
        yield _identity((answer, f"{_RESUMED}: no certificate is asked for then"))
    else:
        yield _not_asked(summary, (answer,))
    named = "ssl certificate" in reason  # it says what it is about, as nginx does
    if outcome.http_status != _MISDIRECTED and not summary.server_name and not named:
        yield host


def _host(summary: Evidence, outcome: Outcome, evidence: tuple[str, ...]) -> Cause:
    sent = f"the host name {escaped(summary.server_name)}" if summary.server_name else "no name"
    known = outcome.http_status == _MISDIRECTED
    here = "--sni NAME here, " if summary.client_is_ours else ""
    coalescing = (
        "; clients of HTTP/2 that use a connection of another host again (coalescing) must open a "
        "new one, as hosts may ask for different certificates"
        if known and summary.protocol == "h2"
        else ""
    )
    return Cause(
        code="http-wrong-host",
        summary="HTTP refused the request for its host name: this server does not serve it, or "
        "not on a connection with this name"
        if known
        else "HTTP may have refused the request for its host name: the client sent no SNI",
        evidence=(*evidence, f"the client sent {sent} in its ClientHello (SNI)"),
        reference="RFC 9110 section 15.5.20; RFC 6066 section 3",
        fix=f"connect by the host name that the server is configured for ({here}"
        f"curl --connect-to or --resolve, server_hostname= in Python){coalescing}",
    )


def _identity(evidence: tuple[str, ...]) -> Cause:
    return Cause(
        code="http-refuses-identity",
        summary="HTTP refused the request, not the handshake; whether for the client's identity "
        "or for the request itself cannot be told from here",
        evidence=evidence,
        reference="RFC 9110 section 15.5",
        fix="read the body and the server's log: its rules may not allow this subject, host or "
        "path, a proxy in front may not hand the certificate on, or the request lacks something "
        "(a token, a header)",
    )


def _does_not_verify(evidence: tuple[str, ...]) -> Cause:
    return Cause(
        code="http-certificate-refused",
        summary="HTTP refused the request for an error in the client's certificate, as its answer "
        "says; which error is in the server's log only",
        evidence=evidence,
        reference="RFC 9110 section 15.5; RFC 5280 section 6.1",
        fix="read the server's log (error_log at level info in nginx); beside what shows here, the "
        "certificate may be revoked, a CA of its chain may have no CRL that the server can use, or "
        "the chain may be longer than the server allows (ssl_verify_depth in nginx, by default 1)",
    )


def _wants_certificate(summary: Evidence, answer: str) -> Cause:
    empty = summary.client_chain == ()
    return Cause(
        code="http-wants-certificate",
        summary="HTTP refused the request, and the client sent no certificate, for which the "
        "server had asked"
        if empty
        else "HTTP refused the request; whether a client certificate is missing cannot be told",
        evidence=(
            answer,
            EMPTY if empty else "no Certificate was seen",
            *(kinds_of_clients(summary) if empty else ()),
            *asked_late(summary),
        ),
        reference="RFC 9110 section 15.5; RFC 9846 section 4.5.1.3",
        fix=f"{give_certificate(summary)}; if it is refused with one as well, the request itself "
        "is the cause",
    )


def _not_asked(summary: Evidence, evidence: tuple[str, ...]) -> Cause:
    return Cause(
        code="http-not-about-certificates",
        summary="HTTP refused the request, and no client certificate was asked for on this "
        "connection; whether one is missing cannot be told from here",
        evidence=(*evidence, NO_REQUEST, *_where_else(summary)),
        reference="RFC 9110 section 15.5",
        fix="read the body: the request may lack something (a token, a header), the server may "
        "ask for a certificate by host name (SNI) or for another path, or a proxy in front ends "
        "TLS and must ask for it",
    )


def unanswered(summary: Evidence, ending: str) -> Cause:
    """The handshake was in order, and the server ended the connection without a word."""
    possible = []
    if summary.request is not None and not summary.client_chain:
        possible.append("that the client presented no certificate")
    if summary.client_chain:
        possible.append("the subject of the client's certificate")
    if not summary.server_name:
        possible.append("that the client sent no host name (SNI)")
    if not summary.protocol:
        possible.append("that no application protocol was agreed on (ALPN; gRPC requires h2)")
    if not summary.offers_later_authentication:
        possible.append("that the client did not offer post-handshake authentication")
    possible.append("the request itself")
    return Cause(
        code="no-answer",
        summary="the handshake completed, and the server ended the connection without an answer; "
        "its reason cannot be told from here",
        evidence=("the server had accepted the client's last flight", ending, _possible(possible)),
        reference="RFC 9846 section 6.1",
        fix="read the server's log",
    )


def _possible(reasons: Sequence[str]) -> str:
    return f"possible: {', '.join(reasons)}, or a fault of the server's"
