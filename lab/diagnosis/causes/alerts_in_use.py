"""The alerts that servers and clients use for each problem of a certificate.

A hint, never a proof: stacks differ, and most alerts serve for several problems.
"""

from __future__ import annotations

from collections.abc import Mapping

from lab.tls.code_points import AlertDescription as Alert
from lab.x509 import problems

_UNKNOWN = frozenset({Alert.BAD_CERTIFICATE, Alert.CERTIFICATE_UNKNOWN})

ALERTS: Mapping[str, frozenset[Alert]] = {
    problems.EXPIRED.code: frozenset({Alert.CERTIFICATE_EXPIRED}) | _UNKNOWN,
    problems.NOT_YET_VALID.code: frozenset({Alert.CERTIFICATE_EXPIRED}) | _UNKNOWN,
    problems.SELF_SIGNED.code: frozenset({Alert.UNKNOWN_CA}) | _UNKNOWN,
    problems.INTERMEDIATE_MISSING.code: frozenset({Alert.UNKNOWN_CA}) | _UNKNOWN,
    problems.UNTRUSTED_CA.code: frozenset({Alert.UNKNOWN_CA}) | _UNKNOWN,
    problems.WRONG_PURPOSE.code: frozenset({Alert.UNSUPPORTED_CERTIFICATE}) | _UNKNOWN,
    problems.WRONG_KEY_USAGE.code: frozenset({Alert.UNSUPPORTED_CERTIFICATE}) | _UNKNOWN,
    problems.REVOKED.code: frozenset({Alert.CERTIFICATE_REVOKED}) | _UNKNOWN,
    problems.CRL_UNUSABLE.code: frozenset({Alert.UNKNOWN_CA, Alert.CERTIFICATE_EXPIRED}) | _UNKNOWN,
    problems.BAD_SIGNATURE.code: frozenset({Alert.DECRYPT_ERROR, Alert.UNKNOWN_CA}) | _UNKNOWN,
    problems.NOT_A_CA.code: frozenset({Alert.UNKNOWN_CA}) | _UNKNOWN,
    problems.PATH_LENGTH.code: frozenset({Alert.UNKNOWN_CA}) | _UNKNOWN,
    problems.NAME_CONSTRAINTS.code: _UNKNOWN | {Alert.UNKNOWN_CA},
    problems.CRITICAL_EXTENSION.code: _UNKNOWN | {Alert.UNSUPPORTED_CERTIFICATE},
    problems.WEAK.code: frozenset(
        {Alert.BAD_CERTIFICATE, Alert.HANDSHAKE_FAILURE, Alert.UNKNOWN_CA}
    )
    | {Alert.INSUFFICIENT_SECURITY, Alert.UNSUPPORTED_CERTIFICATE},
    problems.KEY_TYPE.code: frozenset({Alert.ILLEGAL_PARAMETER, Alert.HANDSHAKE_FAILURE})
    | {Alert.UNSUPPORTED_CERTIFICATE, Alert.BAD_CERTIFICATE},
    problems.TOO_LARGE.code: frozenset(
        {Alert.ILLEGAL_PARAMETER, Alert.RECORD_OVERFLOW, Alert.DECODE_ERROR}
    )
    | {Alert.BAD_CERTIFICATE, Alert.INTERNAL_ERROR},
    problems.WRONG_NAME.code: _UNKNOWN,
}
"""The alerts in use for a problem, by its code."""
