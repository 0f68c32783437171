from __future__ import annotations

import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from lab.tls import protection
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import ContentType
from lab.tls.key_derivation import connection_keys
from lab.tls.opener import Opener, SealBroken
from lab.tls.protection import connection_opener, traffic_opener
from lab.tls.record_suites import Cipher, Suite, suite_of
from lab.tls.records import Record, RecordReader
from tests.tls.sealing import Sealer12, Sealer13
from tests.tls.wire import record

TLS13_SUITES = [suite for suite in CipherSuite if suite >> 8 == 0x13 and suite_of(suite).cipher]
TLS12_SUITES = [
    CipherSuite[name]
    for name in (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_CCM",
        "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
    )
]
MASTER = b"m" * 48
SUITES = {
    "TLS_AES_128_GCM_SHA256": (Cipher.AES_GCM, 16, "sha256", ""),
    "TLS_AES_256_GCM_SHA384": (Cipher.AES_GCM, 32, "sha384", ""),
    "TLS_CHACHA20_POLY1305_SHA256": (Cipher.CHACHA20_POLY1305, 32, "sha256", ""),
    "TLS_AES_128_CCM_SHA256": (Cipher.AES_CCM, 16, "sha256", ""),
    "TLS_AES_128_CCM_8_SHA256": (Cipher.AES_CCM_8, 16, "sha256", ""),
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": (Cipher.AES_GCM, 32, "sha384", ""),
    "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8": (Cipher.AES_CCM_8, 16, "sha256", ""),
    "TLS_DHE_RSA_WITH_AES_128_CBC_SHA": (Cipher.AES_CBC, 16, "sha256", "sha1"),
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384": (Cipher.AES_CBC, 32, "sha384", "sha384"),
    "TLS_RSA_WITH_AES_128_CBC_SHA256": (Cipher.AES_CBC, 16, "sha256", "sha256"),
    "TLS_DH_anon_WITH_AES_128_GCM_SHA256": (Cipher.AES_GCM, 16, "sha256", ""),
    "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256": (Cipher.CHACHA20_POLY1305, 32, "sha256", ""),
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA": (None, 32, "sha256", ""),
    "TLS_RSA_WITH_NULL_SHA256": (Cipher.NULL, 0, "sha256", "sha256"),
    "TLS_FALLBACK_SCSV": (None, 32, "sha256", ""),
}


def one(data: bytes) -> Record:
    reader = RecordReader()
    reader.feed(data)
    return next(reader.records())


def pair12(suite: CipherSuite, encrypt_then_mac: bool = False) -> tuple[Sealer12, Opener]:
    parts = suite_of(suite)
    keys = connection_keys(MASTER, b"c" * 32, b"s" * 32, parts)[0]
    opener = connection_opener(parts, keys, encrypt_then_mac=encrypt_then_mac)
    assert opener is not None
    return Sealer12(parts, keys, encrypt_then_mac), opener


def pair13(suite: CipherSuite) -> tuple[Sealer13, Opener]:
    parts = suite_of(suite)
    secret = b"s" * (48 if parts.hash_name == "sha384" else 32)
    opener = traffic_opener(parts, secret)
    assert opener is not None
    return Sealer13(parts, secret), opener


PAIRS = [
    *(pytest.param(lambda s=suite: pair13(s), id=str(suite)) for suite in TLS13_SUITES),
    *(pytest.param(lambda s=suite: pair12(s), id=str(suite)) for suite in TLS12_SUITES),
    *(
        pytest.param(lambda s=suite: pair12(s, True), id=f"{suite}, encrypt-then-MAC")
        for suite in TLS12_SUITES
        if suite_of(suite).cipher is Cipher.AES_CBC
    ),
]


def test_all_suites_of_tls13_are_there() -> None:
    assert len(TLS13_SUITES) == 5


@pytest.mark.parametrize("make", PAIRS)
def test_what_was_sealed_is_opened(make) -> None:  # type: ignore[no-untyped-def]
    sealer, opener = make()
    for data in (b"", b"x", b"fifteen bytes..", b"y" * 16, bytes(300), b"z" * 16384):
        assert opener.open(one(sealer.seal(23, data))) == (ContentType.APPLICATION_DATA, data)
    assert opener.open(one(sealer.seal(21, b"\x02\x28"))) == (ContentType.ALERT, b"\x02\x28")


@pytest.mark.parametrize("make", PAIRS)
def test_every_byte_changed_is_seen(make) -> None:  # type: ignore[no-untyped-def]
    sealer, opener = make()
    sealed = sealer.seal(23, b"some data")
    # All but the version's first byte and the length, which no record could have otherwise.
    for place in (0, 2, *range(5, len(sealed))):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(SealBroken):
            opener.open(one(bytes(changed)))
    assert opener.open(one(sealed))[1] == b"some data"


@pytest.mark.parametrize("make", PAIRS)
def test_every_other_length_is_refused(make) -> None:  # type: ignore[no-untyped-def]
    sealer, opener = make()
    fragment = sealer.seal(23, b"some data")[5:]
    for length in range(len(fragment)):
        with pytest.raises(SealBroken):
            opener.open(one(record(23, fragment[:length])))
    with pytest.raises(SealBroken):
        opener.open(one(record(23, fragment + b"x" * 16)))


@pytest.mark.parametrize("make", PAIRS)
def test_records_open_in_their_order_only(make) -> None:  # type: ignore[no-untyped-def]
    sealer, opener = make()
    first, second = (one(sealer.seal(23, data)) for data in (b"one", b"two"))
    with pytest.raises(SealBroken):
        opener.open(second)
    assert opener.open(first)[1] == b"one"
    with pytest.raises(SealBroken):
        opener.open(first)
    assert opener.open(second)[1] == b"two"


def test_padding_of_tls13_is_removed() -> None:
    sealer, opener = pair13(TLS13_SUITES[0])
    assert opener.open(one(sealer.seal(22, b"data\0", padding=100))) == (
        ContentType.HANDSHAKE,
        b"data\0",
    )
    assert opener.open(one(sealer.seal(99, b"", padding=1))) == (ContentType(99), b"")
    with pytest.raises(SealBroken):
        opener.open(one(sealer.seal_inner(bytes(20))))


@pytest.mark.parametrize("encrypt_then_mac", [False, True])
def test_wrong_padding_of_cbc_is_refused(encrypt_then_mac: bool) -> None:
    """RFC 5246 section 6.2.3.2: every padding byte holds the padding's length."""
    suite = CipherSuite["TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"]
    sealer, opener = pair12(suite, encrypt_then_mac)
    wrong, _ = pair12(suite, encrypt_then_mac)
    for padding in (b"\x05\x05\x05\x04\x05\x05", b"\xff" * 6):
        sealed = one(wrong.seal_padded(23, b"x" * (10 if encrypt_then_mac else 6), padding))
        wrong.sequence = 0
        with pytest.raises(SealBroken):
            opener.open(sealed)
    assert opener.open(one(sealer.seal(23, b"x")))[1] == b"x"


def test_a_key_update_changes_the_keys() -> None:
    sealer, opener = pair13(TLS13_SUITES[0])
    assert isinstance(opener, protection.TrafficOpener)
    updated = opener.updated()
    assert updated.open(one(sealer.updated().seal(23, b"new")))[1] == b"new"
    with pytest.raises(SealBroken):
        updated.open(one(sealer.seal(23, b"old")))


def test_a_suite_without_a_known_cipher_has_no_opener() -> None:
    suite = suite_of(CipherSuite["TLS_RSA_WITH_3DES_EDE_CBC_SHA"])
    keys = connection_keys(MASTER, b"c" * 32, b"s" * 32, suite)[0]
    assert traffic_opener(suite, b"s" * 32) is None
    assert connection_opener(suite, keys, encrypt_then_mac=False) is None
    cbc = suite_of(CipherSuite["TLS_RSA_WITH_AES_128_CBC_SHA"])
    assert traffic_opener(cbc, b"s" * 32) is None


def test_a_cipher_that_this_build_lacks_has_no_opener(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(key: bytes) -> None:
        raise UnsupportedAlgorithm("not in this build")

    monkeypatch.setattr(protection, "ChaCha20Poly1305", refuse)
    monkeypatch.setattr(protection, "_can_open", protection._can_open.__wrapped__)
    suite = suite_of(CipherSuite["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"])
    keys = connection_keys(MASTER, b"c" * 32, b"s" * 32, suite)[0]
    assert connection_opener(suite, keys, encrypt_then_mac=False) is None
    suite = suite_of(CipherSuite["TLS_CHACHA20_POLY1305_SHA256"])
    assert traffic_opener(suite, b"s" * 32) is None


@pytest.mark.parametrize("name", SUITES)
def test_a_suites_name_tells_its_protection(name: str) -> None:
    cipher, key_length, hash_name, mac_name = SUITES[name]
    assert suite_of(CipherSuite[name]) == Suite(
        cipher=cipher, key_length=key_length, hash_name=hash_name, mac_name=mac_name
    )


def test_every_suite_tells_its_mac_and_key_length() -> None:
    for suite in CipherSuite:
        parts = suite_of(suite)
        assert (parts.mac_name != "") == (parts.cipher in (Cipher.AES_CBC, Cipher.NULL))
        assert ("AES_128" in str(suite) and parts.cipher is not None) == (parts.key_length == 16)


def test_of_an_unknown_suite_no_protection_is_known() -> None:
    assert suite_of(CipherSuite(0x1234)).cipher is None
