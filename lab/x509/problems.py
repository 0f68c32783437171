"""The table of what can be wrong with a certificate, its chain, or a file that holds them.

One entry for each problem: its code, its words, the section that it is about, the fix, and the
results of OpenSSL that report it. Diagnosis, inspection and scenarios take their words from here.
The words in braces are those of :class:`Wording`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from lab.x509.public_cas import OWN_CA_FOR_CLIENTS
from lab.x509.verify_codes import VerifyCode as V


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """The words for the braces in a problem's texts.

    ``role`` is the end that presents the certificate, ``other`` the one that verifies it. ``leaf``
    is the certificate of ``role``, ``certificate`` the one that has the problem. ``purpose`` is
    what its extendedKeyUsage should allow.
    """

    role: str = "owner"
    other: str = "other end"
    leaf: str = "the certificate"
    certificate: str = "the certificate"
    purpose: str = "clientAuth or serverAuth"


NEUTRAL_WORDING = Wording()
"""The words for a certificate that may be either end's."""


def chain_wording(role: str, other: str) -> Wording:
    """Return the words where ``other`` verifies the chain of ``role``, both client or server."""
    leaf = f"the {role}'s certificate"
    return Wording(
        role=role,
        other=other,
        leaf=leaf,
        certificate=f"{leaf}, or another one in its chain,",
        purpose=f"{role}Auth",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that can be wrong.

    ``code`` is a stable name for machines, ``summary`` a sentence without its full stop,
    ``reference`` the section that it is about, ``fix`` what to do.
    """

    code: str
    summary: str
    reference: str
    fix: str
    verify_codes: frozenset[V] = frozenset()

    def summary_in(self, wording: Wording) -> str:
        """Return the summary in these words."""
        return self.summary.format(**asdict(wording))

    def fix_in(self, wording: Wording) -> str:
        """Return the fix in these words."""
        return self.fix.format(**asdict(wording))


EXPIRED = Problem(
    code="certificate-expired",
    summary="{certificate} has expired",
    reference="RFC 5280 section 4.1.2.5",
    fix="issue a new certificate; check the clock of the {other}",
    verify_codes=frozenset({V.CERT_HAS_EXPIRED}),
)
EXPIRES_SOON = Problem(
    code="expires-soon",
    summary="{certificate} expires soon",
    reference=EXPIRED.reference,
    fix="issue a new certificate, and automate the renewal",
)
NOT_YET_VALID = Problem(
    code="certificate-not-yet-valid",
    summary="{certificate} is not valid yet",
    reference="RFC 5280 section 4.1.2.5",
    fix="compare the clocks of the CA and of the {other}; set notBefore a little in the past",
    verify_codes=frozenset({V.CERT_NOT_YET_VALID}),
)
CLOCK = Problem(
    code="clock",
    summary="the clock of the {other} is wrong, or it judged by another time",
    reference="RFC 5280 section 4.1.2.5",
    fix="compare the clock of the {other} with the right time (timedatectl, date -u)",
)
CA_EXPIRED = Problem(
    code="ca-expired",
    summary="a CA certificate above {leaf} has expired",
    reference=EXPIRED.reference,
    fix="look at the dates of the CA certificates in the CA file of the {other}, and replace what "
    "has expired",
)
SELF_SIGNED = Problem(
    code="certificate-self-signed",
    summary="{leaf} is self-signed, not issued by a CA",
    reference="RFC 5280 section 6.1",
    fix="have the certificate issued by a CA that the {other} trusts",
    verify_codes=frozenset({V.DEPTH_ZERO_SELF_SIGNED_CERT}),
)
INTERMEDIATE_MISSING = Problem(
    code="intermediate-missing",
    summary="the {role} does not send the intermediate certificate that leads to a trusted CA",
    reference="RFC 9846 section 4.5.1; RFC 5246 section 7.4.2",
    fix="give the {role} a file with its own certificate first, followed by the intermediates",
    verify_codes=frozenset(
        {V.UNABLE_TO_GET_ISSUER_CERT_LOCALLY, V.UNABLE_TO_VERIFY_LEAF_SIGNATURE}
    ),
)
UNTRUSTED_CA = Problem(
    code="ca-not-trusted",
    summary="the {other} does not trust the CA that issued {leaf}",
    reference="RFC 5280 section 6.1",
    fix="issue the certificate from a CA that the {other} trusts, or add its CA to the CA file of "
    "the {other}",
    verify_codes=frozenset(
        {
            V.UNABLE_TO_GET_ISSUER_CERT,
            V.SELF_SIGNED_CERT_IN_CHAIN,
            V.UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            V.UNABLE_TO_VERIFY_LEAF_SIGNATURE,
            V.CERT_UNTRUSTED,
            V.CERT_REJECTED,
        }
    ),
)
CHAIN_INCOMPLETE = Problem(
    code="chain-incomplete",
    summary="the chain of {leaf} leads to none of the root CAs in these files",
    reference="RFC 9846 section 4.5.1",
    fix="append the intermediates to the certificate's file, or use the CA that issued it",
)
WRONG_PURPOSE = Problem(
    code="wrong-extended-key-usage",
    summary="{certificate} has an extendedKeyUsage without {purpose}",
    reference="RFC 5280 section 4.2.1.12",
    fix="issue the certificate with {purpose} in extendedKeyUsage, or without the extension; an "
    "intermediate that has the extension must allow it too",
    verify_codes=frozenset({V.INVALID_PURPOSE}),
)
CLIENT_AUTH_ENDS = Problem(
    code="public-ca-ends-client-auth",
    summary="the next certificate from the CA of {certificate} may have no clientAuth",
    reference=WRONG_PURPOSE.reference,
    fix=OWN_CA_FOR_CLIENTS,
)
PURPOSE_MISSING = Problem(
    code="eku-missing",
    summary="{certificate} has no extendedKeyUsage",
    reference=WRONG_PURPOSE.reference,
    fix="issue it with {purpose}: other implementations may require it",
)
NETSCAPE_TYPE = Problem(
    code="netscape-certificate-type",
    summary="{certificate} has a netscapeCertType without the role that it is presented in",
    reference="RFC 5280 section 4.2",
    fix="issue it without netscapeCertType, which extendedKeyUsage has replaced",
)
WRONG_KEY_USAGE = Problem(
    code="wrong-key-usage",
    summary="the keyUsage of {leaf} does not allow signatures, which the handshake requires",
    reference="RFC 5280 section 4.2.1.3; RFC 9846 section 4.5.1.2",
    fix="issue the certificate with digitalSignature in keyUsage",
    verify_codes=frozenset({V.INVALID_PURPOSE, V.KEYUSAGE_NO_DIGITAL_SIGNATURE}),
)
REVOKED = Problem(
    code="certificate-revoked",
    summary="{certificate} is revoked",
    reference="RFC 5280 section 6.3",
    fix="issue a new certificate, with a new key",
    verify_codes=frozenset({V.CERT_REVOKED}),
)
CRL_UNUSABLE = Problem(
    code="crl-unusable",
    summary="the CRL of one of the issuers is missing, has expired or cannot be used",
    reference="RFC 5280 section 6.3.3",
    fix="give the {other} a current CRL from every CA in the chain, intermediates included",
    verify_codes=frozenset(
        {
            V.UNABLE_TO_GET_CRL,
            V.UNABLE_TO_DECRYPT_CRL_SIGNATURE,
            V.CRL_SIGNATURE_FAILURE,
            V.CRL_NOT_YET_VALID,
            V.CRL_HAS_EXPIRED,
            V.UNABLE_TO_GET_CRL_ISSUER,
            V.KEYUSAGE_NO_CRL_SIGN,
            V.UNHANDLED_CRITICAL_CRL_EXTENSION,
            V.DIFFERENT_CRL_SCOPE,
            V.CRL_PATH_VALIDATION_ERROR,
        }
    ),
)
BAD_SIGNATURE = Problem(
    code="bad-certificate-signature",
    summary="the signature on {certificate} does not verify",
    reference="RFC 5280 section 6.1.3",
    fix="the file is damaged, or another CA of the same name signed it: issue it again",
    verify_codes=frozenset({V.UNABLE_TO_DECRYPT_CERT_SIGNATURE, V.CERT_SIGNATURE_FAILURE}),
)
NOT_A_CA = Problem(
    code="issuer-is-no-ca",
    summary="an issuer in the chain of {leaf} is not allowed to issue certificates",
    reference="RFC 5280 sections 4.2.1.3 and 4.2.1.9",
    fix="issue the intermediate with basicConstraints CA:TRUE and keyUsage keyCertSign",
    verify_codes=frozenset({V.KEYUSAGE_NO_CERTSIGN, V.INVALID_CA}),
)
PATH_LENGTH = Problem(
    code="path-length-exceeded",
    summary="the chain of {leaf} is longer than one of its CAs, or the {other}, allows",
    reference="RFC 5280 section 4.2.1.9",
    fix="issue from a CA higher up, or raise pathlen in its basicConstraints",
    verify_codes=frozenset({V.CERT_CHAIN_TOO_LONG, V.PATH_LENGTH_EXCEEDED}),
)
NAME_CONSTRAINTS = Problem(
    code="name-constraints-violated",
    summary="{leaf} has a name that the nameConstraints of a CA do not permit",
    reference="RFC 5280 section 4.2.1.10",
    fix="issue the certificate for names that the CA's nameConstraints permit, or from another CA",
    verify_codes=frozenset(
        {
            V.PERMITTED_VIOLATION,
            V.EXCLUDED_VIOLATION,
            V.SUBTREE_MINMAX,
            V.UNSUPPORTED_CONSTRAINT_TYPE,
            V.UNSUPPORTED_CONSTRAINT_SYNTAX,
            V.UNSUPPORTED_NAME_SYNTAX,
        }
    ),
)
CRITICAL_EXTENSION = Problem(
    code="unknown-critical-extension",
    summary="{certificate} has a critical extension that is not supported",
    reference="RFC 5280 section 4.2",
    fix="issue the certificate without the extension, or mark it non-critical",
    verify_codes=frozenset({V.UNHANDLED_CRITICAL_EXTENSION}),
)
WEAK = Problem(
    code="key-or-digest-too-weak",
    summary="{certificate} has a key or a signature digest that is too weak",
    reference="RFC 9846 section 4.5.1.3",
    fix="issue the chain with keys of at least RSA 2048 or EC P-256, and with SHA-256",
    verify_codes=frozenset({V.EE_KEY_TOO_SMALL, V.CA_KEY_TOO_SMALL, V.CA_MD_TOO_WEAK}),
)
KEY_TYPE = Problem(
    code="key-type-not-taken",
    summary="the key type or curve of {leaf} is not accepted",
    reference="RFC 9846 section 4.3.3; RFC 8422 section 5.1.1",
    fix="give the {role} an RSA 2048 or EC P-256 key, and have it certified",
)
EXPLICIT_CURVE = Problem(
    code="curve-with-explicit-parameters",
    summary="{certificate} has an EC key with explicit parameters instead of a named curve",
    reference="RFC 5480 section 2.1.1",
    fix="make a new key on a named curve: openssl genpkey -algorithm EC -pkeyopt "
    "ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:named_curve",
    verify_codes=frozenset({V.EC_KEY_EXPLICIT_PARAMS}),
)
TOO_LARGE = Problem(
    code="message-too-large",
    summary="the Certificate message with {leaf} is larger than accepted",
    reference="RFC 9846 section 4.5.1 (the limit is 2^24-1; OpenSSL's default is 102,400)",
    fix="send fewer certificates, and smaller ones",
)
WRONG_NAME = Problem(
    code="name-mismatch",
    summary="{leaf} does not match the host name that the {other} asked for",
    reference="RFC 9525 section 6; RFC 2818 section 3.1",
    fix="issue it with that DNS name or IP address in subjectAltName; the CN is not enough",
    verify_codes=frozenset({V.HOSTNAME_MISMATCH, V.EMAIL_MISMATCH, V.IP_ADDRESS_MISMATCH}),
)
SAN_MISSING = Problem(
    code="san-missing",
    summary="{leaf} is a server's and has no subjectAltName",
    reference="RFC 9525 section 6.3",
    fix="issue it with the server's names in subjectAltName",
)
SAN_MATCHES_NO_HOST = Problem(
    code="san-matches-no-host",
    summary="a name in the subjectAltName of {leaf} is one that no client looks for",
    reference="RFC 9525 section 6.3",
    fix="name hosts as DNS:host.example, addresses as IP:192.0.2.1",
)
UNREADABLE = Problem(
    code="unreadable",
    summary="a field of {certificate} cannot be read by this tool",
    reference="RFC 5280 section 4.1",
    fix="see what OpenSSL makes of it; other implementations may stumble over it too",
)
OPENSSL_REFUSES = Problem(
    code="openssl-refuses",
    summary="OpenSSL refuses the chain of {leaf}, for a reason that this tool does not explain",
    reference="RFC 5280 section 6.1",
    fix="look up OpenSSL's words; openssl verify shows which certificate they are about",
)
AKI_MISMATCH = Problem(
    code="authority-key-identifier-mismatch",
    summary="{certificate} names another certificate of its issuer than the one that is here",
    reference="RFC 5280 section 4.2.1.1",
    fix="use the issuer's certificate that it names, or issue it again; an authorityKeyIdentifier "
    "with the key alone still fits after the CA's certificate is renewed",
)

# Refused with X509_V_FLAG_X509_STRICT only.
AKI_MISSING = Problem(
    code="aki-missing",
    summary="{certificate} has no authorityKeyIdentifier with a keyIdentifier",
    reference="RFC 5280 section 4.2.1.1",
    fix="issue it with authorityKeyIdentifier=keyid",
    verify_codes=frozenset({V.MISSING_AUTHORITY_KEY_IDENTIFIER}),
)
SKI_MISSING = Problem(
    code="ski-missing",
    summary="a CA has no subjectKeyIdentifier",
    reference="RFC 5280 section 4.2.1.2",
    fix="issue the CA certificate again with subjectKeyIdentifier=hash",
    verify_codes=frozenset({V.MISSING_SUBJECT_KEY_IDENTIFIER}),
)
LEAF_MAY_SIGN = Problem(
    code="leaf-may-sign-certificates",
    summary="{certificate} has keyCertSign in its keyUsage, and is not a CA certificate",
    reference="RFC 5280 section 4.2.1.3",
    fix="issue it without keyCertSign",
    verify_codes=frozenset({V.KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA}),
)
ROOT_WITHOUT_BASIC_CONSTRAINTS = Problem(
    code="root-without-basic-constraints",
    summary="the root has no basicConstraints",
    reference="RFC 5280 section 4.2.1.9",
    fix="issue the CA certificate again as version 3, with critical basicConstraints CA:TRUE",
    verify_codes=frozenset({V.INVALID_CA}),
)
CA_CONSTRAINTS_NOT_CRITICAL = Problem(
    code="ca-basic-constraints-not-critical",
    summary="the basicConstraints of a CA are not critical",
    reference="RFC 5280 section 4.2.1.9",
    fix="issue the CA certificate again with basicConstraints=critical,CA:TRUE",
    verify_codes=frozenset({V.CA_BCONS_NOT_CRITICAL}),
)
LEAF_PATH_LENGTH = Problem(
    code="leaf-with-path-length",
    summary="{certificate} is not a CA certificate, and its basicConstraints have a path length",
    reference="RFC 5280 section 4.2.1.9",
    fix="issue it without pathlen",
    verify_codes=frozenset({V.PATHLEN_INVALID_FOR_NON_CA}),
)
SAN_EMPTY = Problem(
    code="san-empty",
    summary="{certificate} has a subjectAltName without a name",
    reference="RFC 5280 section 4.2.1.6",
    fix="issue it without the extension, or with names in it",
    verify_codes=frozenset({V.EMPTY_SUBJECT_ALT_NAME}),
)
CA_KEY_USAGE_MISSING = Problem(
    code="ca-key-usage-missing",
    summary="a CA has no keyUsage",
    reference="RFC 5280 section 4.2.1.3",
    fix="issue the CA certificate again with keyUsage=critical,keyCertSign,cRLSign",
    verify_codes=frozenset({V.PATHLEN_WITHOUT_KU_KEY_CERT_SIGN, V.CA_CERT_MISSING_KEY_USAGE}),
)
NO_SUBJECT_NO_SAN = Problem(
    code="no-subject-no-san",
    summary="{certificate} has neither a subject nor a subjectAltName",
    reference="RFC 5280 section 4.1.2.6",
    fix="issue it with one of the two",
    verify_codes=frozenset({V.SUBJECT_NAME_EMPTY}),
)
NO_SUBJECT_SAN_NOT_CRITICAL = Problem(
    code="no-subject-san-not-critical",
    summary="{certificate} has no subject, and its subjectAltName is not critical",
    reference="RFC 5280 section 4.2.1.6",
    fix="issue it with a critical subjectAltName",
    verify_codes=frozenset({V.EMPTY_SUBJECT_SAN_NOT_CRITICAL}),
)

PROBLEMS = tuple(value for value in tuple(globals().values()) if isinstance(value, Problem))
"""All of them, in the order of the table."""
