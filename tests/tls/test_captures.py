"""The observer on captured connections of other programs: what was hard to read right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.capture.capture import Capture
from lab.capture.results import FlowBytes, FlowEnd, FlowGap, SecretsFound
from lab.diagnosis.evidence import summarize
from lab.tls.events import Event, MessageSeen
from lab.tls.extensions import KeyShareServerHello
from lab.tls.key_log_index import KeyLogIndex
from lab.tls.messages import Certificate, CompressedCertificate, ServerHello
from lab.tls.observer import Observer
from lab.tls.sessions import Sessions
from tests.tls.sealing import CLIENT, SERVER
from tests.tls.test_missing_bytes import accusations
from tests.tls.test_observer import names

CAPTURES = Path(__file__).resolve().parent.parent / "vectors" / "captures"
FILES = sorted(path for path in CAPTURES.iterdir() if path.suffix != ".keylog")


def observe(name: str, *, keys: bool = True) -> list[list[Event]]:
    """The events of each connection of a capture."""
    (path,) = CAPTURES.glob(f"{name}.pcap*")
    index, sessions = KeyLogIndex(), Sessions()
    key_log = path.with_suffix(".keylog")
    if keys and key_log.exists():
        index.add(key_log.read_bytes())
    index.end()
    observers: dict[int, Observer] = {}
    events: dict[int, list[Event]] = {}
    for item in items(path):
        if isinstance(item, SecretsFound):
            index.add(item.key_log.encode())
        if not isinstance(item, FlowBytes | FlowGap | FlowEnd):
            continue
        if item.flow not in observers:
            observers[item.flow] = Observer(secrets=index.secrets, sessions=sessions)
            events[item.flow] = observers[item.flow].finish()
        observer, found = observers[item.flow], events[item.flow]
        if isinstance(item, FlowBytes):
            found += observer.feed(item.sender, item.data, item.time)
        elif isinstance(item, FlowGap):
            found += observer.miss(item.sender, item.gap, item.octets, item.time)
        else:
            found += observer.end(item.sender, item.end, item.time)
    for flow, observer in observers.items():
        events[flow] += observer.unfinished(0.0)
    return list(events.values())


def items(path: Path) -> Iterator[object]:
    capture = Capture()
    yield from capture.feed(path.read_bytes())
    yield from capture.end()


def by(events: list[Event], sender: object) -> list[str]:
    return names([event for event in events if event.endpoint is sender])


@pytest.mark.parametrize("keys", [True, False], ids=["keys", "no keys"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nothing_in_order_is_told_to_be_wrong(path: Path, keys: bool) -> None:
    connections = observe(path.stem, keys=keys)
    assert connections
    assert [accusations(events) for events in connections] == [[]] * len(connections)


def test_raw_public_keys_are_no_certificates() -> None:
    (events,) = observe("tls12_rpk_client")
    evidence = summarize(events)
    assert evidence.client_chain is None
    assert evidence.client_key is not None
    assert evidence.server_key is None
    assert by(events, CLIENT)[:4] == [
        *["ClientHello", "Certificate", "ClientKeyExchange", "CertificateVerify"],
    ]
    (events,) = observe("tls13_rpk_refused")
    shown = [event.message for event in events if isinstance(event, MessageSeen)]
    client = [message for message in shown if isinstance(message, Certificate)][-1]
    assert client.raw_public_key is not None
    assert not client.is_empty
    assert names(events)[-3:] == ["certificate_unknown", "FIN", "FIN"]


def test_a_resumed_session_is_opened_by_the_secret_of_the_first() -> None:
    first, second = observe("tls12_resumed_second_random_not_in_keylog")
    assert "Finished" in by(first, SERVER)
    assert by(second, CLIENT) == [
        *["ClientHello", "ChangeCipherSpec", "Finished", "data b'ping\\n'", "close_notify", "FIN"],
    ]


def test_a_renegotiation_that_is_refused() -> None:
    (events,) = observe("tls12_reneg_refused")
    assert "no_renegotiation" in by(events, SERVER)
    assert by(events, CLIENT)[-3:] == ["ClientHello", "handshake_failure", "FIN"]


def test_a_hybrid_group_and_a_compressed_certificate() -> None:
    (events,) = observe("tls13_x25519mlkem768")
    shown = [event.message for event in events if isinstance(event, MessageSeen)]
    (hello,) = [message for message in shown if isinstance(message, ServerHello)]
    share = hello.find(KeyShareServerHello)
    assert share is not None
    assert str(share.server_share.group) == "X25519MLKEM768"
    (compressed,) = [message for message in shown if isinstance(message, CompressedCertificate)]
    assert compressed.certificate is not None
    assert not compressed.certificate.is_empty


def test_a_certificate_after_the_handshake() -> None:
    (events,) = observe("tls13_pha")
    answered = by(events, CLIENT)
    assert answered[answered.index("data b'ping\\n'") + 1 :][:3] == [
        *["Certificate", "CertificateVerify", "Finished"],
    ]


def test_old_versions_and_ciphers() -> None:
    (events,) = observe("tls10_mutual")
    assert by(events, CLIENT)[-5:] == [
        "Finished",
        "data b''",
        "data b'ping\\n'",
        "close_notify",
        "FIN",
    ]
    (events,) = observe("tls12_3des")
    assert by(events, SERVER)[-4:] == [
        *["sealed a Finished message", "sealed application data", "sealed an alert", "FIN"],
    ]


def test_a_segment_that_the_capture_lacks() -> None:
    """The Certificate was in it; all behind it is read."""
    (events,) = observe("tls13_lost_segment")
    assert by(events, SERVER)[2:7] == [
        *["EncryptedExtensions", "not captured: missing", "CertificateVerify", "Finished"],
        "NewSessionTicket",
    ]
    assert "Finished" in by(events, CLIENT)


def test_the_beginning_or_a_direction_that_the_capture_lacks() -> None:
    (events,) = observe("tls12_start_missed")
    clear = ["Certificate", "ClientKeyExchange", "CertificateVerify", "ChangeCipherSpec"]
    assert by(events, CLIENT)[:5] == ["not captured: start", *clear]
    assert by(events, SERVER)[:3] == ["not captured: start", "NewSessionTicket", "ChangeCipherSpec"]
    (events,) = observe("tls12_client_direction_only")
    assert by(events, SERVER)[:1] == ["not captured: direction"]
    assert by(events, CLIENT)[:5] == ["ClientHello", *clear]
    assert by(events, CLIENT)[-2:] == ["sealed an alert", "FIN"]
