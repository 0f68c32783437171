"""Scenarios: whom the server means to let in. TLS says who a client is, the rest is policy."""

from __future__ import annotations

from functools import partial

from lab.pki import catalogue
from lab.pki.lab_ca import CLIENT_SPIFFE_ID
from lab.pki.profiles import CLIENT_NAME
from lab.probing.results import Norm, ScenarioFamily
from lab.probing.scenarios.leaf import CONNECT, CONNECT_WITHOUT
from lab.probing.scenarios.scenario import (
    Host,
    TlsClient,
    accepted,
    answered,
    many_roots,
    refused,
    scenario,
)
from lab.stream.contexts import ClientAuth
from lab.tls.code_points import AlertDescription as Alert
from lab.x509 import problems
from lab.x509.verify_codes import VerifyCode

_ASK = r"printf 'GET /todo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' | "
_LISTED = Host(allow_cn=(CLIENT_NAME,), allow_san=(f"URI:{CLIENT_SPIFFE_ID}",))
_OPTIONAL = Host(client_auth=ClientAuth.OPTIONAL)


# What is right depends on what the server's owner wants.
_policy = partial(
    scenario,
    family=ScenarioFamily.POLICY,
    command=f"{_ASK}{CONNECT} -quiet",
    norm=Norm.EITHER,
    anywhere=False,
)

POLICY_SCENARIOS = (
    _policy(
        "not-on-the-list",
        catalogue.stranger,
        answered(403),
        codes=("http-refuses-identity",),
        sentence="The certificate is good, and the client is not on the allow-list",
        made=f"CN {catalogue.STRANGER_NAME}; the server runs with --allow-cn {CLIENT_NAME}",
        cause="the handshake says who a client is; what it may do is decided after it. A server "
        "that looks at no name accepts every client that the CA has ever certified",
        fix="add the client to the list, if it belongs there",
        host=_LISTED,
    ),
    _policy(
        "on-the-list-by-cn",
        catalogue.good_ec,
        accepted(),
        sentence="The client's CN is on the allow-list",
        made=f"CN {CLIENT_NAME}; the server runs with --allow-cn {CLIENT_NAME}",
        cause="nothing is wrong",
        host=_LISTED,
    ),
    _policy(
        "on-the-list-by-spiffe-id",
        catalogue.spiffe,
        accepted(),
        sentence="The client has no CN; its SPIFFE ID is on the allow-list",
        made=f"subjectAltName URI:{CLIENT_SPIFFE_ID}; the server runs with --allow-san for it",
        cause="nothing is wrong: workloads are known by URI",
        host=_LISTED,
    ),
    _policy(
        "optional-without-certificate",
        TlsClient(),
        answered(401),
        codes=("http-wants-certificate",),
        sentence="The server's certificate request is optional, and the client has none",
        made="the server runs with --client-auth optional (ssl.CERT_OPTIONAL)",
        cause="TLS lets the client in; nothing but the application stands between it and the "
        "data. The lab's answers 401; one that does not check serves everybody",
        fix="require the certificate (ssl.CERT_REQUIRED), or check it on every request",
        host=_OPTIONAL,
        command=f"{_ASK}{CONNECT_WITHOUT} -quiet",
    ),
    _policy(
        "optional-expired",
        catalogue.expired,
        refused(Alert.CERTIFICATE_EXPIRED, code=VerifyCode.CERT_HAS_EXPIRED),
        problems.EXPIRED,
        sentence="The server's certificate request is optional, and the client's has expired",
        made="as expired; the server runs with --client-auth optional",
        cause="optional means that none is needed, not that a bad one is taken",
        fix="issue a new one, or present none",
        host=_OPTIONAL,
    ),
    _policy(
        "not-asked",
        TlsClient(),
        accepted(),
        codes=("not-mutual",),
        sentence="The server asks for no certificate",
        made="the server runs with --client-auth none (ssl.CERT_NONE)",
        cause="TLS as on the web: only the server is authenticated",
        fix="require a certificate (ssl.CERT_REQUIRED)",
        host=Host(client_auth=ClientAuth.NONE),
        command=f"{_ASK}{CONNECT_WITHOUT} -quiet",
    ),
    _policy(
        "client-of-another-trusted-ca",
        catalogue.wrong_ca,
        accepted(),
        sentence="The server trusts many CAs, and one of the others issued this client's",
        made="the server's trust store has another root besides the lab's, and that one issued",
        cause="the server verifies clients by the system's trust store: whoever gets a "
        "certificate from any CA in it is in",
        fix="let the server trust the CA that issues for its clients, and no other",
        host=Host(trusts=many_roots),
    ),
)
