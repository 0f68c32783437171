"""Inspections: each problem is found where it is, and none where all is well."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from lab.inspecting.results import (
    KeyEntry,
    OtherEntry,
    RequestEntry,
    RevocationListEntry,
    TlsRole,
)
from lab.pki.files.file_contents import OtherBlock, StoredKey
from lab.pki.identity import Identity
from lab.pki.lab_ca import new_lab_authority
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
    CA,
    CLIENT,
    DEEP,
    NOW,
    REFUSED,
    ROOT,
    SERVER,
    UNUSABLE,
    codes_of,
    contents_of,
    files_of,
    first,
    grades_of,
    inspected,
    issued_client,
    problems_of,
    stored_key,
)
from tests.support.pki_fixtures import (
    client_under,
    leaf_key,
    new_authority,
)


@pytest.mark.parametrize("identity", [CLIENT, SERVER, DEEP])
def test_nothing_is_wrong(identity: Identity) -> None:
    inspection = inspected(files_of(identity, CA), NOW)
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
        files.append(contents_of("lists.crl", *scenario.host.revocation_lists(ca)))
    inspection = inspected(files, NOW, TlsRole.CLIENT)
    expected = {PROBLEMS[scenario.name]} if scenario.name in PROBLEMS else set()
    assert codes_of(inspection) == expected | BESIDES.get(scenario.name, set())
    if scenario.norm is Norm.REFUSE and scenario.name not in UNTOLD:
        assert REFUSED in {problem.grade for problem in problems_of(inspection)}
    if scenario.norm is Norm.ACCEPT:
        assert not codes_of(inspection)


def test_the_table_names_scenarios_that_exist() -> None:
    assert set(PROBLEMS) | UNTOLD <= {each.name for each in SCENARIOS}


def test_a_key_that_fits_nothing() -> None:
    inspection = inspected(
        [contents_of("c.crt", CLIENT.certificate), contents_of("k", stored_key(SERVER.key))], NOW
    )
    assert grades_of(inspection) == {("key-does-not-fit", UNUSABLE)}
    assert problems_of(inspected([contents_of("k", stored_key(SERVER.key))], NOW)) == []
    sealed = StoredKey(kind="", encrypted=True, public=None)
    assert problems_of(inspected([contents_of("c.crt", CLIENT.certificate, sealed)], NOW)) == []


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
    inspection = inspected(
        [contents_of("c.csr", request()), contents_of("c.key", stored_key(leaf_key(2)))], NOW
    )
    assert problems_of(inspection) == []
    entry, key = (file.entries[0] for file in inspection.files)
    assert isinstance(entry, RequestEntry) and isinstance(key, KeyEntry)
    assert (entry.description.subject, entry.description.subject_alt_names) == (
        "CN=asks",
        ("DNS:a.test",),
    )
    assert key.fits == ("c.csr",)
    wrong = inspected([contents_of("c.csr", request(tampered=True))], NOW)
    assert grades_of(wrong) == {("request-signature-wrong", REFUSED)}


def test_a_list_counts_only_with_its_cas_signature() -> None:
    serial = CLIENT.certificate.serial_number
    true = revocation_list(ROOT, [serial], now=NOW)
    twin = new_authority(NOW, number=7)
    forged = revocation_list(twin, [serial], now=NOW)
    files = files_of(CLIENT, CA)
    assert codes_of(inspected([*files, contents_of("l", true)], NOW)) == {"certificate-revoked"}
    assert codes_of(inspected([*files, contents_of("l", forged)], NOW)) == set()
    assert (
        codes_of(inspected([contents_of("c.crt", CLIENT.certificate), contents_of("l", true)], NOW))
        == set()
    )
    entry = inspected([contents_of("l", true)], NOW).files[0].entries[0]
    assert isinstance(entry, RevocationListEntry)
    assert (entry.issuer, entry.revoked) == ("CN=mTLS Lab Root CA", 1)


def test_other_blocks_are_named() -> None:
    (file,) = inspected([contents_of("dh.pem", OtherBlock(label="DH PARAMETERS"))], NOW).files
    assert file.entries == (OtherEntry(label="DH PARAMETERS"),)


def test_what_cannot_be_read_to_its_end_is_a_problem() -> None:
    broken = x509.Extension(
        x509.SubjectAlternativeName.oid,
        False,
        x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x30\x7f"),
    )
    identity = issued_client(extensions=(broken,))
    inspection = inspected(files_of(identity, CA), NOW)
    assert codes_of(inspection) == {"unreadable"}
    entry = first(inspection)
    assert entry.description.problem
    assert entry.description.subject == "CN=mtls-client"


def test_many_namesakes_do_not_take_forever() -> None:
    """Each could be the issuer of each; none is."""
    roots = [new_authority(NOW, number=10).identity.certificate for _ in range(100)]
    stranger = client_under(new_authority(NOW, number=11), NOW)
    inspection = inspected(
        [contents_of("c.crt", stranger.certificate), contents_of("many", *roots)], NOW
    )
    assert codes_of(inspection) == {"bad-certificate-signature"}
