"""Certificates say what their profile says; good ones pass OpenSSL's strict checks."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from lab.pki import profiles
from lab.pki.authority import (
    LIFETIME,
    Authority,
    revocation_list,
    revocation_lists_pem,
    self_signed,
)
from lab.pki.files.secret_files import temporary_pem
from lab.pki.files.verify_set import handshake
from lab.pki.identity import Identity, KeyKind, cached, certificates_pem, public_bytes
from lab.pki.profiles import KeyUsageBit, Profile, SignatureHash
from tests.support.pki_fixtures import (
    LOCAL_NAMES,
    client_under,
    extension_of,
    leaf_key,
    new_authority,
    server_under,
    utc_now,
)

NOW = datetime(2030, 5, 17, 12, 30, 15, 999999, tzinfo=timezone.utc)
ROOT = new_authority(NOW)
CLIENT = profiles.client()


def issue(profile: Profile, authority: Authority = ROOT) -> x509.Certificate:
    return authority.issue(profile, leaf_key(), now=NOW).certificate


def described(certificate: x509.Certificate) -> set[tuple[str, bool]]:
    return {
        (extension.oid.dotted_string, extension.critical) for extension in certificate.extensions
    }


def test_root_says_what_a_root_says() -> None:
    root = ROOT.identity.certificate
    assert root.subject == root.issuer == profiles.common_name("mTLS Lab Root CA")
    assert described(root) == {
        (ExtensionOID.BASIC_CONSTRAINTS.dotted_string, True),
        (ExtensionOID.KEY_USAGE.dotted_string, True),
        (ExtensionOID.SUBJECT_KEY_IDENTIFIER.dotted_string, False),
    }
    constraints = root.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert constraints == x509.BasicConstraints(ca=True, path_length=None)
    usage = root.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.key_cert_sign and usage.crl_sign and not usage.digital_signature
    root.verify_directly_issued_by(root)


@pytest.mark.parametrize(
    ("profile", "purpose", "with_san"),
    [
        (profiles.server(LOCAL_NAMES), ExtendedKeyUsageOID.SERVER_AUTH, True),
        (profiles.client("Añadir 待办"), ExtendedKeyUsageOID.CLIENT_AUTH, False),
    ],
)
def test_leaves_say_what_strict_checks_want(
    profile: Profile, purpose: x509.ObjectIdentifier, with_san: bool
) -> None:
    leaf = issue(profile)
    assert leaf.version is x509.Version.v3
    assert leaf.subject == profile.subject
    extensions = leaf.extensions
    assert described(leaf) == {
        (ExtensionOID.BASIC_CONSTRAINTS.dotted_string, True),
        (ExtensionOID.KEY_USAGE.dotted_string, True),
        (ExtensionOID.EXTENDED_KEY_USAGE.dotted_string, False),
        (ExtensionOID.SUBJECT_KEY_IDENTIFIER.dotted_string, False),
        (ExtensionOID.AUTHORITY_KEY_IDENTIFIER.dotted_string, False),
    } | ({(ExtensionOID.SUBJECT_ALTERNATIVE_NAME.dotted_string, False)} if with_san else set())
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [purpose]
    root_id = ROOT.identity.certificate.extensions.get_extension_for_class(
        x509.SubjectKeyIdentifier
    )
    leaf_issuer = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert leaf_issuer.key_identifier == root_id.value.digest
    leaf.verify_directly_issued_by(ROOT.identity.certificate)


def test_common_name_is_utf8string() -> None:
    der = issue(profiles.client("Añadir")).subject.public_bytes()
    assert b"\x0c\x07A\xc3\xb1adir" in der  # 12 is UTF8String, 7 its length in bytes


@pytest.mark.parametrize("days", [1, 365])
def test_validity_is_whole_days_from_a_little_before_now(days: int) -> None:
    leaf = issue(profiles.client(days=days))
    assert leaf.not_valid_before_utc == datetime(2030, 5, 17, 12, 25, 15, tzinfo=timezone.utc)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=days)


def test_now_may_be_in_any_zone() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=-7)))
    leaf = ROOT.issue(CLIENT, leaf_key(), now=elsewhere).certificate
    assert leaf.not_valid_before_utc == issue(CLIENT).not_valid_before_utc


def test_serials_are_random_unless_told() -> None:
    numbers = {issue(CLIENT).serial_number for _ in range(20)}
    assert len(numbers) == 20
    assert all(0 < number < 1 << 159 for number in numbers)
    assert max(numbers).bit_length() > 128
    counted = Authority(identity=ROOT.identity, serials=iter([7, 8]).__next__)
    assert [issue(CLIENT, counted).serial_number for _ in range(2)] == [7, 8]
    assert issue(replace(CLIENT, serial=99), counted).serial_number == 99


def test_everything_but_the_signature_is_determined() -> None:
    fixed = replace(CLIENT, serial=5)
    assert issue(fixed).tbs_certificate_bytes == issue(fixed).tbs_certificate_bytes


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
OTHER = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Somebody else")])


@pytest.mark.parametrize(
    ("change", "oid"),
    [
        ({"basic_constraints": None}, ExtensionOID.BASIC_CONSTRAINTS),
        ({"key_usage": frozenset()}, ExtensionOID.KEY_USAGE),
        ({"extended_key_usage": ()}, ExtensionOID.EXTENDED_KEY_USAGE),
        ({"subject_key_identifier": False}, ExtensionOID.SUBJECT_KEY_IDENTIFIER),
        ({"authority_key_identifier": False}, ExtensionOID.AUTHORITY_KEY_IDENTIFIER),
    ],
)
def test_an_extension_can_be_left_out_alone(
    change: dict[str, Any], oid: x509.ObjectIdentifier
) -> None:
    whole, changed = issue(CLIENT), issue(replace(CLIENT, **change))
    assert extension_of(whole, oid) is not None
    assert described(whole) - described(changed) == {
        item for item in described(whole) if item[0] == oid.dotted_string
    }


def test_fields_can_be_changed_one_by_one() -> None:
    assert issue(replace(CLIENT, subject=OTHER)).subject == OTHER
    assert issue(replace(CLIENT, issuer=OTHER)).issuer == OTHER
    signed = issue(replace(CLIENT, signature_hash=SignatureHash.SHA384))
    assert signed.signature_hash_algorithm is not None
    assert signed.signature_hash_algorithm.name == "sha384"
    past = replace(CLIENT, starts=timedelta(days=-30), lifetime=timedelta(days=29))
    assert issue(past).not_valid_after_utc == NOW.replace(microsecond=0) - timedelta(days=1)
    critical = issue(
        replace(CLIENT, extensions=(x509.Extension(UNKNOWN.oid, True, UNKNOWN),))
    ).extensions.get_extension_for_oid(UNKNOWN.oid)
    assert critical.critical and critical.value == UNKNOWN
    usage = issue(replace(CLIENT, key_usage=frozenset({KeyUsageBit.KEY_AGREEMENT})))
    assert usage.extensions.get_extension_for_class(x509.KeyUsage).value.key_agreement


def test_san_is_critical_only_without_a_subject() -> None:
    named = profiles.server(LOCAL_NAMES)
    oid = ExtensionOID.SUBJECT_ALTERNATIVE_NAME
    assert not issue(named).extensions.get_extension_for_oid(oid).critical
    nameless = issue(replace(named, subject=x509.Name([])))
    assert nameless.extensions.get_extension_for_oid(oid).critical


def test_chain_has_those_above_without_the_root() -> None:
    middle = ROOT.issue(profiles.intermediate_ca("Lab Issuing CA"), leaf_key(9), now=NOW)
    leaf = Authority(identity=middle).issue(CLIENT, leaf_key(), now=NOW)
    assert [certificate.subject for certificate in leaf.chain] == [
        profiles.common_name("mtls-client"),
        profiles.common_name("Lab Issuing CA"),
    ]
    leaf.certificate.verify_directly_issued_by(middle.certificate)
    constraints = middle.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)


def test_another_root_of_the_same_name_signs_differently() -> None:
    twin = new_authority(NOW, number=1)
    leaf = issue(CLIENT, twin)
    assert leaf.issuer == ROOT.identity.certificate.subject
    with pytest.raises(InvalidSignature):
        leaf.verify_directly_issued_by(ROOT.identity.certificate)


# What OpenSSL says of them, checking as Python 3.13 does.


def strict(purpose: ssl._SSLMethod, own: Identity, trusted: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(purpose)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(cadata=trusted.identity.chain_pem().decode())
    with temporary_pem(own) as path:
        context.load_cert_chain(path)
    return context


def shake_hands(server: Identity, client: Identity, root: Authority) -> None:
    handshake(
        strict(ssl.PROTOCOL_TLS_SERVER, server, root),
        strict(ssl.PROTOCOL_TLS_CLIENT, client, root),
        "localhost",
    )


def test_good_identities_pass() -> None:
    now = utc_now()
    root = new_authority(now)
    middle = Authority(
        identity=root.issue(profiles.intermediate_ca("Lab Issuing CA"), leaf_key(9), now=now)
    )
    shake_hands(server_under(root, now), client_under(root, now), root)
    shake_hands(server_under(middle, now), client_under(middle, now), root)


@pytest.mark.parametrize("kind", [KeyKind.ED25519, KeyKind.EC_P384, KeyKind.RSA_2048])
def test_other_kinds_of_keys_pass(kind: KeyKind) -> None:
    now = utc_now()
    root = Authority(identity=self_signed(profiles.root_ca(), cached(kind, 1), now=now))
    server = root.issue(profiles.server(LOCAL_NAMES), cached(kind, 2), now=now)
    shake_hands(server, root.issue(profiles.client(), cached(kind, 3), now=now), root)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"authority_key_identifier": False}, "Missing Authority Key Identifier"),
        ({"starts": timedelta(days=-9), "lifetime": timedelta(days=8)}, "certificate has expired"),
        ({"starts": timedelta(days=1)}, "certificate is not yet valid"),
        (
            {"extended_key_usage": (ExtendedKeyUsageOID.SERVER_AUTH,)},
            "(unsupported|unsuitable) certificate purpose",
        ),
        (
            {"extensions": (x509.Extension(UNKNOWN.oid, True, UNKNOWN),)},
            "unhandled critical extension",
        ),
    ],
)
def test_one_changed_field_is_refused_for_its_own_reason(
    change: dict[str, Any], words: str
) -> None:
    now = utc_now()
    root = new_authority(now)
    broken = root.issue(replace(profiles.client(), **change), leaf_key(), now=now)
    with pytest.raises(ssl.SSLCertVerificationError, match=words):
        shake_hands(server_under(root, now), broken, root)


# Identities as bytes.


def test_pem_round_trip() -> None:
    identity = ROOT.issue(CLIENT, leaf_key(), now=NOW)
    assert x509.load_pem_x509_certificates(identity.chain_pem()) == list(identity.chain)
    plain = serialization.load_pem_private_key(identity.key_pem(), None)
    locked = serialization.load_pem_private_key(identity.key_pem(b"secret"), b"secret")
    for key in (plain, locked):
        assert key.private_numbers() == identity.key.private_numbers()  # type: ignore[union-attr]
    assert b"ENCRYPTED" in identity.key_pem(b"secret")


def test_pkcs12_holds_key_chain_and_authorities() -> None:
    identity = ROOT.issue(CLIENT, leaf_key(), now=NOW)
    data = identity.pkcs12(
        "contraseña".encode(), friendly_name="Añadir", authorities=ROOT.identity.chain
    )
    content = pkcs12.load_pkcs12(data, "contraseña".encode())
    assert content.cert is not None and content.cert.certificate == identity.certificate
    assert content.cert.friendly_name == "Añadir".encode()
    assert [each.certificate for each in content.additional_certs] == list(ROOT.identity.chain)


def test_certificates_pem_keeps_the_order() -> None:
    two = [ROOT.identity.certificate, issue(CLIENT)]
    assert x509.load_pem_x509_certificates(certificates_pem(two)) == two


def test_public_bytes_are_those_in_the_certificate() -> None:
    assert public_bytes(leaf_key().public_key()) == issue(CLIENT).public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@pytest.mark.parametrize("kind", [KeyKind.RSA_2048, KeyKind.EC_P256, KeyKind.ED25519])
def test_a_list_names_its_issuer_its_time_and_what_is_revoked(kind: KeyKind) -> None:
    now = utc_now()
    root = self_signed(profiles.root_ca(), cached(kind, 300), now=now)
    made = revocation_list(Authority(identity=root), (7, 1 << 150), now=now)
    assert made.issuer == root.certificate.subject
    assert sorted(entry.serial_number for entry in made) == [7, 1 << 150]
    assert made.last_update_utc == now.replace(microsecond=0) - profiles.CLOCK_SKEW
    assert made.next_update_utc == made.last_update_utc + LIFETIME
    assert made.is_signature_valid(root.key.public_key())
    wanted = root.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    found = made.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert found.key_identifier == wanted.digest
    assert made.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 1


def test_a_list_may_lie_in_the_past_and_be_empty() -> None:
    now = utc_now()
    starts, lifetime = timedelta(days=-9), timedelta(days=2)
    made = revocation_list(new_authority(now), (), now=now, starts=starts, lifetime=lifetime)
    assert list(made) == []
    assert made.next_update_utc == now.replace(microsecond=0) - timedelta(days=7)


def test_lists_are_written_one_behind_the_other() -> None:
    now = utc_now()
    lists = [revocation_list(new_authority(now, number=n), (n,), now=now) for n in (1, 2)]
    first, second = (revocation_lists_pem((each,)) for each in lists)
    assert revocation_lists_pem(lists) == first + second
    assert [x509.load_pem_x509_crl(pem) for pem in (first, second)] == lists
