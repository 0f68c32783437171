"""Causes of a refusal for a certificate: each problem that it is likely to have, with its fix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lab.diagnosis.causes.shown import Basis, LikelyProblem, ReceivedChain
from lab.diagnosis.key_proof import Proof, proof_of
from lab.diagnosis.results import ONE_OF_SEVERAL, Cause
from lab.tls.code_points import AlertDescription as Alert
from lab.tls.escape import escaped
from lab.tls.events import Endpoint, Event, MessageSeen
from lab.tls.messages import Finished
from lab.x509 import problems
from lab.x509.problems import chain_wording

# What OpenSSL says of a signature over the handshake, and of Finished.
_SIGNATURE, _DIGEST = "BAD_SIGNATURE", "DIGEST_CHECK_FAILED"
_SIGNED = {
    Endpoint.CLIENT: "CertificateVerify",
    Endpoint.SERVER: "CertificateVerify, or in TLS 1.2 ServerKeyExchange",
}


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


def of_proof(
    events: Sequence[Event],
    sender: Endpoint,
    alert: Alert | None,
    ending: str,
    *,
    said: str = "",
) -> Iterator[Cause]:
    """Yield what the other end may have found wrong in the proof of ``sender``, or in its Finished.

    ``said`` is what the other end's TLS library said, "" if that is not known.
    """
    proof = proof_of(events, sender)
    reason = _reason(said)
    if alert == Alert.DECRYPT_ERROR and _DIGEST not in reason:
        if proof in (Proof.WRONG, Proof.UNCHECKED) or _SIGNATURE in reason:
            yield _unproved(sender, proof, ending, said)
    elif alert == Alert.HANDSHAKE_FAILURE and sender is Endpoint.CLIENT and proof is not Proof.NONE:
        yield _unproved(sender, proof, ending, said)
    finished = any(
        isinstance(event, MessageSeen)
        and event.endpoint is sender
        and isinstance(event.message, Finished)
        for event in events
    )
    others = proof is Proof.WRONG or _SIGNATURE in reason
    if alert == Alert.DECRYPT_ERROR and finished and not others:
        yield _finished_wrong(sender, proof, ending, said)


def _unproved(sender: Endpoint, proof: Proof, ending: str, said: str) -> Cause:
    """The other end was not convinced, or may not have been, that ``sender`` holds the key."""
    whose, other = sender.value, sender.other.value
    certain = proof is Proof.WRONG or _SIGNATURE in _reason(said)
    checked = {
        Proof.WRONG: "checked here: the signature does not verify with the key of the certificate",
        Proof.VERIFIES: "checked here: the signature verifies with the key of the certificate; "
        f"possible: its algorithm is none that the {other} accepts",
    }.get(
        proof,
        f"possible: a wrong private key, or a signature algorithm the {other} does not accept",
    )
    return Cause(
        code=f"{whose}-key-not-proved",
        summary=f"the {whose}'s signature over the handshake does not verify"
        if certain
        else f"the {other} may have rejected the {whose}'s {_SIGNED[sender]}",
        evidence=(
            ending,
            checked,
            *_words(other, said),
            *(() if certain else (ONE_OF_SEVERAL,)),
        ),
        reference="RFC 9846 section 4.5.2; RFC 5246 sections 7.4.3 and 7.4.8",
        fix=f"check that the {whose}'s key belongs to its certificate"
        + (
            "; if it does, look for something between the two that changes messages"
            if certain
            else f", and that the {other} accepts its type"
        ),
    )


def _finished_wrong(sender: Endpoint, proof: Proof, ending: str, said: str) -> Cause:
    """The other end found Finished wrong, or may have: the two saw different handshakes."""
    whose, other = sender.value, sender.other.value
    certain = _DIGEST in _reason(said)
    verifies = (f"the signature of the {whose} over the handshake verifies, checked here",)
    return Cause(
        code=f"{whose}-finished-wrong",
        summary=f"the {other} found the {whose}'s Finished wrong"
        if certain
        else f"the {other} may have found the {whose}'s Finished wrong",
        evidence=(
            ending,
            *(verifies if proof is Proof.VERIFIES else ()),
            *_words(other, said),
            *(() if certain else (ONE_OF_SEVERAL,)),
        ),
        reference="RFC 9846 section 4.5.3; RFC 5246 section 7.4.9",
        fix="look for a bug in one of the implementations, or for something between them that "
        "changes messages",
    )


def _reason(said: str) -> str:
    return said.upper().replace(" ", "_")


def _words(whose: str, said: str) -> tuple[str, ...]:
    return (f"the {whose}'s TLS library says: {escaped(said)}",) if said else ()


def about_signatures(
    events: Sequence[Event],
    case: ReceivedChain,
    found: Sequence[LikelyProblem],
    ending: str,
    *,
    ours: bool,
) -> Iterator[Cause]:
    """Yield the problems ``found``, and what may be wrong with the proof that the key is there."""
    own = [likely for likely in found if likely.problem is problems.BAD_SIGNATURE]
    shown = case.verdict is not None or any(likely.basis is not Basis.ALERT for likely in own)
    proof = [] if shown else list(of_proof(events, case.sender, case.alert, ending))
    if proof_of(events, case.sender) is Proof.WRONG and proof:
        found = [likely for likely in found if likely not in own]
        yield from proof
        yield from (of_certificate(likely, case.sender, ending, ours=ours) for likely in found)
        return
    if not shown:
        found = [
            replace(likely, evidence=(*likely.evidence, ONE_OF_SEVERAL))
            if likely in own and ONE_OF_SEVERAL not in likely.evidence
            else likely
            for likely in found
        ]
    yield from about_certificate(case, found, ending, ours=ours)
    yield from proof


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
