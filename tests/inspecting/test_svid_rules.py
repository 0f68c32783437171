"""The rules of SPIFFE for certificates, held against a SPIFFE library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from lab.inspecting.inspect_files import inspect
from lab.inspecting.results import FoundProblem, Grade
from lab.pki import profiles
from lab.pki.authority import Authority
from lab.pki.identity import Identity
from lab.pki.profiles import KeyUsageBit, Profile
from tests.support.inspecting import files_of, problems_of
from tests.support.pki_fixtures import leaf_key, new_authority, utc_now

BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
ID = "spiffe://lab.example/client"
URI = x509.UniformResourceIdentifier
GOOD = replace(profiles.client(), subject=x509.Name([]), names=(URI(ID),), extended_key_usage=BOTH)
NO_PATH = "svid-without-path"
NO_ID = "svid-uri-is-no-spiffe-id"
MORE_URIS = "svid-not-one-uri"
SIGNS = "svid-may-sign"
USAGE = "svid-key-usage"
CAPITALS = "svid-capitals-in-trust-domain"


def usage(*bits: KeyUsageBit) -> dict[str, Any]:
    return {"key_usage": frozenset(bits)}


def uris(*texts: str) -> dict[str, Any]:
    return {"names": tuple(map(URI, texts))}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A change of a good SVID, the codes of what is found, and whether py-spiffe refuses it."""

    change: Mapping[str, Any]
    codes: set[str]
    refused: bool


CASES = {
    "good": Case(change={}, codes=set(), refused=False),
    "with a DNS name": Case(
        change={"names": (URI(ID), x509.DNSName("a.example"))}, codes=set(), refused=False
    ),
    "with a subject": Case(
        change={"subject": profiles.common_name("x")}, codes=set(), refused=False
    ),
    "key encipherment": Case(
        change=usage(KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_ENCIPHERMENT),
        codes=set(),
        refused=False,
    ),
    "every character": Case(change=uris("spiffe://a-b_c.9/A.z-_0/b"), codes=set(), refused=False),
    "2048 bytes": Case(change=uris(ID + "a" * (2048 - len(ID))), codes=set(), refused=False),
    "no URI": Case(change={"names": (x509.DNSName("a.example"),)}, codes={MORE_URIS}, refused=True),
    "two SPIFFE IDs": Case(change=uris(ID, ID + "2"), codes={MORE_URIS}, refused=True),
    "another URI beside": Case(
        change=uris(ID, "https://a.example/"), codes={MORE_URIS}, refused=True
    ),
    "another scheme": Case(change=uris("https://lab.example/a"), codes={NO_ID}, refused=True),
    "no slashes": Case(change=uris("spiffe:lab.example/a"), codes={NO_ID}, refused=True),
    "no path": Case(change=uris("spiffe://lab.example"), codes={NO_PATH}, refused=True),
    "a slash alone": Case(change=uris("spiffe://lab.example/"), codes={NO_ID}, refused=True),
    "a slash at the end": Case(change=uris(ID + "/"), codes={NO_ID}, refused=True),
    "no trust domain": Case(change=uris("spiffe:///a"), codes={NO_ID}, refused=True),
    "a port": Case(change=uris("spiffe://lab.example:8443/a"), codes={NO_ID}, refused=True),
    "a user": Case(change=uris("spiffe://me@lab.example/a"), codes={NO_ID}, refused=True),
    "a query": Case(change=uris(ID + "?a=b"), codes={NO_ID}, refused=True),
    "a fragment": Case(change=uris(ID + "#a"), codes={NO_ID}, refused=True),
    "an empty segment": Case(change=uris("spiffe://lab.example//a"), codes={NO_ID}, refused=True),
    "a segment of dots": Case(
        change=uris("spiffe://lab.example/../a"), codes={NO_ID}, refused=True
    ),
    "percent-encoding": Case(change=uris("spiffe://lab.example/%61"), codes={NO_ID}, refused=True),
    "a tilde": Case(change=uris("spiffe://lab.example/~a"), codes={NO_ID}, refused=True),
    "a CA": Case(
        change={"basic_constraints": x509.BasicConstraints(ca=True, path_length=None)},
        codes={"svid-is-a-ca"},
        refused=True,
    ),
    "keyCertSign": Case(
        change=usage(KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_CERT_SIGN),
        codes={SIGNS},
        refused=True,
    ),
    "cRLSign": Case(
        change=usage(KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.CRL_SIGN),
        codes={SIGNS},
        refused=True,
    ),
    "no digitalSignature": Case(
        change=usage(KeyUsageBit.KEY_AGREEMENT), codes={USAGE}, refused=True
    ),
    "no keyUsage": Case(change=usage(), codes={USAGE}, refused=True),
    "no basicConstraints": Case(
        change={"basic_constraints": None},
        codes={"svid-without-basic-constraints"},
        refused=True,
    ),
    # What the specification forbids or advises against, and this library takes.
    "capitals": Case(change=uris("spiffe://Lab.example/a"), codes={CAPITALS}, refused=False),
    "too long": Case(change=uris(ID + "a" * 2048), codes={"svid-id-too-long"}, refused=False),
    "a client only": Case(
        change={"extended_key_usage": (ExtendedKeyUsageOID.CLIENT_AUTH,)},
        codes={"svid-one-purpose"},
        refused=False,
    ),
    "no purpose": Case(
        change={"extended_key_usage": ()}, codes={"svid-without-purpose"}, refused=False
    ),
}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return new_authority(utc_now())


def svid(authority: Authority, profile: Profile) -> Identity:
    return authority.issue(profile, leaf_key(), now=utc_now())


def found(identity: Identity, authority: Authority) -> list[FoundProblem]:
    files = files_of(identity, authority.identity.certificate)
    about_svid = inspect(files, now=utc_now(), svid=True)
    return [problem for problem in problems_of(about_svid) if problem.code.startswith("svid-")]


@pytest.mark.parametrize("name", CASES)
def test_a_rule_finds_what_breaks_it(name: str, authority: Authority) -> None:
    case = CASES[name]
    problems = found(svid(authority, replace(GOOD, **case.change)), authority)
    assert {problem.code for problem in problems} == case.codes
    assert all("SPIFFE-ID" in p.reference or "X509-SVID" in p.reference for p in problems)


@pytest.mark.parametrize("name", CASES)
def test_the_library_agrees(name: str, authority: Authority) -> None:
    """What is said to be refused is; what it refuses is found."""
    library = pytest.importorskip("spiffe.svid.x509_svid", reason="install spiffe (PyPI)")
    errors = pytest.importorskip("spiffe.errors")
    case = CASES[name]
    identity = svid(authority, replace(GOOD, **case.change))
    key = identity.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        library.X509Svid.parse(identity.chain_pem(), key)
        refused = False
    except errors.PySpiffeError:
        refused = True
    assert refused is case.refused
    grades = {problem.grade for problem in found(identity, authority)}
    if Grade.SPIFFE_REFUSES in grades:
        assert refused
    if refused:
        assert grades & {Grade.SPIFFE_REFUSES, Grade.SPIFFE_FORBIDS}


def test_a_lacking_purpose_is_told_with_its_role(authority: Authority) -> None:
    """OpenSSL, which is named there, accepts the certificate in the other role."""
    change = CASES["a client only"].change
    (problem,) = found(svid(authority, replace(GOOD, **change)), authority)
    assert problem.evidence[1:] == ("without serverAuth, which a server's needs",)
