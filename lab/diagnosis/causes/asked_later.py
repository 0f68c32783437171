"""What it means that a server asks for the client's certificate only after the handshake.

In TLS 1.3 it sends CertificateRequest then, to a client that has offered post-handshake
authentication (RFC 9846 section 4.7.2); in TLS 1.2 it renegotiates (RFC 5246 section 7.4.1.1). Many
clients take part in neither.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.diagnosis.causes.later_clients import CANNOT_BE_ASKED_LATER, LATER_CLIENTS
from lab.diagnosis.evidence import Evidence
from lab.diagnosis.results import Cause
from lab.tls.code_points import ProtocolVersion

_CONTENT_TOO_LARGE = 413  # RFC 9110 section 15.5.14
_IN_HANDSHAKE = (
    "ask for the certificate in the handshake, at a host name or port of its own for what needs one"
)


def asked_late(summary: Evidence) -> Iterator[str]:
    """Yield that the server asked after the handshake, where it did."""
    if summary.asked_after_handshake:
        yield (
            "the server asked after the handshake, for this request; a client that cannot be asked "
            "then can show no certificate"
        )


def too_long_to_ask(status: int | None) -> Iterator[str]:
    """Yield why a server that asks after the handshake may not have got to it, by HTTP's answer."""
    if status == _CONTENT_TOO_LARGE:
        yield (
            "HTTP answered 413: a server that asks after the request keeps the request's body "
            "until the certificate has come, and refuses one that is too long for that "
            "(SSLRenegBufferSize in Apache, 131072 bytes by default); whether this one would have "
            "asked cannot be told"
        )


def which_clients_can(summary: Evidence) -> Iterator[Cause]:
    """Yield, where the server asked after the handshake, which other clients could be asked."""
    if not summary.asked_after_handshake:
        return
    tls13 = summary.server_hello is not None and summary.server_hello.is_tls13
    how = "by post-handshake authentication" if tls13 else "by renegotiation"
    yield Cause(
        code="asked-after-handshake",
        summary=f"the server asks for a certificate only after the handshake, {how}: this client "
        "can be asked then, many others cannot",
        evidence=("the first CertificateRequest came behind the server's Finished",),
        reference="RFC 9846 section 4.7.2; RFC 9113 section 9.2.3"
        if tls13
        else "RFC 5246 section 7.4.1.1; RFC 9113 section 9.2.1",
        fix=f"for clients that cannot: {_IN_HANDSHAKE}",
        clients=LATER_CLIENTS,
    )


def could_not_be_asked(summary: Evidence, answer: str, reason: str) -> Cause | None:
    """Return what an answer says of a certificate that the server could not ask for.

    ``answer`` is a sentence about it, ``reason`` its text in small letters.
    """
    if "post-handshake" in reason and summary.version == ProtocolVersion.TLS_1_3:  # as Apache says
        if summary.request is not None or summary.offers_later_authentication:
            return _failed_to_ask(summary, answer)
        return _cannot_be_asked(answer)
    if "authentication in tls 1.3" in reason and summary.version == ProtocolVersion.TLS_1_2:
        return _asks_in_tls13_only(answer)  # as the lab's server says
    return None


def _failed_to_ask(summary: Evidence, answer: str) -> Cause:
    evidence = [answer]
    if summary.client_hello is not None:
        has = "has" if summary.offers_later_authentication else "has no"
        evidence.append(f"the ClientHello {has} post_handshake_auth")
    fix = "read the log of the server"
    if summary.request is not None:
        where = "on this connection" if summary.asked_after_handshake else "in the handshake"
        evidence.append(f"the server had asked {where} already")
        fix += (
            '; with "invalid config" in it, Apache did not ask a second time on this connection, '
            "as it would in TLS 1.2, and refuses clients with a good certificate too: set "
            "SSLVerifyClient require for the whole host, or none there and require in the "
            "<Location>"
        )
    return Cause(
        code="later-request-failed",
        summary="the server wanted to ask for a certificate after the request and could not, as "
        "its answer says",
        evidence=tuple(evidence),
        reference="RFC 9846 sections 4.3.6 and 4.7.2",
        fix=fix,
    )


def _cannot_be_asked(answer: str) -> Cause:
    """Return that the client cannot be asked after the handshake, of a server that wants to."""
    return Cause(
        code="no-post-handshake-authentication",
        summary="the server asks for a certificate after the request, and the client did not offer "
        "post-handshake authentication",
        evidence=(answer, "the ClientHello has no post_handshake_auth"),
        reference="RFC 9846 sections 4.3.6 and 4.7.2",
        fix="let the client offer it (SSLContext.post_handshake_auth in Python, -enable_pha in "
        f"openssl s_client; these cannot: {CANNOT_BE_ASKED_LATER}), or {_IN_HANDSHAKE}; a server "
        "that renegotiates, as Apache does, can ask in TLS 1.2",
        clients=LATER_CLIENTS,
    )


def _asks_in_tls13_only(answer: str) -> Cause:
    """Return that the server asks after the handshake, and cannot do that in TLS 1.2."""
    return Cause(
        code="later-certificate-needs-tls13",
        summary="the server asks for a certificate after the request, in TLS 1.3 only, as its "
        "answer says; this connection is TLS 1.2",
        evidence=(answer, "the server chose TLS 1.2"),
        reference="RFC 9846 section 4.7.2; RFC 5246 section 7.4.1.1",
        fix="connect with TLS 1.3, by a client that offers post-handshake authentication; these "
        f"cannot: {CANNOT_BE_ASKED_LATER}",
        clients=LATER_CLIENTS,
    )
