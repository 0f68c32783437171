"""Causes of a refusal for a certificate: each problem that it is likely to have, with its fix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.diagnosis.causes.shown import LikelyProblem, ReceivedChain
from lab.diagnosis.results import Cause
from lab.tls.escape import escaped
from lab.tls.events import Endpoint
from lab.x509 import problems
from lab.x509.problems import chain_wording


def about_certificate(
    case: ReceivedChain, found: Sequence[LikelyProblem], ending: str, *, ours: bool
) -> Iterator[Cause]:
    """Yield the problems ``found``, or that none shows; ``ours``: the client is this program's."""
    for likely in found:
        yield of_certificate(likely, case.sender, ending, ours=ours)
    if not found:
        verdict = (
            (f"the {case.sender.other.value}'s OpenSSL says: {escaped(case.verdict.reason)}",)
            if case.verdict
            else ()
        )
        yield Cause(
            code=f"{case.sender.value}-certificate-refused",
            summary=f"the {case.sender.other.value} refused the {case.sender.value}, most likely "
            "because of its certificate; the cause is not visible on the wire",
            evidence=(ending, *verdict, "the certificates themselves show no cause"),
            reference="RFC 9846 section 4.5.1.3",
            fix=f"read the log of the {case.sender.other.value}",
        )


def of_certificate(found: LikelyProblem, owner: Endpoint, ending: str, *, ours: bool) -> Cause:
    """Return one problem of the certificate of ``owner`` as a cause, with how it is mended."""
    wording = chain_wording(owner.value, owner.other.value)
    whose = owner.other if found.problem is problems.CLOCK else owner
    return Cause(
        code=f"{whose.value}-{found.problem.code}",
        summary=found.problem.summary_in(wording),
        evidence=(*found.evidence, ending),
        reference=found.problem.reference,
        fix=found.fix or found.problem.fix_in(wording) + _how(owner, found.problem.code, ours=ours),
    )


_THEIR_CA = (
    " (ssl_client_certificate in nginx, ca-file in HAProxy, SSLCACertificateFile in Apache, ca in "
    "Node, ClientCAs in Go, the trust store in Java)"
)
_OUR_CA = "; this client is told by --ca FILE, and by --insecure to take any"
_ITS_CA = (
    " (--cacert in curl, verify= in requests and httpx, ca in Node, RootCAs in Go, the trust store "
    "in Java)"
)
_OUR_CHAIN = " (--cert here and in curl, "
_ITS_CHAIN = " (--cert in curl, "
_CHAIN = "cert= in requests and httpx, certificate chains of a KeyStore in Java, cert in Node)"
_CRL = " (ssl_crl in nginx, crl-file in HAProxy, SSLCARevocationFile in Apache)"


def _how(owner: Endpoint, code: str, *, ours: bool) -> str:
    """Return how the one who must act does so in what people use."""
    if owner is Endpoint.SERVER:
        its_ca = (problems.UNTRUSTED_CA, problems.SELF_SIGNED, problems.INTERMEDIATE_MISSING)
        if code not in [problem.code for problem in its_ca]:
            return ""
        if ours:
            return _OUR_CA
        return "" if code == problems.INTERMEDIATE_MISSING.code else _ITS_CA
    if code == problems.INTERMEDIATE_MISSING.code:
        return (_OUR_CHAIN if ours else _ITS_CHAIN) + _CHAIN
    return {problems.UNTRUSTED_CA.code: _THEIR_CA, problems.CRL_UNUSABLE.code: _CRL}.get(code, "")


def refused_raw_key(sender: Endpoint, ending: str) -> Cause:
    """The other end refused ``sender``, which had shown a raw public key."""
    other = sender.other.value
    return Cause(
        code=f"{sender.value}-raw-public-key-refused",
        summary=f"the {other} refused the {sender.value}, most likely for the key that it showed: "
        "it may not know it",
        evidence=(ending, f"the {sender.value} sent a raw public key in place of a certificate"),
        reference="RFC 7250 sections 4.4 and 6",
        fix=f"let the {other} know this key, or show one that it knows",
    )


def unproved(ending: str) -> Cause:
    """The server may not have been convinced that the client holds the key."""
    return Cause(
        code="client-key-not-proved",
        summary="the server may have rejected the client's CertificateVerify",
        evidence=(
            ending,
            "possible: a wrong private key, or a signature algorithm the server does not accept",
        ),
        reference="RFC 9846 section 4.5.2; RFC 5246 section 7.4.8",
        fix="check that the key belongs to the certificate, and that the server accepts its type",
    )


def access_denied(ending: str) -> Cause:
    """The server may have taken the certificate, and not its subject."""
    return Cause(
        code="access-denied",
        summary="the server may have taken the client's certificate, and deny its subject the "
        "access",
        evidence=(ending,),
        reference="RFC 9846 section 6.2 (access_denied)",
        fix="let the server's rules allow this subject, or present another certificate",
    )
