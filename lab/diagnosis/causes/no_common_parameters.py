"""Causes of a refused ClientHello: parameters that client and server do not have in common.

This module must not know certificates: none has been sent at that point.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from lab.diagnosis.evidence import Evidence
from lab.tls.code_point import sample
from lab.tls.code_points import AlertDescription as Alert
from lab.tls.code_points import NamedGroup, SignatureScheme
from lab.tls.escape import escaped
from lab.tls.extensions import ApplicationLayerProtocols, SupportedGroups
from lab.tls.messages import ClientHello, accepted_signatures, offered_versions

# What practically every TLS server of today takes one of.
_USUAL_GROUPS = {NamedGroup.X25519, NamedGroup.SECP256R1, NamedGroup.SECP384R1}
_USUAL_SCHEMES = {
    SignatureScheme.ECDSA_SECP256R1_SHA256,
    SignatureScheme.RSA_PSS_RSAE_SHA256,
    SignatureScheme.RSA_PKCS1_SHA256,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """Something that may be missing in common.

    ``alerts`` are those that the RFCs name for it, or that servers send for it, ``reasons`` what
    OpenSSL says at the server. ``narrow`` tells that the client's offer holds nothing that most
    servers take.
    """

    code: str
    summary: str
    offer: str
    reference: str
    fix: str
    alerts: Set[Alert]
    reasons: tuple[str, ...] = ()
    narrow: bool = False

    def is_said(self, failure: str) -> bool:
        """Whether the server's library says so, where ``failure`` is what it says."""
        return any(reason in failure for reason in self.reasons)


def mismatches(summary: Evidence, alert: Alert | None) -> list[Mismatch]:
    """Return what the ends may lack in common, the likeliest first; nothing speaks for the rest.

    The server's own word counts most, then an offer that is narrow, then an alert that is in use
    for it.
    """
    hello = summary.client_hello
    if hello is None:
        return []
    found = [*_parameters(hello), *_versions(hello), *_names(summary, hello)]
    said = [mismatch for mismatch in found if mismatch.is_said(summary.server_failure)]
    if said:
        return said
    fitting = [mismatch for mismatch in found if mismatch.narrow or alert in mismatch.alerts]
    return sorted(fitting, key=lambda mismatch: not mismatch.narrow)


def _versions(hello: ClientHello) -> Iterator[Mismatch]:
    versions = [version for version in offered_versions(hello) if not version.is_grease]
    yield Mismatch(
        code="no-common-version",
        summary="the server supports none of the TLS versions that the client offers",
        offer=f"the client offers {_listed(versions) or 'no version that is known here'}",
        reference="RFC 9846 section 4.3.1; RFC 5246 appendix E.1",
        fix="offer a version that the server supports, or enable one of these on the server",
        alerts={Alert.PROTOCOL_VERSION, Alert.HANDSHAKE_FAILURE},
        reasons=("UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW"),
    )


def _parameters(hello: ClientHello) -> Iterator[Mismatch]:
    yield Mismatch(
        code="no-common-cipher-suite",
        summary="client and server have no cipher suite in common, or none that suits the "
        "server's key type",
        offer=f"the client offers {_listed(hello.cipher_suites)}",
        reference="RFC 9846 section 4.2.1; RFC 5246 section 7.4.1.3",
        fix="enable a cipher suite on both sides that suits the server's key type",
        alerts={Alert.HANDSHAKE_FAILURE, Alert.INSUFFICIENT_SECURITY},
    )
    groups = hello.find(SupportedGroups)
    if groups is not None:
        yield Mismatch(
            code="no-common-group",
            summary="client and server have no key exchange group in common",
            offer=f"the client offers {_listed(groups.named_group_list)}",
            reference="RFC 9846 section 4.3.7; RFC 8422 section 5.1.1",
            fix="enable one group on both sides, such as x25519 or secp256r1",
            alerts={Alert.HANDSHAKE_FAILURE, Alert.INSUFFICIENT_SECURITY},
            reasons=("NO_SUITABLE_GROUPS", "NO_SUITABLE_KEY_SHARE"),
            narrow=not any(group in groups.named_group_list for group in _USUAL_GROUPS),
        )
    schemes = accepted_signatures(hello)
    if schemes is not None:
        yield Mismatch(
            code="no-common-signature-algorithm",
            summary="the server's key cannot sign with any algorithm that the client accepts",
            offer=f"the client accepts {_listed(schemes)}",
            reference="RFC 9846 section 4.3.3; RFC 5246 section 7.4.1.4.1",
            fix="give the server a certificate with a key type that the client accepts",
            alerts={Alert.HANDSHAKE_FAILURE},
            reasons=("NO_SUITABLE_SIGNATURE_ALGORITHM", "NO_SHARED_SIGNATURE_ALGORITHMS"),
            narrow=not any(scheme in schemes for scheme in _USUAL_SCHEMES),
        )


def _names(summary: Evidence, hello: ClientHello) -> Iterator[Mismatch]:
    name = summary.server_name
    yield Mismatch(
        code="unknown-server-name",
        summary="the server is not configured for the host name that the client sent (SNI)"
        if name
        else "the server requires a host name (SNI), and the client sent none",
        offer=f"the client sent the server_name {escaped(name)}"
        if name
        else "the client sent no server_name",
        reference="RFC 6066 section 3",
        fix="connect by a host name that the server is configured for",
        alerts={
            Alert.UNRECOGNIZED_NAME,
            Alert.MISSING_EXTENSION,
            Alert.HANDSHAKE_FAILURE,
            Alert.INTERNAL_ERROR,
            Alert.ACCESS_DENIED,
        },
    )
    protocols = hello.find(ApplicationLayerProtocols)
    offered = (
        [escaped(name.decode("latin-1")) for name in protocols.protocol_name_list]
        if (protocols)
        else []
    )
    yield Mismatch(
        code="no-common-application-protocol",
        summary="the server supports none of the application protocols that the client offers"
        if offered
        else "the server requires an application protocol (ALPN), and the client offers none",
        offer=f"the client offers {_listed(offered)}" if offered else "the client sent no ALPN",
        reference="RFC 7301 section 3.2",
        fix="offer a protocol that the server supports (gRPC: h2), or no ALPN"
        if offered
        else "offer the server's protocol (http/1.1, or h2 for gRPC)",
        alerts={Alert.NO_APPLICATION_PROTOCOL},
    )


def _listed(values: Sequence[object], most: int = 6) -> str:
    shown, rest = sample(values, most)
    return ", ".join(map(str, shown)) + (f" and {rest} more" if rest > 0 else "")
