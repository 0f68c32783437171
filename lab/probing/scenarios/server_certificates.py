"""Scenarios: the server's certificate, for the client to judge. The alert shown is the client's."""

from __future__ import annotations

from lab.pki import catalogue
from lab.pki.catalogue import Recipe
from lab.probing.results import Norm, ScenarioFamily
from lab.probing.scenarios.leaf import CONNECT
from lab.probing.scenarios.scenario import (
    Expectations,
    Host,
    Scenario,
    TlsClient,
    TrustRecipe,
    accepted,
    lab_root,
    many_roots,
    refused_by_client,
    scenario,
)
from lab.tls.code_points import AlertDescription as Alert
from lab.tls.events import Endpoint
from lab.x509 import problems
from lab.x509.problems import Problem
from lab.x509.verify_codes import VerifyCode

_BY_NAME = f"{CONNECT} -verify_return_error -verify_hostname localhost"
_BY_ADDRESS = f"{CONNECT} -verify_return_error -verify_ip 127.0.0.1"


def _server(
    name: str,
    recipe: Recipe,
    expectations: Expectations,
    problem: Problem | None = None,
    *,
    sentence: str = "",
    made: str,
    cause: str,
    fix: str = "",
    norm: Norm = Norm.REFUSE,
    by_address: bool = False,
    trusts: TrustRecipe = lab_root,
) -> Scenario:
    # The client judges here, so it has its usual settings, and a good identity.
    client = TlsClient(
        identity=catalogue.good_ec,
        trusts=trusts,
        server_name="127.0.0.1" if by_address else None,
        security_level=None,
    )
    return scenario(
        name,
        client,
        expectations,
        problem,
        family=ScenarioFamily.SERVER,
        sentence=sentence,
        made=made,
        cause=cause,
        fix=fix,
        command=_BY_ADDRESS if by_address else _BY_NAME,
        norm=norm,
        role=Endpoint.SERVER,
        host=Host(identity=recipe),
        anywhere=False,
    )


SERVER_SCENARIOS = (
    _server(
        "server-expired",
        catalogue.server_expired,
        refused_by_client(Alert.CERTIFICATE_EXPIRED, code=VerifyCode.CERT_HAS_EXPIRED),
        problems.EXPIRED,
        made="valid from 30 days ago until yesterday",
        cause="nobody renewed it, or the client's clock is ahead",
    ),
    _server(
        "server-wrong-name",
        catalogue.server_wrong_name,
        refused_by_client(Alert.BAD_CERTIFICATE, code=VerifyCode.HOSTNAME_MISMATCH),
        problems.WRONG_NAME,
        made="subjectAltName has elsewhere.example; the client wants localhost",
        cause="the wrong address, the wrong certificate, or somebody in between",
    ),
    _server(
        "server-cn-only",
        catalogue.server_common_name_only,
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
        catalogue.server_common_name_only,
        refused_by_client(Alert.BAD_CERTIFICATE, code=VerifyCode.IP_ADDRESS_MISMATCH),
        problems.WRONG_NAME,
        sentence="The same server, and the client connects to its address",
        made="CN localhost, no subjectAltName; the client wants 127.0.0.1",
        cause="an address must be in subjectAltName; for it the CN never counts",
        by_address=True,
    ),
    _server(
        "server-extensions-lost",
        catalogue.server_extensions_lost,
        refused_by_client(Alert.BAD_CERTIFICATE, code=VerifyCode.IP_ADDRESS_MISMATCH),
        problems.WRONG_NAME,
        sentence="What the request asked for is not in the server's certificate",
        made="X.509 version 1, as openssl x509 -req makes it without -extfile; the client wants "
        "127.0.0.1",
        cause="signing copies no extension from the request unless it is told to",
        fix="pass -extfile and -extensions to openssl x509 -req, or -copy_extensions copy",
        by_address=True,
    ),
    _server(
        "server-eku-missing",
        catalogue.server_eku_missing,
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
        catalogue.server_eku_client_only,
        refused_by_client(Alert.UNSUPPORTED_CERTIFICATE, code=VerifyCode.INVALID_PURPOSE),
        problems.WRONG_PURPOSE,
        sentence="The server presents a certificate that is meant for clients",
        made="as a good server, with clientAuth in place of serverAuth",
        cause="issued from the template for clients",
    ),
    _server(
        "server-untrusted-ca",
        catalogue.server_untrusted_ca,
        refused_by_client(Alert.UNKNOWN_CA, code=VerifyCode.UNABLE_TO_GET_ISSUER_CERT_LOCALLY),
        problems.UNTRUSTED_CA,
        made="another root issues it, with the right name",
        cause="the client's trust store lacks the CA, or the server is an impostor",
        fix="give the client the CA's certificate, over a trusted channel",
    ),
    _server(
        "server-self-signed",
        catalogue.server_self_signed,
        refused_by_client(Alert.UNKNOWN_CA, code=VerifyCode.DEPTH_ZERO_SELF_SIGNED_CERT),
        problems.SELF_SIGNED,
        made="signed with its own key, with the right name",
        cause="made by the server when it was installed",
    ),
    _server(
        "server-intermediate-not-sent",
        catalogue.server_intermediate_not_sent,
        refused_by_client(Alert.UNKNOWN_CA, code=VerifyCode.UNABLE_TO_GET_ISSUER_CERT_LOCALLY),
        problems.INTERMEDIATE_MISSING,
        made="issued by an intermediate; the leaf alone is sent",
        cause="the server's file has the leaf alone; browsers may hide this by fetching the other",
    ),
    _server(
        "server-of-another-trusted-ca",
        catalogue.server_untrusted_ca,
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
