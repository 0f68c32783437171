"""Problems of the chain above a certificate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from lab.inspecting.results import FoundProblem, Inspection, TlsRole
from lab.pki import profiles
from lab.pki.authority import Authority, self_signed
from lab.pki.profiles import KeyUsageBit
from tests.support.inspecting import (
    CA,
    CLIENT,
    DEEP,
    MIDDLE,
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
    problems_of,
    stored_key,
)
from tests.support.pki_fixtures import client_under, extension_of, leaf_key, new_authority
from tests.support.verdicts import verdict


def test_a_leaf_alone_is_not_called_incomplete() -> None:
    inspection = inspected(files_of(CLIENT), NOW)
    assert problems_of(inspection) == []
    assert not first(inspection).chain_whole


def test_an_intermediate_in_another_file() -> None:
    inspection = inspected(
        [contents_of("c.crt", DEEP.certificate), contents_of("m.crt", DEEP.chain[1])], NOW
    )
    assert grades_of(inspection) == {("intermediate-missing", REFUSED)}
    (problem,) = problems_of(inspection)
    assert problem.evidence == ("CN=Middle is in another file, m.crt",)
    both = [
        contents_of("c.crt", *DEEP.chain),
        contents_of("m.crt", DEEP.chain[1]),
        contents_of("ca.crt", CA),
    ]
    assert problems_of(inspected(both, NOW)) == []


def test_an_issuer_that_may_not_sign_certificates() -> None:
    profile = replace(
        profiles.intermediate_ca("Middle"), key_usage=frozenset({KeyUsageBit.CRL_SIGN})
    )
    issuer = Authority(identity=ROOT.issue(profile, leaf_key(9), now=NOW))
    inspection = inspected(files_of(client_under(issuer, NOW), CA), NOW)
    assert grades_of(inspection) == {("issuer-is-no-ca", REFUSED)}
    unsaid = replace(profiles.intermediate_ca("Middle"), basic_constraints=None)
    issuer = Authority(identity=ROOT.issue(unsaid, leaf_key(9), now=NOW))
    inspection = inspected(files_of(client_under(issuer, NOW), CA), NOW)
    assert ("issuer-is-no-ca", REFUSED) in grades_of(inspection)


def authority(name: str, issuer: Authority = ROOT, number: int = 9, **changes: Any) -> Authority:
    """A CA under another, with its profile changed."""
    profile = replace(profiles.intermediate_ca(name, path_length=None), **changes)
    return Authority(identity=issuer.issue(profile, leaf_key(number), now=NOW))


def only_problem(inspection: Inspection, code: str) -> FoundProblem:
    (found,) = problems_of(inspection)
    assert (found.code, found.grade) == (code, REFUSED)
    return found


def test_a_chain_that_leads_to_none_of_the_roots() -> None:
    other = new_authority(NOW, name="Other", number=1).identity.certificate
    found = only_problem(inspected(files_of(CLIENT, other), NOW), "chain-incomplete")
    assert found.evidence == (
        "CN=mtls-client was issued by CN=mTLS Lab Root CA, which is in none of the files: an "
        "intermediate CA is missing, or the certificate is from another CA",
        "the roots in these files: CN=Other",
    )
    # The last certificate of the chain is the one whose issuer is missing.
    found = only_problem(inspected(files_of(DEEP, other), NOW), "chain-incomplete")
    assert found.evidence[0].startswith("CN=Middle was issued by CN=mTLS Lab Root CA")
    # An intermediate CA is no root, so that nothing can be said.
    other_middle = authority("Another").identity.certificate
    assert problems_of(inspected(files_of(CLIENT, other_middle), NOW)) == []


def test_a_signature_by_another_key_of_the_same_name() -> None:
    twin = new_authority(NOW, number=7).identity.certificate
    found = only_problem(inspected(files_of(DEEP, twin), NOW), "authority-key-identifier-mismatch")
    identifier = extension_of(DEEP.chain[1], x509.AuthorityKeyIdentifier.oid)
    assert identifier is not None and identifier[-20:].hex(":") in found.evidence[0]
    assert found.said == ("unable to get local issuer certificate (20)",)
    middle = authority("Middle", authority_key_identifier=False)
    deep = client_under(middle, NOW)
    found = next(
        problem
        for problem in problems_of(inspected(files_of(deep, twin), NOW))
        if problem.code == "bad-certificate-signature"
    )
    assert (found.grade, found.said) == (REFUSED, ("certificate signature failure (7)",))
    assert found.summary == "the signature on CN=Middle does not verify"
    assert found.evidence == (
        "CN=Middle names the issuer CN=mTLS Lab Root CA, which is in these files, and the "
        "signature does not verify with its key",
    )


def test_a_root_may_be_in_another_file_and_an_intermediate_may_not() -> None:
    above = [authority("CA 1", number=10)]
    for number in range(2, 6):
        above.append(authority(f"CA {number}", above[-1], number=10 + number))
    leaf = client_under(above[-1], NOW).certificate
    others = [
        contents_of(f"{ca.identity.certificate.serial_number}.crt", ca.identity.certificate)
        for ca in above
    ]
    files = [contents_of("c.crt", leaf), *others, contents_of("ca.crt", CA)]
    found = only_problem(inspected(files, NOW), "intermediate-missing")
    assert [line.partition(",")[0] for line in found.evidence] == [
        "CN=CA 5 is in another file",
        "CN=CA 4 is in another file",
        "CN=CA 3 is in another file",
    ]
    assert found.fix.startswith("give the client a file with its own certificate first")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"basic_constraints": None}, "has no basicConstraints"),
        ({"basic_constraints": profiles.NOT_A_CA}, "has basicConstraints CA:FALSE"),
        (
            {"key_usage": frozenset({KeyUsageBit.CRL_SIGN})},
            "has a keyUsage without keyCertSign",
        ),
    ],
)
def test_why_an_issuer_is_no_ca(changes: dict[str, Any], reason: str) -> None:
    issuer = authority("Middle", **changes)
    identity = client_under(issuer, NOW)
    assert verdict(identity, SERVER, (CA,)) in (24, 26, 32, 79)
    found = [
        one
        for one in problems_of(inspected(files_of(identity, CA), NOW))
        if one.code == "issuer-is-no-ca"
    ]
    assert [one.evidence for one in found] == [(f"CN=Middle {reason}",)]
    assert found[0].grade is REFUSED


def test_a_ca_that_openssl_takes_for_one() -> None:
    without_usage = authority("Middle", key_usage=frozenset())
    for issuer in (without_usage, authority("Middle")):
        identity = client_under(issuer, NOW)
        assert verdict(identity, SERVER, (CA,)) == 0
        assert "issuer-is-no-ca" not in codes_of(inspected(files_of(identity, CA), NOW))


@pytest.mark.parametrize(
    ("path_length", "exceeded"), [(0, True), (1, True), (2, False), (None, False)]
)
def test_path_lengths(path_length: int | None, exceeded: bool) -> None:
    """Two CAs are below the one with the pathlen."""
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    upper = authority("Upper", number=10, basic_constraints=constraints)
    lower = authority("Lower", authority("Between", upper, number=11), number=12)
    identity = client_under(lower, NOW)
    assert (verdict(identity, SERVER, (CA,)) == 25) is exceeded
    inspection = inspected(files_of(identity, CA), NOW)
    if exceeded:
        found = only_problem(inspection, "path-length-exceeded")
        assert found.evidence == (f"CN=Upper has pathlen {path_length}; CAs below: 2",)
    else:
        assert problems_of(inspection) == []


CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH


@pytest.mark.parametrize(
    ("leaf", "issuer", "role", "lacking"),
    [
        ((CLIENT_AUTH,), (SERVER_AUTH,), None, ["clientAuth"]),
        ((CLIENT_AUTH,), (CLIENT_AUTH,), None, []),
        ((CLIENT_AUTH,), (), None, []),
        ((CLIENT_AUTH, SERVER_AUTH), (SERVER_AUTH,), None, []),
        ((CLIENT_AUTH, SERVER_AUTH), (SERVER_AUTH,), TlsRole.CLIENT, ["clientAuth"]),
        ((CLIENT_AUTH, SERVER_AUTH), (SERVER_AUTH,), TlsRole.SERVER, []),
        (
            (CLIENT_AUTH, SERVER_AUTH),
            (ExtendedKeyUsageOID.CODE_SIGNING,),
            None,
            ["clientAuth", "serverAuth"],
        ),
    ],
)
def test_the_purposes_of_a_ca(
    leaf: tuple[x509.ObjectIdentifier, ...],
    issuer: tuple[x509.ObjectIdentifier, ...],
    role: TlsRole | None,
    lacking: list[str],
) -> None:
    profile = replace(
        profiles.client(), extended_key_usage=leaf, names=(x509.DNSName("localhost"),)
    )
    middle = authority("Middle", extended_key_usage=issuer)
    identity = middle.issue(profile, leaf_key(2), now=NOW)
    inspection = inspected(files_of(identity, CA), NOW, role)
    if not lacking:
        assert problems_of(inspection) == []
        return
    found = only_problem(inspection, "wrong-extended-key-usage")
    assert found.evidence == (
        *(f"CN=Middle has an extendedKeyUsage without {purpose}" for purpose in lacking),
        "OpenSSL applies a CA's extendedKeyUsage to all certificates below it",
    )
    assert found.summary == (
        f"a CA in the chain has an extendedKeyUsage without {' or '.join(lacking)}"
    )


def test_the_lowest_ca_that_lacks_a_purpose_is_named() -> None:
    upper = authority("Upper", number=10, extended_key_usage=(SERVER_AUTH,))
    lower = authority("Lower", upper, number=11, extended_key_usage=(SERVER_AUTH,))
    found = only_problem(
        inspected(files_of(client_under(lower, NOW), CA), NOW), "wrong-extended-key-usage"
    )
    assert len(found.evidence) == 2 and found.evidence[0].startswith("CN=Lower ")


def test_names_that_a_ca_does_not_permit() -> None:
    constraints = x509.NameConstraints([x509.DNSName("lab.test")], None)
    middle = authority("Middle", extensions=(x509.Extension(constraints.oid, True, constraints),))
    names = ("a.lab.test", "1.test", "2.test", "3.test", "4.test")
    profile = replace(profiles.client(), names=tuple(map(x509.DNSName, names)))
    identity = middle.issue(profile, leaf_key(2), now=NOW)
    found = only_problem(inspected(files_of(identity, CA), NOW), "name-constraints-violated")
    assert found.evidence == tuple(
        f"CN=Middle does not permit DNS:{name}" for name in ("1.test", "2.test", "3.test")
    )
    for permitted in (("a.lab.test",), ()):
        profile = replace(profiles.client(), names=tuple(map(x509.DNSName, permitted)))
        identity = middle.issue(profile, leaf_key(2), now=NOW)
        assert problems_of(inspected(files_of(identity, CA), NOW)) == []


def test_the_chain_of_a_ca_is_not_checked() -> None:
    """A CA is to be trusted, not to be sent."""
    other = new_authority(NOW, name="Other", number=1).identity.certificate
    files = [contents_of("m.crt", DEEP.chain[1]), contents_of("ca.crt", other)]
    assert problems_of(inspected(files, NOW)) == []


def test_a_root_needs_no_basic_constraints() -> None:
    """Strict checks refuse it, and say so of the root itself."""
    profile = replace(profiles.root_ca("Old"), basic_constraints=None)
    root = Authority(identity=self_signed(profile, leaf_key(20), now=NOW))
    identity = client_under(root, NOW)
    assert verdict(identity, SERVER, (root.identity.certificate,)) == 0
    inspection = inspected(files_of(identity, root.identity.certificate), NOW)
    assert first(inspection).problems == ()
    assert codes_of(inspection) == {"root-without-basic-constraints"}


def test_the_chain_is_not_blamed_for_the_purposes_of_the_leaf() -> None:
    profile = replace(profiles.client(), extended_key_usage=(ExtendedKeyUsageOID.CODE_SIGNING,))
    identity = MIDDLE.issue(profile, leaf_key(2), now=NOW)
    found = only_problem(inspected(files_of(identity, CA), NOW), "wrong-extended-key-usage")
    assert found.evidence == ("extendedKeyUsage: codeSigning",)


def test_the_leaf_is_not_first() -> None:
    inspection = inspected(
        [contents_of("c.crt", *reversed(DEEP.chain)), contents_of("ca.crt", CA)], NOW
    )
    assert grades_of(inspection) == {("leaf-not-first", UNUSABLE)}
    assert inspection.problems()[0][0] == "c.crt"


def test_pkcs12_and_bundles_of_cas_have_no_order() -> None:
    other = new_authority(NOW, name="Other", number=1).identity.certificate
    pfx = contents_of("c.pfx", stored_key(DEEP.key), *reversed((*DEEP.chain, CA)), form="PKCS#12")
    assert problems_of(inspected([pfx], NOW)) == []
    assert problems_of(inspected([contents_of("bundle.crt", other, CA, other)], NOW)) == []


def found_in(*certificates: x509.Certificate) -> list[tuple[str, tuple[str, ...]]]:
    inspection = inspected([contents_of("c.crt", *certificates), contents_of("ca.crt", CA)], NOW)
    (file, _) = inspection.files
    return [(problem.code, problem.evidence) for problem in file.problems]


LEAF, BETWEEN = DEEP.chain
OTHER = new_authority(NOW, name="Other", number=1).identity.certificate


def test_a_chain_in_order() -> None:
    assert found_in(LEAF, BETWEEN) == found_in(LEAF, BETWEEN, CA) == found_in(LEAF) == []


def test_where_the_leaf_is() -> None:
    assert found_in(BETWEEN, CA, LEAF) == [("leaf-not-first", ("CN=mtls-client is number 3",))]


def test_a_certificate_that_is_repeated() -> None:
    assert found_in(LEAF, BETWEEN, BETWEEN, BETWEEN) == [
        ("duplicate-certificate", ("CN=Middle occurs 3 times",))
    ]
    assert found_in(LEAF, LEAF) == [("duplicate-certificate", ("CN=mtls-client occurs 2 times",))]


def test_issuers_in_the_wrong_order() -> None:
    expected = "expected: CN=mtls-client, then CN=Middle, then CN=mTLS Lab Root CA"
    assert found_in(LEAF, CA, BETWEEN) == [("wrong-order", (expected,))]


def test_what_is_not_part_of_the_chain() -> None:
    names = [f"Other {number}" for number in range(4)]
    others = [new_authority(NOW, name=name, number=20).identity.certificate for name in names]
    assert found_in(LEAF, BETWEEN, *others) == [
        (
            "superfluous-certificate",
            tuple(f"CN={name} is not part of the chain of CN=mtls-client" for name in names[:3]),
        )
    ]


def test_issuers_in_other_files_count() -> None:
    """The order of the file is that of the whole chain, wherever the rest of it is."""
    files = [contents_of("c.crt", LEAF, CA), contents_of("m.crt", BETWEEN)]
    assert inspected(files, NOW).files[0].problems == ()


def test_a_file_of_cas_has_no_order() -> None:
    assert found_in(OTHER, CA, OTHER) == []
