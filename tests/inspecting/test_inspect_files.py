"""Inspections: each flaw is found where it is, and nothing is found where all is well."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.inspecting.results import (
    Grade,
    KeyEntry,
    OtherEntry,
    RequestEntry,
    RevocationListEntry,
    TlsRole,
)
from lab.pki import profiles
from lab.pki.authority import Authority, self_signed
from lab.pki.files.file_contents import OtherBlock, StoredKey
from lab.pki.identity import Identity
from lab.pki.keys import KeyKind, cached
from lab.pki.lab_ca import new_lab_authority
from lab.pki.profiles import KeyUsageBit
from lab.pki.revocation import revocation_list
from lab.probing.scenarios.catalogue_order import SCENARIOS
from lab.probing.scenarios.scenario import (
    Norm,
    Scenario,
    ScenarioFamily,
    TlsClient,
)
from lab.x509 import der
from tests.support.inspecting import (
    codes_of,
    files_of,
    first,
    graded,
    held,
    looked_at,
    problems_of,
    stored,
)
from tests.support.pki_fixtures import (
    client_under,
    leaf_key,
    new_authority,
    server_under,
    utc_now,
)
from tests.support.verdicts import verdict

NOW = utc_now()
DAY = timedelta(days=1)
ROOT = new_authority(NOW)
CA = ROOT.identity.certificate
MIDDLE = Authority(identity=ROOT.issue(profiles.intermediate_ca("Middle"), leaf_key(9), now=NOW))
CLIENT = client_under(ROOT, NOW)
DEEP = client_under(MIDDLE, NOW)
SERVER = server_under(ROOT, NOW)
ACCEPTED, REFUSED, UNUSABLE = Grade.ACCEPTED, Grade.REFUSED, Grade.UNUSABLE


def client(**changes: Any) -> Identity:
    return ROOT.issue(replace(profiles.client(), **changes), leaf_key(2), now=NOW)


def server(**changes: Any) -> Identity:
    profile = profiles.server((x509.DNSName("localhost"),))
    return ROOT.issue(replace(profile, **changes), leaf_key(1), now=NOW)


@pytest.mark.parametrize("identity", [CLIENT, SERVER, DEEP])
def test_nothing_is_wrong(identity: Identity) -> None:
    inspection = looked_at(files_of(identity, CA), NOW)
    assert problems_of(inspection) == []
    entry = first(inspection)
    assert entry.chain_whole
    assert entry.chain[-1] == "CN=mTLS Lab Root CA (ca0.crt)"
    key = inspection.files[1].entries[0]
    assert isinstance(key, KeyEntry)
    assert key.fits == (("c.crt, no. 1" if len(identity.chain) > 1 else "c.crt"),)


# What the catalogue's identities have, and they alone; nothing for the rest of the catalogue.
PROBLEMS = {
    "rsa-1024": "key-or-digest-too-weak",
    "sha1-signature": "key-or-digest-too-weak",
    "version-1": "eku-missing",
    "expired": "certificate-expired",
    "not-yet-valid": "certificate-not-yet-valid",
    "self-signed": "certificate-self-signed",
    "tampered-signature": "bad-certificate-signature",
    "eku-server-only": "wrong-extended-key-usage",
    "eku-missing": "eku-missing",
    "eku-any": "wrong-extended-key-usage",
    "key-usage-no-signature": "wrong-key-usage",
    "unknown-critical-extension": "unknown-critical-extension",
    "over-the-bound": "message-too-large",
    "server-certificate": "wrong-extended-key-usage",
    "ca-as-client": "wrong-key-usage",
    "intermediate-not-sent": "chain-incomplete",
    "wrong-ca": "chain-incomplete",
    "wrong-ca-same-name": "bad-certificate-signature",
    "wrong-ca-same-name-no-aki": "bad-certificate-signature",
    "intermediate-expired": "certificate-expired",
    "intermediate-eku-server-only": "wrong-extended-key-usage",
    "intermediate-not-a-ca": "issuer-is-no-ca",
    "path-length-exceeded": "path-length-exceeded",
    "name-constraints-violated": "name-constraints-violated",
    "duplicate-certificates": "duplicate-certificate",
    "superfluous-certificates": "superfluous-certificate",
    "wrong-order": "wrong-order",
    "revoked": "certificate-revoked",
    "intermediate-revoked": "certificate-revoked",
    "crl-expired": "crl-unusable",
}
# Flaws that come with another one.
BESIDES = {
    "ca-as-client": {"eku-missing"},
    "wrong-ca-same-name-no-aki": {"aki-missing"},
    "intermediate-not-a-ca": {"leaf-may-sign-certificates"},
}
# Nothing in the files could tell.
UNTOLD = {"crl-missing"}


@pytest.mark.parametrize(
    "scenario",
    [
        each
        for each in SCENARIOS
        if each.family is ScenarioFamily.IDENTITY
        and isinstance(each.client, TlsClient)
        and each.client.identity
    ],
    ids=lambda each: each.name,
)
def test_the_catalogue(scenario: Scenario) -> None:
    ca = new_lab_authority(NOW)
    assert isinstance(scenario.client, TlsClient) and scenario.client.identity
    files = files_of(scenario.client.identity(ca), ca.root)
    if scenario.host.revocation_lists:
        files.append(held("lists.crl", *scenario.host.revocation_lists(ca)))
    inspection = looked_at(files, NOW, TlsRole.CLIENT)
    expected = {PROBLEMS[scenario.name]} if scenario.name in PROBLEMS else set()
    assert codes_of(inspection) == expected | BESIDES.get(scenario.name, set())
    if scenario.norm is Norm.REFUSE and scenario.name not in UNTOLD:
        assert REFUSED in {problem.grade for problem in problems_of(inspection)}
    if scenario.norm is Norm.ACCEPT:
        assert not codes_of(inspection)


def test_the_table_names_scenarios_that_exist() -> None:
    assert set(PROBLEMS) | UNTOLD <= {each.name for each in SCENARIOS}


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        (client(lifetime=40 * DAY), set()),
        (client(lifetime=20 * DAY, starts=-14 * DAY), {("expires-soon", ACCEPTED)}),
        (client(lifetime=365 * DAY, starts=-340 * DAY), {("expires-soon", ACCEPTED)}),
        (client(lifetime=7 * DAY), set()),
        (server(names=()), {("san-missing", ACCEPTED)}),
        (
            client(extended_key_usage=(ExtendedKeyUsageOID.CODE_SIGNING,)),
            {("wrong-extended-key-usage", REFUSED)},
        ),
        (
            client(key_usage=frozenset({KeyUsageBit.KEY_AGREEMENT})),
            {("wrong-key-usage", ACCEPTED)},
        ),
        (
            server(key_usage=frozenset({KeyUsageBit.KEY_ENCIPHERMENT})),
            {("wrong-key-usage", ACCEPTED)},
        ),
        (
            server(key_usage=frozenset({KeyUsageBit.CONTENT_COMMITMENT})),
            {("wrong-key-usage", REFUSED)},
        ),
    ],
)
def test_one_certificate(identity: Identity, expected: set[tuple[str, Grade]]) -> None:
    assert graded(looked_at(files_of(identity, CA), NOW)) == expected


@pytest.mark.parametrize(
    ("curve", "problem"),
    [
        (ec.SECP192R1(), "key-or-digest-too-weak"),
        (ec.SECP224R1(), "key-type-not-taken"),
        (ec.SECP256K1(), "key-type-not-taken"),
    ],
)
def test_curves(curve: ec.EllipticCurve, problem: str) -> None:
    key = ec.generate_private_key(curve)
    identity = ROOT.issue(profiles.client(), key, now=NOW)
    assert graded(looked_at(files_of(identity, CA), NOW)) == {(problem, REFUSED)}


def test_the_ends_of_validity_count_as_valid() -> None:
    certificate = CLIENT.certificate
    files = files_of(CLIENT, CA)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    second = timedelta(seconds=1)
    assert "certificate-not-yet-valid" in codes_of(looked_at(files, begin - second))
    assert "certificate-not-yet-valid" not in codes_of(looked_at(files, begin))
    assert "certificate-expired" not in codes_of(looked_at(files, end))
    assert "certificate-expired" in codes_of(looked_at(files, end + second))
    assert first(looked_at(files, end + second)).left == -second


def test_roles() -> None:
    entry = first(looked_at(files_of(CLIENT), NOW))
    as_client, as_server = entry.roles
    assert (as_client.role, as_client.obstacles) == (TlsRole.CLIENT, ())
    assert as_server.obstacles == ("extendedKeyUsage lacks serverAuth",)
    assert first(looked_at([held("ca.crt", CA)], NOW)).roles == ()
    wrong = looked_at(files_of(CLIENT, CA), NOW, TlsRole.SERVER)
    assert codes_of(wrong) == {"wrong-extended-key-usage", "san-missing"}
    assert codes_of(looked_at(files_of(SERVER, CA), NOW, TlsRole.SERVER)) == set()


@pytest.mark.parametrize("bits", [frozenset({bit}) for bit in KeyUsageBit][:5])
def test_roles_are_openssls_word(bits: frozenset[KeyUsageBit]) -> None:
    one = ROOT.issue(replace(profiles.client(), key_usage=bits), leaf_key(2), now=NOW)
    as_client, _ = first(looked_at(files_of(one), NOW)).roles
    assert (verdict(one, SERVER, (CA,)) == 0) is not bool(as_client.obstacles)
    other = server(key_usage=bits)
    _, as_server = first(looked_at(files_of(other), NOW)).roles
    code = verdict(CLIENT, other, (CA,), judge=ssl.Purpose.SERVER_AUTH)
    assert (code == 0) is not bool(as_server.obstacles)


def test_a_leaf_alone_is_not_called_incomplete() -> None:
    inspection = looked_at(files_of(CLIENT), NOW)
    assert problems_of(inspection) == []
    assert not first(inspection).chain_whole


def test_an_intermediate_in_another_file() -> None:
    inspection = looked_at([held("c.crt", DEEP.certificate), held("m.crt", DEEP.chain[1])], NOW)
    assert graded(inspection) == {("intermediate-missing", REFUSED)}
    (problem,) = problems_of(inspection)
    assert problem.evidence == ("CN=Middle is in another file, m.crt",)
    both = [held("c.crt", *DEEP.chain), held("m.crt", DEEP.chain[1]), held("ca.crt", CA)]
    assert problems_of(looked_at(both, NOW)) == []


def test_an_issuer_that_may_not_sign_certificates() -> None:
    profile = replace(
        profiles.intermediate_ca("Middle"), key_usage=frozenset({KeyUsageBit.CRL_SIGN})
    )
    issuer = Authority(identity=ROOT.issue(profile, leaf_key(9), now=NOW))
    inspection = looked_at(files_of(client_under(issuer, NOW), CA), NOW)
    assert graded(inspection) == {("issuer-is-no-ca", REFUSED)}
    unsaid = replace(profiles.intermediate_ca("Middle"), basic_constraints=None)
    issuer = Authority(identity=ROOT.issue(unsaid, leaf_key(9), now=NOW))
    inspection = looked_at(files_of(client_under(issuer, NOW), CA), NOW)
    assert ("issuer-is-no-ca", REFUSED) in graded(inspection)


def test_the_leaf_is_not_first() -> None:
    inspection = looked_at([held("c.crt", *reversed(DEEP.chain)), held("ca.crt", CA)], NOW)
    assert graded(inspection) == {("leaf-not-first", UNUSABLE)}
    assert next(inspection.problems())[0] == "c.crt"


def test_pkcs12_and_bundles_of_cas_have_no_order() -> None:
    other = new_authority(NOW, name="Other", number=1).identity.certificate
    pfx = held("c.pfx", stored(DEEP.key), *reversed((*DEEP.chain, CA)), form="PKCS#12")
    assert problems_of(looked_at([pfx], NOW)) == []
    assert problems_of(looked_at([held("bundle.crt", other, CA, other)], NOW)) == []


def test_a_key_that_fits_nothing() -> None:
    inspection = looked_at([held("c.crt", CLIENT.certificate), held("k", stored(SERVER.key))], NOW)
    assert graded(inspection) == {("key-does-not-fit", UNUSABLE)}
    assert problems_of(looked_at([held("k", stored(SERVER.key))], NOW)) == []
    sealed = StoredKey(kind="", encrypted=True, public=None)
    assert problems_of(looked_at([held("c.crt", CLIENT.certificate, sealed)], NOW)) == []


def request(*, tampered: bool = False) -> x509.CertificateSigningRequest:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "asks")])
    made = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("a.test")]), critical=False)
        .sign(leaf_key(2), hashes.SHA256())
    )
    if not tampered:
        return made
    info, algorithm, signature = der.parts(made.public_bytes(Encoding.DER))
    flipped = replace(
        signature, content=signature.content[:-1] + bytes((signature.content[-1] ^ 1,))
    )
    return x509.load_der_x509_csr(der.sequence(info, algorithm, flipped).encode())


def test_a_request_and_its_key() -> None:
    inspection = looked_at([held("c.csr", request()), held("c.key", stored(leaf_key(2)))], NOW)
    assert problems_of(inspection) == []
    entry, key = (file.entries[0] for file in inspection.files)
    assert isinstance(entry, RequestEntry) and isinstance(key, KeyEntry)
    assert (entry.description.subject, entry.description.subject_alt_names) == (
        "CN=asks",
        ("DNS:a.test",),
    )
    assert key.fits == ("c.csr",)
    wrong = looked_at([held("c.csr", request(tampered=True))], NOW)
    assert graded(wrong) == {("request-signature-wrong", REFUSED)}


def test_a_list_counts_only_with_its_cas_signature() -> None:
    serial = CLIENT.certificate.serial_number
    true = revocation_list(ROOT, [serial], now=NOW)
    twin = new_authority(NOW, number=7)
    forged = revocation_list(twin, [serial], now=NOW)
    files = files_of(CLIENT, CA)
    assert codes_of(looked_at([*files, held("l", true)], NOW)) == {"certificate-revoked"}
    assert codes_of(looked_at([*files, held("l", forged)], NOW)) == set()
    assert codes_of(looked_at([held("c.crt", CLIENT.certificate), held("l", true)], NOW)) == set()
    entry = looked_at([held("l", true)], NOW).files[0].entries[0]
    assert isinstance(entry, RevocationListEntry)
    assert (entry.issuer, entry.revoked) == ("CN=mTLS Lab Root CA", 1)


def test_other_blocks_are_named() -> None:
    (file,) = looked_at([held("dh.pem", OtherBlock(label="DH PARAMETERS"))], NOW).files
    assert file.entries == (OtherEntry(label="DH PARAMETERS"),)


def test_a_self_signed_server_that_is_a_ca_too() -> None:
    """What ``openssl req -x509`` makes, with names."""
    profile = replace(profiles.root_ca("localhost"), names=(x509.DNSName("localhost"),))
    made = self_signed(profile, cached(KeyKind.EC_P256, 301), now=NOW)
    found = codes_of(looked_at(files_of(made), NOW))
    assert {
        "certificate-self-signed",
        "eku-missing",
        "wrong-key-usage",
    } == found


def test_what_cannot_be_read_to_its_end_is_a_finding() -> None:
    broken = x509.Extension(
        x509.SubjectAlternativeName.oid,
        False,
        x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x30\x7f"),
    )
    identity = client(extensions=(broken,))
    inspection = looked_at(files_of(identity, CA), NOW)
    assert codes_of(inspection) == {"unreadable"}
    entry = first(inspection)
    assert entry.description.problem
    assert entry.description.subject == "CN=mtls-client"


def test_many_namesakes_do_not_take_forever() -> None:
    """Each could be the issuer of each; none is."""
    roots = [new_authority(NOW, number=10).identity.certificate for _ in range(100)]
    stranger = client_under(new_authority(NOW, number=11), NOW)
    inspection = looked_at([held("c.crt", stranger.certificate), held("many", *roots)], NOW)
    assert codes_of(inspection) == {"bad-certificate-signature"}
