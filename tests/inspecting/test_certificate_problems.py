"""Problems of one certificate, and what OpenSSL says of it."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from lab.inspecting.results import (
    Grade,
    TlsRole,
)
from lab.pki import profiles
from lab.pki.authority import self_signed
from lab.pki.identity import Identity
from lab.pki.keys import KeyKind, cached
from lab.pki.profiles import KeyUsageBit
from tests.support.inspecting import (
    ACCEPTED,
    CA,
    CLIENT,
    DAY,
    NOW,
    REFUSED,
    ROOT,
    SERVER,
    codes_of,
    contents_of,
    files_of,
    first,
    grades_of,
    inspected,
    issued_client,
    issued_server,
)
from tests.support.pki_fixtures import (
    leaf_key,
)
from tests.support.verdicts import verdict


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        (issued_client(lifetime=40 * DAY), set()),
        (issued_client(lifetime=20 * DAY, starts=-14 * DAY), {("expires-soon", ACCEPTED)}),
        (issued_client(lifetime=365 * DAY, starts=-340 * DAY), {("expires-soon", ACCEPTED)}),
        (issued_client(lifetime=7 * DAY), set()),
        (issued_server(names=()), {("san-missing", ACCEPTED)}),
        (
            issued_client(extended_key_usage=(ExtendedKeyUsageOID.CODE_SIGNING,)),
            {("wrong-extended-key-usage", REFUSED)},
        ),
        (
            issued_client(key_usage=frozenset({KeyUsageBit.KEY_AGREEMENT})),
            {("wrong-key-usage", ACCEPTED)},
        ),
        (
            issued_server(key_usage=frozenset({KeyUsageBit.KEY_ENCIPHERMENT})),
            {("wrong-key-usage", ACCEPTED)},
        ),
        (
            issued_server(key_usage=frozenset({KeyUsageBit.CONTENT_COMMITMENT})),
            {("wrong-key-usage", REFUSED)},
        ),
    ],
)
def test_one_certificate(identity: Identity, expected: set[tuple[str, Grade]]) -> None:
    assert grades_of(inspected(files_of(identity, CA), NOW)) == expected


@pytest.mark.parametrize(
    ("curve", "problem"),
    [
        (ec.SECP192R1(), "key-or-digest-too-weak"),
        (ec.SECP224R1(), "key-type-not-taken"),
        (ec.SECP256K1(), "key-type-not-taken"),
    ],
)
def test_curves(curve: ec.EllipticCurve, problem: str) -> None:
    key = ec.generate_private_key(curve)
    identity = ROOT.issue(profiles.client(), key, now=NOW)
    assert grades_of(inspected(files_of(identity, CA), NOW)) == {(problem, REFUSED)}


def test_the_ends_of_validity_count_as_valid() -> None:
    certificate = CLIENT.certificate
    files = files_of(CLIENT, CA)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    second = timedelta(seconds=1)
    assert "certificate-not-yet-valid" in codes_of(inspected(files, begin - second))
    assert "certificate-not-yet-valid" not in codes_of(inspected(files, begin))
    assert "certificate-expired" not in codes_of(inspected(files, end))
    assert "certificate-expired" in codes_of(inspected(files, end + second))
    assert first(inspected(files, end + second)).left == -second


def test_roles() -> None:
    entry = first(inspected(files_of(CLIENT), NOW))
    as_client, as_server = entry.roles
    assert (as_client.role, as_client.obstacles) == (TlsRole.CLIENT, ())
    assert as_server.obstacles == ("extendedKeyUsage lacks serverAuth",)
    assert first(inspected([contents_of("ca.crt", CA)], NOW)).roles == ()
    wrong = inspected(files_of(CLIENT, CA), NOW, TlsRole.SERVER)
    assert codes_of(wrong) == {"wrong-extended-key-usage", "san-missing"}
    assert codes_of(inspected(files_of(SERVER, CA), NOW, TlsRole.SERVER)) == set()


@pytest.mark.parametrize("bits", [frozenset({bit}) for bit in KeyUsageBit][:5])
def test_roles_are_openssls_word(bits: frozenset[KeyUsageBit]) -> None:
    one = ROOT.issue(replace(profiles.client(), key_usage=bits), leaf_key(2), now=NOW)
    as_client, _ = first(inspected(files_of(one), NOW)).roles
    assert (verdict(one, SERVER, (CA,)) == 0) is not bool(as_client.obstacles)
    other = issued_server(key_usage=bits)
    _, as_server = first(inspected(files_of(other), NOW)).roles
    code = verdict(CLIENT, other, (CA,), judge=ssl.Purpose.SERVER_AUTH)
    assert (code == 0) is not bool(as_server.obstacles)


def test_a_self_signed_server_that_is_a_ca_too() -> None:
    """What ``openssl req -x509`` makes, with names."""
    profile = replace(profiles.root_ca("localhost"), names=(x509.DNSName("localhost"),))
    made = self_signed(profile, cached(KeyKind.EC_P256, 301), now=NOW)
    found = codes_of(inspected(files_of(made), NOW))
    assert {
        "certificate-self-signed",
        "eku-missing",
        "wrong-key-usage",
    } == found
