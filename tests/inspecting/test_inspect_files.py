"""Inspections: each problem is found where it is, and none where all is well."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.inspecting.results import (
    Grade,
    InspectedCertificate,
    KeyEntry,
    OtherEntry,
    RequestEntry,
    RevocationListEntry,
    TlsRole,
)
from lab.pki import profiles
from lab.pki.authority import Authority, revocation_list, self_signed
from lab.pki.files.file_contents import OtherBlock, StoredKey
from lab.pki.identity import Identity
from lab.pki.lab_ca import new_lab_authority
from lab.probing.results import Norm, ScenarioFamily
from lab.probing.scenarios.catalogue_order import SCENARIOS
from lab.probing.scenarios.scenario import Scenario, TlsClient
from lab.x509 import der
from lab.x509.certificates import moment
from tests.support.extent import amount
from tests.support.inspecting import (
    CA,
    CLIENT,
    DAY,
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
    "wrong-ca-same-name": "authority-key-identifier-mismatch",
    "wrong-ca-same-name-no-aki": "bad-certificate-signature",
    "intermediate-expired": "certificate-expired",
    "intermediate-eku-server-only": "wrong-extended-key-usage",
    "intermediate-not-a-ca": "issuer-is-no-ca",
    "intermediate-not-a-ca-no-key-usage": "issuer-is-no-ca",
    "intermediate-without-basic-constraints": "issuer-is-no-ca",
    "path-length-exceeded": "path-length-exceeded",
    "name-constraints-violated": "name-constraints-violated",
    "duplicate-certificates": "duplicate-certificate",
    "superfluous-certificates": "superfluous-certificate",
    "renewed-by-public-ca": "wrong-extended-key-usage",
    "spiffe-may-sign": "leaf-may-sign-certificates",
    "wrong-order": "wrong-order",
    "revoked": "certificate-revoked",
    "intermediate-revoked": "certificate-revoked",
    "crl-expired": "crl-unusable",
    "crl-missing": "crl-unusable",
}
# Problems that come with another one.
BESIDES = {
    "ca-as-client": {"eku-missing"},
    "wrong-ca-same-name-no-aki": {"aki-missing"},
}


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
    if scenario.norm is Norm.REFUSE:
        assert REFUSED in {problem.grade for problem in problems_of(inspection)}
    if scenario.norm is Norm.ACCEPT:
        assert not codes_of(inspection)


def test_the_table_names_scenarios_that_exist() -> None:
    assert set(PROBLEMS) <= {each.name for each in SCENARIOS}


def test_a_key_that_fits_nothing() -> None:
    inspection = inspected(
        [contents_of("c.crt", CLIENT.certificate), contents_of("k", stored_key(SERVER.key))], NOW
    )
    assert grades_of(inspection) == {("key-does-not-fit", UNUSABLE)}
    assert problems_of(inspected([contents_of("k", stored_key(SERVER.key))], NOW)) == []
    sealed = StoredKey(kind="", encrypted=True, public=None)
    inspection = inspected([contents_of("c.crt", CLIENT.certificate, sealed)], NOW)
    assert grades_of(inspection) == {("key-not-opened", Grade.NOT_READ)}


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
    assert grades_of(wrong) == {("request-signature-wrong", UNUSABLE)}


def test_a_list_counts_only_with_its_cas_signature() -> None:
    serial = CLIENT.certificate.serial_number
    true = revocation_list(ROOT, [serial], now=NOW)
    twin = new_authority(NOW, number=7)
    forged = revocation_list(twin, [serial], now=NOW)
    files = files_of(CLIENT, CA)
    assert codes_of(inspected([*files, contents_of("l", true)], NOW)) == {"certificate-revoked"}
    assert grades_of(inspected([*files, contents_of("l", forged)], NOW)) == {
        ("crl-unusable", REFUSED),
        ("crl-unusable", Grade.NOT_ASKED),
    }
    entry = inspected([contents_of("l", true)], NOW).files[0].entries[0]
    assert isinstance(entry, RevocationListEntry)
    assert (entry.issuer, entry.revoked) == ("CN=mTLS Lab Root CA", 1)


def test_other_blocks_are_named() -> None:
    (file,) = inspected([contents_of("dh.pem", OtherBlock(label="DH PARAMETERS"))], NOW).files
    assert [entry.label for entry in file.entries if isinstance(entry, OtherEntry)] == [
        "DH PARAMETERS"
    ]
    assert [problem.code for problem in file.entries[0].problems] == ["not-inspected"]


def test_the_parameters_that_openssl_writes_in_front_of_a_key_are_no_problem() -> None:
    parameters = OtherBlock(label="EC PARAMETERS")
    key, alone = contents_of("k", parameters, stored_key(CLIENT.key)), contents_of("p", parameters)
    certificate = contents_of("c", *CLIENT.chain)
    assert problems_of(inspected([key, certificate, contents_of("ca", CA)], NOW)) == []
    assert codes_of(inspected([alone], NOW)) == {"not-inspected"}


def test_what_cannot_be_read_to_its_end_is_a_problem() -> None:
    broken = x509.Extension(
        x509.SubjectAlternativeName.oid,
        False,
        x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x30\x7f"),
    )
    identity = issued_client(extensions=(broken,))
    inspection = inspected(files_of(identity, CA), NOW)
    assert grades_of(inspection) == {
        ("openssl-refuses", REFUSED),
        ("unreadable", Grade.NOT_READ),
    }
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
    assert codes_of(inspection) == {"authority-key-identifier-mismatch"}


def test_the_problems_of_all_files_with_their_places() -> None:
    late = issued_client(starts=-3 * DAY, lifetime=DAY)
    files = [
        contents_of("a.pem", *reversed(DEEP.chain), late.certificate),
        contents_of("k", stored_key(SERVER.key)),
    ]
    found = [(place, problem.code) for place, problem in inspected(files, NOW).problems()]
    assert found == [
        ("a.pem", "leaf-not-first"),
        ("k", "key-does-not-fit"),
        ("a.pem, no. 3", "certificate-expired"),
        ("a.pem", "superfluous-certificate"),
    ]


def test_what_the_key_was_compared_with() -> None:
    files = [
        contents_of("c", CLIENT.certificate, request()),
        contents_of("k", stored_key(SERVER.key)),
    ]
    (problem,) = problems_of(inspected(files, NOW))
    assert problem.evidence == ("certificates and requests compared: 2",)


def test_when_a_certificate_was_revoked() -> None:
    crl = revocation_list(ROOT, [CLIENT.certificate.serial_number], now=NOW)
    (problem,) = problems_of(inspected([*files_of(CLIENT, CA), contents_of("l", crl)], NOW))
    since = moment(crl.last_update_utc)
    assert problem.evidence == (
        f"since {since}, by the CRL of CN=mTLS Lab Root CA; a server without that CRL accepts it",
    )
    assert problem.grade is REFUSED


def test_a_crl_ends_at_next_update() -> None:
    crl = revocation_list(ROOT, [], now=NOW)
    end = crl.next_update_utc
    assert end is not None
    assert problems_of(inspected([contents_of("l", crl)], end)) == []
    (problem,) = problems_of(inspected([contents_of("l", crl)], end + timedelta(seconds=1)))
    assert (problem.code, problem.grade) == ("crl-unusable", Grade.NOT_ASKED)
    assert problem.evidence == (f"nextUpdate was {moment(end)}",)


def test_the_chain_and_the_time_that_is_left() -> None:
    whole = first(inspected(files_of(DEEP, CA), NOW))
    assert whole.chain == ("CN=Middle (c.crt)", "CN=mTLS Lab Root CA (ca0.crt)")
    assert whole.chain_whole
    assert whole.left == DEEP.certificate.not_valid_after_utc - NOW
    part = first(inspected(files_of(DEEP), NOW))
    assert (part.chain, part.chain_whole) == (("CN=Middle (c.crt)",), False)
    # An issuer that is in several files is taken from the leaf's own.
    files = [contents_of("m.crt", DEEP.chain[1]), *files_of(DEEP)]
    (_, file, _) = inspected(files, NOW).files
    entry = file.entries[0]
    assert isinstance(entry, InspectedCertificate) and entry.chain == ("CN=Middle (c.crt)",)


def test_a_root_is_a_ca_that_signed_itself() -> None:
    """Neither a self-signed client nor an intermediate makes a chain incomplete."""
    alone = self_signed(profiles.client("alone"), leaf_key(30), now=NOW).certificate
    files = [*files_of(CLIENT), contents_of("x.crt", alone)]
    assert "chain-incomplete" not in codes_of(inspected(files, NOW))
    other = new_authority(NOW, name="Other", number=1).identity.certificate
    assert codes_of(inspected(files_of(CLIENT, other), NOW)) == {"chain-incomplete"}


def test_the_chain_is_checked_for_the_role_that_was_named() -> None:
    """A leaf that is fit for both roles under a CA that is fit for one."""
    both = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)
    profile = replace(profiles.intermediate_ca("M"), extended_key_usage=both[1:])
    middle = Authority(identity=ROOT.issue(profile, leaf_key(9), now=NOW))
    leaf = replace(profiles.client(), extended_key_usage=both, names=(x509.DNSName("a.test"),))
    files = files_of(middle.issue(leaf, leaf_key(2), now=NOW), CA)
    assert (
        codes_of(inspected(files, NOW)) == codes_of(inspected(files, NOW, TlsRole.SERVER)) == set()
    )
    assert codes_of(inspected(files, NOW, TlsRole.CLIENT)) == {"wrong-extended-key-usage"}


def test_a_crl_without_an_end_does_not_expire() -> None:
    """NextUpdate is optional in the syntax (RFC 5280 section 5.1)."""
    crl = revocation_list(ROOT, [], now=NOW)
    _, algorithm, signature = der.parts(crl.public_bytes(Encoding.DER))
    fields = der.parts(crl.tbs_certlist_bytes)
    tbs = der.sequence(*fields[:4], *fields[5:])
    endless = x509.load_der_x509_crl(der.sequence(tbs, algorithm, signature).encode())
    assert endless.next_update_utc is None
    assert problems_of(inspected([contents_of("l", endless)], NOW + 9999 * DAY)) == []


KEY = ec.generate_private_key(ec.SECP256R1())


def named(subject: str, issuer: str, number: int, *, is_ca: bool) -> x509.Certificate:
    """A certificate whose key is its issuer's, too."""
    builder = x509.CertificateBuilder(
        issuer_name=x509.Name.from_rfc4514_string(f"CN={issuer}"),
        subject_name=x509.Name.from_rfc4514_string(f"CN={subject}"),
        public_key=KEY.public_key(),
        serial_number=number,
        not_valid_before=NOW - DAY,
        not_valid_after=NOW + 100 * DAY,
    )
    constraints = x509.BasicConstraints(ca=is_ca, path_length=None)
    return builder.add_extension(constraints, critical=True).sign(KEY, hashes.SHA256())


DEEP_CHAIN = [named(f"{at}", f"{at + 1}", at + 1, is_ca=at > 0) for at in range(amount(50, 120))]
ONE_NAME = [
    *(named("leaf", "CA", at + 1, is_ca=False) for at in range(10)),
    *(named("CA", "CA", at + 1, is_ca=True) for at in range(amount(80, 200))),
]


@pytest.mark.parametrize("certificates", [DEEP_CHAIN, ONE_NAME])
def test_no_file_takes_long(certificates: list[x509.Certificate]) -> None:
    start = time.process_time()
    inspected([contents_of("c.pem", *certificates)], NOW)
    assert time.process_time() - start < 30
