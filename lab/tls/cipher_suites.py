"""The cipher suites of the IANA registry "TLS Cipher Suites", without the Kerberos ones.

Rules: a member's name is the registry's name, letter for letter. What a suite means for messages
is told in ``parsing_context.py``, for records in ``record_suites.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.tls.code_point import CodePoint16

# RFC 5246 appendix C: a suite's name is TLS_, the key exchange, _WITH_, and the protection. Most
# suites were registered in runs, where each key exchange has the same protections: the number of
# the first, the key exchanges, the protections. Those of TLS 1.3 name no key exchange.
_STATIC_AND_DHE = "RSA DH_DSS DH_RSA DHE_DSS DHE_RSA DH_anon"
_GCM_DHE = "RSA DHE_RSA DH_RSA DHE_DSS DH_DSS DH_anon"
_PSK = "PSK DHE_PSK RSA_PSK"
_SRP = "SRP_SHA SRP_SHA_RSA SRP_SHA_DSS"
_ECDHE = "ECDHE_ECDSA ECDH_ECDSA ECDHE_RSA ECDH_RSA"
_RUNS = (
    (0x0000, "NULL", "NULL_NULL"),
    (0x0001, "RSA", "NULL_MD5 NULL_SHA"),
    (0x0003, "RSA_EXPORT", "RC4_40_MD5"),
    (0x0004, "RSA", "RC4_128_MD5 RC4_128_SHA"),
    (0x0006, "RSA_EXPORT", "RC2_CBC_40_MD5"),
    (0x0007, "RSA", "IDEA_CBC_SHA"),
    (0x0008, "RSA_EXPORT", "DES40_CBC_SHA"),
    (0x0009, "RSA", "DES_CBC_SHA 3DES_EDE_CBC_SHA"),
    (0x000B, "DH_DSS_EXPORT", "DES40_CBC_SHA"),
    (0x000C, "DH_DSS", "DES_CBC_SHA 3DES_EDE_CBC_SHA"),
    (0x000E, "DH_RSA_EXPORT", "DES40_CBC_SHA"),
    (0x000F, "DH_RSA", "DES_CBC_SHA 3DES_EDE_CBC_SHA"),
    (0x0011, "DHE_DSS_EXPORT", "DES40_CBC_SHA"),
    (0x0012, "DHE_DSS", "DES_CBC_SHA 3DES_EDE_CBC_SHA"),
    (0x0014, "DHE_RSA_EXPORT", "DES40_CBC_SHA"),
    (0x0015, "DHE_RSA", "DES_CBC_SHA 3DES_EDE_CBC_SHA"),
    (0x0017, "DH_anon_EXPORT", "RC4_40_MD5"),
    (0x0018, "DH_anon", "RC4_128_MD5"),
    (0x0019, "DH_anon_EXPORT", "DES40_CBC_SHA"),
    (0x001A, "DH_anon", "DES_CBC_SHA 3DES_EDE_CBC_SHA"),
    (0x002C, _PSK, "NULL_SHA"),
    (0x002F, _STATIC_AND_DHE, "AES_128_CBC_SHA"),
    (0x0035, _STATIC_AND_DHE, "AES_256_CBC_SHA"),
    (0x003B, "RSA", "NULL_SHA256 AES_128_CBC_SHA256 AES_256_CBC_SHA256"),
    (0x003E, "DH_DSS DH_RSA DHE_DSS", "AES_128_CBC_SHA256"),
    (0x0041, _STATIC_AND_DHE, "CAMELLIA_128_CBC_SHA"),
    (0x0067, "DHE_RSA", "AES_128_CBC_SHA256"),
    (0x0068, "DH_DSS DH_RSA DHE_DSS DHE_RSA", "AES_256_CBC_SHA256"),
    (0x006C, "DH_anon", "AES_128_CBC_SHA256 AES_256_CBC_SHA256"),
    (0x0080, "GOSTR341094 GOSTR341001", "28147_CNT_IMIT"),
    (0x0082, "GOSTR341094 GOSTR341001", "NULL_GOSTR3411"),
    (0x0084, _STATIC_AND_DHE, "CAMELLIA_256_CBC_SHA"),
    (0x008A, _PSK, "RC4_128_SHA 3DES_EDE_CBC_SHA AES_128_CBC_SHA AES_256_CBC_SHA"),
    (0x0096, _STATIC_AND_DHE, "SEED_CBC_SHA"),
    (0x009C, f"{_GCM_DHE} {_PSK}", "AES_128_GCM_SHA256 AES_256_GCM_SHA384"),
    (0x00AE, _PSK, "AES_128_CBC_SHA256 AES_256_CBC_SHA384 NULL_SHA256 NULL_SHA384"),
    (0x00BA, _STATIC_AND_DHE, "CAMELLIA_128_CBC_SHA256"),
    (0x00C0, _STATIC_AND_DHE, "CAMELLIA_256_CBC_SHA256"),
    (0x00C6, "", "SM4_GCM_SM3 SM4_CCM_SM3"),
    (0x00FF, "", "EMPTY_RENEGOTIATION_INFO_SCSV"),
    (0x1301, "", "AES_128_GCM_SHA256 AES_256_GCM_SHA384 CHACHA20_POLY1305_SHA256"),
    (0x1304, "", "AES_128_CCM_SHA256 AES_128_CCM_8_SHA256"),
    (0x5600, "", "FALLBACK_SCSV"),
    (
        0xC001,
        "ECDH_ECDSA ECDHE_ECDSA ECDH_RSA ECDHE_RSA ECDH_anon",
        "NULL_SHA RC4_128_SHA 3DES_EDE_CBC_SHA AES_128_CBC_SHA AES_256_CBC_SHA",
    ),
    (0xC01A, _SRP, "3DES_EDE_CBC_SHA"),
    (0xC01D, _SRP, "AES_128_CBC_SHA"),
    (0xC020, _SRP, "AES_256_CBC_SHA"),
    (0xC023, _ECDHE, "AES_128_CBC_SHA256 AES_256_CBC_SHA384"),
    (0xC02B, _ECDHE, "AES_128_GCM_SHA256 AES_256_GCM_SHA384"),
    (0xC033, "ECDHE_PSK", "RC4_128_SHA 3DES_EDE_CBC_SHA AES_128_CBC_SHA AES_256_CBC_SHA"),
    (0xC037, "ECDHE_PSK", "AES_128_CBC_SHA256 AES_256_CBC_SHA384"),
    (0xC039, "ECDHE_PSK", "NULL_SHA NULL_SHA256 NULL_SHA384"),
    (0xC03C, f"{_STATIC_AND_DHE} {_ECDHE}", "ARIA_128_CBC_SHA256 ARIA_256_CBC_SHA384"),
    (0xC050, f"{_GCM_DHE} {_ECDHE}", "ARIA_128_GCM_SHA256 ARIA_256_GCM_SHA384"),
    (0xC064, _PSK, "ARIA_128_CBC_SHA256 ARIA_256_CBC_SHA384"),
    (0xC06A, _PSK, "ARIA_128_GCM_SHA256 ARIA_256_GCM_SHA384"),
    (0xC070, "ECDHE_PSK", "ARIA_128_CBC_SHA256 ARIA_256_CBC_SHA384"),
    (0xC072, _ECDHE, "CAMELLIA_128_CBC_SHA256 CAMELLIA_256_CBC_SHA384"),
    (0xC07A, f"{_GCM_DHE} {_ECDHE} {_PSK}", "CAMELLIA_128_GCM_SHA256 CAMELLIA_256_GCM_SHA384"),
    (0xC094, f"{_PSK} ECDHE_PSK", "CAMELLIA_128_CBC_SHA256 CAMELLIA_256_CBC_SHA384"),
    (0xC09C, "RSA DHE_RSA", "AES_128_CCM AES_256_CCM"),
    (0xC0A0, "RSA DHE_RSA", "AES_128_CCM_8 AES_256_CCM_8"),
    (0xC0A4, "PSK DHE_PSK", "AES_128_CCM AES_256_CCM"),
    (0xC0A8, "PSK PSK_DHE", "AES_128_CCM_8 AES_256_CCM_8"),
    (0xC0AC, "ECDHE_ECDSA", "AES_128_CCM AES_256_CCM AES_128_CCM_8 AES_256_CCM_8"),
    (0xC0B0, "ECCPWD", "AES_128_GCM_SHA256 AES_256_GCM_SHA384"),
    (0xC0B2, "ECCPWD", "AES_128_CCM_SHA256 AES_256_CCM_SHA384"),
    (0xC0B4, "", "SHA256_SHA256 SHA384_SHA384"),
    (0xC0FF, "ECJPAKE", "AES_128_CCM_8"),
    (0xC100, "GOSTR341112_256", "KUZNYECHIK_CTR_OMAC MAGMA_CTR_OMAC 28147_CNT_IMIT"),
    (0xC103, "GOSTR341112_256", "KUZNYECHIK_MGM_L MAGMA_MGM_L KUZNYECHIK_MGM_S MAGMA_MGM_S"),
    (
        0xCCA8,
        "ECDHE_RSA ECDHE_ECDSA DHE_RSA PSK ECDHE_PSK DHE_PSK RSA_PSK",
        "CHACHA20_POLY1305_SHA256",
    ),
    (0xD001, "ECDHE_PSK", "AES_128_GCM_SHA256 AES_256_GCM_SHA384 AES_128_CCM_8_SHA256"),
    (0xD005, "ECDHE_PSK", "AES_128_CCM_SHA256"),
)


def _registered() -> Iterator[tuple[str, int]]:
    """Yield the name and the number of each suite."""
    for first, exchanges, protections in _RUNS:
        names = [
            f"TLS_{exchange}_WITH_{protection}" if exchange else f"TLS_{protection}"
            for exchange in exchanges.split() or [""]
            for protection in protections.split()
        ]
        yield from zip(names, range(first, first + len(names)), strict=True)


class CipherSuite(CodePoint16):
    """A cipher suite (RFC 9846 appendix B.4, RFC 5246 appendix A.5), ``CipherSuite["TLS_…"]``."""

    def __init__(self, value: int, text: str = "") -> None:
        super().__init__(value, text or self._name_)

    _ignore_ = "members name number"
    members = vars()
    for name, number in _registered():
        members[name] = number
