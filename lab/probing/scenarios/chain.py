"""Scenarios: the chain above the client's certificate, and the lists of what is revoked."""

from __future__ import annotations

from lab.pki import catalogue
from lab.probing.results import Norm
from lab.probing.scenarios.leaf import VERIFY, identity
from lab.probing.scenarios.scenario import Host, accepted, refused
from lab.tls.code_points import AlertDescription as Alert
from lab.x509 import problems
from lab.x509.verify_codes import VerifyCode

WITH_CRL = VERIFY.replace("-CAfile", "-crl_check_all -CRLfile {crl} -CAfile")

CHAINS = (
    identity(
        "through-intermediate",
        catalogue.through_intermediate,
        accepted(),
        sentence="A good certificate under an intermediate CA, sent with it",
        made="the CA issues an intermediate, that one the client's; both are sent, leaf first",
        cause="nothing is wrong: this is how most CAs issue",
        norm=Norm.ACCEPT,
    ),
    identity(
        "intermediate-not-sent",
        catalogue.intermediate_not_sent,
        refused(Alert.UNKNOWN_CA, code=VerifyCode.UNABLE_TO_GET_ISSUER_CERT_LOCALLY),
        problems.INTERMEDIATE_MISSING,
        made="the chain of through-intermediate without its second certificate",
        cause="the file has the leaf alone; it works wherever the peer has the intermediate by "
        "chance",
        control="through-intermediate",
    ),
    identity(
        "wrong-ca",
        catalogue.wrong_ca,
        refused(Alert.UNKNOWN_CA, code=VerifyCode.UNABLE_TO_GET_ISSUER_CERT_LOCALLY),
        problems.UNTRUSTED_CA,
        made="another root issues it",
        cause="the wrong environment, a CA that was replaced, or the wrong trust store",
    ),
    identity(
        "wrong-ca-same-name",
        catalogue.wrong_ca_same_name,
        refused(Alert.UNKNOWN_CA, code=VerifyCode.UNABLE_TO_GET_ISSUER_CERT_LOCALLY),
        problems.UNTRUSTED_CA,
        sentence="The CA has the trusted CA's name, and is another one",
        made="another root with the same subject; the client's AKI names that root's key",
        cause="the CA was made again, and some certificates are from before",
        fix="issue all certificates again, or give each new CA a name of its own",
    ),
    identity(
        "wrong-ca-same-name-no-aki",
        catalogue.wrong_ca_same_name_no_aki,
        refused(Alert.DECRYPT_ERROR, code=VerifyCode.CERT_SIGNATURE_FAILURE),
        problems.BAD_SIGNATURE,
        sentence="The same, and nothing but the signature tells the two CAs apart",
        made="as wrong-ca-same-name, without an authority key identifier",
        cause="as above; without the identifier OpenSSL tries the CA that it has, and the "
        "signature fails",
        fix="as above; and have the CA write key identifiers",
    ),
    identity(
        "intermediate-expired",
        catalogue.intermediate_expired,
        refused(Alert.CERTIFICATE_EXPIRED, code=VerifyCode.CERT_HAS_EXPIRED),
        problems.EXPIRED,
        sentence="The intermediate CA has expired; the client's certificate has not",
        made="the intermediate's validity ended yesterday",
        cause="leaf renewal is automated, CA renewal is not",
        fix="renew the intermediate; with the same key, the leaves remain valid",
        control="through-intermediate",
    ),
    identity(
        "intermediate-eku-server-only",
        catalogue.intermediate_eku_server_only,
        refused(Alert.UNSUPPORTED_CERTIFICATE, code=VerifyCode.INVALID_PURPOSE),
        problems.WRONG_PURPOSE,
        sentence="The intermediate CA may issue for servers only",
        made="the intermediate has extendedKeyUsage serverAuth",
        cause="a CA meant for web servers; most stacks apply its extendedKeyUsage to all below it",
        norm=Norm.EITHER,
        control="through-intermediate",
    ),
    identity(
        "intermediate-not-a-ca",
        catalogue.intermediate_not_a_ca,
        refused(Alert.UNKNOWN_CA, code=VerifyCode.INVALID_CA),
        problems.NOT_A_CA,
        sentence="The intermediate is no CA",
        made="the intermediate has basicConstraints CA:FALSE, and the keyUsage of a leaf",
        cause="a leaf issued it; if it were accepted, any client could issue certificates",
        fix="issue from a CA",
        control="through-intermediate",
    ),
    identity(
        "intermediate-not-a-ca-no-key-usage",
        catalogue.intermediate_not_a_ca_without_key_usage,
        refused(Alert.UNKNOWN_CA, code=VerifyCode.INVALID_CA),
        problems.NOT_A_CA,
        sentence="The intermediate is no CA, and has no keyUsage",
        made="as intermediate-not-a-ca, without a keyUsage",
        cause="as above; Erlang's ssl takes such a chain",
        fix="issue from a CA; let the server look at basicConstraints",
        control="through-intermediate",
    ),
    identity(
        "intermediate-without-basic-constraints",
        catalogue.intermediate_without_basic_constraints,
        refused(Alert.UNKNOWN_CA, code=VerifyCode.INVALID_CA),
        problems.NOT_A_CA,
        sentence="The intermediate does not say that it is a CA",
        made="the intermediate has neither basicConstraints nor keyUsage",
        cause="a CA made by hand; what does not say so is no CA (RFC 5280 section 6.1.4)",
        fix="make the intermediate again, with basicConstraints CA:TRUE and keyCertSign",
        control="through-intermediate",
    ),
    identity(
        "path-length-exceeded",
        catalogue.path_length_exceeded,
        refused(Alert.UNKNOWN_CA, code=VerifyCode.PATH_LENGTH_EXCEEDED),
        problems.PATH_LENGTH,
        sentence="There is one CA too many in the chain",
        made="an intermediate with pathlen 0 issues another CA, and that one the client's",
        cause="a CA for end entities was used to make a CA",
        control="through-intermediate",
    ),
    identity(
        "name-constraints-violated",
        catalogue.name_constraints_violated,
        refused(Alert.CERTIFICATE_UNKNOWN, code=VerifyCode.PERMITTED_VIOLATION),
        problems.NAME_CONSTRAINTS,
        made="the intermediate is permitted lab.example; the client is in elsewhere.example",
        cause="a department's CA issued outside its domain",
        control="through-intermediate",
    ),
    identity(
        "chain-of-ten",
        catalogue.chain_of_ten,
        accepted(),
        sentence="Ten certificates are sent",
        made="nine intermediates, one under the other, and the leaf",
        cause="nothing is wrong; OpenSSL goes 100 deep, nginx one by default, some others ten",
        fix="where it is refused, raise the peer's depth, or issue from higher up",
        norm=Norm.EITHER,
        control="through-intermediate",
    ),
    identity(
        "duplicate-certificates",
        catalogue.duplicate_certificates,
        accepted(),
        sentence="Each certificate is sent twice",
        made="leaf, intermediate, leaf, intermediate",
        cause="the file was appended to itself; RFC 5246 section 7.4.2 forbids it, RFC 9846 "
        "section 4.5.1 asks servers to tolerate it",
        fix="send each certificate once",
        norm=Norm.EITHER,
        control="through-intermediate",
    ),
    identity(
        "superfluous-certificates",
        catalogue.superfluous_certificates,
        accepted(),
        sentence="More is sent than the chain",
        made="leaf, intermediate, the root, and a root that has nothing to do with it",
        cause="the whole bundle was put into the client's file",
        fix="send the leaf and its intermediates only; a root that is sent is not trusted for it",
        norm=Norm.EITHER,
        control="through-intermediate",
    ),
    identity(
        "wrong-order",
        catalogue.wrong_order,
        accepted(),
        sentence="The intermediates are sent in the wrong order",
        made="leaf, upper intermediate, lower intermediate",
        cause="the file was put together by hand; TLS 1.2 demands the order, TLS 1.3 asks peers "
        "to tolerate another",
        fix="put each certificate in front of the one that issued it",
        norm=Norm.EITHER,
        control="through-intermediate",
    ),
)


_CURRENT = Host(revocation_lists=catalogue.fresh_crl)
_LOADED = "the CRL that revokes it, loaded"

REVOCATION_SCENARIOS = (
    identity(
        "revoked",
        catalogue.revoked,
        refused(Alert.CERTIFICATE_REVOKED, code=VerifyCode.CERT_REVOKED),
        problems.REVOKED,
        sentence="The certificate is revoked, and the server has the list",
        made="its serial number is on the CA's CRL, which the server has loaded",
        cause="the key was lost, stolen or committed to a repository",
        command=WITH_CRL,
        host=_CURRENT,
        needs=_LOADED,
    ),
    identity(
        "revoked-no-crl",
        catalogue.revoked,
        accepted(),
        sentence="The certificate is revoked, and the server does not know",
        made="as revoked, and the server has no CRL",
        cause="revoking alone is not enough: a server that loads no CRL goes on accepting "
        "whoever holds the stolen key",
        fix="load the CRL, and load it again when it changes; or issue for hours, not years",
        norm=Norm.EITHER,
        anywhere=False,
    ),
    identity(
        "not-revoked",
        catalogue.through_intermediate,
        accepted(),
        sentence="Revocation is checked, and nothing is revoked",
        made="through-intermediate, and the server has current lists of both CAs",
        cause="nothing is wrong; the other revocation scenarios are compared with it",
        norm=Norm.ACCEPT,
        command=WITH_CRL,
        host=_CURRENT,
        anywhere=False,
    ),
    identity(
        "intermediate-revoked",
        catalogue.intermediate_revoked,
        refused(Alert.CERTIFICATE_REVOKED, code=VerifyCode.CERT_REVOKED),
        problems.REVOKED,
        sentence="The intermediate CA is revoked",
        made="the intermediate's serial number is on the root's CRL",
        cause="the CA was compromised: nothing that it issued can be trusted",
        fix="issue again from another CA",
        command=WITH_CRL,
        control="through-intermediate",
        host=_CURRENT,
        needs=_LOADED,
    ),
    identity(
        "crl-expired",
        catalogue.good,
        refused(Alert.CERTIFICATE_EXPIRED, code=VerifyCode.CRL_HAS_EXPIRED),
        problems.CRL_UNUSABLE,
        sentence="The server's CRL has expired; the certificate has not",
        made="the list's nextUpdate was yesterday",
        cause="the list was loaded once and never again; the alert blames the client, whose "
        "certificate is good",
        fix="fetch the list before its nextUpdate",
        command=WITH_CRL,
        host=Host(revocation_lists=catalogue.expired_crl),
        anywhere=False,
    ),
    identity(
        "crl-missing",
        catalogue.through_intermediate,
        refused(Alert.UNKNOWN_CA, code=VerifyCode.UNABLE_TO_GET_CRL),
        problems.CRL_UNUSABLE,
        sentence="The server lacks the CRL of one of the CAs",
        made="the root's list is loaded, the intermediate's is not",
        cause="the check covers the whole chain, and so must the lists; the alert is the one "
        "for a CA that is not trusted",
        command=WITH_CRL,
        host=Host(revocation_lists=catalogue.root_crl_only),
        anywhere=False,
    ),
)

CHAIN_SCENARIOS = (*CHAINS, *REVOCATION_SCENARIOS)
