"""What strict checks refuse is settled by OpenSSL, and the inspection says the same."""

from __future__ import annotations

import ssl
import sys
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509

from lab.inspecting.results import Grade
from lab.pki import malformed_certificates, profiles
from lab.pki.authority import Authority, self_signed
from lab.pki.identity import Identity, KeyKind, cached
from lab.pki.profiles import NOT_A_CA, KeyUsageBit
from tests.support.inspecting import (
    files_of,
    grades_of,
    inspected,
    problems_of,
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
ROOT = new_authority(NOW)
SERVER = server_under(ROOT, NOW)
CA = x509.BasicConstraints(ca=True, path_length=None)


def extension(value: x509.ExtensionType, *, critical: bool) -> dict[str, Any]:
    return {"extensions": (x509.Extension(value.oid, critical, value),)}


def leaf(**changes: Any) -> tuple[Identity, x509.Certificate]:
    """A client under the root, with its profile changed."""
    made = ROOT.issue(replace(profiles.client(), **changes), leaf_key(2), now=NOW)
    return made, ROOT.identity.certificate


def middle(**changes: Any) -> tuple[Identity, x509.Certificate]:
    """A client under an intermediate whose profile is changed."""
    profile = replace(profiles.intermediate_ca("Middle", path_length=None), **changes)
    issuer = Authority(identity=ROOT.issue(profile, leaf_key(3), now=NOW))
    return client_under(issuer, NOW), ROOT.identity.certificate


def root(**changes: Any) -> tuple[Identity, x509.Certificate]:
    """A client under a root whose profile is changed."""
    made = self_signed(
        replace(profiles.root_ca("Changed"), **changes), cached(KeyKind.EC_P256, 300), now=NOW
    )
    return client_under(Authority(identity=made), NOW), made.certificate


def old_root() -> tuple[Identity, x509.Certificate]:
    made = new_authority(NOW, name="Old", number=5)
    certificate = malformed_certificates.as_version_1(made.identity.certificate, made.identity.key)
    return client_under(made, NOW), certificate


def old_leaf() -> tuple[Identity, x509.Certificate]:
    whole, ca = leaf()
    old = malformed_certificates.as_version_1(whole.certificate, ROOT.identity.key)
    return replace(whole, chain=(old,)), ca


AKI = x509.AuthorityKeyIdentifier(
    None,
    [x509.DirectoryName(ROOT.identity.certificate.subject)],
    ROOT.identity.certificate.serial_number,
)
SAN = x509.SubjectAlternativeName([x509.DNSName("a.test")])
MAY_SIGN = frozenset({KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_CERT_SIGN})
PATH_LENGTH = x509.BasicConstraints(ca=True, path_length=0)
UNMARKED = {"basic_constraints": None, **extension(CA, critical=False)}
NAMELESS = {"subject": x509.Name([])}


@pytest.mark.parametrize(
    ("made", "code", "expected"),
    [
        (leaf(authority_key_identifier=False), 85, "aki-missing"),
        (
            leaf(authority_key_identifier=False, **extension(AKI, critical=False)),
            85,
            "aki-missing",
        ),
        (leaf(key_usage=MAY_SIGN), 82, "leaf-may-sign-certificates"),
        (leaf(**NAMELESS), 84, "no-subject-no-san"),
        (
            leaf(**NAMELESS, **extension(SAN, critical=False)),
            88,
            "no-subject-san-not-critical",
        ),
        (middle(authority_key_identifier=False), 85, "aki-missing"),
        (middle(subject_key_identifier=False), 86, "ski-missing"),
        (middle(**UNMARKED), 89, "ca-basic-constraints-not-critical"),
        (middle(key_usage=frozenset()), 92, "ca-key-usage-missing"),
        (
            middle(key_usage=frozenset(), basic_constraints=PATH_LENGTH),
            81,
            "ca-key-usage-missing",
        ),
        (root(subject_key_identifier=False), 86, "ski-missing"),
        (root(**UNMARKED), 89, "ca-basic-constraints-not-critical"),
        (root(key_usage=frozenset()), 92, "ca-key-usage-missing"),
        (root(basic_constraints=None), 79, "root-without-basic-constraints"),
        (old_root(), 79, "root-without-basic-constraints"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused_where_checks_are_strict(
    made: tuple[Identity, x509.Certificate], code: int, expected: str
) -> None:
    client, ca = made
    assert verdict(client, SERVER, (ca,), strict=False) == 0
    assert verdict(client, SERVER, (ca,), strict=True) == code
    inspection = inspected(files_of(client, ca), NOW)
    assert grades_of(inspection) == {(expected, Grade.STRICT)}
    (problem,) = problems_of(inspection)
    assert f"({code})" in problem.said[0]


@pytest.mark.parametrize(
    "made",
    [
        leaf(),
        leaf(subject_key_identifier=False),
        leaf(basic_constraints=None),
        leaf(basic_constraints=None, **extension(NOT_A_CA, critical=False)),
        leaf(key_usage=frozenset()),
        leaf(**NAMELESS, names=(x509.DNSName("a.test"),)),
        middle(),
        root(),
    ],
)
def test_taken_where_checks_are_strict(made: tuple[Identity, x509.Certificate]) -> None:
    client, ca = made
    assert verdict(client, SERVER, (ca,), strict=True) == 0
    assert problems_of(inspected(files_of(client, ca), NOW)) == []


def test_strict_checks_leave_version_1_alone() -> None:
    client, ca = old_leaf()
    assert verdict(client, SERVER, (ca,), strict=True) == 0
    assert grades_of(inspected(files_of(client, ca), NOW)) == {("eku-missing", Grade.ACCEPTED)}


@pytest.mark.parametrize(
    "value",
    [
        x509.AuthorityKeyIdentifier.from_issuer_public_key(ROOT.identity.key.public_key()),
        x509.SubjectKeyIdentifier.from_public_key(leaf_key(2).public_key()),
    ],
)
def test_critical_key_identifiers_are_refused_by_all(value: x509.ExtensionType) -> None:
    absent = {
        "authority_key_identifier": not isinstance(value, x509.AuthorityKeyIdentifier),
        "subject_key_identifier": not isinstance(value, x509.SubjectKeyIdentifier),
    }
    client, ca = leaf(**absent, **extension(value, critical=True))
    assert verdict(client, SERVER, (ca,), strict=False) == 34
    expected = {("unknown-critical-extension", Grade.REFUSED)}
    assert grades_of(inspected(files_of(client, ca), NOW)) == expected


@pytest.mark.skipif(sys.version_info < (3, 13), reason="needs Python 3.13")
def test_python_3_13_is_strict_by_default() -> None:
    assert ssl.create_default_context().verify_flags & ssl.VERIFY_X509_STRICT
