"""OpenSSL's verdict on a chain without its key is that of a real handshake with the key."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lab.pki import catalogue
from lab.pki.identity import Identity, KeyKind
from lab.pki.lab_ca import LabAuthority, new_lab_authority
from lab.stream.chain_judge import ChainVerdict, judge_chain
from lab.x509.verify_codes import VerifyCode
from tests.support.pki_fixtures import utc_now
from tests.support.verdicts import verdict

CA = new_lab_authority(utc_now())
ACCEPTED = ChainVerdict(accepted=True)


def der(*certificates: x509.Certificate | x509.CertificateRevocationList) -> list[bytes]:
    return [certificate.public_bytes(Encoding.DER) for certificate in certificates]


def judge_client(identity: Identity, *, strict: bool = False) -> ChainVerdict:
    return judge_chain(
        der(*identity.chain), trust=der(CA.root), purpose=ssl.Purpose.CLIENT_AUTH, strict=strict
    )


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    "recipe",
    [
        catalogue.good,
        catalogue.good_ed25519,
        catalogue.through_intermediate,
        catalogue.expired,
        catalogue.not_yet_valid,
        catalogue.wrong_ca,
        catalogue.wrong_ca_same_name_no_aki,
        catalogue.client_self_signed,
        catalogue.tampered_signature,
        catalogue.intermediate_not_sent,
        catalogue.eku_server_only,
        catalogue.path_length_exceeded,
        catalogue.name_constraints_violated,
        catalogue.unknown_critical_extension,
        catalogue.version_1,
        catalogue.over_one_record,
    ],
)
def test_a_client_is_judged_as_in_a_handshake(
    recipe: Callable[[LabAuthority], Identity], strict: bool
) -> None:
    identity = recipe(CA)
    code = verdict(identity, CA.server(), [CA.root], strict=strict)
    assert judge_client(identity, strict=strict).verify_code == code
    assert judge_client(identity, strict=strict).accepted is (code == 0)


@pytest.mark.parametrize(
    "recipe",
    [
        catalogue.good_server,
        catalogue.server_expired,
        catalogue.server_eku_client_only,
        catalogue.server_extensions_lost,
        catalogue.server_untrusted_ca,
        catalogue.server_intermediate_not_sent,
    ],
)
def test_a_server_is_judged_as_in_a_handshake(recipe: Callable[[LabAuthority], Identity]) -> None:
    identity = recipe(CA)
    code = verdict(CA.client(), identity, [CA.root], judge=ssl.Purpose.SERVER_AUTH)
    found = judge_chain(der(*identity.chain), trust=der(CA.root), purpose=ssl.Purpose.SERVER_AUTH)
    assert (found.verify_code, found.accepted) == (code, code == 0)


def test_a_server_with_an_rsa_key_is_judged_by_its_chain() -> None:
    identity = CA.client_of(KeyKind.RSA_2048, CA.server_profile(), CA.authority)
    chain = der(*identity.chain)
    assert judge_chain(chain, trust=der(CA.root), purpose=ssl.Purpose.SERVER_AUTH) == ACCEPTED


def test_revocation_lists_are_used_for_the_whole_chain() -> None:
    chain = der(*catalogue.through_intermediate(CA).chain)
    revoked = der(*catalogue.intermediate_revoked(CA).chain)
    lists = der(*catalogue.fresh_crl(CA))

    def judged(chain: list[bytes], crls: list[bytes]) -> int:
        purpose = ssl.Purpose.CLIENT_AUTH
        return judge_chain(chain, trust=der(CA.root), crls=crls, purpose=purpose).verify_code

    assert judged(chain, lists) == 0
    assert judged(chain, lists[:1]) == VerifyCode.UNABLE_TO_GET_CRL
    assert judged(revoked, lists) == VerifyCode.CERT_REVOKED


def test_a_chain_may_end_at_a_trusted_intermediate_if_that_is_asked_for() -> None:
    leaf, middle = der(*catalogue.through_intermediate(CA).chain)
    purpose = ssl.Purpose.CLIENT_AUTH
    assert judge_chain([leaf], trust=[middle], purpose=purpose, partial=True) == ACCEPTED
    code = judge_chain([leaf], trust=[middle], purpose=purpose).verify_code
    assert code == VerifyCode.UNABLE_TO_GET_ISSUER_CERT


@pytest.mark.parametrize("purpose", [ssl.Purpose.CLIENT_AUTH, ssl.Purpose.SERVER_AUTH])
def test_what_tls_refuses_for_another_reason_has_no_verify_code(purpose: ssl.Purpose) -> None:
    large = der(*catalogue.over_openssl_limit(CA).chain)
    found = judge_chain(large, trust=der(CA.root), purpose=purpose)
    assert found == ChainVerdict(accepted=False, verify_message="excessive message size")
    no_certificate = judge_chain([b"junk"], trust=der(CA.root), purpose=purpose)
    assert not no_certificate.accepted
    assert no_certificate.verify_code == 0
    assert no_certificate.verify_message
