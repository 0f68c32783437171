"""The table of what can be wrong with an X.509 certificate as a SPIFFE identity (SVID).

Like the table of :mod:`lab.x509.problems`. The sections are those of the SPIFFE specifications
X509-SVID and SPIFFE-ID. OpenSSL knows nothing of them, but for the purpose of a certificate.
"""

from __future__ import annotations

from lab.x509.problems import Problem
from lab.x509.verify_codes import VerifyCode

NOT_ONE_URI = Problem(
    code="svid-not-one-uri",
    summary="{certificate} does not have exactly one URI in its subjectAltName",
    reference="X509-SVID sections 2 and 5.2",
    fix="issue it with one URI, its SPIFFE ID; names of other types may stand beside it",
)
NO_SPIFFE_ID = Problem(
    code="svid-uri-is-no-spiffe-id",
    summary="the URI in the subjectAltName of {certificate} is no SPIFFE ID",
    reference="SPIFFE-ID section 2; X509-SVID section 5.2",
    fix="issue it with a URI of the form spiffe://TRUST-DOMAIN/PATH",
)
CAPITALS = Problem(
    code="svid-capitals-in-trust-domain",
    summary="the SPIFFE ID of {certificate} has capital letters in its scheme or trust domain",
    reference="SPIFFE-ID section 2.1",
    fix="issue it with both in lower case: a library may refuse it, or take it for the ID in lower "
    "case, as py-spiffe does, and a list of IDs that compares text does not find it",
)
ID_TOO_LONG = Problem(
    code="svid-id-too-long",
    summary="the SPIFFE ID of {certificate} is longer than every implementation supports",
    reference="SPIFFE-ID section 2.3",
    fix="issue it with an ID of 2048 bytes or less",
)
NO_PATH = Problem(
    code="svid-without-path",
    summary="the SPIFFE ID of {certificate} names a trust domain, and no workload in it",
    reference="X509-SVID sections 3.1 and 5.2",
    fix="issue it with a path behind the trust domain",
)
IS_CA = Problem(
    code="svid-is-a-ca",
    summary="{certificate} is presented as a workload's, and is a CA certificate",
    reference="X509-SVID sections 3.2, 4.1 and 5.2",
    fix="issue one for the workload, with basicConstraints CA:FALSE",
)
NO_BASIC_CONSTRAINTS = Problem(
    code="svid-without-basic-constraints",
    summary="{certificate} does not say that it is no CA certificate",
    reference="X509-SVID section 4.1",
    fix="issue it with basicConstraints CA:FALSE",
)
MAY_SIGN = Problem(
    code="svid-may-sign",
    summary="the keyUsage of {certificate} allows signing certificates or CRLs",
    reference="X509-SVID sections 4.3 and 5.2",
    fix="issue it without keyCertSign and cRLSign",
)
KEY_USAGE = Problem(
    code="svid-key-usage",
    summary="the keyUsage of {certificate} is not as an SVID must have it",
    reference="X509-SVID section 4.3",
    fix="issue it with keyUsage=critical,digitalSignature; a CA with critical,keyCertSign",
)
ONE_PURPOSE = Problem(
    code="svid-one-purpose",
    summary="the extendedKeyUsage of {certificate} lacks serverAuth or clientAuth",
    reference="X509-SVID section 4.4",
    fix="issue it with both: a workload is client and server with the same SVID",
    verify_codes=frozenset({VerifyCode.INVALID_PURPOSE}),
)
NO_PURPOSE = Problem(
    code="svid-without-purpose",
    summary="{certificate} has no extendedKeyUsage",
    reference="X509-SVID section 4.4",
    fix="issue it with serverAuth and clientAuth, as the specification recommends",
)
CA_WITH_PATH = Problem(
    code="svid-ca-with-path",
    summary="the SPIFFE ID of a CA names a workload",
    reference="X509-SVID section 3.2",
    fix="issue the CA certificate with the trust domain alone as its ID, or without a URI",
)

SPIFFE_PROBLEMS = tuple(value for value in tuple(globals().values()) if isinstance(value, Problem))
"""All of them, in the order of the table."""
