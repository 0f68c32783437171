"""Revocation lists: which of them OpenSSL uses, and why not the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from lab.inspecting.results import Grade
from lab.inspecting.revocation import Revocation
from lab.pki import profiles
from lab.pki.authority import Authority, revocation_list, self_signed
from lab.pki.profiles import KeyUsageBit
from lab.x509.certificates import moment
from tests.support.inspecting import (
    CA,
    CLIENT,
    DAY,
    DEEP,
    MIDDLE,
    NOW,
    REFUSED,
    ROOT,
    codes_of,
    contents_of,
    files_of,
    first,
    grades_of,
    inspected,
    problems_of,
)
from tests.support.pki_fixtures import client_under, leaf_key


def crl(
    *extensions: tuple[x509.ExtensionType, bool], starts: timedelta = -DAY
) -> x509.CertificateRevocationList:
    """A list of the root with these extensions."""
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=CA.subject, last_update=NOW + starts, next_update=NOW + starts + 9 * DAY
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    key = ROOT.identity.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return builder.sign(key, hashes.SHA256())


POINT = x509.IssuingDistributionPoint(None, None, False, True, None, False, False)


@pytest.mark.parametrize(
    ("made", "reason", "code"),
    [
        (crl((x509.AuthorityKeyIdentifier(b"x" * 20, None, None), False)), "names another key", 3),
        (crl((x509.DeltaCRLIndicator(1), True)), "delta CRL", 3),
        (crl((POINT, True)), "for CA certificates only", 44),
        (crl((x509.CRLNumber(1), True)), "critical", 36),
        (crl(starts=DAY), "is not valid before", 11),
        (crl(starts=-20 * DAY), "nextUpdate was", 12),
    ],
    ids=["key identifier", "delta", "only CAs", "critical number", "early", "late"],
)
def test_a_list_that_openssl_does_not_use(
    made: x509.CertificateRevocationList, reason: str, code: int
) -> None:
    inspection = inspected([*files_of(CLIENT, CA), contents_of("l", made)], NOW)
    assert first(inspection).verdicts[0].plain.verify_code == code
    assert grades_of(inspection) == {("crl-unusable", REFUSED), ("crl-unusable", Grade.NOT_ASKED)}
    assert all(reason in problem.evidence[0] for problem in problems_of(inspection))


def test_a_ca_that_may_not_sign_lists() -> None:
    profile = profiles.root_ca()
    only = replace(profile, key_usage=frozenset({KeyUsageBit.KEY_CERT_SIGN}))
    root = Authority(identity=self_signed(only, leaf_key(40), now=NOW))
    files = files_of(client_under(root, NOW), root.identity.certificate)
    inspection = inspected([*files, contents_of("l", revocation_list(root, (), now=NOW))], NOW)
    assert first(inspection).verdicts[0].plain.verify_code == 35
    problem = problems_of(inspection)[0]
    assert (problem.code, problem.grade) == ("crl-unusable", REFUSED)
    assert "lacks cRLSign" in problem.evidence[0]


def test_each_ca_of_a_chain_needs_its_list() -> None:
    own = contents_of("l", revocation_list(ROOT, (), now=NOW))
    inspection = inspected([*files_of(DEEP, CA), own], NOW)
    assert grades_of(inspection) == {("crl-unusable", REFUSED)}
    (problem,) = problems_of(inspection)
    assert problem.evidence == ("the CRL of CN=Middle: there is none in these files",)
    both = contents_of("m", revocation_list(MIDDLE, (), now=NOW))
    assert codes_of(inspected([*files_of(DEEP, CA), own, both], NOW)) == set()


def test_a_long_list_is_read() -> None:
    made = revocation_list(ROOT, range(1, 20_000), now=NOW)
    found = Revocation.of(made.public_bytes(Encoding.DER))
    assert len(found.revoked) == 19_999
    assert found.revoked_since(19_999) == moment(made.last_update_utc)
    assert found.revoked_since(20_000) == ""
    assert (found.issuer, found.problem) == ("CN=mTLS Lab Root CA", "")
    assert found.next_update == made.next_update_utc


@pytest.mark.parametrize("data", [b"", b"\x30\x00", b"\x30\x80", bytes(50)])
def test_what_is_no_list(data: bytes) -> None:
    assert Revocation.of(data).problem.startswith("not a readable CRL: ")
