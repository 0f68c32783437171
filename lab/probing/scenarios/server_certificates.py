"""Scenarios: the server's certificate, for the client to judge. The alert shown is the client's."""

from __future__ import annotations

from lab.pki import catalogue, server_catalogue
from lab.pki.catalogue import Recipe
from lab.probing.scenarios.expectations import Expectations, accepted, refused_by_client
from lab.probing.scenarios.leaf import CONNECT
from lab.probing.scenarios.scenario import (
    Host,
    Norm,
    Scenario,
    ScenarioFamily,
    TlsClient,
    TrustRecipe,
    lab_root,
    many_roots,
)
from lab.tls.code_points import AlertDescription as Alert

_BY_NAME = f"{CONNECT} -verify_return_error -verify_hostname localhost"
_BY_ADDRESS = f"{CONNECT} -verify_return_error -verify_ip 127.0.0.1"


def _server(
    name: str,
    recipe: Recipe,
    expectations: Expectations,
    *codes: str,
    sentence: str,
    made: str,
    cause: str,
    fix: str,
    norm: Norm = Norm.REFUSE,
    by_address: bool = False,
    trusts: TrustRecipe = lab_root,
) -> Scenario:
    return Scenario(
        name=name,
        family=ScenarioFamily.SERVER,
        sentence=sentence,
        made=made,
        cause=cause,
        fix=fix,
        command=_BY_ADDRESS if by_address else _BY_NAME,
        norm=norm,
        # The client judges here, so it has its usual settings, and a good identity.
        client=TlsClient(
            identity=catalogue.good_ec,
            trusts=trusts,
            server_name="127.0.0.1" if by_address else None,
            security_level=None,
        ),
        expectations=expectations,
        codes=frozenset(codes or ("mutual-tls",)),
        host=Host(identity=recipe),
        anywhere=False,
    )


SERVER_SCENARIOS = (
    _server(
        "server-expired",
        server_catalogue.expired,
        refused_by_client(Alert.CERTIFICATE_EXPIRED, code=10),
        "server-certificate-expired",
        sentence="The server's certificate has expired",
        made="valid from 30 days ago until yesterday",
        cause="nobody renewed it, or the client's clock is ahead",
        fix="issue a new one, and automate renewal",
    ),
    _server(
        "server-wrong-name",
        server_catalogue.wrong_name,
        refused_by_client(Alert.BAD_CERTIFICATE, code=62),
        "server-name-mismatch",
        sentence="The server's certificate is for another host",
        made="subjectAltName has elsewhere.example; the client wants localhost",
        cause="the wrong address, the wrong certificate, or somebody in between",
        fix="issue it with every name that clients use",
    ),
    _server(
        "server-cn-only",
        server_catalogue.common_name_only,
        accepted(),
        sentence="The host is in the server's CN, and there is no subjectAltName",
        made="CN localhost, no subjectAltName; the client wants localhost",
        cause="old instructions; Python's ssl and OpenSSL still fall back on the CN for a host "
        "name, browsers and Go do not, and RFC 9525 forbids it",
        fix="put the name into subjectAltName",
        norm=Norm.EITHER,
    ),
    _server(
        "server-cn-only-by-address",
        server_catalogue.common_name_only,
        refused_by_client(Alert.BAD_CERTIFICATE, code=64),
        "server-name-mismatch",
        sentence="The same server, and the client connects to its address",
        made="CN localhost, no subjectAltName; the client wants 127.0.0.1",
        cause="an address must be in subjectAltName; for it the CN never counts",
        fix="put name and address into subjectAltName",
        by_address=True,
    ),
    _server(
        "server-extensions-lost",
        server_catalogue.request_extensions_lost,
        refused_by_client(Alert.BAD_CERTIFICATE, code=64),
        "server-name-mismatch",
        sentence="What the request asked for is not in the server's certificate",
        made="X.509 version 1, as openssl x509 -req makes it without -extfile; the client wants "
        "127.0.0.1",
        cause="signing copies no extension from the request unless it is told to",
        fix="pass -extfile and -extensions to openssl x509 -req, or -copy_extensions copy",
        by_address=True,
    ),
    _server(
        "server-eku-missing",
        server_catalogue.eku_missing,
        accepted(),
        sentence="The server's certificate has no extendedKeyUsage",
        made="as a good server, without the extension",
        cause="forgotten or lost; OpenSSL takes it, since a certificate without the extension is "
        "for every purpose",
        fix="add serverAuth all the same: other stacks, and the next policy, may insist on it",
        norm=Norm.EITHER,
    ),
    _server(
        "server-eku-client-only",
        server_catalogue.eku_client_only,
        refused_by_client(Alert.UNSUPPORTED_CERTIFICATE, code=26),
        "server-wrong-extended-key-usage",
        sentence="The server presents a certificate that is meant for clients",
        made="as a good server, with clientAuth in place of serverAuth",
        cause="issued from the template for clients",
        fix="issue it with serverAuth",
    ),
    _server(
        "server-untrusted-ca",
        server_catalogue.untrusted_ca,
        refused_by_client(Alert.UNKNOWN_CA, code=20),
        "server-ca-not-trusted",
        sentence="The server's certificate is from a CA that the client does not trust",
        made="another root issues it, with the right name",
        cause="the client's trust store lacks the CA, or the server is an impostor",
        fix="give the client the CA's certificate, over a trusted channel",
    ),
    _server(
        "server-self-signed",
        server_catalogue.server_self_signed,
        refused_by_client(Alert.UNKNOWN_CA, code=18),
        "server-certificate-self-signed",
        sentence="The server's certificate is its own issuer",
        made="signed with its own key, with the right name",
        cause="made by the server when it was installed",
        fix="have it issued by the CA that the clients trust",
    ),
    _server(
        "server-intermediate-not-sent",
        server_catalogue.intermediate_not_sent,
        refused_by_client(Alert.UNKNOWN_CA, code=20),
        "server-intermediate-missing",
        sentence="The server does not send the intermediate CA's certificate",
        made="issued by an intermediate; the leaf alone is sent",
        cause="the server's file has the leaf alone; browsers may hide this by fetching the other",
        fix="put the intermediates behind the leaf in the server's file",
    ),
    _server(
        "server-of-another-trusted-ca",
        server_catalogue.untrusted_ca,
        accepted(),
        sentence="The client trusts many CAs, and one of the others issued this server's",
        made="the client's trust store has another root besides the lab's, and that one issued",
        cause="the client verifies by the system's trust store: any CA in it can issue for any "
        "server, an impostor included",
        fix="let the client trust the CA that issues for this service, and no other",
        norm=Norm.EITHER,
        trusts=many_roots,
    ),
)
