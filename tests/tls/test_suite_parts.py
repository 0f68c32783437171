from __future__ import annotations

import pytest

from lab.tls.cipher_suites import CipherSuite
from lab.tls.suite_parts import (
    Cipher,
    KeyExchange,
    Suite,
    parts_of,
)

TABLE = {
    "TLS_AES_128_GCM_SHA256": (KeyExchange.TLS_1_3, True, Cipher.AES_GCM, 16, "sha256", ""),
    "TLS_AES_256_GCM_SHA384": (KeyExchange.TLS_1_3, True, Cipher.AES_GCM, 32, "sha384", ""),
    "TLS_CHACHA20_POLY1305_SHA256": (
        KeyExchange.TLS_1_3,
        True,
        Cipher.CHACHA20_POLY1305,
        32,
        "sha256",
        "",
    ),
    "TLS_AES_128_CCM_SHA256": (KeyExchange.TLS_1_3, True, Cipher.AES_CCM, 16, "sha256", ""),
    "TLS_AES_128_CCM_8_SHA256": (KeyExchange.TLS_1_3, True, Cipher.AES_CCM_8, 16, "sha256", ""),
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": (
        KeyExchange.ECDHE,
        True,
        Cipher.AES_GCM,
        32,
        "sha384",
        "",
    ),
    "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8": (
        KeyExchange.ECDHE,
        True,
        Cipher.AES_CCM_8,
        16,
        "sha256",
        "",
    ),
    "TLS_DHE_RSA_WITH_AES_128_CBC_SHA": (
        KeyExchange.DHE,
        True,
        Cipher.AES_CBC,
        16,
        "sha256",
        "sha1",
    ),
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384": (
        KeyExchange.ECDHE,
        True,
        Cipher.AES_CBC,
        32,
        "sha384",
        "sha384",
    ),
    "TLS_RSA_WITH_AES_128_CBC_SHA256": (
        KeyExchange.RSA,
        True,
        Cipher.AES_CBC,
        16,
        "sha256",
        "sha256",
    ),
    "TLS_DH_anon_WITH_AES_128_GCM_SHA256": (
        KeyExchange.DHE,
        False,
        Cipher.AES_GCM,
        16,
        "sha256",
        "",
    ),
    "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256": (
        KeyExchange.OTHER,
        True,
        Cipher.CHACHA20_POLY1305,
        32,
        "sha256",
        "",
    ),
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA": (KeyExchange.RSA, True, None, 32, "sha256", ""),
    "TLS_RSA_WITH_NULL_SHA256": (KeyExchange.RSA, True, None, 32, "sha256", ""),
    "TLS_FALLBACK_SCSV": (KeyExchange.TLS_1_3, True, None, 32, "sha256", ""),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_suites_name_tells_its_parts(name: str) -> None:
    key_exchange, signed, cipher, key_length, hash_name, mac_name = TABLE[name]
    assert parts_of(CipherSuite[name]) == Suite(
        key_exchange=key_exchange,
        signed=signed,
        cipher=cipher,
        key_length=key_length,
        hash_name=hash_name,
        mac_name=mac_name,
    )


def test_every_suite_has_parts() -> None:
    for suite in CipherSuite:
        parts = parts_of(suite)
        assert (parts.mac_name != "") == (parts.cipher is Cipher.AES_CBC)
        assert ("AES_128" in str(suite) and parts.cipher is not None) == (parts.key_length == 16)


def test_of_an_unknown_suite_nothing_is_known() -> None:
    parts = parts_of(CipherSuite(0x1234))
    assert parts.cipher is None
    assert parts.key_exchange is KeyExchange.OTHER
