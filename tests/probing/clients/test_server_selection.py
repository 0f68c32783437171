"""The servers for clients under test: what they are, and that their norm is what OpenSSL does."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from lab.pki.lab_ca import LabAuthority, new_lab_authority
from lab.probing.clients.results import GOOD, ServerFamily
from lab.probing.clients.server_selection import (
    TESTED_SERVERS,
    UnknownServer,
    find_server,
    servers_to_try,
)
from lab.probing.clients.tested_server import HandmadeServer, OpenSslServer, ServerUnderTest
from lab.probing.results import Norm

NAMES = [server.name for server in TESTED_SERVERS]
# What the issue asks for, and the server that is for it.
ASKED_FOR = {
    "name mismatch": "wrong-name",
    "expired": "expired",
    "not yet valid": "not-yet-valid",
    "unknown CA": "untrusted-ca",
    "no EKU": "eku-missing",
    "EKU client only": "eku-client-only",
    "missing intermediate": "intermediate-not-sent",
    "SHA-1": "sha1-signature",
    "weak key": "rsa-1024",
    "TLS 1.0": "tls1.0-only",
    "TLS 1.1": "tls1.1-only",
    "no common cipher": "no-encryption",
    "wrong ALPN": "alpn-not-offered",
    "CA list that excludes the client's CA": "ca-names-exclude-client",
    "1,000 CA names": "thousand-ca-names",
    "request without signature algorithms in common": "no-signature-in-common",
    "PHA after the request": "asked-later",
    "ticket and then another certificate": "certificate-on-return",
    "close without close_notify": "no-close-notify",
    "alert after the handshake": "client-refused",
}


@pytest.fixture(scope="module")
def ca() -> LabAuthority:
    return new_lab_authority(datetime.now(timezone.utc))


def test_there_is_a_server_for_all_that_was_asked_for() -> None:
    assert set(ASKED_FOR.values()) <= set(NAMES)
    flaws = [server for server in TESTED_SERVERS if server.family is not ServerFamily.IN_ORDER]
    assert len(flaws) >= 25
    assert len(set(NAMES)) == len(NAMES)
    assert NAMES[0] == GOOD


@pytest.mark.parametrize("server", TESTED_SERVERS, ids=NAMES)
def test_what_is_said_of_a_server(server: ServerUnderTest) -> None:
    assert re.fullmatch(r"[a-z0-9.-]{3,26}", server.name)
    for text in (server.sentence, server.made, server.reason, server.risk, server.fix):
        assert not text.endswith(".")
    assert bool(server.risk and server.fix) is (server.norm is Norm.REFUSE)
    if server.norm is not Norm.ACCEPT or server.name != GOOD:
        assert "RFC " in server.reason
    if "(TLS 1.3)" in server.sentence:
        assert server.only is not None and server.only.value == "1.3"


@pytest.mark.parametrize("server", TESTED_SERVERS, ids=NAMES)
def test_certificates_are_made(server: ServerUnderTest, ca: LabAuthority) -> None:
    if isinstance(server.server, OpenSslServer):
        chain = server.server.identity(ca).chain
        der = {certificate.public_bytes(Encoding.DER) for certificate in chain}
        good = server.family in (ServerFamily.IN_ORDER, ServerFamily.HANDSHAKE)
        assert good or len(der) == len(chain)


def test_the_names_of_a_thousand_cas_fit_into_their_extension(ca: LabAuthority) -> None:
    server = find_server("thousand-ca-names")
    assert isinstance(server.server, HandmadeServer)
    names = server.server.authorities(ca)
    octets = sum(len(name) + 2 for name in names)
    assert len(set(names)) == 1000
    assert ca.root.subject.public_bytes() in names
    assert 50_000 < octets < 60_000 < 65_535
    others = find_server("ca-names-exclude-client").server
    assert isinstance(others, HandmadeServer)
    assert ca.root.subject.public_bytes() not in others.authorities(ca)


def test_a_selection_always_has_the_good_server_first() -> None:
    assert [server.name for server in servers_to_try(["expired"], [])] == [GOOD, "expired"]
    left = servers_to_try([], [GOOD, "expired"])
    assert [server.name for server in left] == [name for name in NAMES if name != "expired"]


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownServer, match="did you mean wrong-name"):
        servers_to_try(["wrong-nam"], [])
    with pytest.raises(UnknownServer, match="--client --list shows all"):
        servers_to_try([], ["xyz"])
