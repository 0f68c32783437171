"""OpenSSL's verify codes: the words, and the forms in which programs print them.

Source: X509_verify_cert_error_string of OpenSSL 3.0.22, run for 1 to 94; older words from 1.0 and
1.1 (crypto/x509/x509_txt.c), names of the constants from Node's error codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lab.diagnosis.error_texts.known_text import (
    CLIENT,
    HANDSHAKE,
    SENT,
    SERVER,
    KnownText,
    from_source,
)
from lab.x509 import problems

WORDS: Mapping[int, tuple[str, ...]] = {
    1: ("unspecified certificate verification error",),
    2: ("unable to get issuer certificate",),
    3: ("unable to get certificate CRL",),
    4: ("unable to decrypt certificate's signature",),
    5: ("unable to decrypt CRL's signature",),
    6: ("unable to decode issuer public key",),
    7: ("certificate signature failure",),
    8: ("CRL signature failure",),
    9: ("certificate is not yet valid",),
    10: ("certificate has expired",),
    11: ("CRL is not yet valid",),
    12: ("CRL has expired",),
    13: ("format error in certificate's notBefore field",),
    14: ("format error in certificate's notAfter field",),
    15: ("format error in CRL's lastUpdate field",),
    16: ("format error in CRL's nextUpdate field",),
    17: ("out of memory",),
    18: ("self-signed certificate",),
    19: ("self-signed certificate in certificate chain",),
    20: ("unable to get local issuer certificate",),
    21: ("unable to verify the first certificate",),
    22: ("certificate chain too long",),
    23: ("certificate revoked",),
    24: ("issuer certificate doesn't have a public key",),
    25: ("path length constraint exceeded",),
    26: ("unsuitable certificate purpose", "unsupported certificate purpose"),
    27: ("certificate not trusted",),
    28: ("certificate rejected",),
    29: ("subject issuer mismatch",),
    30: ("authority and subject key identifier mismatch",),
    31: ("authority and issuer serial number mismatch",),
    32: ("key usage does not include certificate signing",),
    33: ("unable to get CRL issuer certificate",),
    34: ("unhandled critical extension",),
    35: ("key usage does not include CRL signing",),
    36: ("unhandled critical CRL extension",),
    37: ("invalid non-CA certificate (has CA markings)",),
    38: ("proxy path length constraint exceeded",),
    39: ("key usage does not include digital signature",),
    40: ("proxy certificates not allowed, please set the appropriate flag",),
    41: ("invalid or inconsistent certificate extension",),
    42: ("invalid or inconsistent certificate policy extension",),
    43: ("no explicit policy",),
    44: ("different CRL scope",),
    45: ("unsupported extension feature",),
    46: ("RFC 3779 resource not subset of parent's resources",),
    47: ("permitted subtree violation",),
    48: ("excluded subtree violation",),
    49: ("name constraints minimum and maximum not supported",),
    50: ("application verification failure",),
    51: ("unsupported name constraint type",),
    52: ("unsupported or invalid name constraint syntax",),
    53: ("unsupported or invalid name syntax",),
    54: ("CRL path validation error",),
    55: ("path loop",),
    56: ("Suite B: certificate version invalid",),
    57: ("Suite B: invalid public key algorithm",),
    58: ("Suite B: invalid ECC curve",),
    59: ("Suite B: invalid signature algorithm",),
    60: ("Suite B: curve not allowed for this LOS",),
    61: ("Suite B: cannot sign P-384 with P-256",),
    62: ("hostname mismatch",),
    63: ("email address mismatch",),
    64: ("IP address mismatch",),
    65: ("no matching DANE TLSA records",),
    66: ("EE certificate key too weak",),
    67: ("CA certificate key too weak",),
    68: ("CA signature digest algorithm too weak",),
    69: ("invalid certificate verification context",),
    70: ("issuer certificate lookup error",),
    71: ("Certificate Transparency required, but no valid SCTs found",),
    72: ("proxy subject name violation",),
    73: ("OCSP verification needed",),
    74: ("OCSP verification failed",),
    75: ("OCSP unknown cert",),
    76: ("Cannot find certificate signature algorithm",),
    77: ("subject signature algorithm and issuer public key algorithm mismatch",),
    78: ("cert info signature and signature algorithm mismatch",),
    79: ("invalid CA certificate",),
    80: ("Path length invalid for non-CA cert",),
    81: ("Path length given without key usage keyCertSign",),
    82: ("Key usage keyCertSign invalid for non-CA cert",),
    83: ("Issuer name empty",),
    84: ("Subject name empty",),
    85: ("Missing Authority Key Identifier",),
    86: ("Missing Subject Key Identifier",),
    87: ("Empty Subject Alternative Name extension",),
    88: ("Subject empty and Subject Alt Name extension not critical",),
    89: ("Basic Constraints of CA cert not marked critical",),
    90: ("Authority Key Identifier marked critical",),
    91: ("Subject Key Identifier marked critical",),
    92: ("CA cert does not include key usage extension",),
    93: ("Using cert extension requires at least X509v3",),
    94: ("Certificate public key has explicit ECC parameters",),
}
# What the problem table does not lay to these codes, and what else has been seen behind them.
_MORE: Mapping[int, tuple[str, ...]] = {
    2: ("ca-file-unusable",),
    9: ("own:clock",),
    10: ("peer:ca-expired", "own:clock"),
    20: ("peer:authority-key-identifier-mismatch", "ca-file-unusable"),
    30: ("peer:authority-key-identifier-mismatch",),
    31: ("peer:authority-key-identifier-mismatch",),
    73: ("server-ocsp-response-refused",),
    74: ("server-ocsp-response-refused",),
    75: ("server-ocsp-response-refused",),
}
_UNTRUSTED = (2, 18, 19, 20, 21)
# Words that mean much else in logs: only behind a form that OpenSSL's users print.
_COMMON = frozenset({17, 18, 23, 27, 28, 43, 50, 55, 62, 64})
_FORMS = (
    ("certificate verify failed: %", "python"),
    ("certificate verify failed (%", "openssl"),
    ("verify error: %", "openssl"),
    ("verification error: %", "openssl"),
    ("ssl certificate problem: %", "curl"),
    ("ssl certificate openssl verify result: %", "curl"),
    ("depth=*, error=%", "openvpn"),
    ("certificate verification error at depth *: %", "envoy"),
)
# Names of the constants of 1 to 23, 25 to 28 and 62, without X509_V_ERR_, as Node has them.
NODE_NAMES = {
    2: "UNABLE_TO_GET_ISSUER_CERT",
    3: "UNABLE_TO_GET_CRL",
    4: "UNABLE_TO_DECRYPT_CERT_SIGNATURE",
    5: "UNABLE_TO_DECRYPT_CRL_SIGNATURE",
    6: "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
    7: "CERT_SIGNATURE_FAILURE",
    8: "CRL_SIGNATURE_FAILURE",
    9: "CERT_NOT_YET_VALID",
    10: "CERT_HAS_EXPIRED",
    11: "CRL_NOT_YET_VALID",
    12: "CRL_HAS_EXPIRED",
    13: "ERROR_IN_CERT_NOT_BEFORE_FIELD",
    14: "ERROR_IN_CERT_NOT_AFTER_FIELD",
    18: "DEPTH_ZERO_SELF_SIGNED_CERT",
    19: "SELF_SIGNED_CERT_IN_CHAIN",
    20: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    21: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    22: "CERT_CHAIN_TOO_LONG",
    23: "CERT_REVOKED",
    25: "PATH_LENGTH_EXCEEDED",
    26: "INVALID_PURPOSE",
    27: "CERT_UNTRUSTED",
    28: "CERT_REJECTED",
    62: "HOSTNAME_MISMATCH",
}


def causes_of_verify_code(number: int) -> tuple[str, ...]:
    """Return the causes of OpenSSL's verify code, those of the problem table first."""
    found = [
        f"peer:{problem.code}" for problem in problems.PROBLEMS if number in problem.verify_codes
    ]
    found += _MORE.get(number, ())
    if number in _UNTRUSTED:
        found.append("intercepting-proxy")
    return tuple(found) or ("peer:openssl-refuses",)


_REFUSED = KnownText("", "openssl", direction=SENT, phase=HANDSHAKE)


def verify_code(number: int) -> KnownText | None:
    """Return what a verify code says; None where there is no such code."""
    return KnownText("", "openssl", verify=number) if number in WORDS else None


def _rows() -> Iterator[KnownText]:
    for number, wordings in WORDS.items():
        # BoringSSL has 69 before any chain was verified.
        row = _REFUSED._replace(verify=number, general=number == 69)
        for words in wordings:
            yield row._replace(phrase=f"error: {words}", in_context=True)
            is_common = number in _COMMON
            yield row._replace(phrase=words, in_context=not is_common, alone=is_common)
    for number, name in NODE_NAMES.items():
        yield KnownText(name, "openssl", verify=number)
        yield KnownText(f"x509_v_err_{name}", "openssl", verify=number)


_NUMBERED = _REFUSED._replace(captured="verify")

TEXTS = from_source(
    "OpenSSL 3.0.22, X509_verify_cert_error_string; Node 18; public logs of the programs",
    "openssl",
    (
        *_rows(),
        *(_NUMBERED._replace(phrase=form, speaker=speaker) for form, speaker in _FORMS),
        _NUMBERED._replace(phrase="verify error:num=#"),
        _NUMBERED._replace(phrase="verify return code: # (", speaker="s_client", role=CLIENT),
        _NUMBERED._replace(phrase="verify return code: #", speaker="s_client", role=CLIENT),
        # openssl verify looks at files: there is no handshake, and no other end
        KnownText("error # at # depth lookup", "openssl-verify", captured="verify"),
        KnownText("error # at # depth lookup: %", "openssl-verify", captured="verify"),
        KnownText("depth lookup: %", "openssl-verify", captured="verify"),
        KnownText(
            "client ssl certificate verify error: (#:", "nginx", role=SERVER, captured="verify"
        ),
        KnownText(
            "upstream ssl certificate verify error: (#:",
            "nginx-upstream",
            role=CLIENT,
            captured="verify",
        ),
        _NUMBERED._replace(
            phrase="certificate verification: error (#)", speaker="apache", role=SERVER
        ),
        _NUMBERED._replace(
            phrase="certificate verification: error (#)",
            speaker="apache-proxy",
            role=CLIENT,
            needs="[remote ",
        ),
        _NUMBERED._replace(phrase="verifyresult(#)", speaker="openssl"),
    ),
)
