"""The alerts that servers and clients use for each problem of a certificate.

A hint, never a proof: stacks differ, and most alerts serve for several problems.
"""

from __future__ import annotations

from collections.abc import Mapping

from lab.tls.code_points import AlertDescription as Alert
from lab.x509 import problems

GENERAL_ALERTS = frozenset({Alert.BAD_CERTIFICATE, Alert.CERTIFICATE_UNKNOWN})
"""Alerts that are in use for nearly every problem, so that they speak for none."""

_NO_ISSUER = GENERAL_ALERTS | {Alert.UNKNOWN_CA}
_EXPIRED = GENERAL_ALERTS | {Alert.CERTIFICATE_EXPIRED}
_UNSUPPORTED = GENERAL_ALERTS | {Alert.UNSUPPORTED_CERTIFICATE}

ALERTS: Mapping[str, frozenset[Alert]] = {
    problems.EXPIRED.code: _EXPIRED,
    problems.NOT_YET_VALID.code: _EXPIRED,
    problems.SELF_SIGNED.code: _NO_ISSUER,
    problems.INTERMEDIATE_MISSING.code: _NO_ISSUER,
    problems.UNTRUSTED_CA.code: _NO_ISSUER,
    problems.WRONG_PURPOSE.code: _UNSUPPORTED,
    problems.WRONG_KEY_USAGE.code: _UNSUPPORTED,
    problems.REVOKED.code: GENERAL_ALERTS | {Alert.CERTIFICATE_REVOKED},
    problems.NOT_A_CA.code: _NO_ISSUER,
    problems.WEAK.code: frozenset(
        {
            Alert.BAD_CERTIFICATE,
            Alert.HANDSHAKE_FAILURE,
            Alert.UNKNOWN_CA,
            Alert.INSUFFICIENT_SECURITY,
            Alert.UNSUPPORTED_CERTIFICATE,
        }
    ),
    problems.KEY_TYPE.code: frozenset(
        {
            Alert.ILLEGAL_PARAMETER,
            Alert.HANDSHAKE_FAILURE,
            Alert.UNSUPPORTED_CERTIFICATE,
            Alert.BAD_CERTIFICATE,
        }
    ),
    problems.TOO_LARGE.code: frozenset(
        {
            Alert.ILLEGAL_PARAMETER,
            Alert.RECORD_OVERFLOW,
            Alert.DECODE_ERROR,
            Alert.BAD_CERTIFICATE,
            Alert.INTERNAL_ERROR,
        }
    ),
    problems.WRONG_NAME.code: GENERAL_ALERTS,
}
"""The alerts in use for the problems that a chain shows, or that are inferred, by their codes."""
