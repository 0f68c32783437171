from __future__ import annotations

import copy
import gc
import pickle
import struct
import subprocess

import pytest

from lab.tls import code_points
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_point import (
    CodePoint,
    CodePoint16,
    CodePoints,
    code_table,
    sample,
)
from lab.tls.code_points import (
    AlertDescription,
    CertificateCompressionAlgorithm,
    ContentType,
    ExtensionType,
    HandshakeType,
    NamedGroup,
    ProtocolVersion,
    PskKeyExchangeMode,
    SignatureScheme,
)

KINDS = [
    CipherSuite,
    *(
        kind
        for kind in vars(code_points).values()
        if isinstance(kind, type) and issubclass(kind, CodePoint) and len(kind)
    ),
]


@pytest.mark.parametrize(
    ("member", "text"),
    [
        (AlertDescription.CERTIFICATE_REQUIRED, "certificate_required"),
        (HandshakeType.CERTIFICATE_REQUEST, "certificate_request"),
        (ExtensionType.SIGNATURE_ALGORITHMS, "signature_algorithms"),
        (ContentType.APPLICATION_DATA, "application_data"),
        (CipherSuite["TLS_AES_128_GCM_SHA256"], "TLS_AES_128_GCM_SHA256"),
        (CipherSuite["TLS_DH_anon_WITH_AES_128_CBC_SHA"], "TLS_DH_anon_WITH_AES_128_CBC_SHA"),
        (NamedGroup.X25519, "x25519"),
        (NamedGroup.X25519MLKEM768, "X25519MLKEM768"),
        (NamedGroup.BRAINPOOLP256R1TLS13, "brainpoolP256r1tls13"),
        (SignatureScheme.RSA_PSS_RSAE_SHA256, "rsa_pss_rsae_sha256"),
        (ProtocolVersion.TLS_1_3, "TLS 1.3"),
        (CertificateCompressionAlgorithm.ZLIB, "zlib"),
    ],
)
def test_text_is_the_registrys_name(member: CodePoint, text: str) -> None:
    assert str(member) == member.text == f"{member}" == text
    assert f"{member:>40}" == text.rjust(40)
    assert member.is_known


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
def test_every_number_of_a_registry_survives(kind: type[CodePoint]) -> None:
    size = 65536 if issubclass(kind, CodePoint16) else 256
    texts = set()
    for number in range(size):
        point = kind(number)
        assert point == number
        assert int(point) == number
        assert hash(point) == hash(number)
        assert code_table(kind)[number] == point
        texts.add(str(point))
    assert len(texts) == size
    data = b"".join(number.to_bytes(kind.digits() // 2, "big") for number in range(size))
    assert CodePoints(kind, data) == tuple(range(size))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
@pytest.mark.parametrize("value", [-1, 65536, "x", None, 1.5])
def test_what_is_no_number_of_a_registry_is_refused(kind: type[CodePoint], value: object) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        kind(value)  # type: ignore[arg-type]


def test_unknown_values_are_named_by_their_number() -> None:
    assert str(CipherSuite(0x1234)) == "unknown(0x1234)"
    assert str(AlertDescription(7)) == "unknown(0x07)"
    assert repr(AlertDescription(7)) == "<AlertDescription.unknown(0x07): 7>"
    assert not AlertDescription(7).is_known
    assert AlertDescription(7) == AlertDescription(7)
    assert AlertDescription(7) != AlertDescription(8)


def test_unknown_values_can_be_copied() -> None:
    unknown = AlertDescription(7)
    assert copy.deepcopy(unknown) == pickle.loads(pickle.dumps(unknown)) == unknown
    assert str(pickle.loads(pickle.dumps(unknown))) == "unknown(0x07)"


def test_unknown_values_are_kept_nowhere() -> None:
    def held() -> int:
        gc.collect()
        return sum(isinstance(thing, CipherSuite) for thing in gc.get_objects())

    before = len(CipherSuite), len(code_table(CipherSuite)), held()
    points = CodePoints(CipherSuite, bytes(range(256)) * 256)
    assert str(points[1]) == "unknown(0x0203)"
    assert len({str(point) for point in points}) > 100
    assert (len(CipherSuite), len(code_table(CipherSuite)), held()) == before


def test_grease_is_told() -> None:
    """RFC 8701 section 2 lists them."""
    assert str(CipherSuite(0x0A0A)) == "GREASE(0x0a0a)"
    for kind in (CipherSuite, ExtensionType, NamedGroup, SignatureScheme, ProtocolVersion):
        found = [number for number in range(65536) if kind(number).is_grease]
        assert found == [0x1010 * high + 0x0A0A for high in range(16)]
    modes = [number for number in range(256) if PskKeyExchangeMode(number).is_grease]
    assert modes == [0x0B, 0x2A, 0x49, 0x68, 0x87, 0xA6, 0xC5, 0xE4]
    assert not any(AlertDescription(number).is_grease for number in range(256))


LIST = CodePoints(CipherSuite, b"\x13\x01\x0a\x0a\x40\x13\x01\x13")
TUPLE = tuple(map(CipherSuite, (0x1301, 0x0A0A, 0x4013, 0x0113)))


def test_a_list_of_code_points_is_as_good_as_the_tuple_of_them() -> None:
    assert LIST == TUPLE
    assert TUPLE == LIST
    assert CodePoints(CipherSuite, struct.pack(">4H", *LIST.numbers)) == LIST
    assert TUPLE[:3] != LIST
    assert list(TUPLE) != LIST
    assert hash(LIST) == hash(TUPLE)
    assert len(LIST) == 4
    assert tuple(LIST) == TUPLE
    assert repr(LIST) == repr(TUPLE)
    assert [LIST[at] for at in range(-4, 4)] == [TUPLE[at] for at in range(-4, 4)]
    for places in (slice(1, 3), slice(None, None, -2), slice(9, 10)):
        assert LIST[places] == TUPLE[places]
        assert isinstance(LIST[places], CodePoints)
    with pytest.raises(IndexError):
        LIST[4]
    assert pickle.loads(pickle.dumps(LIST)) == copy.deepcopy(LIST) == LIST


def test_a_list_contains_numbers_and_not_the_bytes_between_them() -> None:
    assert 0x1301 in LIST
    assert CipherSuite(0x4013) in LIST
    assert 0x010A not in LIST
    assert 70000 not in LIST
    anything: object = "x"
    assert anything not in LIST
    modes = CodePoints(PskKeyExchangeMode, b"\x00\x01")
    assert PskKeyExchangeMode.PSK_DHE_KE in modes
    assert 256 not in modes


def test_a_sample_of_a_list_makes_no_more_than_it_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sample(LIST, 2) == ([0x1301, 0x4013], 1)
    assert sample(TUPLE, 2) == ([0x1301, 0x4013], 1)
    assert sample(iter("abc"), 5) == (["a", "b", "c"], 0)
    made = []
    whole = CodePoint._missing_.__func__  # type: ignore[attr-defined]

    def counting(cls: type[CodePoint], value: object) -> object:
        made.append(value)
        return whole(cls, value)

    monkeypatch.setattr(CodePoint, "_missing_", classmethod(counting))
    data = b"".join(number.to_bytes(2, "big") for number in range(0x4000, 0xC000))
    shown, rest = sample(CodePoints(CipherSuite, data), 3)
    assert (len(shown), rest, len(made)) == (3, 0x8000 - 8 - 3, 3)


def test_openssl_has_the_same_name_for_each_of_its_suites() -> None:
    listing = subprocess.run(
        ["openssl", "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    names = {}
    for line in listing.splitlines():
        number, _, name = line.split()[:3]
        high, low = (int(part, 16) for part in number.split(","))
        names[high << 8 | low] = name
    assert len(names) > 50
    assert {number: str(CipherSuite(number)) for number in names} == names
