"""The alerts that servers and clients use for each problem of a certificate.

A hint, never a proof: stacks differ, and most alerts serve for several problems.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from lab.tls.code_points import AlertDescription as Alert
from lab.x509 import problems
from lab.x509.problems import Problem

GENERAL_ALERTS = frozenset(
    {
        Alert.BAD_CERTIFICATE,
        Alert.CERTIFICATE_UNKNOWN,
        Alert.HANDSHAKE_FAILURE,
        Alert.ACCESS_DENIED,  # what GnuTLS's server sends
    }
)
"""Alerts that are in use for nearly every problem, so that they speak for none."""

_OWN: Mapping[str, frozenset[Alert]] = {
    problems.EXPIRED.code: frozenset({Alert.CERTIFICATE_EXPIRED}),
    problems.CA_EXPIRED.code: frozenset({Alert.CERTIFICATE_EXPIRED}),
    problems.NOT_YET_VALID.code: frozenset({Alert.BAD_CERTIFICATE}),
    problems.CLOCK.code: frozenset({Alert.CERTIFICATE_EXPIRED}),
    problems.SELF_SIGNED.code: frozenset({Alert.UNKNOWN_CA}),
    problems.INTERMEDIATE_MISSING.code: frozenset({Alert.UNKNOWN_CA}),
    problems.UNTRUSTED_CA.code: frozenset({Alert.UNKNOWN_CA}),
    problems.CRL_UNUSABLE.code: frozenset({Alert.UNKNOWN_CA, Alert.CERTIFICATE_EXPIRED}),
    problems.NOT_A_CA.code: frozenset({Alert.UNKNOWN_CA}),
    problems.PATH_LENGTH.code: frozenset({Alert.UNKNOWN_CA}),
    problems.WRONG_PURPOSE.code: frozenset({Alert.UNSUPPORTED_CERTIFICATE}),
    problems.WRONG_KEY_USAGE.code: frozenset({Alert.UNSUPPORTED_CERTIFICATE}),
    problems.REVOKED.code: frozenset({Alert.CERTIFICATE_REVOKED}),
    problems.NAME_CONSTRAINTS.code: frozenset({Alert.CERTIFICATE_UNKNOWN}),
    problems.CRITICAL_EXTENSION.code: frozenset({Alert.CERTIFICATE_UNKNOWN}),
    problems.BAD_SIGNATURE.code: frozenset({Alert.DECRYPT_ERROR}),
    problems.WEAK.code: frozenset({Alert.BAD_CERTIFICATE, Alert.INSUFFICIENT_SECURITY}),
    problems.KEY_TYPE.code: frozenset({Alert.ILLEGAL_PARAMETER, Alert.UNSUPPORTED_CERTIFICATE}),
    problems.TOO_LARGE.code: frozenset({Alert.ILLEGAL_PARAMETER, Alert.RECORD_OVERFLOW}),
    problems.WRONG_NAME.code: GENERAL_ALERTS,
}
# Alerts that some stacks send for it, and that others send for something else.
_ALSO: Mapping[str, frozenset[Alert]] = {
    problems.NOT_YET_VALID.code: frozenset({Alert.CERTIFICATE_EXPIRED}),
    problems.WEAK.code: frozenset({Alert.UNKNOWN_CA, Alert.UNSUPPORTED_CERTIFICATE}),
    problems.TOO_LARGE.code: frozenset({Alert.DECODE_ERROR, Alert.INTERNAL_ERROR}),
}


class Fit(enum.IntEnum):
    """How well an alert fits a problem."""

    NONE = 0
    GENERAL = 1  # it is in use for nearly every problem, or there is no alert
    OWN = 2  # the RFCs name it for this problem, or OpenSSL sends it


def fit(alert: Alert | None, problem: Problem) -> Fit:
    """Return how well ``alert``, or that there is none, fits ``problem``."""
    if alert in _OWN.get(problem.code, ()):
        return Fit.OWN
    if alert is None or alert in GENERAL_ALERTS or alert in _ALSO.get(problem.code, ()):
        return Fit.GENERAL
    return Fit.NONE
