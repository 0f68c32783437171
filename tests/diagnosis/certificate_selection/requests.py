"""CertificateRequests of our making, in the shapes of both versions of TLS."""

from __future__ import annotations

from dataclasses import dataclass

from lab.tls.code_points import HandshakeType, ProtocolVersion
from lab.tls.message_parsing import parse_message
from lab.tls.messages import CertificateRequest
from lab.tls.parsing_context import ParsingContext
from tests.tls.wire import Wire, extension, extensions, opaque, raw, u16, vector

_SIGNATURE_ALGORITHMS, _SIGNATURE_ALGORITHMS_CERT, _CERTIFICATE_AUTHORITIES = 13, 50, 47


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a CertificateRequest says; ``types`` is for TLS 1.2 only, ``cert_schemes`` for 1.3."""

    types: tuple[int, ...]
    schemes: tuple[int, ...]
    cert_schemes: tuple[int, ...] = ()
    authorities: tuple[bytes, ...] = ()

    def body(self, version: ProtocolVersion) -> bytes:
        """Return the message's body (RFC 9846 section 4.4.2, RFC 5246 section 7.4.4)."""
        schemes = _numbers(self.schemes)
        names = vector(2, *(opaque(2, name) for name in self.authorities))
        if version < ProtocolVersion.TLS_1_3:
            return (opaque(1, bytes(self.types)) + schemes + names).data
        parts = [extension(_SIGNATURE_ALGORITHMS, schemes)]
        if self.cert_schemes:
            parts.append(extension(_SIGNATURE_ALGORITHMS_CERT, _numbers(self.cert_schemes)))
        if self.authorities:
            parts.append(extension(_CERTIFICATE_AUTHORITIES, names))
        return (opaque(1, b"") + extensions(*parts)).data

    def message(self, version: ProtocolVersion) -> CertificateRequest:
        """Return it as the observer reads it."""
        parsed, _ = parse_message(
            HandshakeType.CERTIFICATE_REQUEST, self.body(version), ParsingContext(version=version)
        )
        assert isinstance(parsed, CertificateRequest)
        return parsed


def _numbers(numbers: tuple[int, ...]) -> Wire:
    return vector(2, *map(u16, numbers)) if numbers else raw(b"\0\0")
