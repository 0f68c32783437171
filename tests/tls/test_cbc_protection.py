"""Old versions and ciphers: read as far as they are in the clear, and opened under AES-CBC."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import AlertDescription
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    Endpoint,
    Event,
    Gap,
    Malformed,
    MessageSeen,
    SealedSeen,
)
from lab.tls.observer import Observer
from lab.tls.record_suites import Cipher, suite_of
from tests.support.harness import (
    NO_ENCRYPT_THEN_MAC,
    EventBuffer,
    Identities,
    Pair,
    client_context,
    server_context,
)
from tests.tls.messages_table import RANDOM
from tests.tls.test_observer import names
from tests.tls.wire import handshake, record, u16

TLS10, TLS11, TLS12 = (
    ssl.TLSVersion.TLSv1,
    ssl.TLSVersion.TLSv1_1,
    ssl.TLSVersion.TLSv1_2,
)


@pytest.fixture
def recording(
    request: pytest.FixtureRequest, identities: Identities, tmp_path: Path
) -> EventBuffer:
    """A mutual handshake, data both ways, and close_notify both ways."""
    version, ciphers, encrypt_then_mac = request.param
    ciphers = f"{ciphers}:@SECLEVEL=0"
    client = client_context(identities, identities.rsa_client, version=version, ciphers=ciphers)
    server = server_context(identities, identities.rsa_server, version=version, ciphers=ciphers)
    if not encrypt_then_mac:
        client.options |= NO_ENCRYPT_THEN_MAC
    pair = Pair(client, server, tmp_path / "key.log")
    assert pair.handshake()
    pair.exchange()
    return pair.close()


def content(events: list[Event], sender: Endpoint) -> bytes:
    """The application data of ``sender``, which TLS 1.0 splits (against the BEAST attack)."""
    data = [e for e in events if isinstance(e, ApplicationDataSeen) and e.endpoint is sender]
    return b"".join(event.data for event in data)


OPENED = [
    (TLS10, "AES128-SHA", True),
    (TLS10, "AES256-SHA", False),
    (TLS11, "ECDHE-RSA-AES128-SHA", True),
    (TLS11, "AES256-SHA", False),
]
IN_THE_CLEAR = [(TLS12, "NULL-SHA256", True), (TLS11, "ECDHE-RSA-NULL-SHA", True)]
IN_THE_CLEAR += [(TLS10, "NULL-MD5", True)]
SEALED = [(TLS12, "ARIA128-GCM-SHA256", True), (TLS10, "CAMELLIA256-SHA", True)]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("recording", OPENED + IN_THE_CLEAR, indirect=True)
def test_all_is_read(recording: EventBuffer) -> None:
    events = recording.observe()
    assert (content(events, Endpoint.CLIENT), content(events, Endpoint.SERVER)) == (
        b"ping",
        b"pong",
    )
    assert [name for name in names(events) if name == "Finished"] == ["Finished"] * 2
    closed = [event for event in events if isinstance(event, AlertSeen)]
    assert [event.description for event in closed] == [AlertDescription.CLOSE_NOTIFY] * 2
    assert not [event for event in events if isinstance(event, SealedSeen | Malformed)]
    assert not [event for event in events if getattr(event, "out_of_order", False)]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("recording", IN_THE_CLEAR, indirect=True)
def test_what_is_in_the_clear_needs_no_secret(recording: EventBuffer) -> None:
    observer = Observer()
    events = [*recording.replay(observer), *observer.finish()]
    assert events == recording.observe()
    seen = [event for event in events if isinstance(event, MessageSeen | ApplicationDataSeen)]
    assert not any(event.encrypted for event in seen)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("recording", SEALED, indirect=True)
def test_what_cannot_be_opened_is_sealed(recording: EventBuffer) -> None:
    events = recording.observe()
    limits = {event.limit for event in events if isinstance(event, SealedSeen)}
    assert [limit.partition(" of ")[2] for limit in limits] in (
        ["TLS 1.2 is not opened here"],
        ["TLS 1.0 is not opened here"],
    )
    sealed = [event.inference for event in events if isinstance(event, SealedSeen)]
    assert sealed[:2] == ["a Finished message"] * 2
    assert sealed[-2:] == ["an alert"] * 2
    assert set(sealed[2:-2]) == {"application data"}
    assert not [event for event in events if isinstance(event, Malformed)]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("recording", OPENED[:2], indirect=True)
def test_behind_a_missing_record_the_second_one_is_read_again(recording: EventBuffer) -> None:
    """The IV of TLS 1.0 is the end of the record before (RFC 2246 section 6.2.3.2)."""
    whole = [e for e in recording.observe() if isinstance(e, ApplicationDataSeen)]
    missing = whole[0].records[0]
    observer = Observer()
    events = observer.learn(recording.key_log)
    offset = 0
    for sender, data in recording.pieces:
        if sender is Endpoint.CLIENT:
            at, offset = missing.offset - offset, offset + len(data)
            if 0 <= at < len(data):
                events += observer.feed(sender, data[:at], 1.0)
                events += observer.miss(sender, Gap.MISSING, missing.length, 1.0)
                data = data[at + missing.length :]
        events += observer.feed(sender, data, 1.0)
    events += observer.finish()
    lost = [event for event in events if isinstance(event, SealedSeen)]
    assert [event.endpoint for event in lost] == [Endpoint.CLIENT]
    assert names(events)[-2:] == ["close_notify"] * 2


@pytest.mark.parametrize("keys", [True, False])
def test_compressed_records_stay_sealed(keys: bool) -> None:
    observer = Observer()
    suite = u16(CipherSuite["TLS_RSA_WITH_AES_128_CBC_SHA"]).data
    client = b"\x03\x01" + RANDOM + b"\0" + b"\0\x02" + suite + b"\x02\x01\0"
    server = b"\x03\x01" + bytes(32) + b"\0" + suite + b"\x01"
    if keys:
        observer.learn(f"CLIENT_RANDOM {RANDOM.hex()} {bytes(48).hex()}")
    observer.feed(Endpoint.CLIENT, record(22, handshake(1, client)), 1.0)
    observer.feed(Endpoint.SERVER, record(22, handshake(2, server)), 2.0)
    observer.feed(Endpoint.CLIENT, record(20, b"\x01"), 3.0)
    events = observer.feed(Endpoint.CLIENT, record(22, bytes(48)), 4.0)
    assert names(events) == ["sealed a Finished message"]
    (event,) = events
    assert isinstance(event, SealedSeen)
    assert event.limit == "records compressed by DEFLATE are not opened here"


@pytest.mark.parametrize(
    ("name", "cipher", "mac"),
    [
        ("TLS_RSA_WITH_NULL_MD5", Cipher.NULL, "md5"),
        ("TLS_ECDHE_PSK_WITH_NULL_SHA384", Cipher.NULL, "sha384"),
        ("TLS_NULL_WITH_NULL_NULL", None, ""),
        ("TLS_RSA_WITH_RC4_128_SHA", None, ""),
        ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", None, ""),
        ("TLS_RSA_WITH_AES_128_CBC_SHA", Cipher.AES_CBC, "sha1"),
    ],
)
def test_what_a_suite_means(name: str, cipher: Cipher | None, mac: str) -> None:
    suite = suite_of(CipherSuite[name])
    assert (suite.cipher, suite.mac_name) == (cipher, mac)
