"""Causes of a handshake that ended before the server could judge a client certificate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from lab.diagnosis.causes.accepted import EMPTY
from lab.diagnosis.causes.remedies import give_certificate
from lab.diagnosis.causes.withheld import kinds_of_clients, our_reason
from lab.diagnosis.evidence import Evidence
from lab.diagnosis.results import Cause
from lab.tls.code_points import AlertDescription as Alert
from lab.tls.code_points import ExtensionType, HandshakeType, SignatureScheme
from lab.tls.escape import escaped
from lab.tls.events import Endpoint, Event, Undecoded
from lab.x509.certificates import CertificateDescription, describe
from lab.x509.names import distinguished_name
from lab.x509.problems import TOO_LARGE, chain_wording

_MOST_NAMES = 20
_MOST_SCHEMES = 6
# What begins the name of the signature schemes of a key, by what begins the key's type.
_FAMILIES = {"RSA": "rsa_", "EC ": "ecdsa_", "Ed25519": "ed25519", "Ed448": "ed448"}
_FAMILIES |= {f"ML-DSA-{size}": f"mldsa{size}" for size in (44, 65, 87)}


def no_certificate(summary: Evidence, alert: Alert | None, ending: str) -> Cause:
    """The client was asked, and had been given none."""
    verdict = summary.refusal_by(Endpoint.SERVER)
    said = (f"the server's OpenSSL says: {escaped(verdict.reason)}",) if verdict else ()
    requires = "requires" if verdict or alert is not None else "seems to require"
    return Cause(
        code="no-client-certificate",
        summary=f"the server {requires} a client certificate, and the client sent none",
        evidence=("the server sent CertificateRequest", EMPTY, ending, *said),
        reference="RFC 9846 section 4.5.1.3; RFC 5246 section 7.4.6",
        fix=give_certificate(summary),
    )


def no_fitting_certificate(
    summary: Evidence, certificate: bytes | None, ending: str, now: datetime | None
) -> Cause:
    """The client was asked, and sent none though it may have, or has, one: ``certificate``.

    ``now`` is when it chose, None where that is not known.
    """
    assert summary.request is not None
    authorities = summary.request.certificate_authorities
    schemes = summary.request.supported_signature_algorithms
    held = describe(certificate) if certificate else None
    names = [escaped(distinguished_name(der)) for der in authorities[:_MOST_NAMES]]
    more = f" and {len(authorities) - len(names)} more" if len(authorities) > len(names) else ""
    evidence = [EMPTY]
    if held:
        evidence.append(f"the client's key is {held.key_type}, issued by {escaped(held.issuer)}")
    if names:
        evidence.append(f"the server names the CAs {', '.join(names)}{more}")
    if schemes:
        others = ", among others" if len(schemes) > _MOST_SCHEMES else ""
        listed = ", ".join(map(str, schemes[:_MOST_SCHEMES]))
        evidence.append(f"the server accepts signatures by {listed}{others}")
    if not names and not summary.client_is_ours:
        evidence.append(
            "the server names no CA: the issuer of a certificate is no reason to send none"
        )
    mismatch = _mismatch(held, schemes) if held else ""
    reason = our_reason(summary, certificate, now)
    if reason and not mismatch:
        mismatch = f"the client withholds its certificate: {escaped(reason)}"
    return Cause(
        code="no-fitting-client-certificate",
        summary=mismatch
        or "the client may have a certificate that does not match the CertificateRequest",
        evidence=(*evidence, *kinds_of_clients(summary), ending),
        reference="RFC 9846 section 4.5.1.2; RFC 5246 section 7.4.6",
        fix="present a certificate with a key of a type that the server accepts, or let the "
        "server accept this one (its signature algorithms)"
        if mismatch
        else "compare the client's issuer and key type with the CertificateRequest, which "
        "python -m lab.explain --request HOST:PORT --cert FILE does for each kind of client",
    )


def _mismatch(held: CertificateDescription, schemes: Sequence[SignatureScheme]) -> str:
    """Say which type of key the client has and which the server takes, where they differ."""
    prefixes = [prefix for start, prefix in _FAMILIES.items() if held.key_type.startswith(start)]
    taken = {str(scheme).partition("_")[0] for scheme in schemes if scheme.is_known}
    if not prefixes or not schemes or any(str(item).startswith(prefixes[0]) for item in schemes):
        return ""
    kinds = ", ".join(sorted(name.upper() for name in taken)) or "none that is known here"
    return f"the client's key is {held.key_type}, and the server accepts signatures of {kinds} only"


def in_mid_handshake(
    events: Sequence[Event], summary: Evidence, alert: Alert | None, ending: str
) -> Iterator[Cause]:
    """The server gave up after its ServerHello, and no certificate of the client was seen."""
    limit = _undecoded_certificate(events)
    if limit is not None:
        wording = chain_wording("client", "server")
        passed = f"not decoded here: {limit.where}: {limit.limit}"
        yield Cause(
            code=f"client-{TOO_LARGE.code}",
            summary=TOO_LARGE.summary_in(wording),
            evidence=(passed, "OpenSSL accepts 102400 bytes by default", ending),
            reference=TOO_LARGE.reference,
            fix=TOO_LARGE.fix_in(wording),
        )
        return
    unasked = summary.request is None and summary.client_chain is None
    if alert == Alert.INTERNAL_ERROR and unasked:
        yield Cause(
            code="certificate-request-failed",
            summary="the server may have failed to make its CertificateRequest: a list of CA names "
            "of more than 64 KiB does not fit into it",
            evidence=("no CertificateRequest was sent", ending),
            reference="RFC 9846 section 4.3.4",
            fix="give the server a file of the CAs whose names it sends that holds these few only "
            "(ssl_client_certificate beside ssl_trusted_certificate in nginx, SSLCADNRequestFile "
            "in Apache, ca-verify-file in HAProxy)",
        )
    sealed = ("some records could not be decrypted",) if summary.sealed else ()
    yield Cause(
        code="refused-in-handshake",
        summary="the server aborted the handshake before a client certificate was seen",
        evidence=(ending, *sealed),
        reference="RFC 9846 section 6.2",
        fix="supply the key log if records were not decrypted; otherwise read the server's log",
    )


def _undecoded_certificate(events: Sequence[Event]) -> Undecoded | None:
    """The client's Certificate message, where it passes a limit of ours."""
    for event in events:
        if isinstance(event, Undecoded) and event.endpoint is Endpoint.CLIENT:
            named = event.message in (HandshakeType.CERTIFICATE, None)
            if named and event.where.startswith(("Certificate", "Handshake")):
                return event
    return None


def lacks_renegotiation_info(summary: Evidence, exception: str) -> bool:
    """Whether the client left since the server lacks RFC 5746: its library says so."""
    hello = summary.server_hello
    return (
        hello is not None
        and not hello.has(ExtensionType.RENEGOTIATION_INFO)
        and "UNSAFE_LEGACY_RENEGOTIATION_DISABLED" in exception.upper().replace(" ", "_")
    )


def legacy_renegotiation(ending: str) -> Cause:
    """The server does not know RFC 5746, which clients with OpenSSL 3 require."""
    return Cause(
        code="legacy-renegotiation",
        summary="the server lacks secure renegotiation (RFC 5746), which the client requires",
        evidence=("the ServerHello has no renegotiation_info", ending),
        reference="RFC 5746 section 4.1",
        fix="update the server's TLS library; until then a client can be told to connect all the "
        "same: ssl.OP_LEGACY_SERVER_CONNECT in Python 3.12, Options = UnsafeLegacyServerConnect "
        "in openssl.cnf (curl, Node and others)",
    )
