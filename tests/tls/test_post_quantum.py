"""A handshake with post-quantum keys, made by a newer OpenSSL than this Python's, and decoded."""

from __future__ import annotations

import contextlib
import socket
from datetime import datetime, timezone
from pathlib import Path

import pytest
from OpenSSL import SSL, crypto

from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.evidence import Evidence, summarize
from lab.diagnosis.outcome import judge
from lab.pki import catalogue
from lab.pki.identity import Identity
from lab.pki.lab_ca import LabAuthority, new_lab_authority
from lab.tls.code_points import NamedGroup, SignatureScheme
from lab.tls.events import Endpoint, Event, MessageSeen
from lab.tls.extensions import KeyShareServerHello
from lab.tls.messages import CertificateVerify
from lab.tls.observer import Observer
from lab.x509.certificates import describe
from tests.support.newer_openssl import context, require_openssl
from tests.support.peers import CommandLine, Setup, s_server, served_by
from tests.support.serving import PATIENCE


@pytest.fixture(scope="module")
def ca() -> LabAuthority:
    require_openssl(3, 5)
    return new_lab_authority(datetime.now(timezone.utc))


def handshake(client: Identity, ca: LabAuthority, maximum: int = 0) -> list[Event]:
    """What an observer with the key log makes of a handshake, and of the client's first bytes."""
    server_side = context(SSL.TLS_SERVER_METHOD, ca.server())
    store = server_side.get_cert_store()
    assert store is not None
    store.add_cert(crypto.X509.from_cryptography(ca.root))
    server_side.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    client_side = context(SSL.TLS_CLIENT_METHOD, client)
    client_side.set_max_proto_version(maximum)
    secrets: list[bytes] = []
    client_side.set_keylog_callback(lambda _, line: secrets.append(line + b"\n"))
    ends = {
        Endpoint.CLIENT: SSL.Connection(client_side, None),
        Endpoint.SERVER: SSL.Connection(server_side, None),
    }
    ends[Endpoint.CLIENT].set_connect_state()
    ends[Endpoint.SERVER].set_accept_state()
    observer, events, at = Observer(), [], 0.0
    for _ in range(4):
        for sender, end in ends.items():
            with contextlib.suppress(SSL.Error):  # what it says to the other end, that one is given
                end.do_handshake()
            try:
                data = end.bio_read(65536)
            except SSL.WantReadError:
                continue
            at += 1
            events += observer.feed(sender, data, at)
            ends[sender.other].bio_write(data)
            events += observer.learn(b"".join(secrets).decode())
    return events + observer.finish()


def verified_by(events: list[Event], sender: Endpoint) -> SignatureScheme | None:
    (found,) = (
        event.message.algorithm
        for event in events
        if isinstance(event, MessageSeen)
        and event.endpoint is sender
        and isinstance(event.message, CertificateVerify)
    )
    return found


def group_of(evidence: Evidence) -> NamedGroup:
    assert evidence.server_hello is not None
    share = evidence.server_hello.find(KeyShareServerHello)
    assert share is not None
    return share.server_share.group


def test_an_ml_dsa_client_is_let_in(ca: LabAuthority) -> None:
    events = handshake(catalogue.ml_dsa(ca), ca)
    evidence = summarize(events)
    assert group_of(evidence) is NamedGroup.X25519MLKEM768
    assert evidence.request is not None
    assert SignatureScheme.MLDSA65 in evidence.request.supported_signature_algorithms
    assert evidence.client_chain
    assert describe(evidence.client_chain[0]).key_type == "ML-DSA-65"
    assert verified_by(events, Endpoint.CLIENT) is SignatureScheme.MLDSA65
    assert judge(events).accepted
    assert diagnose(events, judge(events))[0].code == "mutual-tls"


def test_an_ml_dsa_client_has_nothing_to_show_in_tls_1_2(ca: LabAuthority) -> None:
    events = handshake(catalogue.ml_dsa(ca), ca, SSL.TLS1_2_VERSION)
    assert summarize(events).client_chain == ()
    outcome = judge(events)
    assert outcome.alert is not None
    assert str(outcome.alert.description) == "handshake_failure"


def test_a_server_that_does_not_offer_ml_dsa_gets_an_empty_certificate(
    ca: LabAuthority, certs: Path, tmp_path: Path
) -> None:
    """OpenSSL before 3.5, or a list of algorithms without it."""

    def as_before(setup: Setup) -> CommandLine:
        return [*s_server(setup), "-client_sigalgs", "ECDSA+SHA256:rsa_pss_rsae_sha256"]

    with served_by(as_before, certs, tmp_path) as port:
        client = SSL.Connection(context(SSL.TLS_CLIENT_METHOD, catalogue.ml_dsa(ca)), None)
        client.set_connect_state()
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as tcp:
            said = refusal(client, tcp)
    assert "certificate required" in said


def refusal(client: SSL.Connection, tcp: socket.socket) -> str:
    """What the server's alert is to the client, which has asked."""
    while True:
        try:
            client.do_handshake()
            client.recv(100)
        except SSL.WantReadError:
            with contextlib.suppress(SSL.WantReadError):
                tcp.sendall(client.bio_read(65536))
            client.bio_write(tcp.recv(65536))
        except SSL.Error as error:
            return str(error)
