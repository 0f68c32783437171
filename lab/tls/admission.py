"""What it means that a server let a client through the handshake, and what HTTP made of it.

This module must not claim more than an end has shown: whether a server verified a certificate is
its own to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.tls.cause import Diagnosis
from lab.tls.events import Endpoint, Event, Fact, LocalFact
from lab.tls.outcome import Outcome
from lab.tls.summary import Summary
from lab.tls.suspicion import Ground, Suspicion

EMPTY = "the client's Certificate message is empty"
NO_REQUEST = "the server's messages hold no CertificateRequest"


def not_mutual() -> Diagnosis:
    """The server asked for no certificate."""
    return Diagnosis(
        code="not-mutual",
        summary="this is not mutual TLS: the server asked for no client certificate",
        evidence=(NO_REQUEST,),
        reference="RFC 9846 section 4.4.2; RFC 5246 section 7.4.4",
        fix="if clients shall be known by certificate, let the server require one "
        "(ssl.CERT_REQUIRED)",
    )


def accepted(
    events: Sequence[Event],
    summary: Summary,
    outcome: Outcome,
    suspected: Sequence[Suspicion],
) -> Iterator[Diagnosis]:
    """The handshake was completed, and nothing refused the client after it."""
    if summary.resumed:
        yield Diagnosis(
            code="resumed",
            summary="an earlier session was resumed; whoever was known then is known now",
            evidence=("the server took up the session that the client offered",),
            reference="RFC 9846 section 2.2; RFC 5246 section 7.3",
            fix="",
        )
    elif summary.request is None and summary.sealed:
        yield Diagnosis(
            code="accepted-unseen",
            summary="the server let the client in; whether it asked for a certificate stays sealed",
            evidence=("records of the handshake could not be opened",),
            reference="RFC 9846 section 5.2",
            fix="give the key log of one of the ends",
        )
    elif summary.request is None:
        yield not_mutual()
    elif not summary.client_chain:
        yield _without_certificate(outcome)
    else:
        yield _with_certificate(events)
        flaws = [each for each in suspected if each.ground in (Ground.SHOWN, Ground.ALIKE)]
        if flaws and not _verified(events, Endpoint.SERVER):
            yield _despite(flaws)


def _without_certificate(outcome: Outcome) -> Diagnosis:
    unasked = "HTTP was not asked, or gave no answer that can be read: it may refuse the client yet"
    more = (unasked,) if outcome.http_status is None else ()
    return Diagnosis(
        code="certificate-optional",
        summary="the server asks for a client certificate, and its handshake takes a client "
        "without one",
        evidence=("the server sent CertificateRequest", EMPTY, "the server went on", *more),
        reference="RFC 9846 section 4.5.1.3; RFC 5246 section 7.4.6",
        fix="if every client must have one, require it (ssl.CERT_REQUIRED, not CERT_OPTIONAL), "
        "or refuse such clients in the application",
    )


def _with_certificate(events: Sequence[Event]) -> Diagnosis:
    by_server = _verified(events, Endpoint.SERVER)
    by_client = _verified(events, Endpoint.CLIENT)
    if by_server:
        summary = "mutual TLS works: both ends have proved who they are"
        says = "the server's OpenSSL verified the client's certificate"
    else:
        summary = "mutual TLS, as far as it can be seen: the server took the client's certificate"
        says = "whether the server verified it, only the server knows"
    if not by_client:
        summary = "the server took the client's certificate; the client did not verify the server's"
    checked = "verified" if by_client else "did not verify"
    return Diagnosis(
        code="mutual-tls",
        summary=summary,
        evidence=(
            "the client's Certificate and CertificateVerify were taken by the server",
            says,
            f"the client {checked} the server's certificate",
        ),
        reference="RFC 9846 section 4.5; RFC 5246 section 7.4.8",
        fix="",
    )


def _despite(flaws: Sequence[Suspicion]) -> Diagnosis:
    return Diagnosis(
        code="taken-despite-flaw",
        summary="the server let in a client whose certificate does not look right: "
        "it may not verify at all",
        evidence=tuple(dict.fromkeys(line for each in flaws for line in each.evidence)),
        reference="RFC 9846 section 4.5.1.3; RFC 5280 section 6.1",
        fix="try a certificate that must be refused (python -m lab.probe does); "
        "see that the server verifies, and does not only ask",
    )


def _verified(events: Sequence[Event], endpoint: Endpoint) -> bool:
    return any(
        isinstance(event, LocalFact)
        and event.endpoint is endpoint
        and event.fact is Fact.CERTIFICATE_VERIFIED
        for event in events
    )


def refused_by_http(summary: Summary, outcome: Outcome) -> Diagnosis:
    """TLS let the client in, and HTTP answered with a refusal."""
    answer = f"the handshake was completed, and HTTP answered {outcome.http_status}"
    if summary.request is None and not summary.sealed:
        return Diagnosis(
            code="http-not-about-certificates",
            summary="TLS asked for no client certificate; the refusal came from HTTP alone",
            evidence=(answer, NO_REQUEST),
            reference="RFC 9110 section 15.5",
            fix="look at the request: its path, its credentials, the server's own log",
        )
    if summary.client_chain:
        return Diagnosis(
            code="http-refuses-identity",
            summary="TLS took the client's certificate, or left the verdict to HTTP, "
            "and HTTP refused the client",
            evidence=(answer, "the client presented a certificate"),
            reference="RFC 9110 section 15.5.4",
            fix="see whether the server's rules name this subject; some servers (nginx) also "
            "report a certificate that does not verify in this way",
        )
    return Diagnosis(
        code="http-wants-certificate",
        summary="the refusal came from HTTP, not from TLS: "
        "the handshake lets clients without a certificate pass",
        evidence=(answer, EMPTY if summary.client_chain == () else "no Certificate was seen"),
        reference="RFC 9110 section 15.5; RFC 9846 section 4.5.1.3",
        fix="give the client a certificate (--cert, --key); the server may be as it should be: "
        "this is how nginx does it",
    )
