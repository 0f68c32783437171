"""Scenarios: the client's own certificate, good and broken.

What the lab's server does was measured; other stacks are spoken of where they are known to differ.
"""

from __future__ import annotations

from functools import partial

from lab.pki import catalogue
from lab.probing.results import Norm, ScenarioFamily
from lab.probing.scenarios.scenario import TlsClient, accepted, by_version, refused, scenario
from lab.tls.code_points import AlertDescription as Alert
from lab.x509 import problems
from lab.x509.verify_codes import VerifyCode

VERIFY = "openssl verify -purpose sslclient -auth_level 2 -CAfile {ca} -untrusted {cert} {cert}"
CONNECT = "openssl s_client -connect {address} -CAfile {ca} -cert {cert} -key {cert}"
CONNECT_WITHOUT = "openssl s_client -connect {address} -CAfile {ca}"


identity = partial(scenario, family=ScenarioFamily.IDENTITY, command=VERIFY)
_NOBODY = "peer did not return a certificate"

LEAF_SCENARIOS = (
    identity(
        "no-certificate",
        TlsClient(),
        by_version(
            refused(Alert.HANDSHAKE_FAILURE, reason=_NOBODY),
            refused(Alert.CERTIFICATE_REQUIRED, reason=_NOBODY),
        ),
        codes=("no-client-certificate",),
        sentence="The client has no certificate at all",
        made="nothing is loaded, so the client answers CertificateRequest with an empty list",
        cause="the client was never given a certificate, or its program did not load it",
        fix="give the client a certificate and its key",
        command=CONNECT_WITHOUT,
    ),
    identity(
        "good",
        catalogue.good,
        accepted(),
        sentence="A good certificate",
        made="issued by the CA, with clientAuth and digitalSignature; its key is RSA of 2048 bits, "
        "or of the first kind that the server takes",
        cause="nothing is wrong; the other scenarios are compared with it",
        norm=Norm.ACCEPT,
    ),
    identity(
        "ec-p256",
        catalogue.good_ec,
        accepted(),
        sentence="A good certificate with a key on P-256",
        made="as good, with an EC key",
        cause="nothing is wrong; small and fast, and taken nearly everywhere",
        norm=Norm.ACCEPT,
        about_algorithm=True,
    ),
    identity(
        "ed25519",
        catalogue.good_ed25519,
        accepted(),
        sentence="A good certificate with an Ed25519 key",
        made="as good, with an Ed25519 key",
        cause="nothing is wrong; some stacks, and most hardware, do not know the algorithm",
        fix="where it is refused, use P-256",
        norm=Norm.EITHER,
        about_algorithm=True,
    ),
    identity(
        "rsa-pss-key",
        catalogue.rsa_pss,
        accepted(),
        sentence="The key is marked as one for RSASSA-PSS only",
        made="the public key's algorithm is id-RSASSA-PSS instead of rsaEncryption",
        cause="a CA or a module makes such keys; RSA keys and PSS keys are two kinds (RFC 9846 "
        "section 4.3.3)",
        fix="where it is refused, use a plain RSA key: it signs by PSS as well",
        norm=Norm.EITHER,
        about_algorithm=True,
    ),
    identity(
        "rsa-1024",
        catalogue.rsa_1024,
        refused(Alert.BAD_CERTIFICATE, code=VerifyCode.EE_KEY_TOO_SMALL),
        problems.WEAK,
        sentence="The key is RSA of 1024 bits",
        made="as good, with a short key",
        cause="an old device or an old script; OpenSSL refuses such keys from security level 2 on",
        about_algorithm=True,
    ),
    identity(
        "sha1-signature",
        catalogue.sha1_signature,
        refused(Alert.BAD_CERTIFICATE, code=VerifyCode.CA_MD_TOO_WEAK),
        problems.WEAK,
        sentence="The certificate is signed with SHA-1",
        made="a good certificate under an intermediate, signed again with ecdsa-with-SHA1",
        cause="a CA from before 2016; collisions of SHA-1 make its signatures worthless",
        about_algorithm=True,
        control="through-intermediate",
    ),
    identity(
        "version-1",
        catalogue.version_1,
        accepted(),
        sentence="X.509 version 1: the certificate has no extensions",
        made="version and extensions are taken away, and the rest is signed again",
        cause="openssl x509 -req without -extfile; OpenSSL takes it, since what no extension "
        "forbids is allowed; others want version 3",
        fix="issue it with the extensions that a client needs",
        norm=Norm.EITHER,
    ),
    identity(
        "expired",
        catalogue.expired,
        refused(Alert.CERTIFICATE_EXPIRED, code=VerifyCode.CERT_HAS_EXPIRED),
        problems.EXPIRED,
        made="valid from 30 days ago until yesterday",
        cause="nobody renewed it, or the server's clock is ahead",
    ),
    identity(
        "not-yet-valid",
        catalogue.not_yet_valid,
        refused(Alert.BAD_CERTIFICATE, code=VerifyCode.CERT_NOT_YET_VALID),
        problems.NOT_YET_VALID,
        made="valid from three days ahead on; some servers let one in a day before it begins",
        cause="the CA's clock is ahead, or the server's behind; OpenSSL says bad_certificate here, "
        "most others certificate_expired",
    ),
    identity(
        "self-signed",
        catalogue.client_self_signed,
        refused(Alert.UNKNOWN_CA, code=VerifyCode.DEPTH_ZERO_SELF_SIGNED_CERT),
        problems.SELF_SIGNED,
        made="signed with its own key",
        cause="made with openssl req -x509 instead of being issued by a CA",
    ),
    identity(
        "tampered-signature",
        catalogue.tampered_signature,
        refused(Alert.DECRYPT_ERROR, code=VerifyCode.CERT_SIGNATURE_FAILURE),
        problems.BAD_SIGNATURE,
        made="one bit of the signature is flipped",
        cause="a damaged file, or a forgery",
    ),
    identity(
        "eku-server-only",
        catalogue.eku_server_only,
        refused(Alert.UNSUPPORTED_CERTIFICATE, code=VerifyCode.INVALID_PURPOSE),
        problems.WRONG_PURPOSE,
        made="as good, with serverAuth in place of clientAuth",
        cause="issued from the template for servers; many public CAs issue nothing else",
    ),
    identity(
        "eku-missing",
        catalogue.eku_missing,
        accepted(),
        sentence="There is no extendedKeyUsage",
        made="as good, without the extension",
        cause="forgotten, or not copied from the request; OpenSSL takes it, since a "
        "certificate without the extension is for every purpose (RFC 5280 section 4.2.1.12)",
        fix="add clientAuth all the same: other stacks, and the next policy, may insist on it",
        norm=Norm.EITHER,
    ),
    identity(
        "eku-any",
        catalogue.eku_any,
        refused(Alert.UNSUPPORTED_CERTIFICATE, code=VerifyCode.INVALID_PURPOSE),
        problems.WRONG_PURPOSE,
        sentence="The extendedKeyUsage is anyExtendedKeyUsage alone",
        made="as good, with anyExtendedKeyUsage in place of clientAuth",
        cause="meant as a wildcard; OpenSSL and others require clientAuth itself",
        norm=Norm.EITHER,
    ),
    identity(
        "key-usage-no-signature",
        catalogue.key_usage_without_signature,
        refused(Alert.UNSUPPORTED_CERTIFICATE, code=VerifyCode.INVALID_PURPOSE),
        problems.WRONG_KEY_USAGE,
        sentence="The keyUsage lacks digitalSignature",
        made="keyUsage has nonRepudiation (contentCommitment) and not digitalSignature",
        cause="a template made for signing documents; a TLS client needs digitalSignature",
    ),
    identity(
        "unknown-critical-extension",
        catalogue.unknown_critical_extension,
        refused(Alert.CERTIFICATE_UNKNOWN, code=VerifyCode.UNHANDLED_CRITICAL_EXTENSION),
        problems.CRITICAL_EXTENSION,
        made="an extension under the example arc 2.999, marked critical",
        cause="a private extension; what is critical and unknown must be refused (RFC 5280 "
        "section 4.2)",
    ),
    identity(
        "over-one-record",
        catalogue.over_one_record,
        accepted(),
        sentence="The certificate is bigger than one record",
        made="20,000 octets of padding in an extension, so that Certificate takes two records",
        cause="hundreds of names, or post-quantum keys; some stacks and middleboxes fail on it",
        fix="where it is refused, make it smaller, or raise the peer's limit",
        norm=Norm.EITHER,
    ),
    identity(
        "over-the-bound",
        catalogue.over_openssl_limit,
        by_version(
            refused(Alert.ILLEGAL_PARAMETER),
            # The others: OpenSSL built with zlib, where the client compresses the message.
            refused(Alert.ILLEGAL_PARAMETER, Alert.BAD_CERTIFICATE, Alert.INTERNAL_ERROR),
        ),
        problems.TOO_LARGE,
        sentence="The certificate is bigger than OpenSSL takes",
        made="110,000 octets of padding; OpenSSL's limit for the message is 102,400",
        cause="as over-one-record; no alert says that the size is the reason",
        norm=Norm.EITHER,
        command=CONNECT,
    ),
    identity(
        "server-certificate",
        catalogue.server_certificate,
        refused(Alert.UNSUPPORTED_CERTIFICATE, code=VerifyCode.INVALID_PURPOSE),
        problems.WRONG_PURPOSE,
        sentence="The client presents a certificate that is meant for servers",
        made="the server's own profile, with its names and serverAuth",
        cause="one pair of files for everything on the machine",
        fix="issue a certificate for the client",
    ),
    identity(
        "ca-as-client",
        catalogue.ca_as_leaf,
        refused(Alert.UNSUPPORTED_CERTIFICATE, code=VerifyCode.INVALID_PURPOSE),
        problems.WRONG_KEY_USAGE,
        sentence="A CA presents itself as the client",
        made="an intermediate CA's certificate and key, with keyCertSign and cRLSign only",
        cause="the wrong pair of files; a CA's key must not be on a client",
        fix="issue a certificate for the client, and remove the CA's key from it",
    ),
)
