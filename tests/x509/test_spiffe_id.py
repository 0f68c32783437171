"""SPIFFE IDs: what is one, and why something is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.x509.spiffe_id import has_capitals, has_path, has_spiffe_scheme, id_flaw

GOOD = (
    "spiffe://lab.example/client",
    "spiffe://lab.example",
    "spiffe://10.0.0.1/a",
    "spiffe://a_b-c.9/...a/-/A.z",
)
FLAWED = {
    "spiffe:lab.example": "no // follows the scheme (section 2)",
    "spiffe://": "it names no trust domain (section 2)",
    "spiffe:///a": "it names no trust domain (section 2)",
    "spiffe://?a": "it names no trust domain (section 2)",
    "spiffe://lab.example?a": "it has a query or a fragment (section 2)",
    "spiffe://lab.example/a#b": "it has a query or a fragment (section 2)",
    "spiffe://a:1/b": "its trust domain has a user or a port (section 2.1)",
    "spiffe://a@b/c": "its trust domain has a user or a port (section 2.1)",
    "spiffe://lab%2eexample/a": "its trust domain has other characters than a-z, 0-9, dot, - and "
    "_ (section 2.1)",
    "spiffe://\u212a.example/a": "its trust domain has other characters than a-z, 0-9, dot, - and "
    "_ (section 2.1)",  # KELVIN SIGN, whose lower case is an ASCII letter
    f"spiffe://{'a' * 256}/b": "its trust domain is longer than 255 bytes (section 2.3)",
    "spiffe://a/": "it ends with a slash (section 2.2)",
    "spiffe://a/b/": "it ends with a slash (section 2.2)",
    "spiffe://a//b": "its path has an empty segment (section 2.2)",
    "spiffe://a/./b": "its path has a segment . or .. (section 2.2)",
    "spiffe://a/..": "its path has a segment . or .. (section 2.2)",
}


@pytest.mark.parametrize("uri", GOOD)
def test_an_id_has_no_flaw(uri: str) -> None:
    assert has_spiffe_scheme(uri)
    assert id_flaw(uri) == ""
    assert not has_capitals(uri)


@pytest.mark.parametrize("uri", FLAWED)
def test_a_flaw_is_named_with_its_section(uri: str) -> None:
    assert id_flaw(uri) == FLAWED[uri]


@pytest.mark.parametrize("uri", ["SPIFFE://a/b", "spiffe://A/b"])
def test_capitals(uri: str) -> None:
    assert has_spiffe_scheme(uri)
    assert has_capitals(uri)
    assert id_flaw(uri) == ""


def test_capitals_in_the_path_are_part_of_the_name() -> None:
    assert not has_capitals("spiffe://a/B/C")


def test_paths() -> None:
    assert has_path("spiffe://a/b")
    assert not has_path("spiffe://a")
    assert not has_spiffe_scheme("https://a/b")


@given(st.text(max_size=40))
def test_no_text_is_an_id_with_what_may_not_be_in_one(text: str) -> None:
    if id_flaw(f"spiffe://{text}") == "":
        assert text.isascii()
        assert not set(text) & set("?#@:%~ ")
