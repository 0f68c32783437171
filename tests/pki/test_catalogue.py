"""Each identity differs from a good one in what its name says, and in nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lab.pki import catalogue, profiles
from lab.pki.authority import Authority, self_signed
from lab.pki.catalogue import REVOKED_SERIAL, CrlRecipe, Recipe
from lab.pki.identity import KeyKind, cached, public_bytes
from lab.pki.lab_ca import KeyTerms, LabAuthority, client_key, intermediate_key, new_lab_authority
from lab.x509.certificates import describe

NOW = datetime(2031, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
ROOT, OTHER_ROOT = "CN=mTLS Lab Root CA", "CN=Another Root CA"
INTERMEDIATE = "CN=mTLS Lab Intermediate CA"
REVOKED_INTERMEDIATE = f"{INTERMEDIATE} (revoked)"
UPPER, LOWER = "CN=mTLS Lab Upper CA", "CN=mTLS Lab Lower CA"

View = dict[str, object]


@pytest.fixture(scope="module")
def ca() -> LabAuthority:
    return new_lab_authority(NOW)


def view(certificate: x509.Certificate, ca: LabAuthority) -> View:
    """What a certificate says, in words; what changes from one making to the next left out."""
    seen = describe(certificate.public_bytes(Encoding.DER))
    assert not seen.problem
    before, after = seen.not_valid_before, seen.not_valid_after
    assert before is not None and after is not None
    unknown = (catalogue.UNKNOWN_EXTENSION, catalogue.BULK_EXTENSION)
    return {
        "version": certificate.version.name,
        "subject": seen.subject,
        "issuer": seen.issuer,
        "signed by": signer(certificate, ca),
        "signature": seen.signature_algorithm,
        "validity": "past" if after < NOW else "future" if before > NOW else "present",
        "key": f"{seen.key_type} {seen.key_bits or ''}".strip(),
        "PSS key": b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a" in certificate.tbs_certificate_bytes,
        "names": seen.subject_alt_names,
        "purposes": seen.extended_key_usage,
        "usages": seen.key_usage,
        "CA": seen.is_ca,
        "key identifiers": (bool(seen.subject_key_identifier), bool(seen.authority_key_identifier)),
        "serial": "revoked" if seen.serial == REVOKED_SERIAL else "random",
        "others": tuple(
            f"{'critical ' if each.critical else ''}{each.oid.dotted_string}"
            for each in certificate.extensions
            if each.oid in unknown or isinstance(each.value, x509.NameConstraints)
        ),
        "over 16 KiB": len(certificate.public_bytes(Encoding.DER)) > 16384,
    }


def signer(certificate: x509.Certificate, ca: LabAuthority) -> str:
    """Whose key verifies the signature, whatever the issuer's name is."""
    candidates = {
        "root": ca.authority.identity.key.public_key(),
        "other root": ca.other_root().identity.key.public_key(),
        "itself": certificate.public_key(),
    }
    issuer = certificate.issuer.rfc4514_string().removeprefix("CN=").replace("\\,", ",")
    candidates["the issuer"] = intermediate_key(ca.authority, issuer).public_key()
    return next((name for name, key in candidates.items() if verifies(key, certificate)), "nobody")


def verifies(key: CertificatePublicKeyTypes, certificate: x509.Certificate) -> bool:
    digest = certificate.signature_hash_algorithm
    if not isinstance(key, ec.EllipticCurvePublicKey) or digest is None:
        return False
    try:
        key.verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True


def under(name: str) -> View:
    """A leaf under an intermediate of this name, which has a key of its own."""
    return {"issuer": name, "signed by": "the issuer"}


UNDER_INTERMEDIATE = under(INTERMEDIATE)
SERVER_EKU, ANY_EKU = ("serverAuth",), ("anyExtendedKeyUsage",)
SVID_NAME = "URI:spiffe://mtls-lab.example/client"
SVID: View = {"names": (SVID_NAME,), "purposes": ("serverAuth", "clientAuth")}

LEAVES: list[tuple[Recipe, View]] = [
    (catalogue.good_ec, {}),
    (catalogue.good, {"key": "RSA 2048"}),
    (catalogue.good_ed25519, {"key": "Ed25519"}),
    (catalogue.rsa_pss, {"key": "RSA-PSS 2048", "PSS key": True}),
    (catalogue.rsa_1024, {"key": "RSA 1024"}),
    (catalogue.secp256k1, {"key": "EC secp256k1"}),
    (catalogue.ml_dsa, {"key": "ML-DSA-65"}),
    (catalogue.sha1_signature, {**UNDER_INTERMEDIATE, "signature": "ecdsa-with-SHA1"}),
    (
        catalogue.version_1,
        {
            "version": "v1",
            "purposes": None,
            "usages": None,
            "CA": None,
            "key identifiers": (False, False),
        },
    ),
    (catalogue.expired, {"validity": "past"}),
    (catalogue.soon_expired, {}),
    (catalogue.not_yet_valid, {"validity": "future"}),
    (catalogue.client_self_signed, {"issuer": "CN=mtls-client", "signed by": "itself"}),
    (catalogue.tampered_signature, {"signed by": "nobody"}),
    (catalogue.eku_server_only, {"purposes": SERVER_EKU}),
    (catalogue.eku_missing, {"purposes": None}),
    (catalogue.eku_any, {"purposes": ANY_EKU}),
    (catalogue.key_usage_without_signature, {"usages": ("nonRepudiation",)}),
    (catalogue.unknown_critical_extension, {"others": ("critical 2.999.1",)}),
    (catalogue.over_one_record, {"others": ("2.999.2",), "over 16 KiB": True}),
    (catalogue.over_openssl_limit, {"others": ("2.999.2",), "over 16 KiB": True}),
    (catalogue.revoked, {"serial": "revoked"}),
    (catalogue.stranger, {"subject": "CN=mtls-stranger"}),
    (
        catalogue.renewed_by_public_ca,
        {
            **under(f"{INTERMEDIATE} (public)"),
            "subject": "CN=client.lab.example",
            "names": ("DNS:client.lab.example",),
            "purposes": SERVER_EKU,
        },
    ),
    (catalogue.workload_svid, SVID),
    (
        catalogue.svid_two_uris,
        {**SVID, "names": (SVID_NAME, f"URI:{catalogue.OTHER_SPIFFE_ID}")},
    ),
    (catalogue.svid_may_sign, {**SVID, "usages": ("digitalSignature", "keyCertSign")}),
    (catalogue.svid_capitals, {**SVID, "names": ("URI:spiffe://mTLS-Lab.example/client",)}),
    (catalogue.svid_without_path, {**SVID, "names": ("URI:spiffe://mtls-lab.example",)}),
    (
        catalogue.spiffe,
        {"subject": "", "names": ("URI:spiffe://mtls-lab.example/client",)},
    ),
    (
        catalogue.server_certificate,
        {
            "subject": "CN=localhost",
            "purposes": SERVER_EKU,
            "names": ("DNS:localhost", "IP:127.0.0.1", "IP:::1"),
        },
    ),
    (
        catalogue.ca_as_leaf,
        {
            "subject": INTERMEDIATE,
            "purposes": None,
            "usages": ("keyCertSign", "cRLSign"),
            "CA": True,
        },
    ),
    (catalogue.wrong_ca, {"issuer": OTHER_ROOT, "signed by": "other root"}),
    (catalogue.wrong_ca_same_name, {"signed by": "other root"}),
    (
        catalogue.wrong_ca_same_name_no_aki,
        {"signed by": "other root", "key identifiers": (True, False)},
    ),
    (catalogue.through_intermediate, UNDER_INTERMEDIATE),
    (catalogue.intermediate_not_sent, under(f"{INTERMEDIATE} (not sent)")),
    (catalogue.intermediate_expired, under(f"{INTERMEDIATE} (expired)")),
    (catalogue.intermediate_eku_server_only, under(f"{INTERMEDIATE} (server only)")),
    (catalogue.intermediate_not_a_ca, under(f"{INTERMEDIATE} (CA:FALSE)")),
    (
        catalogue.intermediate_not_a_ca_without_key_usage,
        under(f"{INTERMEDIATE} (CA:FALSE\\, no keyUsage)"),
    ),
    (
        catalogue.intermediate_without_basic_constraints,
        under(f"{INTERMEDIATE} (no basicConstraints)"),
    ),
    (catalogue.intermediate_revoked, under(REVOKED_INTERMEDIATE)),
    (
        catalogue.name_constraints_violated,
        {
            **under(f"{INTERMEDIATE} (constrained)"),
            "names": ("DNS:client.elsewhere.example",),
        },
    ),
    (catalogue.path_length_exceeded, under(f"{LOWER} (pathlen 0)")),
    (catalogue.wrong_order, under(LOWER)),
    (catalogue.chain_of_ten, under(f"{INTERMEDIATE} 9")),
    (catalogue.duplicate_certificates, UNDER_INTERMEDIATE),
    (catalogue.superfluous_certificates, UNDER_INTERMEDIATE),
]
SERVERS: list[tuple[Recipe, View]] = [
    (catalogue.good_server, {}),
    (catalogue.server_expired, {"validity": "past"}),
    (catalogue.server_wrong_name, {"names": ("DNS:elsewhere.example",)}),
    (catalogue.server_common_name_only, {"names": ()}),
    (catalogue.server_eku_missing, {"purposes": None}),
    (catalogue.server_eku_client_only, {"purposes": ("clientAuth",)}),
    (
        catalogue.server_extensions_lost,
        {
            "version": "v1",
            "purposes": None,
            "usages": None,
            "CA": None,
            "names": (),
            "key identifiers": (False, False),
        },
    ),
    (catalogue.server_untrusted_ca, {"issuer": OTHER_ROOT, "signed by": "other root"}),
    (catalogue.server_self_signed, {"issuer": "CN=localhost", "signed by": "itself"}),
    (catalogue.server_intermediate_not_sent, UNDER_INTERMEDIATE),
]


def difference(good: Mapping[str, object], other: Mapping[str, object]) -> View:
    return {name: value for name, value in other.items() if value != good[name]}


@pytest.mark.parametrize(("recipe", "flaw"), LEAVES)
def test_a_client_has_its_flaw_and_no_other(recipe: Recipe, flaw: View, ca: LabAuthority) -> None:
    good = view(catalogue.good_ec(ca).certificate, ca)
    assert difference(good, view(recipe(ca).certificate, ca)) == flaw


@pytest.mark.parametrize(("recipe", "flaw"), SERVERS)
def test_a_server_has_its_flaw_and_no_other(recipe: Recipe, flaw: View, ca: LabAuthority) -> None:
    good = view(catalogue.good_server(ca).certificate, ca)
    assert difference(good, view(recipe(ca).certificate, ca)) == flaw


@pytest.mark.parametrize(
    ("recipe", "flaw"),
    [
        (catalogue.through_intermediate, {}),
        (catalogue.intermediate_expired, {"validity": "past"}),
        (catalogue.intermediate_eku_server_only, {"purposes": SERVER_EKU}),
        (catalogue.intermediate_not_a_ca, {"CA": False, "usages": ("digitalSignature",)}),
        (catalogue.intermediate_not_a_ca_without_key_usage, {"CA": False, "usages": None}),
        (catalogue.intermediate_without_basic_constraints, {"CA": None, "usages": None}),
        (catalogue.intermediate_revoked, {"serial": "revoked"}),
        (catalogue.name_constraints_violated, {"others": ("critical 2.5.29.30",)}),
    ],
)
def test_an_intermediate_has_its_flaw_and_no_other(
    recipe: Recipe, flaw: View, ca: LabAuthority
) -> None:
    good = view(ca.intermediate().identity.certificate, ca)
    found = difference(good, view(recipe(ca).chain[1], ca))
    assert str(found.pop("subject", INTERMEDIATE)).startswith(INTERMEDIATE)
    assert found == flaw


def test_what_a_server_may_keep_helps_and_spoils_no_other_scenario(ca: LabAuthority) -> None:
    """An intermediate that is bad, or not sent, has a name and a key that no other one has."""
    apart = (
        catalogue.intermediate_expired,
        catalogue.intermediate_eku_server_only,
        catalogue.intermediate_not_a_ca,
        catalogue.intermediate_not_a_ca_without_key_usage,
        catalogue.intermediate_without_basic_constraints,
        catalogue.intermediate_revoked,
        catalogue.name_constraints_violated,
        catalogue.path_length_exceeded,
        catalogue.wrong_order,
        catalogue.through_intermediate,
    )
    above = [certificate for recipe in apart for certificate in recipe(ca).chain[1:]]
    names = [certificate.subject for certificate in above]
    keys = {
        certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for certificate in above
    }
    assert len(set(names)) == len(keys) == len(names)
    assert catalogue.intermediate_not_sent(ca).certificate.issuer not in names


@pytest.mark.parametrize(
    ("recipe", "above"),
    [
        (catalogue.good, []),
        (catalogue.intermediate_not_sent, []),
        (catalogue.through_intermediate, [INTERMEDIATE]),
        (catalogue.sha1_signature, [INTERMEDIATE]),
        (
            catalogue.path_length_exceeded,
            [f"{LOWER} (pathlen 0)", f"{UPPER} (pathlen 0)"],
        ),
        (catalogue.wrong_order, [UPPER, LOWER]),
        (catalogue.duplicate_certificates, [INTERMEDIATE, "CN=mtls-client", INTERMEDIATE]),
        (catalogue.superfluous_certificates, [INTERMEDIATE, ROOT, OTHER_ROOT]),
        (catalogue.chain_of_ten, [f"{INTERMEDIATE} {number}" for number in range(9, 0, -1)]),
        (catalogue.server_intermediate_not_sent, []),
    ],
)
def test_what_is_sent_with_the_leaf(recipe: Recipe, above: list[str], ca: LabAuthority) -> None:
    sent = recipe(ca).chain[1:]
    assert [each.subject.rfc4514_string() for each in sent] == above


@pytest.mark.parametrize(
    ("recipe", "lengths"),
    [
        (catalogue.path_length_exceeded, [0, 0]),
        (catalogue.wrong_order, [1, 0]),
        (catalogue.chain_of_ten, [None] * 9),
    ],
)
def test_only_one_chain_breaks_a_path_length(
    recipe: Recipe, lengths: list[int | None], ca: LabAuthority
) -> None:
    def length(certificate: x509.Certificate) -> int | None:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        return found.value.path_length

    assert [length(each) for each in recipe(ca).chain[1:]] == lengths


@pytest.mark.parametrize("recipe", [catalogue.chain_of_ten, catalogue.path_length_exceeded])
def test_each_certificate_of_a_long_chain_issues_the_one_before(
    recipe: Recipe, ca: LabAuthority
) -> None:
    chain = (*recipe(ca).chain, ca.root)
    for lower, upper in itertools.pairwise(chain):
        lower.verify_directly_issued_by(upper)


@pytest.mark.parametrize(
    ("recipe", "issuers", "past"),
    [
        (catalogue.fresh_crl, [ROOT, INTERMEDIATE, REVOKED_INTERMEDIATE], False),
        (catalogue.root_crl_only, [ROOT], False),
        (catalogue.expired_crl, [ROOT], True),
    ],
)
def test_lists_revoke_the_one_serial_number(
    recipe: CrlRecipe, issuers: list[str], past: bool, ca: LabAuthority
) -> None:
    lists = recipe(ca)
    names = [issuer.removeprefix("CN=") for issuer in issuers[1:]]
    keys = [ca.authority.identity.key, *(intermediate_key(ca.authority, name) for name in names)]
    assert [each.issuer.rfc4514_string() for each in lists] == issuers
    for each, key in zip(lists, keys, strict=True):
        assert each.is_signature_valid(key.public_key())
        assert [entry.serial_number for entry in each] == [REVOKED_SERIAL]
        assert each.next_update_utc is not None
        assert (each.next_update_utc < NOW) is past


@pytest.mark.parametrize("kind", [KeyKind.RSA_2048, KeyKind.ED25519])
def test_all_can_be_made_under_a_ca_with_another_key(kind: KeyKind) -> None:
    root = self_signed(profiles.root_ca(), cached(kind, 300), now=NOW)
    ca = LabAuthority(authority=Authority(identity=root), now=NOW)
    for recipe, _ in (*LEAVES, *SERVERS):
        assert recipe(ca).chain
    for lists in (catalogue.fresh_crl, catalogue.expired_crl):
        assert lists(ca)


# The recipes whose key is their point have it whatever the other end takes.
OWN_KEYS = {
    catalogue.good_ec: "EC P-256",
    catalogue.good_ed25519: "Ed25519",
    catalogue.rsa_pss: "RSA-PSS 2048",
    catalogue.rsa_1024: "RSA 1024",
    catalogue.secp256k1: "EC secp256k1",
    catalogue.ml_dsa: "ML-DSA-65",
}
KINDS = {
    KeyKind.RSA_2048: "RSA 2048",
    KeyKind.EC_P256: "EC secp256r1",
    KeyKind.EC_P384: "EC secp384r1",
    KeyKind.EC_P521: "EC secp521r1",
    KeyKind.ED25519: "Ed25519",
    KeyKind.ED448: "Ed448",
    KeyKind.RSA_PSS_2048: "RSA-PSS 2048",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_leaf_has_the_key_that_the_other_end_takes(kind: KeyKind) -> None:
    """Its flaw stays the same, and so do the names and the issuer."""
    usual = new_lab_authority(NOW)
    fitted = replace(usual, terms=KeyTerms(kind=kind))
    for recipe, _ in LEAVES:
        if recipe not in OWN_KEYS:
            seen = view(recipe(fitted).certificate, fitted)
            assert seen["key"] == KINDS[kind]
            assert seen["PSS key"] is (kind is KeyKind.RSA_PSS_2048)
            changed = difference(view(recipe(usual).certificate, usual), seen)
            allowed = {"key", "PSS key"}
            if recipe is catalogue.client_self_signed:
                allowed |= {"signature", "signed by"}
            assert set(changed) <= allowed


def test_keys_fit_their_certificates(ca: LabAuthority) -> None:
    for recipe, _ in (*LEAVES, *SERVERS):
        identity = recipe(ca)
        assert public_bytes(identity.key.public_key()) == public_bytes(
            identity.certificate.public_key()  # type: ignore[arg-type]
        )


def test_every_recipe_of_the_catalogue_is_in_these_tables() -> None:
    listed = {id(recipe) for recipe, _ in (*LEAVES, *SERVERS)}
    lists = {catalogue.fresh_crl, catalogue.root_crl_only, catalogue.expired_crl}
    makers = {catalogue.client, catalogue.client_under, catalogue.server, catalogue.workload}
    missing = [
        name
        for name, value in vars(catalogue).items()
        if callable(value)
        and getattr(value, "__module__", "") == catalogue.__name__
        and not name.startswith("_")
        and value not in lists | makers
        and id(value) not in listed
    ]
    assert missing == []


def test_derived_keys_are_apart() -> None:
    """What is derived from the CA's key is no key that a client has."""
    ca = new_lab_authority(NOW)
    keys = {public_bytes(ca.intermediate(name).identity.key.public_key()) for name in "ab"}
    assert len(keys) == 2
    assert public_bytes(client_key().public_key()) not in keys
