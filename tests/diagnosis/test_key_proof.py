"""Signatures over real handshakes: right, wrong, and with something missing; what is made of it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.key_proof import Proof, proof_of
from lab.diagnosis.outcome import judge
from lab.diagnosis.results import ONE_OF_SEVERAL, Cause
from lab.pki import catalogue
from lab.pki.files.secret_files import temporary_pem
from lab.pki.identity import certificates_pem
from lab.pki.lab_ca import LabAuthority, new_lab_authority
from lab.probing.clients import tested_listener
from lab.probing.clients.openssl_context import context_of
from lab.probing.clients.server_selection import find_server
from lab.probing.clients.tested_listener import listening
from lab.stream.contexts import TlsVersion
from lab.tls.events import Endpoint, Event, Gap, MessageSeen, NotCaptured
from lab.tls.messages import Certificate, CertificateVerify, HelloRetryRequest, ServerHello
from tests.support.serving import PATIENCE

CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER


@pytest.fixture(scope="module")
def ca() -> LabAuthority:
    return new_lab_authority(datetime.now(timezone.utc))


def meet(port: int, ca: LabAuthority) -> None:
    tls = ssl.create_default_context(cadata=certificates_pem((ca.root,)).decode())
    with temporary_pem(catalogue.good(ca)) as path:
        tls.load_cert_chain(path)
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), PATIENCE) as tcp,
        tls.wrap_socket(tcp, server_hostname="localhost") as stream,
    ):
        stream.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        while stream.recv(4096):
            pass


async def met(name: str, ca: LabAuthority, version: TlsVersion | None = None) -> list[Event]:
    """Return what passed between a server and Python's client."""
    async with listening(find_server(name).server, ca, version) as listener:
        await asyncio.to_thread(meet, listener.port, ca)
        await listener.closed(PATIENCE)
        return list(listener.buffers[0].events)


def causes(events: Sequence[Event]) -> list[Cause]:
    return list(diagnose(events, judge(events), now=datetime.now(timezone.utc)))


@pytest.mark.parametrize("name", ["good", "good-rsa"])
@pytest.mark.parametrize("version", list(TlsVersion))
async def test_right_signatures_verify(name: str, version: TlsVersion, ca: LabAuthority) -> None:
    events = await met(name, ca, version)
    assert [proof_of(events, end) for end in Endpoint] == [Proof.VERIFIES] * 2


async def test_behind_a_hello_retry_request(
    ca: LabAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_other_group(*arguments: Any) -> ssl.SSLContext:
        made = context_of(*arguments)
        made.set_ecdh_curve("secp384r1")
        return made

    monkeypatch.setattr(tested_listener, "context_of", with_other_group)
    events = await met("good", ca, TlsVersion("1.3"))
    messages = [event.message for event in events if isinstance(event, MessageSeen)]
    assert any(isinstance(message, HelloRetryRequest) for message in messages)
    assert [proof_of(events, end) for end in Endpoint] == [Proof.VERIFIES] * 2


async def test_a_wrong_signature_is_the_cause(ca: LabAuthority) -> None:
    events = await met("certificate-verify", ca)
    assert proof_of(events, SERVER) is Proof.WRONG
    (cause,) = causes(events)
    assert cause.code == "server-key-not-proved"
    assert "checked here: the signature does not verify" in cause.evidence[1]
    assert ONE_OF_SEVERAL not in cause.evidence
    # With something missing before it, it may be right.
    lost = NotCaptured(time=0.0, endpoint=SERVER, gap=Gap.MISSING)
    assert proof_of([lost, *events], SERVER) is Proof.UNCHECKED
    codes = {cause.code: cause for cause in causes([lost, *events])}
    assert "may have rejected" in codes["server-key-not-proved"].summary


async def test_a_wrong_finished_is_one_of_two_causes(ca: LabAuthority) -> None:
    events = await met("finished-wrong", ca)
    assert proof_of(events, SERVER) is Proof.VERIFIES
    found = causes(events)
    expected = ["server-bad-certificate-signature", "server-finished-wrong"]
    assert [cause.code for cause in found] == expected
    assert all(ONE_OF_SEVERAL in cause.evidence for cause in found)


async def test_a_signature_of_the_ca_that_is_wrong_shows(ca: LabAuthority) -> None:
    events = await met("tampered-signature", ca)
    assert proof_of(events, SERVER) is Proof.VERIFIES
    (cause,) = causes(events)
    assert cause.code == "server-bad-certificate-signature"
    assert ONE_OF_SEVERAL not in cause.evidence


async def test_what_was_changed_on_the_way_is_not_called_the_certificates(ca: LabAuthority) -> None:
    """In TLS 1.2, as the server sees it: what it sent was right, and the client finds it wrong."""
    events = await met("key-exchange-signature", ca)
    assert proof_of(events, SERVER) is Proof.VERIFIES
    assert all(ONE_OF_SEVERAL in cause.evidence for cause in causes(events))


@pytest.mark.parametrize("missing", [Certificate, ServerHello])
async def test_what_it_is_checked_by_may_be_missing(
    missing: type[Certificate | ServerHello], ca: LabAuthority
) -> None:
    events = await met("good", ca, TlsVersion("1.3"))
    rest = [
        event
        for event in events
        if not (isinstance(event, MessageSeen) and isinstance(event.message, missing))
    ]
    assert proof_of(rest, SERVER) is Proof.UNCHECKED
    assert proof_of([], SERVER) is Proof.NONE


async def test_hostile_signatures_and_certificates(ca: LabAuthority) -> None:
    events = await met("good", ca, TlsVersion("1.3"))
    for at, event in enumerate(events):
        if not isinstance(event, MessageSeen) or event.endpoint is not SERVER:
            continue
        message = event.message
        if isinstance(message, CertificateVerify):
            for signature in (b"", b"\0" * 64, b"\x30\x80"):
                changed = replace(event, message=replace(message, signature=signature))
                assert proof_of([*events[:at], changed], SERVER) is Proof.WRONG
        if isinstance(message, Certificate):
            entry = replace(message.certificate_list[0], cert_data=b"\x30\x03\x02\x01")
            broken = replace(message, certificate_list=(entry,))
            changed = replace(event, message=broken)
            rest = [*events[:at], changed, *events[at + 1 :]]
            assert proof_of(rest, SERVER) is Proof.UNCHECKED
