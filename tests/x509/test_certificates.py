from __future__ import annotations

import datetime
import ipaddress
import random
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.pki import profiles
from lab.pki.lab_ca import new_lab_authority
from lab.x509 import certificates, public_keys
from lab.x509.certificates import (
    CertificateDescription,
    describe,
    describe_names,
    described,
    row,
)
from lab.x509.names import distinguished_name
from tests.support.pki_fixtures import leaf_key, new_authority, utc_now

NAME = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "XX"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "A, B\x1b[31m"),
        x509.NameAttribute(NameOID.COMMON_NAME, "leaf"),
    ]
)
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
AnyKey = (
    ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | dsa.DSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)
DER = serialization.Encoding.DER


def make(key: AnyKey, *extensions: tuple[x509.ExtensionType, bool]) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(255)
        .not_valid_before(NOW)
        .not_valid_after(NOW + datetime.timedelta(days=1))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    edwards = isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return builder.sign(key, None if edwards else hashes.SHA256()).public_bytes(DER)


KEY = ec.generate_private_key(ec.SECP384R1())


def test_a_bare_certificate() -> None:
    assert describe(make(KEY)) == CertificateDescription(
        subject="CN=leaf,O=A\\, B\x1b[31m,C=XX",
        issuer="",
        serial=255,
        not_valid_before=NOW,
        not_valid_after=NOW + datetime.timedelta(days=1),
        key_type="EC secp384r1",
        signature_algorithm="ecdsa-with-SHA256",
        signature_digest="sha256",
    )


def test_extensions() -> None:
    names = x509.SubjectAlternativeName(
        [
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("::1")),
            x509.UniformResourceIdentifier("spiffe://lab/a"),
            x509.RFC822Name("a@example.org"),
            x509.DirectoryName(NAME),
            x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
            x509.OtherName(x509.ObjectIdentifier("1.2.4"), b"\x05\x00"),
        ]
    )
    purposes = [
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
        x509.ObjectIdentifier("1.2.3.4"),
    ]
    usage = x509.KeyUsage(True, True, False, False, True, True, True, True, False)
    described = describe(
        make(
            KEY,
            (names, False),
            (x509.ExtendedKeyUsage(purposes), False),
            (usage, True),
            (x509.BasicConstraints(ca=True, path_length=3), True),
            (x509.SubjectKeyIdentifier(b"subject"), False),
            (x509.AuthorityKeyIdentifier(b"authority", None, None), False),
        )
    )
    assert described.subject_alt_names == (
        "DNS:localhost",
        "IP:::1",
        "URI:spiffe://lab/a",
        "email:a@example.org",
        "dirName:CN=leaf,O=A\\, B\x1b[31m,C=XX",
        "RID:1.2.3",
        "otherName",
    )
    assert described.extended_key_usage == ("serverAuth", "clientAuth", "1.2.3.4")
    assert described.key_usage == (
        *("digitalSignature", "nonRepudiation", "keyAgreement", "keyCertSign", "cRLSign"),
        "encipherOnly",
    )
    assert described.is_ca is True
    assert described.subject_key_identifier == b"subject"
    assert described.authority_key_identifier == b"authority"
    assert described.problem == ""


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (
            rsa.generate_private_key(public_exponent=65537, key_size=2048),
            ("RSA", 2048, "sha256WithRSAEncryption"),
        ),
        (
            ec.generate_private_key(ec.SECP256R1()),
            ("EC secp256r1", None, "ecdsa-with-SHA256"),
        ),
        (dsa.generate_private_key(1024), ("DSA", 1024, "2.16.840.1.101.3.4.3.2")),
        (ed25519.Ed25519PrivateKey.generate(), ("Ed25519", None, "ED25519")),
        (ed448.Ed448PrivateKey.generate(), ("Ed448", None, "ED448")),
    ],
    ids=["RSA", "EC", "DSA", "Ed25519", "Ed448"],
)
def test_keys(key: AnyKey, told: tuple[str, int | None, str]) -> None:
    described = describe(make(key))
    assert (described.key_type, described.key_bits, described.signature_algorithm) == told


def test_an_algorithm_that_is_not_known_is_told_by_its_number() -> None:
    """The OID of ecdsa-with-SHA256 and of the key, each with another last number."""
    der = make(KEY)
    signature = der.replace(
        bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a8648ce3d04037f")
    )
    assert describe(signature).signature_algorithm == "1.2.840.10045.4.3.127"
    public_key = der.replace(
        bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d027f")
    )
    described = describe(public_key)
    assert (described.key_type, described.key_bits) == ("unknown", None)
    assert described.subject


def test_extensions_that_cannot_be_read_leave_the_rest() -> None:
    der = make(KEY, (x509.SubjectKeyIdentifier(b"subject"), False))
    broken = der.replace(b"\x04\x09\x04\x07subject", b"\x04\x09\x05\x07subject")
    assert broken != der
    described = describe(broken)
    assert described.subject
    assert described.subject_key_identifier is None
    assert described.problem.startswith("cannot be read here: subjectKeyIdentifier (")


@pytest.mark.parametrize("der", [b"", b"\x30", b"\x30\x80", b"\x30\x03\x02\x01\x00", bytes(100)])
def test_what_is_no_certificate(der: bytes) -> None:
    described = describe(der)
    assert described.subject == ""
    assert described.problem.startswith("not a readable certificate: ")


def test_names() -> None:
    assert distinguished_name(NAME.public_bytes()) == "CN=leaf,O=A\\, B\x1b[31m,C=XX"
    assert distinguished_name(b"\x30\x00") == ""
    long = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x" * 64)] * 10)
    assert distinguished_name(long.public_bytes()) == long.rfc4514_string()


@pytest.mark.parametrize("der", [b"", b"\x30", b"\x31\x00", b"\x30\x00\x00", bytes(100)])
def test_what_is_no_name(der: bytes) -> None:
    assert distinguished_name(der) == der.hex()


def test_mutated_certificates_raise_nothing() -> None:
    ca = new_lab_authority(NOW)
    certificate = ca.client(names=(x509.DNSName("a.test"),)).certificate
    generator = random.Random(5280)
    for _ in range(3000):
        der = bytearray(certificate.public_bytes(DER))
        for _ in range(generator.randint(1, 4)):
            der[generator.randrange(len(der))] = generator.randrange(256)
        describe(bytes(der))


def many_names(number: int) -> bytes:
    return make(KEY, (x509.SubjectAlternativeName([x509.DNSName("a")] * number), False))


@pytest.mark.parametrize("number", [1, 3000])
def test_the_names_alone_are_described_like_the_whole(number: int) -> None:
    der = many_names(number)
    whole, names = describe(der), describe_names(der)
    assert (names.subject, names.issuer, names.serial) == (whole.subject, "", 255)
    assert names.problem == ""
    assert bool(names.subject_alt_names) == (number == 1)


def test_names_that_are_too_long_are_not_described() -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a" * 64)] * 70)
    builder = x509.CertificateBuilder(
        issuer_name=NAME, subject_name=name, public_key=KEY.public_key()
    )
    builder = builder.serial_number(7).not_valid_before(NOW).not_valid_after(NOW)
    der = builder.sign(KEY, hashes.SHA256()).public_bytes(DER)
    assert describe_names(der) == CertificateDescription(
        problem="not described: serial number and names take more than 4096 bytes"
    )
    assert describe(der).serial == 7


@pytest.mark.parametrize(
    "der", [b"", b"\x30", b"0" * 9000, b"\x30\x84" + b"\xff" * 9000, bytes(9000)]
)
def test_names_of_what_is_no_certificate(der: bytes) -> None:
    seen = describe_names(der)
    assert seen.subject == ""
    assert seen.problem.startswith(("not a readable certificate: ", "not described: "))


def test_what_is_remembered_of_certificates_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    load = public_keys.describe_key

    def counting(public_key: bytes) -> tuple[str, int | None]:
        read.append(public_key)
        return load(public_key)

    monkeypatch.setattr(certificates, "describe_key", counting)
    short, long = many_names(1), many_names(3000)
    certificates._described_cached.cache_clear()
    for der in (short, long) * 3:
        describe(der)
    assert len(read) == 1 + 3


ALL_FORMS = (
    x509.UniformResourceIdentifier("spiffe://lab.test/client"),
    x509.RFC822Name("ana@lab.test"),
    x509.DirectoryName(profiles.common_name("Añadir")),
    x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
    x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"),
)


def test_names_of_all_forms() -> None:
    profile = replace(
        profiles.client("a,b"),
        names=ALL_FORMS,
        extended_key_usage=(
            ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
            x509.ObjectIdentifier("1.3.6.1.4.1.99999.2"),
        ),
    )
    now = utc_now()
    certificate = new_authority(now).issue(profile, leaf_key(), now=now).certificate
    seen = described(certificate)
    assert seen.subject_alt_names == (
        "URI:spiffe://lab.test/client",
        "email:ana@lab.test",
        "dirName:CN=Añadir",
        "RID:1.2.3",
        "otherName",
    )
    assert row(certificate)[:3] == (
        "CN=a\\,b",
        ", ".join(seen.subject_alt_names),
        "anyExtendedKeyUsage, 1.3.6.1.4.1.99999.2",
    )
