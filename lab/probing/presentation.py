"""Whether a trial's certificate was presented: as it was seen on the wire, not as it was meant.

Rules: a trial of a client's identity tells something only if the client's Certificate message held
that very leaf, or was empty where the client has none. A client whose key the server does not take
sends an empty Certificate, whatever it was given.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.x509.oid import PublicKeyAlgorithmOID

from lab.diagnosis.evidence import summarize
from lab.probing.attempt import ScenarioTrace
from lab.probing.scenarios.scenario import ScenarioFamily, TlsClient
from lab.tls.code_points import SignatureScheme
from lab.tls.messages import CertificateRequest
from lab.x509.certificates import describe

_SHOWN = 6


def why_not_presented(trial: ScenarioTrace) -> str:
    """Why the scenario's certificate did not reach the server; "" if it did, or if none is due."""
    client = trial.scenario.client
    if trial.scenario.family is not ScenarioFamily.IDENTITY or not isinstance(client, TlsClient):
        return ""
    seen = summarize(trial.trace.events)
    leaf = trial.trace.client_certificate
    if seen.client_chain:
        if leaf is None:
            return "the client sent a certificate where it should have none"
        return "" if seen.client_chain[0] == leaf else "the client sent another certificate"
    if seen.server_hello is None:
        return "the connection ended before the server answered the ClientHello"
    if seen.request is None:
        if seen.sealed:
            return "not all records could be decrypted; no CertificateRequest was seen"
        if trial.outcome.http_status is not None:
            return "the server asked for no certificate"
        return "the connection ended before the server asked for a certificate"
    if seen.client_chain is None:
        return "the connection ended before the client sent its certificate"
    return "" if leaf is None else _kept_back(leaf, seen.request)


def key_not_taken(trial: ScenarioTrace) -> bool:
    """Whether the client kept its certificate back: the server's request takes none like it."""
    seen = summarize(trial.trace.events)
    given = trial.trace.client_certificate is not None
    return given and seen.request is not None and seen.client_chain == ()


def _kept_back(leaf: bytes, request: CertificateRequest) -> str:
    seen = describe(leaf)
    # The library describes a PSS key as a plain RSA key, which is another kind to TLS.
    algorithm = x509.load_der_x509_certificate(leaf).public_key_algorithm_oid
    kind = "RSA-PSS" if algorithm == PublicKeyAlgorithmOID.RSASSA_PSS else seen.key_type
    key = f"{kind} {seen.key_bits or ''}".strip()
    return (
        f"the client sent an empty Certificate: the server takes "
        f"{_names(request.supported_signature_algorithms)}; the certificate has a key of {key} and "
        f"is signed with {seen.signature_algorithm}"
    )


def _names(schemes: Sequence[SignatureScheme]) -> str:
    more = f" and {len(schemes) - _SHOWN} more" if len(schemes) > _SHOWN else ""
    return (", ".join(map(str, schemes[:_SHOWN])) or "nothing") + more
