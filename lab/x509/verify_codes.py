"""The results of OpenSSL's certificate verification: X509_V_ERR_… numbers, and its own words.

Names and numbers are those of ``openssl/x509_vfy.h`` of OpenSSL 3, without ``X509_V_ERR_``; the
words are those of ``X509_verify_cert_error_string``. Only the results of the problem table.
"""

from __future__ import annotations

import enum


class VerifyCode(enum.IntEnum):
    """A result of OpenSSL other than success; ``words`` is how OpenSSL puts it."""

    words: str

    def __new__(cls, number: int, words: str) -> VerifyCode:
        """Make a member that equals its number."""
        member = int.__new__(cls, number)
        member._value_ = number
        member.words = words
        return member

    UNABLE_TO_GET_ISSUER_CERT = 2, "unable to get issuer certificate"
    UNABLE_TO_GET_CRL = 3, "unable to get certificate CRL"
    UNABLE_TO_DECRYPT_CERT_SIGNATURE = 4, "unable to decrypt certificate's signature"
    UNABLE_TO_DECRYPT_CRL_SIGNATURE = 5, "unable to decrypt CRL's signature"
    CERT_SIGNATURE_FAILURE = 7, "certificate signature failure"
    CRL_SIGNATURE_FAILURE = 8, "CRL signature failure"
    CERT_NOT_YET_VALID = 9, "certificate is not yet valid"
    CERT_HAS_EXPIRED = 10, "certificate has expired"
    CRL_NOT_YET_VALID = 11, "CRL is not yet valid"
    CRL_HAS_EXPIRED = 12, "CRL has expired"
    DEPTH_ZERO_SELF_SIGNED_CERT = 18, "self-signed certificate"
    SELF_SIGNED_CERT_IN_CHAIN = 19, "self-signed certificate in certificate chain"
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY = 20, "unable to get local issuer certificate"
    UNABLE_TO_VERIFY_LEAF_SIGNATURE = 21, "unable to verify the first certificate"
    CERT_CHAIN_TOO_LONG = 22, "certificate chain too long"
    CERT_REVOKED = 23, "certificate revoked"
    PATH_LENGTH_EXCEEDED = 25, "path length constraint exceeded"
    INVALID_PURPOSE = 26, "unsuitable certificate purpose"
    CERT_UNTRUSTED = 27, "certificate not trusted"
    CERT_REJECTED = 28, "certificate rejected"
    KEYUSAGE_NO_CERTSIGN = 32, "key usage does not include certificate signing"
    UNABLE_TO_GET_CRL_ISSUER = 33, "unable to get CRL issuer certificate"
    UNHANDLED_CRITICAL_EXTENSION = 34, "unhandled critical extension"
    KEYUSAGE_NO_CRL_SIGN = 35, "key usage does not include CRL signing"
    UNHANDLED_CRITICAL_CRL_EXTENSION = 36, "unhandled critical CRL extension"
    KEYUSAGE_NO_DIGITAL_SIGNATURE = 39, "key usage does not include digital signature"
    DIFFERENT_CRL_SCOPE = 44, "different CRL scope"
    PERMITTED_VIOLATION = 47, "permitted subtree violation"
    EXCLUDED_VIOLATION = 48, "excluded subtree violation"
    SUBTREE_MINMAX = 49, "name constraints minimum and maximum not supported"
    UNSUPPORTED_CONSTRAINT_TYPE = 51, "unsupported name constraint type"
    UNSUPPORTED_CONSTRAINT_SYNTAX = 52, "unsupported or invalid name constraint syntax"
    UNSUPPORTED_NAME_SYNTAX = 53, "unsupported or invalid name syntax"
    CRL_PATH_VALIDATION_ERROR = 54, "CRL path validation error"
    HOSTNAME_MISMATCH = 62, "hostname mismatch"
    EMAIL_MISMATCH = 63, "email address mismatch"
    IP_ADDRESS_MISMATCH = 64, "IP address mismatch"
    EE_KEY_TOO_SMALL = 66, "EE certificate key too weak"
    CA_KEY_TOO_SMALL = 67, "CA certificate key too weak"
    CA_MD_TOO_WEAK = 68, "CA signature digest algorithm too weak"
    INVALID_CA = 79, "invalid CA certificate"
    PATHLEN_INVALID_FOR_NON_CA = 80, "Path length invalid for non-CA cert"
    PATHLEN_WITHOUT_KU_KEY_CERT_SIGN = 81, "Path length given without key usage keyCertSign"
    KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA = 82, "Key usage keyCertSign invalid for non-CA cert"
    SUBJECT_NAME_EMPTY = 84, "Subject name empty"
    MISSING_AUTHORITY_KEY_IDENTIFIER = 85, "Missing Authority Key Identifier"
    MISSING_SUBJECT_KEY_IDENTIFIER = 86, "Missing Subject Key Identifier"
    EMPTY_SUBJECT_ALT_NAME = 87, "Empty Subject Alternative Name extension"
    EMPTY_SUBJECT_SAN_NOT_CRITICAL = (
        88,
        ("Subject empty and Subject Alt Name extension not critical"),
    )
    CA_BCONS_NOT_CRITICAL = 89, "Basic Constraints of CA cert not marked critical"
    CA_CERT_MISSING_KEY_USAGE = 92, "CA cert does not include key usage extension"
    EC_KEY_EXPLICIT_PARAMS = 94, "Certificate public key has explicit ECC parameters"
