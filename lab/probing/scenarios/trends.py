"""Scenarios: what changes around mutual TLS, and breaks clients that nobody has touched."""

from __future__ import annotations

import struct

from lab.diagnosis.results import Result, Signal
from lab.pki import catalogue
from lab.probing.results import Norm, ScenarioFamily
from lab.probing.scenarios.leaf import identity
from lab.probing.scenarios.scenario import (
    HelloClient,
    TlsClient,
    accepted,
    answered,
    by_version,
    ended,
    refused,
    scenario,
)
from lab.stream.contexts import TlsVersion
from lab.tls.code_points import AlertDescription as Alert
from lab.tls.code_points import ExtensionType, NamedGroup
from lab.tls.events import Endpoint
from lab.tracing.client_hello_edit import HelloChange
from lab.x509 import problems
from lab.x509.public_cas import NO_MORE_CLIENT_AUTH, OWN_CA_FOR_CLIENTS
from lab.x509.verify_codes import VerifyCode

_SEGMENT = 1400  # bytes; what a path through a tunnel leaves of Ethernet's 1,460
_PADDING = 300  # bytes; with it the message is as long as a browser's
_MODULUS = 3329  # of ML-KEM's coefficients (FIPS 203 section 2.4)
# With those that OpenSSL offers by itself: a server may have one of them alone.
_GROUPS = (
    NamedGroup.X25519MLKEM768,
    NamedGroup.X25519,
    NamedGroup.SECP256R1,
    NamedGroup.X448,
    NamedGroup.SECP521R1,
    NamedGroup.SECP384R1,
    *(NamedGroup.FFDHE2048, NamedGroup.FFDHE3072, NamedGroup.FFDHE4096),
    *(NamedGroup.FFDHE6144, NamedGroup.FFDHE8192),
)


def _encapsulation_key() -> bytes:
    """Return a key of ML-KEM-768 that servers take: 768 coefficients of 12 bits, and a seed."""
    pairs = ((17 * number % _MODULUS, 31 * number % _MODULUS) for number in range(384))
    packed = ((low | high << 12).to_bytes(3, "little") for low, high in pairs)
    return b"".join(packed) + bytes(range(32))


def _key_share() -> bytes:
    """Return the shares of X25519MLKEM768 and X25519. Nobody has their keys: the client leaves."""
    point = b"\x09" + bytes(31)  # the base point (RFC 7748 section 4.1)
    shares = b"".join(
        struct.pack("!HH", group, len(share)) + share
        for group, share in (
            (NamedGroup.X25519MLKEM768, _encapsulation_key() + point),
            (NamedGroup.X25519, point),
        )
    )
    return struct.pack("!H", len(shares)) + shares


_POST_QUANTUM = HelloChange(
    added=(
        (
            ExtensionType.SUPPORTED_GROUPS,
            struct.pack(f"!H{len(_GROUPS)}H", 2 * len(_GROUPS), *_GROUPS),
        ),
        (ExtensionType.KEY_SHARE, _key_share()),
        (ExtensionType.PADDING, bytes(_PADDING)),
    )
)

TREND_SCENARIOS = (
    identity(
        "renewed-by-public-ca",
        catalogue.renewed_by_public_ca,
        refused(Alert.UNSUPPORTED_CERTIFICATE, code=VerifyCode.INVALID_PURPOSE),
        problems.WRONG_PURPOSE,
        sentence="A public CA has renewed the client's certificate, without clientAuth",
        made="a host name and serverAuth alone, under an intermediate with serverAuth alone",
        cause=f"{NO_MORE_CLIENT_AUTH}. Programs with OpenSSL, GnuTLS, rustls or BoringSSL, Node, "
        "Go and Java send what is renewed so, NSS and Chromium an empty Certificate; servers with "
        "OpenSSL, Go, Java and NSS refuse it, GnuTLS's takes it",
        fix=OWN_CA_FOR_CLIENTS,
        control="through-intermediate",
    ),
    scenario(
        "post-quantum-hello",
        HelloClient(changes=dict.fromkeys(TlsVersion, _POST_QUANTUM), first=_SEGMENT),
        ended(Result.FAILED, Endpoint.CLIENT, Signal.FIN),
        family=ScenarioFamily.SETTINGS,
        codes=("client-left",),
        sentence="A post-quantum ClientHello comes in two TCP segments",
        made="OpenSSL's ClientHello, with key shares for X25519MLKEM768 and x25519, about "
        "1,750 bytes; 1,400 come first, the rest a moment later; the client leaves at the answer",
        cause="browsers, OpenSSL 3.5 and Go 1.24 send one like it by default. TLS servers "
        "answer it, with x25519 where they do not know the other; some servers, firewalls and load "
        "balancers read one segment, and close or say nothing",
        fix="update what reads one segment only; until then, let the client offer x25519 alone",
        norm=Norm.ACCEPT,
        command="",
    ),
)

NAMED_SCENARIOS = (
    identity(
        "expires-while-connected",
        TlsClient(identity=catalogue.soon_expired, outlives=True),
        answered(401),
        codes=("client-certificate-expired",),
        sentence="The client's certificate expires while its connection is open (by name only)",
        made="a certificate for three seconds; the client connects, waits until it has expired, "
        "and asks; tried only where it is named (--only), as it takes four seconds",
        cause="a connection that is kept open, of gRPC, a pool or a database. TLS looks at the "
        "dates in the handshake: nginx, HAProxy, Apache, Caddy, Node, GnuTLS and others go "
        "on serving such a client; the lab's server looks again at each request, and answers 401",
        fix="bound the lifetime of connections (keepalive_time in nginx, MaxConnectionAge of gRPC "
        "in Go), or compare the certificate's end with the clock at each request",
        norm=Norm.EITHER,
        command="",
    ),
    identity(
        "ml-dsa",
        catalogue.ml_dsa,
        by_version(
            refused(Alert.HANDSHAKE_FAILURE, reason="peer did not return a certificate"),
            accepted(),
        ),
        problems.KEY_TYPE,
        codes=("no-fitting-client-certificate", "mutual-tls"),
        sentence="The client's key is post-quantum, ML-DSA-65 (by name only)",
        made="as good, with a key of ML-DSA-65; the CA's key is as ever; tried only where it is "
        "named, as this Python's OpenSSL has to be 3.5 or later",
        cause="signatures that a quantum computer cannot forge (FIPS 204). OpenSSL has them since "
        "3.5, for TLS 1.3 only (mldsa44, mldsa65, mldsa87); to a server that does not offer them, "
        "and in TLS 1.2, the client sends an empty Certificate",
        fix="where it is refused, give the client another certificate, with a key on P-256",
        norm=Norm.EITHER,
        about_algorithm=True,
        command="",
    ),
)
"""Scenarios that are tried only where they are named."""
