"""The survey before a probe: is it a TLS server, which versions and which keys does it take?

Rules: whatever would spoil every attempt alike is found here and ends the probe; nothing else does.
The client is the good one, with a key that the server takes: of those that its CertificateRequest
names, the first that gets in. A request only says what a server takes; whether it does is tried.

This module must not know the other scenarios.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lab.diagnosis.evidence import summarize
from lab.diagnosis.results import Result
from lab.pki.identity import KeyKind
from lab.pki.lab_ca import KeyTerms, LabAuthority
from lab.probing.application_admission import BY_APPLICATION
from lab.probing.attempt import ScenarioTrace, try_scenario, why_not_presented
from lab.probing.endings import ending
from lab.probing.scenarios.catalogue_order import find_scenario
from lab.stream.contexts import TlsVersion
from lab.tls.code_points import ClientCertificateType, ExtensionType
from lab.tls.code_points import SignatureScheme as Scheme
from lab.tls.events import Endpoint, Fact, LocalFact
from lab.tls.extensions import SignatureAlgorithms
from lab.tls.messages import CertificateRequest
from lab.tracing.trace_server import Plan, require_tls

# The schemes that each kind of key can sign with, the most usual kind first. TLS 1.3 ties a curve
# to each, and has no use for PKCS #1 v1.5 in a handshake (RFC 9846 section 4.3.3).
_SCHEMES = {
    KeyKind.RSA_2048: (
        Scheme.RSA_PSS_RSAE_SHA256,
        Scheme.RSA_PSS_RSAE_SHA384,
        Scheme.RSA_PSS_RSAE_SHA512,
    ),
    KeyKind.EC_P256: (Scheme.ECDSA_SECP256R1_SHA256,),
    KeyKind.EC_P384: (Scheme.ECDSA_SECP384R1_SHA384,),
    KeyKind.EC_P521: (Scheme.ECDSA_SECP521R1_SHA512,),
    KeyKind.ED25519: (Scheme.ED25519,),
    KeyKind.ED448: (Scheme.ED448,),
    KeyKind.RSA_PSS_2048: (
        Scheme.RSA_PSS_PSS_SHA256,
        Scheme.RSA_PSS_PSS_SHA384,
        Scheme.RSA_PSS_PSS_SHA512,
    ),
}
_MORE_IN_TLS12 = {
    KeyKind.RSA_2048: (
        Scheme.RSA_PKCS1_SHA1,
        Scheme.RSA_PKCS1_SHA224,
        Scheme.RSA_PKCS1_SHA256,
        Scheme.RSA_PKCS1_SHA384,
        Scheme.RSA_PKCS1_SHA512,
    ),
    KeyKind.EC_P256: (Scheme.ECDSA_SHA1, Scheme.ECDSA_SHA224),
}
_RSA = frozenset({KeyKind.RSA_2048, KeyKind.RSA_PSS_2048})


class NotProbable(Exception):
    """No attempt could tell anything. Its message says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What was found out before anything is tried.

    ``trials`` has the good client's trial in each version that the server speaks, ``authorities``
    the CA whose identities the server takes in that version. ``silent`` are versions in which it
    sent neither a ServerHello nor an alert, with what it did. ``connections`` were made.
    """

    trials: dict[TlsVersion, ScenarioTrace]
    authorities: dict[TlsVersion, LabAuthority]
    silent: dict[TlsVersion, str]
    connections: int

    @property
    def versions(self) -> list[TlsVersion]:
        """The versions that the server speaks, of those asked for."""
        return list(self.trials)


async def survey(plan: Plan, versions: Sequence[TlsVersion], ca: LabAuthority) -> Preflight:
    """Connect to the server in each version, as often as it takes to find a key that it takes.

    Raises NoConnection; NoTrace where it speaks no TLS; NotProbable where it answers no ClientHello
    in any of ``versions``, or where its certificate is not trusted.
    """
    trials, authorities, silent = {}, {}, {}
    connections = 0
    refusal = ""
    for version in versions:
        first = await _first_trial(plan, version, ca)
        connections += 1
        if summarize(first.trace.events).server_hello is not None:
            tried = await _with_other_keys(first, plan, version, ca)
            connections += len(tried) - 1
            trials[version], authorities[version] = max(tried, key=_preference)
            continue
        if first.outcome.alert is None:
            silent[version] = ending(first)
        refusal = refusal or f"{first.outcome.result.value}: {ending(first)}"
    if not trials:
        names = " or ".join(f"TLS {version.value}" for version in versions)
        raise NotProbable(
            f"{plan.target.address}: answers no ClientHello of {names} ({refusal}); "
            "name the site to ask for (--sni), its protocol (--alpn), or another version"
        )
    return Preflight(trials=trials, authorities=authorities, silent=silent, connections=connections)


async def _first_trial(plan: Plan, version: TlsVersion, ca: LabAuthority) -> ScenarioTrace:
    trial = await try_scenario(find_scenario("good"), version, plan, ca)
    refused = _refused_by_client(trial)
    if refused:
        raise NotProbable(
            f"{trial.trace.target}: its certificate is not accepted here: {refused}; name its "
            "CA (--server-ca) and its host name (--sni), or do not verify it (--insecure)"
        )
    if summarize(trial.trace.events).server_hello is None:
        require_tls(trial.trace)
    return trial


def _refused_by_client(trial: ScenarioTrace) -> str:
    if trial.outcome.by is not Endpoint.CLIENT or trial.outcome.result is not Result.REJECTED:
        return ""
    for event in trial.trace.events:
        if isinstance(event, LocalFact) and event.fact is Fact.CERTIFICATE_REFUSED:
            return event.reason
    return ""


async def _with_other_keys(
    first: ScenarioTrace, plan: Plan, version: TlsVersion, ca: LabAuthority
) -> list[tuple[ScenarioTrace, LabAuthority]]:
    """Return the first trial, and those with other keys until one gets in, each with its CA."""
    tried = [(first, ca)]
    request = summarize(first.trace.events).request
    for terms in terms_of(request, version) if request else ():
        if _preference(tried[-1]) == (_ANSWERED, True):
            break
        fitted = replace(ca, terms=terms)
        tried.append((await try_scenario(find_scenario("good"), version, plan, fitted), fitted))
    return tried


_ANSWERED = 3


def _preference(tried: tuple[ScenarioTrace, LabAuthority]) -> tuple[int, bool]:
    """Return how far the client got; of those that got as far, one made to the server's terms."""
    trial, ca = tried
    if why_not_presented(trial):
        progress = 0
    elif trial.outcome.result is Result.ACCEPTED:
        progress = _ANSWERED
    else:
        progress = 2 if trial.outcome.signal in BY_APPLICATION else 1
    return progress, ca.terms.kind is not None


def terms_of(request: CertificateRequest, version: TlsVersion) -> list[KeyTerms]:
    """Return the terms under which an identity may be taken, the most usual kind of key first.

    TLS 1.2 has certificate types beside the signature algorithms (RFC 5246 section 7.4.4).
    """
    schemes = request.supported_signature_algorithms
    terms = []
    for kind, names in _SCHEMES.items():
        if version is TlsVersion.TLS12:
            names = (*names, *_MORE_IN_TLS12.get(kind, ()))
            if _type_of(kind) not in request.certificate_types:
                continue
        if not set(names).isdisjoint(schemes):
            terms.append(KeyTerms(kind=kind, certificate_schemes=_certificate_schemes(request)))
    return terms


def _type_of(kind: KeyKind) -> ClientCertificateType:
    # Ed25519 and Ed448 go by the type of ECDSA (RFC 8422 section 5.5).
    return ClientCertificateType.RSA_SIGN if kind in _RSA else ClientCertificateType.ECDSA_SIGN


def _certificate_schemes(request: CertificateRequest) -> tuple[Scheme, ...]:
    """Return signature_algorithms_cert; where it is not sent, signature_algorithms has both."""
    for extension in request.extensions:
        if (
            isinstance(extension, SignatureAlgorithms)
            and extension.extension_type == ExtensionType.SIGNATURE_ALGORITHMS_CERT
        ):
            return tuple(extension.supported_signature_algorithms)
    return tuple(request.supported_signature_algorithms)
