"""The table of what can be wrong with a certificate: one row for each fault, for either end.

Each row has the problem, the OpenSSL verify codes that report it, the RFC section, and the fix.
``{role}`` in a text is the end whose certificate it is, ``{other}`` the end that judges it.

This module must not know how a fault is found.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that can be wrong with a certificate chain.

    ``verdicts`` are X509_V_ERR_… numbers of OpenSSL.
    """

    code: str
    summary: str
    reference: str
    fix: str
    verdicts: frozenset[int] = frozenset()


EXPIRED = Problem(
    code="certificate-expired",
    summary="the {role}'s certificate, or another one in its chain, has expired",
    reference="RFC 5280 section 4.1.2.5",
    fix="issue a new certificate for the {role}; check the {other}'s clock too",
    verdicts=frozenset({10}),
)
NOT_YET_VALID = Problem(
    code="certificate-not-yet-valid",
    summary="the {role}'s certificate, or another one in its chain, is not valid yet",
    reference="RFC 5280 section 4.1.2.5",
    fix="compare the clocks of the CA and of the {other}; set notBefore a little in the past",
    verdicts=frozenset({9}),
)
SELF_SIGNED = Problem(
    code="certificate-self-signed",
    summary="the {role}'s certificate is self-signed, and the {other} does not trust it",
    reference="RFC 5280 section 6.1",
    fix="have the certificate issued by a CA that the {other} trusts",
    verdicts=frozenset({18}),
)
INTERMEDIATE_MISSING = Problem(
    code="intermediate-missing",
    summary="the {role} did not send the intermediate certificate that leads to a trusted CA",
    reference="RFC 9846 section 4.5.1; RFC 5246 section 7.4.2",
    fix="give the {role} a file with its own certificate first, followed by the intermediates",
    verdicts=frozenset({20, 21}),
)
UNTRUSTED_CA = Problem(
    code="ca-not-trusted",
    summary="the {other} does not trust the CA that issued the {role}'s certificate",
    reference="RFC 5280 section 6.1",
    fix="issue the certificate from a CA that the {other} trusts, or add its CA to the {other}'s "
    "CA file",
    verdicts=frozenset({2, 19, 20, 21, 27, 28}),
)
WRONG_PURPOSE = Problem(
    code="wrong-extended-key-usage",
    summary="the extendedKeyUsage in the {role}'s chain does not allow {role}Auth",
    reference="RFC 5280 section 4.2.1.12",
    fix="issue the certificate with {role}Auth in extendedKeyUsage, or without the extension; an "
    "intermediate that has the extension must allow it too",
    verdicts=frozenset({26}),
)
WRONG_KEY_USAGE = Problem(
    code="wrong-key-usage",
    summary="the keyUsage of the {role}'s certificate does not allow signatures",
    reference="RFC 5280 section 4.2.1.3; RFC 9846 section 4.5.1.2",
    fix="issue the certificate with digitalSignature in keyUsage",
    verdicts=frozenset({26, 39}),
)
REVOKED = Problem(
    code="certificate-revoked",
    summary="the CA has revoked the {role}'s certificate",
    reference="RFC 5280 section 6.3",
    fix="issue a new certificate, with a new key",
    verdicts=frozenset({23}),
)
CRL_UNUSABLE = Problem(
    code="crl-unusable",
    summary="the {other} checks revocation, and has no current CRL from one of the issuers",
    reference="RFC 5280 section 6.3.3",
    fix="give the {other} a current CRL from every CA in the chain, intermediates included",
    verdicts=frozenset({3, 4, 6, 8, 11, 12, 33, 35, 36}),
)
BAD_SIGNATURE = Problem(
    code="bad-certificate-signature",
    summary="the signature on a certificate in the {role}'s chain does not verify",
    reference="RFC 5280 section 6.1.3",
    fix="the file is damaged, or another CA of the same name signed it: issue it again",
    verdicts=frozenset({4, 5, 7, 29, 30}),
)
NOT_A_CA = Problem(
    code="issuer-is-no-ca",
    summary="an issuer in the {role}'s chain is not allowed to issue certificates",
    reference="RFC 5280 sections 4.2.1.3 and 4.2.1.9",
    fix="issue the intermediate with basicConstraints CA:TRUE and keyUsage keyCertSign",
    verdicts=frozenset({24, 32, 37, 79}),
)
PATH_LENGTH = Problem(
    code="path-length-exceeded",
    summary="the {role}'s chain is longer than one of its CAs, or the {other}, allows",
    reference="RFC 5280 section 4.2.1.9",
    fix="issue from a CA higher up, or raise pathlen in its basicConstraints",
    verdicts=frozenset({22, 25}),
)
NAME_CONSTRAINTS = Problem(
    code="name-constraints-violated",
    summary="the {role}'s certificate has a name that a CA's nameConstraints do not permit",
    reference="RFC 5280 section 4.2.1.10",
    fix="issue the certificate for names that the CA's nameConstraints permit",
    verdicts=frozenset({47, 48, 49, 50, 51, 52, 53}),
)
CRITICAL_EXTENSION = Problem(
    code="unknown-critical-extension",
    summary="the {role}'s certificate has a critical extension that the {other} does not support",
    reference="RFC 5280 section 4.2",
    fix="issue the certificate without the extension, or mark it non-critical",
    verdicts=frozenset({34, 41, 42}),
)
WEAK = Problem(
    code="key-or-digest-too-weak",
    summary="a key or signature digest in the {role}'s chain is too weak for the {other}",
    reference="RFC 9846 section 4.5.1.3",
    fix="issue the chain with keys of at least RSA 2048 or EC P-256, and with SHA-256",
    verdicts=frozenset({66, 67, 68}),
)
KEY_TYPE = Problem(
    code="key-type-not-taken",
    summary="the {other} does not accept the {role}'s key type or curve",
    reference="RFC 9846 section 4.3.3; RFC 8422 section 5.1.1",
    fix="give the {role} an RSA 2048 or EC P-256 key",
)
TOO_LARGE = Problem(
    code="message-too-large",
    summary="the {role}'s Certificate message is larger than the {other} accepts",
    reference="RFC 9846 section 4.5.1 (the limit is 2^24-1; OpenSSL's default is 102,400)",
    fix="send fewer certificates, and smaller ones",
)
WRONG_NAME = Problem(
    code="name-mismatch",
    summary="the {role}'s certificate does not match the host name that the {other} asked for",
    reference="RFC 9525 section 6; RFC 2818 section 3.1",
    fix="issue it with that DNS name or IP address in subjectAltName; the CN is not enough",
    verdicts=frozenset({62, 63, 64}),
)

FAULTS = (
    EXPIRED,
    NOT_YET_VALID,
    SELF_SIGNED,
    INTERMEDIATE_MISSING,
    UNTRUSTED_CA,
    WRONG_PURPOSE,
    WRONG_KEY_USAGE,
    REVOKED,
    CRL_UNUSABLE,
    BAD_SIGNATURE,
    NOT_A_CA,
    PATH_LENGTH,
    NAME_CONSTRAINTS,
    CRITICAL_EXTENSION,
    WEAK,
    KEY_TYPE,
    TOO_LARGE,
    WRONG_NAME,
)
