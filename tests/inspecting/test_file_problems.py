"""Problems of a file that is sent as a chain."""

from __future__ import annotations

from cryptography import x509

from tests.support.inspecting import (
    CA,
    DEEP,
    NOW,
    UNUSABLE,
    contents_of,
    grades_of,
    inspected,
    problems_of,
    stored_key,
)
from tests.support.pki_fixtures import (
    new_authority,
)


def test_the_leaf_is_not_first() -> None:
    inspection = inspected(
        [contents_of("c.crt", *reversed(DEEP.chain)), contents_of("ca.crt", CA)], NOW
    )
    assert grades_of(inspection) == {("leaf-not-first", UNUSABLE)}
    assert next(inspection.problems())[0] == "c.crt"


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
