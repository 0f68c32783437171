"""The diagnosis: the causes that fit an outcome, best first, each with its evidence and its fix.

Rules: every cause names what in the events speaks for it. An alert's number alone makes none.
Where the wire cannot decide between two causes, both are given, and the evidence says so.

This module must not know how a diagnosis is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from lab.tls.cause import Diagnosis
from lab.tls.certificates import distinguished_name
from lab.tls.codepoints import AlertDescription
from lab.tls.events import Endpoint, Event
from lab.tls.failures import failure
from lab.tls.negotiation import mismatches
from lab.tls.outcome import Outcome, Result, Signal
from lab.tls.summary import Summary, summarize
from lab.tls.suspicion import Case, Suspicion, suspicions
from lab.tls.text import escaped

_MOST = 5


def diagnose(
    events: Sequence[Event],
    outcome: Outcome,
    *,
    now: datetime | None = None,
    client_has_certificate: bool | None = None,
) -> tuple[Diagnosis, ...]:
    """The causes of ``outcome``, best first, five at most; one at least.

    ``events`` are those that the outcome was judged from. ``now`` (aware) lets validity periods be
    compared with the present; without it they are left out. ``client_has_certificate`` tells
    whether the client was given one to present, None where that is not known.
    """
    summary = summarize(events)
    if outcome.result is Result.ACCEPTED:
        causes = list(_accepted(summary))
    elif outcome.signal is Signal.HTTP_STATUS:
        causes = list(_by_http(summary, outcome))
    elif outcome.result is Result.FAILED:
        causes = [failure(events, summary, outcome)]
    elif outcome.by is Endpoint.SERVER:
        causes = list(_by_server(summary, outcome, now, client_has_certificate))
    else:
        causes = list(_by_client(summary, outcome, now))
    return tuple(causes[:_MOST]) or (_unknown(outcome),)


def _unknown(outcome: Outcome) -> Diagnosis:
    seen = _what_was_seen(outcome) if outcome.by and outcome.signal else "nothing came to an end"
    return Diagnosis(
        code="unknown",
        summary="what was seen of the connection does not tell why it ended so",
        evidence=(seen,),
        reference="RFC 8446 section 6",
        fix="watch the connection from its first byte",
    )


def _accepted(summary: Summary) -> Iterator[Diagnosis]:
    if summary.resumed:
        yield Diagnosis(
            code="resumed",
            summary="an earlier session was resumed; whoever was known then is known now",
            evidence=("the server took up the session that the client offered",),
            reference="RFC 8446 section 2.2; RFC 5246 section 7.3",
            fix="",
        )
    elif summary.request is None and summary.sealed:
        yield Diagnosis(
            code="accepted-unseen",
            summary="the server let the client in; whether it asked for a certificate stays sealed",
            evidence=("records of the handshake could not be opened",),
            reference="RFC 8446 section 5.2",
            fix="give the key log of one of the ends",
        )
    elif summary.request is None:
        yield Diagnosis(
            code="not-mutual",
            summary="this is not mutual TLS: the server asked for no client certificate",
            evidence=("the server's messages hold no CertificateRequest",),
            reference="RFC 8446 section 4.3.2; RFC 5246 section 7.4.4",
            fix="if clients shall be known by certificate, let the server require one "
            "(ssl.CERT_REQUIRED)",
        )
    elif not summary.client_chain:
        yield Diagnosis(
            code="certificate-optional",
            summary="the server asks for a client certificate and takes a client without one",
            evidence=("the server sent CertificateRequest", _EMPTY, "the server went on"),
            reference="RFC 8446 section 4.4.2.4; RFC 5246 section 7.4.6",
            fix="if every client must have one, require it (ssl.CERT_REQUIRED, not CERT_OPTIONAL), "
            "or refuse such clients in the application",
        )
    else:
        yield Diagnosis(
            code="mutual-tls",
            summary="mutual TLS works: both ends have proved who they are",
            evidence=("the client's Certificate and CertificateVerify were taken by the server",),
            reference="RFC 8446 section 4.4; RFC 5246 section 7.4.8",
            fix="",
        )


_EMPTY = "the client's Certificate message is empty"


def _by_http(summary: Summary, outcome: Outcome) -> Iterator[Diagnosis]:
    answer = f"the handshake was completed, and HTTP answered {outcome.http_status}"
    if summary.request is None and not summary.sealed:
        yield Diagnosis(
            code="http-not-about-certificates",
            summary="TLS asked for no client certificate; the refusal came from HTTP alone",
            evidence=(answer, "the server's messages hold no CertificateRequest"),
            reference="RFC 9110 section 15.5",
            fix="look at the request: its path, its credentials, the server's own log",
        )
    elif summary.client_chain:
        yield Diagnosis(
            code="http-refuses-identity",
            summary="TLS took the client's certificate, or left the verdict to HTTP, "
            "and HTTP refused the client",
            evidence=(answer, "the client presented a certificate"),
            reference="RFC 9110 section 15.5.4",
            fix="see whether the server's rules name this subject; some servers (nginx) also "
            "report a certificate that does not verify in this way",
        )
    else:
        yield Diagnosis(
            code="http-wants-certificate",
            summary="the refusal came from HTTP, not from TLS: "
            "the handshake lets clients without a certificate pass",
            evidence=(answer, _EMPTY if summary.client_chain == () else "no Certificate was seen"),
            reference="RFC 9110 section 15.5; RFC 8446 section 4.4.2.4",
            fix="give the client a certificate (--cert, --key); the server may be as it should be: "
            "this is how nginx does it",
        )


def _by_server(
    summary: Summary, outcome: Outcome, now: datetime | None, has_certificate: bool | None
) -> Iterator[Diagnosis]:
    seen = _what_was_seen(outcome)
    description = outcome.alert.description if outcome.alert else None
    if outcome.alert is None and summary.server_hello is None:
        yield _unexplained(summary, outcome, seen)
    if summary.server_hello is None:
        yield from _unnegotiated(summary, description, seen)
    elif summary.client_chain == () and summary.request is not None:
        if has_certificate is not True:
            yield _no_certificate(summary, seen)
        if has_certificate is not False:
            yield _no_fitting_certificate(summary, seen)
    elif summary.client_chain:
        case = Case(
            owner=Endpoint.CLIENT,
            chain=summary.client_chain,
            authorities=summary.request.certificate_authorities if summary.request else (),
            server_name="",
            alert=description,
            verdict=summary.refusal_by(Endpoint.SERVER),
            now=now,
        )
        yield from _about_certificate(case, seen)
        if description in (AlertDescription.DECRYPT_ERROR, AlertDescription.HANDSHAKE_FAILURE):
            yield _unproved(seen)
    if outcome.alert is None and summary.server_hello is not None:
        yield _unexplained(summary, outcome, seen)
    elif summary.server_hello is not None and summary.client_chain is None:
        yield _in_mid_handshake(summary, seen)


def _unnegotiated(
    summary: Summary, alert: AlertDescription | None, seen: str
) -> Iterator[Diagnosis]:
    early = "no ServerHello and no CertificateRequest came: this is not about client certificates"
    for each in mismatches(summary, alert):
        yield Diagnosis(
            code=each.code,
            summary=each.summary,
            evidence=(seen, early, each.offer),
            reference=each.reference,
            fix=each.fix,
        )


def _no_certificate(summary: Summary, seen: str) -> Diagnosis:
    verdict = summary.refusal_by(Endpoint.SERVER)
    said = (f"OpenSSL at the server says: {escaped(verdict.reason)}",) if verdict else ()
    return Diagnosis(
        code="no-client-certificate",
        summary="the server requires a client certificate, and the client sent none",
        evidence=("the server sent CertificateRequest", _EMPTY, seen, *said),
        reference="RFC 8446 section 4.4.2.4; RFC 5246 section 7.4.6",
        fix="give the client a certificate and its key "
        "(--cert and --key here; load_cert_chain in Python; --cert and --key in curl)",
    )


def _no_fitting_certificate(summary: Summary, seen: str) -> Diagnosis:
    assert summary.request is not None
    names = [distinguished_name(der) for der in summary.request.certificate_authorities]
    asked = f"the server takes certificates of {', '.join(map(escaped, names))}" if names else ""
    schemes = ", ".join(map(str, summary.request.supported_signature_algorithms[:6]))
    signs = f"the server takes signatures by {schemes}, among others" if schemes else ""
    return Diagnosis(
        code="no-fitting-client-certificate",
        summary="the client may have a certificate, and found that it does not fit the request",
        evidence=(_EMPTY, *filter(None, (asked, signs)), seen),
        reference="RFC 8446 section 4.4.2.3; RFC 5246 section 7.4.6",
        fix="compare the client's issuer and the type of its key with what the server asks for; "
        "browsers and Java keep silent when they do not fit",
    )


def _about_certificate(case: Case, seen: str) -> Iterator[Diagnosis]:
    found = suspicions(case)
    for each in found:
        yield _of_suspicion(each, case.owner, seen)
    if not found:
        verdict = (
            (f"OpenSSL at the {case.owner.other.value} says: {escaped(case.verdict.reason)}",)
            if case.verdict
            else ()
        )
        yield Diagnosis(
            code=f"{case.owner.value}-certificate-refused",
            summary=f"the {case.owner.other.value} refused the {case.owner.value}'s certificate; "
            "why cannot be told from here",
            evidence=(seen, *verdict, "nothing in the certificates themselves explains it"),
            reference="RFC 8446 section 4.4.2.4",
            fix=f"read the log of the {case.owner.other.value}",
        )


def _of_suspicion(found: Suspicion, owner: Endpoint, seen: str) -> Diagnosis:
    words = {"role": owner.value, "other": owner.other.value}
    return Diagnosis(
        code=f"{owner.value}-{found.fault.code}",
        summary=found.fault.summary.format(**words),
        evidence=(*found.evidence, seen),
        reference=found.fault.reference,
        fix=found.fault.fix.format(**words),
    )


def _unproved(seen: str) -> Diagnosis:
    return Diagnosis(
        code="client-key-not-proved",
        summary="the client's CertificateVerify did not convince the server",
        evidence=(seen, "it may be the signature: the wrong key, or an algorithm not taken"),
        reference="RFC 8446 section 4.4.3; RFC 5246 section 7.4.8",
        fix="check that the key belongs to the certificate, and that the server takes its type",
    )


def _unexplained(summary: Summary, outcome: Outcome, seen: str) -> Diagnosis:
    lost: tuple[str, ...] = ()
    if outcome.signal is Signal.RST and summary.client_wrote_data:
        lost = (
            "the client had written data already: a server that closes with it unread answers "
            "with RST, which can overtake and destroy an alert",
        )
    return Diagnosis(
        code="refused-without-alert",
        summary="the server ended the connection without saying why",
        evidence=(seen, *lost),
        reference="RFC 8446 section 6.2",
        fix="read the server's log; let it send its alert, close its sending side, and read on "
        "for a while before it closes",
    )


def _in_mid_handshake(summary: Summary, seen: str) -> Diagnosis:
    sealed = ("some records could not be opened",) if summary.sealed else ()
    return Diagnosis(
        code="refused-in-handshake",
        summary="the server broke off in the middle of the handshake, "
        "before a client certificate was seen",
        evidence=(seen, *sealed),
        reference="RFC 8446 section 6.2",
        fix="give the key log if records stayed closed; else read the server's log",
    )


def _by_client(summary: Summary, outcome: Outcome, now: datetime | None) -> Iterator[Diagnosis]:
    seen = _what_was_seen(outcome)
    if summary.server_chain and (outcome.alert or summary.refusal_by(Endpoint.CLIENT)):
        case = Case(
            owner=Endpoint.SERVER,
            chain=summary.server_chain,
            authorities=(),
            server_name=summary.server_name,
            alert=outcome.alert.description if outcome.alert else None,
            verdict=summary.refusal_by(Endpoint.CLIENT),
            now=now,
        )
        yield from _about_certificate(case, seen)
    else:
        yield Diagnosis(
            code="client-left",
            summary="the client broke off the handshake",
            evidence=(seen,),
            reference="RFC 8446 section 6.1",
            fix="read what the client itself says of it",
        )


def _what_was_seen(outcome: Outcome) -> str:
    assert outcome.by is not None and outcome.signal is not None
    if outcome.alert is not None:
        alert = outcome.alert
        did = f"sent the alert {alert.description} ({alert.description.value})"
    else:
        did = f"ended the connection with {outcome.signal.value} and no alert"
    after = f" after the {outcome.by.other.value}'s {outcome.after}" if outcome.after else ""
    return f"the {outcome.by.value} {did}{after}"
