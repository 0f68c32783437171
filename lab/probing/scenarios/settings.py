"""Scenarios: settings that do not fit, and clients that do not speak TLS to the end.

No certificate is at fault here, and some of these are taken for it every day.
"""

from __future__ import annotations

import struct
from functools import partial

from lab.diagnosis.results import Result, Signal
from lab.pki import catalogue
from lab.probing.results import Norm, ScenarioFamily
from lab.probing.scenarios.leaf import CONNECT, CONNECT_WITHOUT
from lab.probing.scenarios.scenario import (
    BareClient,
    HelloClient,
    Host,
    TlsClient,
    accepted,
    by_version,
    ended,
    refused,
    refused_at_hello,
    scenario,
)
from lab.stream.contexts import TlsVersion
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import AlertDescription as Alert
from lab.tls.code_points import ExtensionType, NamedGroup, ProtocolVersion, SignatureScheme
from lab.tls.events import Endpoint
from lab.tracing.client_hello_edit import HelloChange
from lab.x509 import problems

PATIENCE = 0.3
"""Seconds that the lab's own server waits for a client that says nothing, in its scenario."""

_REQUEST = b"GET /todo HTTP/1.1\r\nHost: localhost\r\n\r\n"


def _list16(*codes: int) -> bytes:
    """Return a vector of 16-bit code points with a length of two bytes."""
    return struct.pack(f"!H{len(codes)}H", 2 * len(codes), *codes)


def _hello(tls12: HelloChange, tls13: HelloChange) -> HelloClient:
    return HelloClient(changes={TlsVersion.TLS12: tls12, TlsVersion.TLS13: tls13})


# TLS 1.1, offered as clients of each time do: in legacy_version, and in supported_versions.
_VERSION = _hello(
    HelloChange(
        legacy_version=ProtocolVersion.TLS_1_1,
        extensions=((ExtensionType.SUPPORTED_VERSIONS, None),),
    ),
    HelloChange(
        extensions=(
            (ExtensionType.SUPPORTED_VERSIONS, struct.pack("!BH", 2, ProtocolVersion.TLS_1_1)),
        )
    ),
)
_SUITES = _hello(
    HelloChange(
        cipher_suites=(
            CipherSuite["TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"],
            CipherSuite["TLS_ECDHE_RSA_WITH_RC4_128_SHA"],
        )
    ),
    HelloChange(cipher_suites=(CipherSuite["TLS_AES_128_CCM_8_SHA256"],)),
)
_GROUPS = (ExtensionType.SUPPORTED_GROUPS, _list16(NamedGroup.SECP256K1))
_GROUP = _hello(
    # Only suites that need a group, so that no other way of agreeing on a key is left.
    HelloChange(
        cipher_suites=(
            CipherSuite["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
            CipherSuite["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
        ),
        extensions=(_GROUPS,),
    ),
    # An empty key_share asks the server to choose a group (RFC 9846 section 4.3.8).
    HelloChange(extensions=(_GROUPS, (ExtensionType.KEY_SHARE, b"\0\0"))),
)
_SCHEMES = HelloChange(
    extensions=((ExtensionType.SIGNATURE_ALGORITHMS, _list16(SignatureScheme.ED448)),)
)


_setting = partial(scenario, family=ScenarioFamily.SETTINGS)

SETTING_SCENARIOS = (
    _setting(
        "no-common-version",
        _VERSION,
        refused_at_hello(Alert.PROTOCOL_VERSION),
        codes=("no-common-version",),
        sentence="The client offers TLS 1.1 and nothing newer",
        made="OpenSSL's ClientHello with its versions replaced",
        cause="an old client, or a server that was told to speak TLS 1.3 only",
        fix="update the client to TLS 1.2; TLS 1.1 is deprecated (RFC 8996)",
        command=f"{CONNECT_WITHOUT} -tls1_1 -cipher DEFAULT:@SECLEVEL=0",
    ),
    # A server elsewhere may have what is offered in the next three, and is not wrong to take it.
    _setting(
        "no-common-cipher-suite",
        _SUITES,
        refused_at_hello(Alert.HANDSHAKE_FAILURE),
        codes=("no-common-cipher-suite",),
        sentence="Client and server have no cipher suite in common",
        made="OpenSSL's ClientHello with its suites replaced: RC4, or CCM with a short tag",
        cause="one end is locked down, or very old; the alert is the same handshake_failure as "
        "for a missing certificate, and this has nothing to do with certificates",
        fix="allow one suite on both ends",
        norm=Norm.EITHER,
        command=f"{CONNECT_WITHOUT} -tls1_3 -ciphersuites TLS_AES_128_CCM_8_SHA256",
    ),
    _setting(
        "no-common-group",
        _GROUP,
        refused_at_hello(Alert.HANDSHAKE_FAILURE),
        codes=("no-common-group",),
        sentence="Client and server have no group for the key exchange in common",
        made="OpenSSL's ClientHello with secp256k1 as its only group",
        cause="one end is limited to some curves; again handshake_failure, not about certificates",
        fix="allow x25519 or secp256r1 on both ends",
        norm=Norm.EITHER,
        command=f"{CONNECT_WITHOUT} -tls1_2 -groups secp256k1",
    ),
    _setting(
        "no-common-signature-algorithm",
        _hello(_SCHEMES, _SCHEMES),
        refused_at_hello(Alert.HANDSHAKE_FAILURE),
        codes=("no-common-signature-algorithm",),
        sentence="The server's key cannot sign in a way that the client takes",
        made="OpenSSL's ClientHello with ed448 as its only signature algorithm",
        cause="a client that knows no ECDSA, or a server with an unusual key",
        fix="give the server a key that the client knows, or let the client take more algorithms",
        norm=Norm.EITHER,
        command=f"{CONNECT_WITHOUT} -sigalgs ed448",
    ),
    _setting(
        "client-key-without-algorithm",
        TlsClient(identity=catalogue.secp256k1),
        by_version(
            refused(Alert.ILLEGAL_PARAMETER),
            refused(Alert.CERTIFICATE_REQUIRED, reason="peer did not return a certificate"),
        ),
        problems.KEY_TYPE,
        codes=("no-fitting-client-certificate",),
        sentence="The client's key cannot sign in a way that the server takes",
        made="a good certificate with a key on secp256k1, for which TLS 1.3 has no algorithm",
        cause="an unusual curve or a smart card; in TLS 1.3 the client sends an empty "
        "Certificate, as if it had none",
        fix="use P-256 or RSA for the client",
        norm=Norm.EITHER,
        command=CONNECT,
    ),
    _setting(
        "alpn-no-overlap",
        TlsClient(identity=catalogue.good, alpn=("acme-tls/1",)),
        accepted(),
        sentence="The client offers an application protocol that the server does not speak",
        made="ALPN with acme-tls/1 alone; the lab's server speaks http/1.1",
        cause="a client for another service; RFC 7301 asks for no_application_protocol, and "
        "Python's ssl goes on without one",
        fix="offer what the server speaks",
        norm=Norm.EITHER,
        command=f"{CONNECT} -alpn acme-tls/1",
    ),
    _setting(
        "sni-unknown",
        TlsClient(identity=catalogue.good, server_name="unknown.example", checks_server=False),
        accepted(),
        sentence="The client asks for a site that the server does not have",
        made="SNI with unknown.example; the client does not verify the server",
        cause="a wrong name or a wrong address; the lab's server has one site and takes any name, "
        "others answer unrecognized_name, or with another site's certificate",
        fix="connect by the server's name",
        norm=Norm.EITHER,
        command=f"{CONNECT} -servername unknown.example",
    ),
    _setting(
        "plain-http",
        BareClient(data=_REQUEST),
        ended(Result.FAILED, Endpoint.CLIENT, Signal.NOT_TLS),
        codes=("no-tls",),
        sentence="The client speaks plain HTTP",
        made="a request where a ClientHello should be",
        cause="http:// for https://, or a proxy that has ended TLS already",
        fix="use https://",
        command="curl --silent --show-error http://{address}/todo",
    ),
    _setting(
        "leaves-after-server-hello",
        _hello(HelloChange(), HelloChange()),
        ended(Result.FAILED, Endpoint.CLIENT, Signal.FIN),
        codes=("client-left",),
        sentence="The client closes the connection at the ServerHello",
        made="OpenSSL's ClientHello, and FIN at the first bytes of the server's flight",
        cause="a port scanner, a health check, or a client that crashed",
        fix="check the client; the server cannot fix this",
        norm=Norm.EITHER,
        command="",
    ),
    _setting(
        "silence",
        BareClient(data=b""),
        ended(Result.FAILED, Endpoint.CLIENT, Signal.TIME_OUT),
        codes=("silence",),
        sentence="The client connects and sends nothing",
        made="TCP alone; the server's handshake timeout ends it",
        cause="a load balancer's health check, a client that waits for a greeting, or an attack",
        fix="set a handshake timeout; each silent client costs a connection until then",
        command="openssl s_client -connect {address} -starttls smtp",
        host=Host(handshake_timeout=PATIENCE),
    ),
)
