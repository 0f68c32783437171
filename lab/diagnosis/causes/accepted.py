"""The meaning of an accepted handshake, and of the HTTP status that follows it.

This module must not claim more than an end has shown: only the server itself can report that it
verified a certificate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.diagnosis.causes.certificate import Basis, LikelyProblem
from lab.diagnosis.evidence import Evidence
from lab.diagnosis.results import Cause, Outcome
from lab.tls.events import (
    Endpoint,
    Event,
    Fact,
    LocalFact,
)

EMPTY = "the client's Certificate message is empty"
NO_REQUEST = "the server sent no CertificateRequest"


def not_mutual() -> Cause:
    """The server asked for no certificate."""
    return Cause(
        code="not-mutual",
        summary="this is not mutual TLS: the server asked for no client certificate",
        evidence=(NO_REQUEST,),
        reference="RFC 9846 section 4.4.2; RFC 5246 section 7.4.4",
        fix="to authenticate clients by certificate, make the server require one "
        "(ssl.CERT_REQUIRED)",
    )


def accepted(
    events: Sequence[Event],
    summary: Evidence,
    outcome: Outcome,
    suspected: Sequence[LikelyProblem],
) -> Iterator[Cause]:
    """The handshake was completed, and nothing refused the client after it."""
    if summary.resumed:
        yield Cause(
            code="resumed",
            summary="an earlier session was resumed; the client's identity is the one from then",
            evidence=("the server accepted the session that the client offered",),
            reference="RFC 9846 section 2.2; RFC 5246 section 7.3",
            fix="",
        )
    elif summary.request is None and summary.sealed:
        yield Cause(
            code="accepted-unseen",
            summary="the server accepted the client; whether it requested a certificate is unknown",
            evidence=("records of the handshake could not be decrypted",),
            reference="RFC 9846 section 5.2",
            fix="supply the key log (SSLKEYLOGFILE) of one of the ends",
        )
    elif summary.request is None:
        yield not_mutual()
    elif not summary.client_chain:
        yield _without_certificate(outcome)
    else:
        yield _with_certificate(events)
        flaws = [each for each in suspected if each.basis in (Basis.SHOWN, Basis.AMBIGUOUS)]
        if flaws and not _verified(events, Endpoint.SERVER):
            yield _despite(flaws)


def _without_certificate(outcome: Outcome) -> Cause:
    unasked = "no HTTP response was read: HTTP may still refuse the client"
    more = (unasked,) if outcome.http_status is None else ()
    return Cause(
        code="certificate-optional",
        summary="the server requests a client certificate, and its handshake accepts a client "
        "without one",
        evidence=("the server sent CertificateRequest", EMPTY, "the server continued", *more),
        reference="RFC 9846 section 4.5.1.3; RFC 5246 section 7.4.6",
        fix="if every client must have one, require it (ssl.CERT_REQUIRED, not CERT_OPTIONAL), "
        "or refuse such clients in the application",
    )


def _with_certificate(events: Sequence[Event]) -> Cause:
    by_server = _verified(events, Endpoint.SERVER)
    by_client = _verified(events, Endpoint.CLIENT)
    if by_server:
        summary = "mutual TLS works: both ends are authenticated"
        says = "the server's OpenSSL verified the client's certificate"
    else:
        summary = (
            "the server accepted the client's certificate; whether it verified it is not visible"
        )
        says = "only the server can report whether it verified the certificate"
    if not by_client:
        summary = (
            "the server accepted the client's certificate; the client did not verify the server's"
        )
    checked = "verified" if by_client else "did not verify"
    return Cause(
        code="mutual-tls",
        summary=summary,
        evidence=(
            "the server accepted the client's Certificate and CertificateVerify",
            says,
            f"the client {checked} the server's certificate",
        ),
        reference="RFC 9846 section 4.5; RFC 5246 section 7.4.8",
        fix="",
    )


def _despite(flaws: Sequence[LikelyProblem]) -> Cause:
    return Cause(
        code="taken-despite-flaw",
        summary="the server accepted a client whose certificate looks invalid: "
        "it may not verify certificates",
        evidence=tuple(dict.fromkeys(line for each in flaws for line in each.evidence)),
        reference="RFC 9846 section 4.5.1.3; RFC 5280 section 6.1",
        fix="test the server with a certificate that it must refuse (python -m lab.probe); "
        "make sure that it verifies certificates, and does not only request them",
    )


def _verified(events: Sequence[Event], endpoint: Endpoint) -> bool:
    return any(
        isinstance(event, LocalFact)
        and event.endpoint is endpoint
        and event.fact is Fact.CERTIFICATE_VERIFIED
        for event in events
    )


def refused_by_http(summary: Evidence, outcome: Outcome) -> Cause:
    """Return the cause where the handshake was accepted and HTTP refused the request."""
    said = f": {outcome.http_text}" if outcome.http_text else ""
    answer = f"the handshake completed, and HTTP answered {outcome.http_status}{said}"
    if summary.request is None and not summary.sealed:
        return Cause(
            code="http-not-about-certificates",
            summary="the server requested no client certificate; HTTP refused the request",
            evidence=(answer, NO_REQUEST),
            reference="RFC 9110 section 15.5",
            fix="check the request's path and credentials, and the server's log",
        )
    if summary.client_chain:
        return Cause(
            code="http-refuses-identity",
            summary="the handshake completed with the client's certificate, and HTTP refused the "
            "request",
            evidence=(answer, "the client presented a certificate"),
            reference="RFC 9110 section 15.5.4",
            fix="check that the server's rules allow this subject; some servers (nginx) also "
            "report a certificate that does not verify in this way",
        )
    return Cause(
        code="http-wants-certificate",
        summary="HTTP refused the request, not TLS: "
        "the handshake accepts clients without a certificate",
        evidence=(answer, EMPTY if summary.client_chain == () else "no Certificate was seen"),
        reference="RFC 9110 section 15.5; RFC 9846 section 4.5.1.3",
        fix="give the client a certificate (--cert, --key); the server may be configured "
        "correctly: nginx works this way",
    )
