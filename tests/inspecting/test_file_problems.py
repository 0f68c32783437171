"""Problems of a file that is sent as a chain."""

from __future__ import annotations

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
