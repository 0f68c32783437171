"""Servers whose certificate, name or chain is put to the test."""

from __future__ import annotations

from lab.pki import catalogue, server_catalogue
from lab.pki.catalogue import Recipe
from lab.probing.clients.results import GOOD, ServerFamily
from lab.probing.clients.tested_server import (
    BY_ADDRESS,
    BY_NAME,
    OpenSslServer,
    ServerUnderTest,
    Told,
)
from lab.probing.results import Norm

_VERIFY = "leave the verification of the server's certificate on, and hand it the CA's certificate"
_NAME = "leave the check of the host name on (check_hostname, endpoint identification)"
_PATH = "let the TLS library verify the chain (RFC 5280 section 6); do not verify by hand"
_ANYBODY = "whoever is between the two can be the server, and read and change all that passes"


def _server(
    name: str,
    family: ServerFamily,
    identity: Recipe,
    sentence: str,
    *,
    made: str,
    reason: str,
    norm: Norm = Norm.REFUSE,
    risk: str = "",
    fix: str = "",
    host: str = BY_NAME,
    weak: bool = False,
) -> ServerUnderTest:
    return ServerUnderTest(
        name=name,
        family=family,
        sentence=sentence,
        made=made,
        norm=norm,
        reason=reason,
        risk=risk,
        fix=fix,
        server=OpenSslServer(identity=identity, weak=weak),
        host=host,
        # A client may not offer to take what is weak, and then there is no certificate to send.
        told=Told.BY_OFFER if weak else Told.BY_REQUEST,
    )


SERVERS_IN_ORDER = (
    _server(
        GOOD,
        ServerFamily.IN_ORDER,
        catalogue.good_server,
        "A good server",
        made="issued by the CA in {ca} for localhost and 127.0.0.1, for servers, key EC P-256",
        norm=Norm.ACCEPT,
        reason="nothing is wrong with it; a client that refuses everybody proves nothing",
        fix="let the client trust {ca} (or LAB_CA), and connect to {url}",
    ),
    _server(
        "good-rsa",
        ServerFamily.IN_ORDER,
        server_catalogue.rsa,
        "A good server with an RSA key",
        made="as the good one, key RSA 2048",
        norm=Norm.ACCEPT,
        reason="RFC 9846 section 9.1: rsa_pss_rsae_sha256 is mandatory to implement",
    ),
    _server(
        "good-intermediate-sent",
        ServerFamily.IN_ORDER,
        server_catalogue.through_intermediate,
        "A good server, issued by an intermediate CA that it sends along",
        made="issued by an intermediate under the CA in {ca}; leaf and intermediate are sent",
        norm=Norm.ACCEPT,
        reason="RFC 9846 section 4.5.1: a chain leads to what the peer trusts",
    ),
    _server(
        "good-long-chain",
        ServerFamily.IN_ORDER,
        server_catalogue.over_one_record,
        "A good server whose Certificate message is longer than one record",
        made="as the good one, with 20,000 bytes in an extension that nobody knows, not critical",
        norm=Norm.ACCEPT,
        reason="RFC 9846 section 5.1: a message may span records; RFC 5280 section 4.2: an unknown "
        "extension that is not critical is passed over",
    ),
)

CERTIFICATE_SERVERS = (
    _server(
        "expired",
        ServerFamily.CERTIFICATE,
        catalogue.server_expired,
        "The certificate has expired",
        made="valid from 30 days ago until yesterday",
        reason="RFC 5280 section 6.1.3 (a) (2): the time must lie within the validity",
        risk="a key that was given up long ago is still good enough",
        fix=_VERIFY,
    ),
    _server(
        "not-yet-valid",
        ServerFamily.CERTIFICATE,
        server_catalogue.not_yet_valid,
        "The certificate is not yet valid",
        made="valid from in three days",
        reason="RFC 5280 section 6.1.3 (a) (2): the time must lie within the validity",
        risk="dates are not checked",
        fix=_VERIFY,
    ),
    _server(
        "untrusted-ca",
        ServerFamily.CERTIFICATE,
        catalogue.server_untrusted_ca,
        "A CA issued it that the client does not trust",
        made="another root issues it, with the right name",
        reason="RFC 5280 section 6.1.1 (d): a path begins with a trust anchor",
        risk=_ANYBODY,
        fix=_VERIFY,
    ),
    _server(
        "ca-of-the-same-name",
        ServerFamily.CERTIFICATE,
        server_catalogue.ca_of_the_same_name,
        "A CA with the name of the trusted one, and another key, issued it",
        made="a root named as the one in {ca} issues it; without authorityKeyIdentifier",
        reason="RFC 5280 section 6.1.3 (a) (1): the issuer's key must verify the signature",
        risk=_ANYBODY,
        fix=_PATH,
    ),
    _server(
        "self-signed",
        ServerFamily.CERTIFICATE,
        catalogue.server_self_signed,
        "The certificate is signed with its own key",
        made="self-signed, with the right name",
        reason="RFC 5280 section 6.1.1 (d): a path begins with a trust anchor",
        risk=_ANYBODY,
        fix=_VERIFY,
    ),
    _server(
        "tampered-signature",
        ServerFamily.CERTIFICATE,
        server_catalogue.tampered_signature,
        "One bit of the CA's signature on it is wrong",
        made="as the good one, the last bit of the signature flipped",
        reason="RFC 5280 section 6.1.3 (a) (1): the issuer's key must verify the signature",
        risk=_ANYBODY,
        fix=_PATH,
    ),
    _server(
        "eku-client-only",
        ServerFamily.CERTIFICATE,
        catalogue.server_eku_client_only,
        "The certificate is for clients only",
        made="extendedKeyUsage clientAuth in place of serverAuth",
        reason="RFC 5280 section 4.2.1.12: only for the purposes that are named",
        risk="each client of the CA can be a server, where a name of its own fits",
        fix=_PATH,
    ),
    _server(
        "eku-missing",
        ServerFamily.CERTIFICATE,
        catalogue.server_eku_missing,
        "The certificate has no extendedKeyUsage",
        made="as the good one, without the extension",
        norm=Norm.EITHER,
        reason="RFC 5280 section 4.2.1.12: without it no purpose is excluded; a policy may want it",
    ),
    _server(
        "key-usage-not-signing",
        ServerFamily.CERTIFICATE,
        server_catalogue.key_usage_without_signature,
        "The keyUsage of the certificate does not allow to sign handshakes",
        made="keyUsage nonRepudiation (contentCommitment) only",
        norm=Norm.EITHER,
        reason="RFC 9846 section 4.5.1.2 wants digitalSignature of the server; that the client "
        "checks it is said nowhere, and not all do",
    ),
    _server(
        "unknown-critical-extension",
        ServerFamily.CERTIFICATE,
        server_catalogue.unknown_critical_extension,
        "The certificate has a critical extension that nobody knows",
        made="as the good one, with an extension 2.999.1 that is critical",
        reason="RFC 5280 section 4.2: a certificate with a critical extension that is not "
        "recognized must be rejected",
        risk="limits that a CA has set are passed over",
        fix=_PATH,
    ),
    _server(
        "sha1-signature",
        ServerFamily.CERTIFICATE,
        server_catalogue.sha1_signature,
        "The certificate is signed with SHA-1",
        made="ECDSA with SHA-1, by an intermediate that is sent along",
        reason="RFC 9846 section 4.5.1.3: to abort the handshake is recommended; RFC 9325 section "
        "4.5: must not be used",
        risk="who can make two certificates of one hash (RFC 9155) gets one that was never issued",
        fix="forbid SHA-1 in certificates: OpenSSL security level 1 or more, "
        "jdk.certpath.disabledAlgorithms SHA1 in Java",
        weak=True,
    ),
    _server(
        "rsa-1024",
        ServerFamily.CERTIFICATE,
        server_catalogue.rsa_1024,
        "The certificate has an RSA key of 1024 bits",
        made="as the good one, key RSA 1024",
        norm=Norm.EITHER,
        reason="RFC 9325 section 4.5 forbids it to servers, and says nothing to clients",
        weak=True,
    ),
)

NAME_SERVERS = (
    _server(
        "wrong-name",
        ServerFamily.NAME,
        server_catalogue.wrong_name,
        "The certificate is for another host",
        made="subjectAltName and CN have elsewhere.example; the client wants localhost",
        reason="RFC 9525 section 6: the name that the client asked for must be in it",
        risk="whoever has a certificate of the CA, for whatever host, can be this server",
        fix=_NAME,
    ),
    _server(
        "name-begins-alike",
        ServerFamily.NAME,
        server_catalogue.name_begins_alike,
        "The certificate is for a host whose name begins with the right one",
        made="subjectAltName has localhost.elsewhere.example; the client wants localhost",
        reason="RFC 9525 section 6.3: whole labels are compared, and all of them",
        risk="who owns a domain of any name can be this server",
        fix=_NAME + "; do not compare names by hand",
    ),
    _server(
        "name-ends-alike",
        ServerFamily.NAME,
        server_catalogue.name_ends_alike,
        "The certificate is for hosts whose names end with the right one",
        made="subjectAltName has elsewherelocalhost and elsewhere.localhost; the client wants "
        "localhost",
        reason="RFC 9525 section 6.3: whole labels are compared, and all of them",
        risk="who is given a name that ends so, such as one of a customer's, can be this server",
        fix=_NAME + "; do not compare names by hand",
    ),
    _server(
        "cn-beside-other-name",
        ServerFamily.NAME,
        catalogue.server_wrong_name,
        "The host is in the CN, and subjectAltName has another host alone",
        made="CN localhost, subjectAltName elsewhere.example; the client wants localhost",
        reason="RFC 9525 section 2 leaves the CN out; RFC 6125 section 6.4.4, which it replaces, "
        "did where subjectAltName has a name",
        risk="where a CA does not vouch for the CN, anybody can be this server",
        fix=_NAME + "; do not compare names by hand",
    ),
    _server(
        "nul-in-name",
        ServerFamily.NAME,
        server_catalogue.nul_in_name,
        "The name in the certificate has a NUL behind the right one",
        made=r"subjectAltName has localhost\0.elsewhere.example; the client wants localhost",
        reason="RFC 9525 section 6.3: whole labels are compared, and all of them",
        risk="a CA that looks at the domain alone gives such a certificate to its owner",
        fix=_NAME + "; do not compare names by hand",
    ),
    _server(
        "wildcard-alone",
        ServerFamily.NAME,
        server_catalogue.wildcard_alone,
        "The certificate is for * alone",
        made="subjectAltName has *; the client wants localhost",
        norm=Norm.EITHER,
        reason="RFC 9525 section 6.3: a wildcard is the whole left-most label; that it may be the "
        "only one is said nowhere, and most clients refuse it",
    ),
    _server(
        "cn-only",
        ServerFamily.NAME,
        catalogue.server_common_name_only,
        "The host is in the CN, and there is no subjectAltName",
        made="CN localhost, no subjectAltName; the client wants localhost",
        norm=Norm.EITHER,
        reason="RFC 9525 section 2 leaves the CN out; RFC 6125, which it replaces, allowed it",
    ),
    _server(
        "cn-only-by-address",
        ServerFamily.NAME,
        catalogue.server_common_name_only,
        "The client connects to an address, and the certificate names none",
        made="CN localhost, no subjectAltName; the client wants 127.0.0.1",
        reason="RFC 9525 section 6.4: an address must be among the iPAddress entries",
        risk="whoever has a certificate of the CA, for whatever host, can be this server",
        fix=_NAME,
        host=BY_ADDRESS,
    ),
    _server(
        "address-as-dns-name",
        ServerFamily.NAME,
        server_catalogue.address_as_dns_name,
        "The client connects to an address, and the certificate has it as a DNS name",
        made="subjectAltName has DNS:127.0.0.1 in place of IP:127.0.0.1",
        norm=Norm.EITHER,
        reason="RFC 9525 section 6.4: an address is compared with iPAddress entries only; a CA "
        "that wrote it there has vouched for it all the same",
        host=BY_ADDRESS,
    ),
)

CHAIN_SERVERS = (
    _server(
        "intermediate-not-sent",
        ServerFamily.CHAIN,
        catalogue.server_intermediate_not_sent,
        "The server does not send the intermediate that issued its certificate",
        made="issued by an intermediate; the leaf alone is sent, and names no place to fetch it",
        reason="RFC 5280 section 6.1.3 (a): each certificate is verified by the one above it",
        risk="the chain is not verified",
        fix=_VERIFY,
    ),
    _server(
        "intermediate-not-a-ca",
        ServerFamily.CHAIN,
        server_catalogue.intermediate_not_a_ca,
        "The issuer of the certificate is no CA",
        made="issued by a certificate with CA:FALSE, which the CA in {ca} has issued",
        reason="RFC 5280 section 6.1.4 (k): an issuer must be a CA",
        risk="each client and server of the CA can issue certificates for any host",
        fix=_PATH,
    ),
    _server(
        "intermediate-expired",
        ServerFamily.CHAIN,
        server_catalogue.intermediate_expired,
        "The intermediate has expired",
        made="the intermediate was valid from 30 days ago until yesterday",
        reason="RFC 5280 section 6.1.3 (a) (2): the time must lie within the validity",
        risk="an intermediate whose key was given up long ago is still good enough",
        fix=_PATH,
    ),
    _server(
        "path-length-exceeded",
        ServerFamily.CHAIN,
        server_catalogue.path_length_exceeded,
        "A CA that may issue for end entities only has issued a CA",
        made="two intermediates, the upper one with pathlen 0",
        reason="RFC 5280 section 6.1.4 (l)",
        risk="limits that a CA has set are passed over",
        fix=_PATH,
    ),
    _server(
        "name-constraints-violated",
        ServerFamily.CHAIN,
        server_catalogue.name_constraints_violated,
        "The intermediate may issue for one domain, and this host is in another",
        made="an intermediate constrained to lab.example has issued for localhost",
        reason="RFC 5280 section 6.1.3 (b): the names must lie in the permitted subtrees",
        risk="a CA that is trusted for one domain can issue for all others",
        fix=_PATH,
    ),
    _server(
        "chain-out-of-order",
        ServerFamily.CHAIN,
        server_catalogue.wrong_order,
        "The two intermediates are sent the wrong way round",
        made="leaf first, then the upper intermediate, then the lower one",
        norm=Norm.EITHER,
        reason="RFC 9846 section 4.5.1: clients should be prepared for it",
    ),
)
