"""The few ways in which the lab's connections end, for both versions.

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
from lab.x509.verify_codes import VerifyCode

Expectations = Mapping[TlsVersion, Expectation]

# For names and addresses Python's ssl has words of its own.
_MISMATCHES = {
    VerifyCode.HOSTNAME_MISMATCH: "Hostname mismatch, certificate is not valid for 'localhost'.",
    VerifyCode.IP_ADDRESS_MISMATCH: "IP address mismatch, certificate is not valid for "
    "'127.0.0.1'.",
}


def accepted() -> Expectations:
    """Expect that the handshake is completed, and HTTP answers 200."""
    end = Expectation(result=Result.ACCEPTED, http_status=200, client_returned=True)
    return {TlsVersion.TLS12: end, TlsVersion.TLS13: end}


def answered(status: int) -> Expectations:
    """Expect that the handshake is completed, and HTTP refuses."""
    end = Expectation(
        result=Result.REJECTED,
        by=Endpoint.SERVER,
        signal=Signal.HTTP_STATUS,
        http_status=status,
        client_returned=True,
    )
    return {TlsVersion.TLS12: end, TlsVersion.TLS13: end}


def refused(
    *alerts: AlertDescription, code: VerifyCode | None = None, reason: str = ""
) -> Expectations:
    """Expect that the server refuses the client's certificate with one of ``alerts``."""
    return {
        TlsVersion.TLS12: _alert(Endpoint.SERVER, alerts, code, reason, returned=False),
        TlsVersion.TLS13: _alert(Endpoint.SERVER, alerts, code, reason, returned=True),
    }


def refused_at_hello(alert: AlertDescription) -> Expectations:
    """Expect that the server refuses the ClientHello, before any certificate is seen."""
    end = _alert(Endpoint.SERVER, (alert,), None, "", returned=False)
    return {TlsVersion.TLS12: end, TlsVersion.TLS13: end}


def refused_by_client(alert: AlertDescription, *, code: VerifyCode) -> Expectations:
    """Expect that the client refuses the server's certificate."""
    end = _alert(Endpoint.CLIENT, (alert,), code, "", returned=False)
    return {TlsVersion.TLS12: end, TlsVersion.TLS13: end}


def ended(result: Result, by: Endpoint, signal: Signal) -> Expectations:
    """Expect no alert: one end stops, or does not even begin."""
    end = Expectation(result=result, by=by, signal=signal)
    return {TlsVersion.TLS12: end, TlsVersion.TLS13: end}


def by_version(tls12: Expectations, tls13: Expectations) -> Expectations:
    """Join expectations where the versions differ in more than the above."""
    return {
        TlsVersion.TLS12: tls12[TlsVersion.TLS12],
        TlsVersion.TLS13: tls13[TlsVersion.TLS13],
    }


def _alert(
    by: Endpoint,
    alerts: tuple[AlertDescription, ...],
    code: VerifyCode | None,
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
        reason=reason if code is None else _MISMATCHES.get(code, code.words),
        client_returned=returned,
    )
