"""What each kind of client sends is what was measured of it, once and again here."""

from __future__ import annotations

import functools
import itertools
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.diagnosis.certificate_selection.results import (
    CertificateAtHand,
    ClientSelection,
    Decision,
)
from lab.diagnosis.certificate_selection.select import select
from lab.pki.authority import Authority, self_signed
from lab.pki.identity import KeyKind, cached
from lab.pki.profiles import Profile, client, root_ca
from lab.tls.code_points import ClientCertificateType, ProtocolVersion, SignatureScheme
from lab.tls.messages import CertificateRequest
from lab.x509 import der
from lab.x509.certificates import der_of, describe
from tests.diagnosis.certificate_selection.cases import VERSIONS, Case, cases
from tests.diagnosis.certificate_selection.clients import Disk, written
from tests.diagnosis.certificate_selection.identities import Identities
from tests.diagnosis.certificate_selection.kinds import KINDS, measured
from tests.diagnosis.certificate_selection.table import Table

NOW = datetime.now(timezone.utc)
# The kinds of clients in the table, and the codes of the rules that tell what they do.
RULES = {
    "openssl-s_client": "openssl",
    "curl": "openssl",
    "pyopenssl": "openssl",
    "python": "python",
    "node": "node",
    "go": "go",
    "go-callback": "go-callback",
    "java-sunx509": "java-sunx509",
    "java-pkix": "java-pkix",
    "rustls": "rustls",
    "gnutls-library": "gnutls",
    "gnutls-cli": "gnutls-cli",
    "grpc": "boringssl",
    "nss": "nss",
    "nss-named": "nss-named",
    "chromium": "chromium",
}
CITED = {"dotnet", "firefox", "schannel", "secure-transport"}
# Programs that are given one certificate; where the table has several at hand, it is the first.
CHOOSE_FIRST = {"go-callback", "nss-named"}
# Cases that are measured again here; with Java, which takes longest, fewer.
MEASURED_AGAIN = ("openssl-s_client", "curl", "pyopenssl", "python", "node")
MEASURED_AGAIN_SLOWLY = (
    *("java-sunx509", "java-pkix", "go", "go-callback", "rustls", "gnutls-cli", "grpc", "nss"),
    "chromium",
)
EVERY, EVERY_SLOWLY, EVERY_IN_BROWSER = 13, 47, 211


@pytest.fixture(scope="module")
def identities() -> Identities:
    return Identities(NOW)


@pytest.fixture(scope="module")
def table() -> Table:
    return Table.read()


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory, identities: Identities) -> Disk:
    return written(tmp_path_factory.mktemp("clients"), identities)


@functools.cache
def all_selected(
    identities: Identities, case: Case, at_hand: tuple[str, ...]
) -> dict[str, ClientSelection]:
    version = VERSIONS[case.version]
    message = case.request(identities.names).message(version)
    found = select(message, version, identities.at_hand(at_hand), now=NOW)
    return {one.client.code: one for one in found}


def selected(identities: Identities, case: Case, kind: str) -> ClientSelection:
    at_hand = case.at_hand[:1] if kind in CHOOSE_FIRST else case.at_hand
    return all_selected(identities, case, at_hand)[RULES[kind]]


def agrees(selection: ClientSelection, answer: str) -> bool:
    """Whether a rule says what was measured; it may leave open which of several is sent."""
    if answer.startswith("sends "):
        _, name, _ = answer.split()
        sent = selection.certificate
        named = sent is None or sent.name.removesuffix("-alone") == name
        return selection.decision is Decision.SENDS and named
    wanted = Decision.SENDS_EMPTY if answer == "empty" else Decision.BREAKS_OFF
    return selection.decision is wanted


@pytest.mark.parametrize("kind", RULES)
def test_a_rule_says_what_was_measured(kind: str, identities: Identities, table: Table) -> None:
    rows = list(table.rows(kind))
    assert len(rows) >= 20
    wrong, unknown, unnamed = [], 0, 0
    for case, answer in rows:
        selection = selected(identities, case, kind)
        unknown += selection.decision is Decision.UNKNOWN
        unnamed += selection.decision is Decision.SENDS and selection.certificate is None
        if selection.decision is not Decision.UNKNOWN and not agrees(selection, answer):
            wrong.append((case, answer, selection.decision, selection.reason))
    assert not wrong
    assert unknown <= len(rows) // 20
    assert unnamed <= len(rows) // 10


def test_every_rule_is_there_once_with_its_source(identities: Identities, table: Table) -> None:
    found = all_selected(identities, next(iter(table.answers)), ())
    assert set(found) == {*RULES.values(), *CITED}
    assert {code for code, one in found.items() if not one.measured} == CITED
    for selection in found.values():
        assert selection.rule
        assert selection.source
    for kind, code in RULES.items():
        numbers = re.findall(r"\d+\.[\d.]+", found[code].client.versions)
        assert numbers
        assert any(number in table.programs[kind] for number in numbers), kind


def test_every_kind_was_measured_in_every_case(table: Table) -> None:
    for kind in KINDS:
        wanted = {case for case in cases() if kind.holds(case.at_hand)}
        assert {case for case, _ in table.rows(kind.code)} == wanted


def _go_is_as_measured() -> bool:
    """Tell the version apart: Go 1.19 breaks off in TLS 1.2 where 1.27 sends an empty message."""
    shown = subprocess.run(["go", "version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"go(\d+)\.(\d+)", shown)
    return found is not None and (int(found[1]), int(found[2])) >= (1, 27)


def measured_again(
    code: str, every: int, identities: Identities, disk: Disk
) -> Iterator[tuple[Case, str, str]]:
    kind = next(kind for kind in KINDS if kind.code == code)
    if not kind.is_there:
        pytest.skip(f"{kind.version[0]} is not installed (install {kind.needs})")
    if kind.version[0] == "go" and not _go_is_as_measured():
        pytest.skip("needs Go 1.27 or later, with which the rules were measured")
    return measured(kind, itertools.islice(cases(), 0, None, every), identities, disk)


def check_again(code: str, every: int, identities: Identities, disk: Disk) -> None:
    for case, answer, words in measured_again(code, every, identities, disk):
        selection = selected(identities, case, code)
        if selection.decision is not Decision.UNKNOWN:
            assert agrees(selection, answer), (case, answer, words, selection)


@pytest.mark.parametrize("code", MEASURED_AGAIN)
def test_a_client_that_is_here_does_what_its_rule_says(
    code: str, identities: Identities, disk: Disk
) -> None:
    check_again(code, EVERY, identities, disk)


@pytest.mark.slow
@pytest.mark.parametrize("code", MEASURED_AGAIN_SLOWLY)
def test_a_slower_client_that_is_here_does_what_its_rule_says(
    code: str, identities: Identities, disk: Disk
) -> None:
    every = EVERY_IN_BROWSER if code == "chromium" else EVERY_SLOWLY
    check_again(code, every, identities, disk)


ALL_SCHEMES = (
    SignatureScheme.ECDSA_SECP256R1_SHA256,
    SignatureScheme.RSA_PSS_RSAE_SHA256,
    SignatureScheme.RSA_PKCS1_SHA256,
    SignatureScheme.ED25519,
)
TYPES = (ClientCertificateType.RSA_SIGN, ClientCertificateType.ECDSA_SIGN)


def asked(
    at_hand: tuple[CertificateAtHand, ...],
    version: ProtocolVersion = ProtocolVersion.TLS_1_2,
    **changes: object,
) -> dict[str, ClientSelection]:
    values: dict[str, object] = {
        "certificate_types": TYPES,
        "supported_signature_algorithms": ALL_SCHEMES,
        **changes,
    }
    request = CertificateRequest(**values)  # type: ignore[arg-type]
    return {one.client.code: one for one in select(request, version, at_hand, now=NOW)}


def decisions(found: dict[str, ClientSelection]) -> set[Decision]:
    return {selection.decision for selection in found.values()}


def of_key(kind: KeyKind) -> tuple[CertificateAtHand, ...]:
    identity = self_signed(client(), cached(kind), now=NOW)
    return (CertificateAtHand(name="one", chain=(der_of(identity.certificate),)),)


@pytest.mark.parametrize("kind", [KeyKind.ED448, KeyKind.RSA_1024])
def test_a_key_that_no_run_covers_is_left_open(kind: KeyKind) -> None:
    assert decisions(asked(of_key(kind))) == {Decision.UNKNOWN}


def changed(
    kind: KeyKind = KeyKind.EC_P256, issuer: KeyKind | None = None, **changes: object
) -> tuple[CertificateAtHand, ...]:
    """Return a changed certificate, with its CA where ``issuer`` says of which key."""
    profile: Profile = replace(client(), **changes)  # type: ignore[arg-type]
    if issuer is None:
        chain = self_signed(profile, cached(kind), now=NOW).chain
    else:
        ca = self_signed(root_ca(), cached(issuer, 1), now=NOW)
        chain = (
            *Authority(identity=ca).issue(profile, cached(kind), now=NOW).chain[:1],
            ca.certificate,
        )
    return (CertificateAtHand(name="one", chain=tuple(map(der_of, chain))),)


def test_a_chain_that_some_do_not_load_is_left_open() -> None:
    # OpenSSL says "ca key too small", Go "x509: negative serial number".
    assert decisions(asked(changed(issuer=KeyKind.RSA_1024))) == {Decision.UNKNOWN}
    assert decisions(asked(changed(issuer=KeyKind.RSA_2048))) > {Decision.SENDS}
    (negative,) = changed(serial=0x55)
    serial = b"\xa0\x03\x02\x01\x02\x02\x01"
    one = negative.chain[0].replace(serial + b"\x55", serial + b"\xd5")
    at_hand = (CertificateAtHand(name="one", chain=(one,)),)
    assert decisions(asked(at_hand)) == {Decision.UNKNOWN}


def test_what_rustls_does_not_load_is_not_said_to_be_sent() -> None:
    kind = x509.ObjectIdentifier("1.2.3.4.5")
    extension: x509.Extension[x509.ExtensionType] = x509.Extension(
        kind, True, x509.UnrecognizedExtension(kind, b"\x05\x00")
    )
    found = asked(changed(extensions=(extension,)))
    assert found["rustls"].decision is Decision.UNKNOWN
    assert found["openssl"].decision is found["go"].decision is Decision.SENDS
    (version3,) = changed()
    # Without the version it is one of version 1, which has no extensions.
    described = describe(version3.chain[0])
    fields = der.parts(described.signed)
    version1 = der.sequence(*fields[1:7])
    whole = der.sequence(version1, *der.parts(version3.chain[0])[1:]).encode()
    at_hand = (CertificateAtHand(name="one", chain=(whole,)),)
    assert asked(at_hand)["rustls"].decision is Decision.BREAKS_OFF
    assert asked(at_hand)["openssl"].decision is Decision.SENDS


def test_a_ca_as_a_client_is_left_open_with_nss() -> None:
    # NSS sends it or not by what else it says.
    found = asked(changed(basic_constraints=x509.BasicConstraints(ca=True, path_length=None)))
    assert {found[code].decision for code in ("nss", "nss-named", "chromium")} == {Decision.UNKNOWN}
    assert found["java-pkix"].decision is Decision.SENDS


def test_a_request_that_no_run_covers_is_left_open() -> None:
    at_hand = of_key(KeyKind.EC_P256)
    unknown = {Decision.UNKNOWN}
    assert decisions(asked(at_hand, ProtocolVersion.TLS_1_1)) == unknown
    assert decisions(asked(at_hand, supported_signature_algorithms=())) == unknown
    assert decisions(asked(at_hand, certificate_types=())) == unknown
    assert Decision.UNKNOWN not in decisions(
        {code: one for code, one in asked(at_hand).items() if one.measured}
    )


def test_a_name_in_a_string_type_that_no_run_covers_is_left_open_where_it_may_matter() -> None:
    kind = x509.name._ASN1Type.BMPString
    common = x509.NameOID.COMMON_NAME
    name = x509.Name([x509.NameAttribute(common, "mtls-client", kind)]).public_bytes()
    found = asked(of_key(KeyKind.EC_P256), certificate_authorities=(name,))
    decided = {code: one.decision for code, one in found.items()}
    assert decided["java-sunx509"] is decided["java-pkix"] is decided["nss"] is Decision.UNKNOWN
    assert decided["go"] is decided["gnutls"] is decided["chromium"] is Decision.SENDS_EMPTY
    assert decided["openssl"] is decided["rustls"] is Decision.SENDS


def test_a_program_that_is_given_one_of_several_is_left_open_where_they_differ() -> None:
    at_hand = of_key(KeyKind.EC_P256) + of_key(KeyKind.RSA_2048)
    only = asked(at_hand, supported_signature_algorithms=ALL_SCHEMES[:1])
    assert only["openssl"].decision is Decision.UNKNOWN
    both = asked(at_hand)
    assert (both["openssl"].decision, both["openssl"].certificate) == (Decision.SENDS, None)


def test_cited_clients_are_told_of_only_where_their_source_decides(identities: Identities) -> None:
    def answer(names: tuple[str, ...], authorities: tuple[str, ...]) -> dict[str, Decision]:
        case = Case(version="1.3", at_hand=names, authorities=authorities)
        found = all_selected(identities, case, names)
        return {code: found[code].decision for code in ("dotnet", "firefox")}

    assert set(answer(("ec",), ("ec-issuer",)).values()) == {Decision.SENDS}
    # Their own stores may lead from the chain at hand to a CA that the server names.
    assert set(answer(("ec",), ("nobody",)).values()) == {Decision.UNKNOWN}
    assert set(answer(("server-only",), ("ec-issuer",)).values()) == {Decision.UNKNOWN}
    whole = asked(of_key(KeyKind.EC_P256), certificate_authorities=(identities.names["nobody"],))
    assert whole["dotnet"].decision is whole["firefox"].decision is Decision.SENDS_EMPTY


@given(
    chain=st.lists(st.binary(max_size=40), max_size=3),
    names=st.lists(st.binary(min_size=1, max_size=40), max_size=3),
    schemes=st.lists(st.integers(0, 0xFFFF), max_size=4),
)
@settings(max_examples=50, deadline=None)
def test_nothing_that_is_hostile_makes_it_fail(
    chain: list[bytes], names: list[bytes], schemes: list[int]
) -> None:
    at_hand = (*of_key(KeyKind.EC_P256), CertificateAtHand(name="odd", chain=tuple(chain)))
    for given_ in (at_hand, at_hand[:1]):
        asked(
            given_,
            certificate_authorities=tuple(names),
            supported_signature_algorithms=tuple(map(SignatureScheme, schemes)),
        )
