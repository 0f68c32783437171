"""Expectations in short: the few ways in which the lab's connections end, for both versions.

The versions differ in one thing. In TLS 1.2 the client's handshake call fails with the server's
verdict on its certificate; in TLS 1.3 it has returned before the server judges (RFC 9846 section
4.5.3), and the client learns at its first read.
"""

from __future__ import annotations

from collections.abc import Mapping

from lab.diagnosis.results import Result, Signal
from lab.probing.scenarios.scenario import Expectation
from lab.stream.contexts import TlsVersion
from lab.tls.code_points import AlertDescription
from lab.tls.events import Endpoint

Expectations = Mapping[TlsVersion, Expectation]

# X509_verify_cert_error_string() of OpenSSL 3.
_REASONS = {
    3: "unable to get certificate CRL",
    7: "certificate signature failure",
    9: "certificate is not yet valid",
    10: "certificate has expired",
    12: "CRL has expired",
    18: "self-signed certificate",
    20: "unable to get local issuer certificate",
    23: "certificate revoked",
    25: "path length constraint exceeded",
    26: "unsuitable certificate purpose",
    34: "unhandled critical extension",
    47: "permitted subtree violation",
    62: "Hostname mismatch, certificate is not valid for 'localhost'.",
    64: "IP address mismatch, certificate is not valid for '127.0.0.1'.",
    66: "EE certificate key too weak",
    68: "CA signature digest algorithm too weak",
    79: "invalid CA certificate",
}


def accepted() -> Expectations:
    """The handshake is completed, and HTTP answers 200."""
    end = Expectation(result=Result.ACCEPTED, http_status=200, client_returned=True)
    return {TlsVersion.TLS12: end, TlsVersion.TLS13: end}


def answered(status: int) -> Expectations:
    """The handshake is completed, and HTTP refuses."""
    end = Expectation(
        result=Result.REJECTED,
        by=Endpoint.SERVER,
        signal=Signal.HTTP_STATUS,
        http_status=status,
        client_returned=True,
    )
    return {TlsVersion.TLS12: end, TlsVersion.TLS13: end}


def refused(*alerts: AlertDescription, code: int | None = None, reason: str = "") -> Expectations:
    """The server refuses the client's certificate with one of ``alerts``."""
    return {
        TlsVersion.TLS12: _alert(Endpoint.SERVER, alerts, code, reason, returned=False),
        TlsVersion.TLS13: _alert(Endpoint.SERVER, alerts, code, reason, returned=True),
    }


def refused_at_hello(alert: AlertDescription) -> Expectations:
    """The server refuses the ClientHello, before any certificate is seen."""
    end = _alert(Endpoint.SERVER, (alert,), None, "", returned=False)
    return {TlsVersion.TLS12: end, TlsVersion.TLS13: end}


def refused_by_client(alert: AlertDescription, *, code: int) -> Expectations:
    """The client refuses the server's certificate."""
    end = _alert(Endpoint.CLIENT, (alert,), code, "", returned=False)
    return {TlsVersion.TLS12: end, TlsVersion.TLS13: end}


def ended(result: Result, by: Endpoint, signal: Signal) -> Expectations:
    """No alert: one end stops, or does not even begin."""
    end = Expectation(result=result, by=by, signal=signal)
    return {TlsVersion.TLS12: end, TlsVersion.TLS13: end}


def by_version(tls12: Expectations, tls13: Expectations) -> Expectations:
    """Where the versions differ in more than the above."""
    return {
        TlsVersion.TLS12: tls12[TlsVersion.TLS12],
        TlsVersion.TLS13: tls13[TlsVersion.TLS13],
    }


def _alert(
    by: Endpoint,
    alerts: tuple[AlertDescription, ...],
    code: int | None,
    reason: str,
    *,
    returned: bool,
) -> Expectation:
    return Expectation(
        result=Result.REJECTED,
        by=by,
        signal=Signal.ALERT,
        alerts=frozenset(alerts),
        verify_code=code,
        reason=reason if code is None else _REASONS[code],
        client_returned=returned,
    )
