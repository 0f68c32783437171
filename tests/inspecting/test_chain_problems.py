"""Problems of the chain above a certificate."""

from __future__ import annotations

from dataclasses import replace

from lab.pki import profiles
from lab.pki.authority import Authority
from lab.pki.profiles import KeyUsageBit
from tests.support.inspecting import (
    CA,
    CLIENT,
    DEEP,
    NOW,
    REFUSED,
    ROOT,
    contents_of,
    files_of,
    first,
    grades_of,
    inspected,
    problems_of,
)
from tests.support.pki_fixtures import (
    client_under,
    leaf_key,
)


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
