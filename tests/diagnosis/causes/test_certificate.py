"""Which problems a refused chain is likely to have: each from what it takes, and from no less."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from lab.diagnosis.causes.alerts_in_use import Fit, fit
from lab.diagnosis.causes.certificate import likely_problems
from lab.diagnosis.causes.shown import Basis, LikelyProblem, ReceivedChain
from lab.diagnosis.results import ONE_OF_SEVERAL, THEIR_FILES, TrustVerdict
from lab.pki import catalogue
from lab.pki.identity import Identity, KeyKind
from lab.pki.lab_ca import new_lab_authority
from lab.pki.profiles import KeyUsageBit
from lab.tls.code_points import AlertDescription as Alert
from lab.tls.events import Endpoint, Fact, LocalFact
from lab.x509 import problems
from lab.x509.problems import Problem
from lab.x509.verify_codes import VerifyCode
from tests.support.pki_fixtures import with_digest

NOW = datetime(2031, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
CA = new_lab_authority(NOW)
CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER
DAY = timedelta(days=1)
LATER = NOW + DAY + timedelta(seconds=1)
ROOT_NAME = CA.root.subject.public_bytes()
OTHER_CA = x509.Name.from_rfc4514_string("CN=Middle CA")
OTHER_NAME = x509.Name.from_rfc4514_string("CN=Somebody Else").public_bytes()
# An alert that is in use for no problem of a certificate at all.
ODD = Alert.NO_APPLICATION_PROTOCOL
NOT_IN_USE = "the alert no_application_protocol is not in use for this"

GOOD = catalogue.good_ec(CA)
DEEP = catalogue.through_intermediate(CA)


def ders(*certificates: x509.Certificate) -> tuple[bytes, ...]:
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in certificates)


def received(identity: Identity | None, sender: Endpoint = CLIENT, **changes: Any) -> ReceivedChain:
    """A chain that was received with an alert that says nothing, unless ``changes`` say more."""
    chain = ReceivedChain(
        sender=sender,
        chain=ders(*identity.chain) if identity else (),
        authorities=(),
        server_name="",
        alert=ODD,
        verdict=None,
        now=NOW,
    )
    return replace(chain, **changes)


def verdict(code: int | None, reason: str = "words") -> LocalFact:
    return LocalFact(
        time=0.0, endpoint=SERVER, fact=Fact.CERTIFICATE_REFUSED, reason=reason, code=code
    )


def codes(chain: ReceivedChain) -> list[str]:
    return [likely.problem.code for likely in likely_problems(chain)]


def only(chain: ReceivedChain) -> LikelyProblem:
    (likely,) = likely_problems(chain)
    return likely


def under(**changes: Any) -> Identity:
    """A good client under an intermediate with these changes."""
    return catalogue.client_under(**changes)(CA)


# What the certificates show

NEVER_SHOWN = received(GOOD), received(DEEP), received(CA.server(), SERVER, server_name="localhost")


@pytest.mark.parametrize("chain", NEVER_SHOWN)
def test_a_good_chain_shows_nothing(chain: ReceivedChain) -> None:
    assert codes(chain) == []
    assert codes(received(None)) == []


SHOWN: list[tuple[Callable[[], Identity], Problem, str]] = [
    (
        lambda: catalogue.expired(CA),
        problems.EXPIRED,
        "the client's certificate was valid until 2031-05-05 07:08:09 UTC",
    ),
    (
        lambda: catalogue.intermediate_expired(CA),
        problems.EXPIRED,
        "the certificate of CN=mTLS Lab Intermediate CA (expired), number 2 in the chain, was "
        "valid until 2031-05-05 07:08:09 UTC",
    ),
    (
        lambda: catalogue.not_yet_valid(CA),
        problems.NOT_YET_VALID,
        "the client's certificate is valid from 2031-05-09 07:08:09 UTC",
    ),
    (
        lambda: catalogue.eku_server_only(CA),
        problems.WRONG_PURPOSE,
        "the client's certificate has the extendedKeyUsage serverAuth, without clientAuth",
    ),
    (
        lambda: catalogue.eku_any(CA),
        problems.WRONG_PURPOSE,
        "the client's certificate has the extendedKeyUsage anyExtendedKeyUsage, without "
        "clientAuth; not every implementation accepts anyExtendedKeyUsage instead",
    ),
    (
        lambda: catalogue.intermediate_eku_server_only(CA),
        problems.WRONG_PURPOSE,
        "the certificate of CN=mTLS Lab Intermediate CA (server only), number 2 in the chain, has "
        "the extendedKeyUsage serverAuth, without clientAuth",
    ),
    (
        lambda: CA.client(
            key_usage=frozenset({KeyUsageBit.KEY_ENCIPHERMENT, KeyUsageBit.KEY_AGREEMENT})
        ),
        problems.WRONG_KEY_USAGE,
        "the client's certificate has the keyUsage keyEncipherment, keyAgreement, without "
        "digitalSignature",
    ),
    (
        lambda: catalogue.intermediate_not_a_ca(CA),
        problems.NOT_A_CA,
        "the certificate of CN=mTLS Lab Intermediate CA (CA:FALSE), number 2 in the chain, is not "
        "a CA certificate",
    ),
    (
        lambda: under(basic_constraints=None),
        problems.NOT_A_CA,
        "the certificate of CN=mTLS Lab Intermediate CA, number 2 in the chain, is not a CA "
        "certificate",
    ),
    (
        lambda: catalogue.sha1_signature(CA),
        problems.WEAK,
        "the client's certificate has a signature with ecdsa-with-SHA1",
    ),
    (
        lambda: catalogue.secp256k1(CA),
        problems.KEY_TYPE,
        "the client's key is on the curve secp256k1",
    ),
]


@pytest.mark.parametrize(("make", "problem", "evidence"), SHOWN)
def test_the_certificates_show_it(
    make: Callable[[], Identity], problem: Problem, evidence: str
) -> None:
    likely = only(received(make()))
    assert (likely.problem, likely.evidence) == (problem, (evidence, NOT_IN_USE))
    assert likely.basis is Basis.SHOWN


def test_validity_is_compared_with_the_present_only() -> None:
    assert codes(received(catalogue.expired(CA), now=None)) == []
    assert codes(received(catalogue.not_yet_valid(CA), now=None)) == []
    certificate = GOOD.certificate
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    second = timedelta(seconds=1)
    assert codes(received(GOOD, now=begin)) == codes(received(GOOD, now=end)) == []
    assert codes(received(GOOD, now=end + second)) == ["certificate-expired"]
    assert codes(received(GOOD, now=begin - second)) == ["certificate-not-yet-valid"]


@pytest.mark.parametrize(("bits", "weak"), [(1024, True), (2047, True), (2048, False)])
def test_rsa_keys_below_2048_bits_are_weak(bits: int, weak: bool) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    found = likely_problems(received(CA.client(key=key)))
    evidence = f"the client's certificate has a key of {bits} bits (RSA)"
    assert [likely.evidence for likely in found] == ([(evidence, NOT_IN_USE)] if weak else [])


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        ("300d06092a864886f70d0101040500", "md5WithRSAEncryption"),
        ("300d06092a864886f70d0101050500", "sha1WithRSAEncryption"),
        ("300a06082a8648ce3d040302", ""),  # ecdsa-with-SHA256
    ],
)
def test_broken_digests_are_weak(algorithm: str, name: str) -> None:
    leaf = with_digest(GOOD.certificate, algorithm)
    found = likely_problems(received(None, chain=ders(leaf)))
    evidence = f"the client's certificate has a signature with {name}"
    assert [likely.evidence for likely in found] == ([(evidence, NOT_IN_USE)] if name else [])


def test_a_weak_intermediate_counts() -> None:
    strong, weak = DEEP.chain[0], catalogue.rsa_1024(CA).certificate
    found = likely_problems(received(None, chain=ders(strong, weak)))
    assert [likely.problem for likely in found] == [problems.NOT_A_CA, problems.WEAK]


def test_the_signature_of_a_root_does_not_count() -> None:
    """It is trusted as it stands, whatever it was signed with."""
    leaf = catalogue.sha1_signature(CA).certificate
    assert codes(received(None, chain=ders(leaf))) == ["key-or-digest-too-weak"]
    # The name that tells a root: subject and issuer are one.
    as_root = catalogue.sha1_signature(
        replace(CA, client_profile=replace(CA.client_profile, subject=DEEP.chain[1].subject))
    ).certificate
    assert codes(received(None, chain=ders(as_root))) == ["certificate-self-signed"]


def test_the_leaf_again_is_no_issuer() -> None:
    leaf = GOOD.certificate
    assert codes(received(None, chain=ders(leaf, leaf))) == []
    assert codes(received(None, chain=ders(leaf, DEEP.certificate))) == ["issuer-is-no-ca"]


def test_the_key_usage_of_an_intermediate_is_another_matter() -> None:
    """A CA signs certificates, not handshakes."""
    assert codes(received(under(key_usage=frozenset({KeyUsageBit.KEY_CERT_SIGN})))) == []
    assert codes(received(CA.client(key_usage=frozenset()))) == []


@pytest.mark.parametrize(
    ("sender", "purpose"),
    [(CLIENT, ExtendedKeyUsageOID.SERVER_AUTH), (SERVER, ExtendedKeyUsageOID.CLIENT_AUTH)],
)
def test_each_end_needs_its_own_purpose(sender: Endpoint, purpose: x509.ObjectIdentifier) -> None:
    make = CA.client if sender is CLIENT else CA.server
    both = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)
    assert codes(received(make(extended_key_usage=(purpose,)), sender)) == [
        "wrong-extended-key-usage"
    ]
    assert codes(received(make(extended_key_usage=both), sender)) == []
    assert codes(received(make(extended_key_usage=()), sender)) == []


@pytest.mark.parametrize(
    ("sizes", "too_large"), [((2400, 100_000), False), ((2401, 100_000), True)]
)
def test_the_size_is_that_of_the_whole_chain(sizes: tuple[int, ...], too_large: bool) -> None:
    found = likely_problems(received(None, chain=tuple(map(bytes, sizes))))
    evidence = f"the chain has {sum(sizes)} bytes; OpenSSL accepts 102400 by default"
    sized = [likely.evidence for likely in found if likely.problem is problems.TOO_LARGE]
    assert sized == ([(evidence, NOT_IN_USE)] if too_large else [])


@pytest.mark.parametrize(
    "kind", [KeyKind.EC_P256, KeyKind.EC_P384, KeyKind.EC_P521, KeyKind.ED25519]
)
def test_usual_keys(kind: KeyKind) -> None:
    assert codes(received(CA.client(kind=kind))) == []


def test_the_curve_of_an_issuer_is_no_matter_of_the_handshake() -> None:
    odd = ec.generate_private_key(ec.SECP256K1())
    ca = CA.intermediate().issue(
        replace(CA.client_profile, basic_constraints=x509.BasicConstraints(True, None)),
        odd,
        now=NOW,
    )
    assert codes(received(None, chain=ders(DEEP.certificate, ca.certificate))) == []


@pytest.mark.parametrize(
    ("name", "names", "matches"),
    [
        ("host.test", ("host.test",), True),
        ("HOST.test", ("other.test", "Host.TEST"), True),
        ("a.host.test", ("*.host.test",), True),
        ("a.host.test", ("host.test",), False),
        ("b.a.host.test", ("*.host.test",), False),
        ("host.test", ("*.host.test",), False),
        ("host.test", (), False),
    ],
)
def test_the_name_that_the_client_asked_for(
    name: str, names: tuple[str, ...], matches: bool
) -> None:
    server = CA.server(names=tuple(map(x509.DNSName, names)))
    found = likely_problems(received(server, SERVER, server_name=name))
    assert [likely.problem for likely in found] == ([] if matches else [problems.WRONG_NAME])
    if not matches:
        has = ", ".join(f"DNS:{name}" for name in names) or "no names"
        asked = f"the client asked for {name}; subjectAltName has {has}"
        assert found[0].evidence == (asked, NOT_IN_USE)


def test_a_name_is_asked_of_servers_only() -> None:
    assert codes(received(GOOD, CLIENT, server_name="host.test")) == []
    assert codes(received(CA.server(), SERVER)) == []
    assert codes(received(None, SERVER, server_name="host.test")) == []
    # A name of another type does not match, whatever its text.
    uri = CA.server(names=(x509.UniformResourceIdentifier("host.test"),))
    assert codes(received(uri, SERVER, server_name="host.test")) == ["name-mismatch"]


def test_an_old_root_that_is_sent_is_no_flaw_of_the_chain() -> None:
    """Whoever verifies it has a root of its own."""
    then = new_lab_authority(NOW - timedelta(days=4000)).root
    chain = received(None, chain=ders(GOOD.certificate, then), alert=None)
    assert "ca-expired" in codes(chain)
    assert "certificate-expired" not in codes(chain)


def test_what_the_alert_supports_comes_first() -> None:
    both = CA.client(
        lifetime=DAY, starts=-2 * DAY, extended_key_usage=(ExtendedKeyUsageOID.SERVER_AUTH,)
    )
    expired, purpose = "certificate-expired", "wrong-extended-key-usage"
    assert codes(received(both, alert=None)) == [expired, purpose]
    assert codes(received(both, alert=Alert.CERTIFICATE_EXPIRED)) == [expired, purpose]
    assert codes(received(both, alert=Alert.UNSUPPORTED_CERTIFICATE)) == [purpose, expired]


# Chains that lead to nothing known


@pytest.mark.parametrize("alert", [Alert.UNKNOWN_CA, Alert.BAD_CERTIFICATE])
def test_an_untrusted_ca_and_a_missing_intermediate_look_alike(alert: Alert) -> None:
    untrusted, missing, crl = likely_problems(received(GOOD, now=LATER, alert=alert))
    ends = (
        "the chain ends with a certificate issued by CN=mTLS Lab Root CA, and the server names no "
        "CAs"
    )
    alike = "an untrusted CA and a missing intermediate look the same on the wire"
    assert untrusted.problem is problems.UNTRUSTED_CA
    assert untrusted.evidence == (ends, alike, ONE_OF_SEVERAL)
    assert missing.problem is problems.INTERMEDIATE_MISSING
    sent = "the client sent one certificate, and no root"
    assert missing.evidence == (sent, ends, alike, ONE_OF_SEVERAL)
    assert {untrusted.basis, missing.basis} == {Basis.AMBIGUOUS}
    assert (crl.problem, crl.basis) == (problems.CRL_UNUSABLE, Basis.ALERT)


def test_the_evidence_for_a_servers_chain() -> None:
    whole = CA.server(issuer=CA.intermediate())
    untrusted, missing, _ = likely_problems(received(whole, SERVER, alert=Alert.UNKNOWN_CA))
    assert (
        untrusted.evidence[0] == "the chain ends with a certificate issued by CN=mTLS Lab Root CA"
    )
    assert missing.evidence[0] == "the server sent 2 certificates, and no root"


def test_nothing_is_missing_where_a_root_was_sent() -> None:
    chain = ders(GOOD.certificate, CA.root)
    found = likely_problems(received(None, chain=chain, alert=Alert.UNKNOWN_CA))
    assert [likely.problem for likely in found] == [problems.UNTRUSTED_CA, problems.CRL_UNUSABLE]
    assert not any("missing intermediate" in line for line in found[0].evidence)


def test_an_alert_for_something_else_suspects_no_issuer() -> None:
    assert codes(received(GOOD, alert=ODD)) == []
    assert codes(received(GOOD, alert=None)) == []


def test_names_of_authorities_that_do_not_match_suffice() -> None:
    for alert in (ODD, None):
        untrusted, missing = likely_problems(received(GOOD, alert=alert, authorities=(OTHER_NAME,)))
        assert untrusted.problem is problems.UNTRUSTED_CA
        assert missing.problem is problems.INTERMEDIATE_MISSING
        assert untrusted.evidence[0] == (
            "the chain ends with a certificate issued by CN=mTLS Lab Root CA, "
            "and the server names CN=Somebody Else"
        )


def test_names_of_authorities_that_match() -> None:
    authorities = (OTHER_NAME, ROOT_NAME)
    assert codes(received(GOOD, authorities=authorities)) == []
    chain = received(GOOD, authorities=authorities, alert=Alert.UNKNOWN_CA)
    untrusted, crl = likely_problems(chain)
    assert untrusted.problem is problems.UNTRUSTED_CA
    assert untrusted.evidence == (
        "the server names CN=mTLS Lab Root CA; its CA may be another one of the same name",
        "or it may know that CA as an intermediate, and lack the root above it",
        ONE_OF_SEVERAL,
    )
    assert crl.problem is problems.CRL_UNUSABLE
    # A CA that was sent itself is known by its own name.
    named = (DEEP.chain[1].subject.public_bytes(),)
    assert codes(received(DEEP, authorities=named, alert=ODD)) == []


def test_a_ca_that_was_made_again_has_another_key() -> None:
    """The server's own certificate is of the new one."""
    again = new_lab_authority(NOW)
    chain = received(GOOD, authorities=(ROOT_NAME,), alert=Alert.UNKNOWN_CA)
    told = likely_problems(replace(chain, others_chain=ders(*again.server().chain)))[0]
    assert told.evidence[2].startswith(
        "the CA CN=mTLS Lab Root CA of the server's own certificate has another key"
    )
    same = likely_problems(replace(chain, others_chain=ders(*CA.server().chain)))[0]
    assert len(same.evidence) == 3


def test_a_self_signed_certificate() -> None:
    alone = catalogue.client_self_signed(CA)
    likely = only(received(alone, alert=Alert.UNKNOWN_CA))
    assert (likely.problem, likely.basis) == (problems.SELF_SIGNED, Basis.SHOWN)
    assert likely.evidence == ("subject and issuer are both CN=mtls-client",)
    assert codes(received(alone, authorities=(ROOT_NAME,))) == ["certificate-self-signed"]
    assert codes(received(alone, alert=None)) == ["certificate-self-signed"]
    own = alone.certificate.subject.public_bytes()
    assert codes(received(alone, authorities=(own,))) == []
    # With others behind it, it is one of a chain.
    several = ders(alone.certificate, DEEP.chain[1])
    found = codes(received(None, chain=several, alert=Alert.UNKNOWN_CA))
    assert found[:2] == ["ca-not-trusted", "intermediate-missing"]


# What certificates demand of each other


def test_a_path_that_is_too_long() -> None:
    top = CA.intermediate(basic_constraints=x509.BasicConstraints(True, 0))
    below = replace(CA.client_profile, basic_constraints=x509.BasicConstraints(True, None))
    middle = top.issue(
        replace(below, subject=OTHER_CA), ec.generate_private_key(ec.SECP256R1()), now=NOW
    )
    chain = ders(GOOD.certificate, middle.certificate, *top.identity.chain[:1])
    found = likely_problems(received(None, chain=chain, alert=Alert.UNKNOWN_CA))
    assert found[0].problem is problems.PATH_LENGTH
    assert found[0].evidence[0] == (
        "the certificate of CN=mTLS Lab Intermediate CA, number 3 in the chain, has the path "
        "length 0, and CAs below it: 1"
    )
    assert codes(received(None, chain=ders(GOOD.certificate, *top.identity.chain[:1]))) == []


def test_a_signature_of_another_key() -> None:
    again = new_lab_authority(NOW)
    chain = ders(GOOD.certificate, again.root)
    likely = likely_problems(received(None, chain=chain, alert=Alert.DECRYPT_ERROR))[0]
    assert (likely.problem, likely.basis) == (problems.BAD_SIGNATURE, Basis.SHOWN)
    assert likely.evidence == (
        "the client's certificate is not signed with the key of the next certificate in the chain",
    )
    assert codes(received(None, chain=ders(GOOD.certificate, CA.root))) == []


# What OpenSSL says here, asked with the files of the server


def test_a_verdict_by_the_servers_files_comes_first() -> None:
    refused = TrustVerdict(code=20, reason="no issuer", files="ca.crt")
    chain = received(GOOD, alert=Alert.UNKNOWN_CA, trust=refused)
    first = likely_problems(chain)[0]
    assert (first.problem, first.basis) == (problems.UNTRUSTED_CA, Basis.TRUST)
    assert first.evidence[0] == (
        "OpenSSL, asked here with ca.crt, says: no issuer (verify code 20)"
    )
    revoked = TrustVerdict(code=23, reason="certificate revoked", files="ca.crt and crl.pem")
    likely, crl = likely_problems(replace(chain, alert=None, trust=revoked))
    assert (likely.problem, crl.problem) == (problems.REVOKED, problems.CRL_UNUSABLE)
    # It is no verdict of the server's, whose files may be others.
    assert likely_problems(received(None, trust=revoked)) == []
    assert likely.evidence[-1] == THEIR_FILES


def test_a_verdict_that_a_missing_intermediate_draws_as_well_says_so() -> None:
    refused = TrustVerdict(code=20, reason="no issuer", files="ca.crt")
    chain = ders(GOOD.certificate)
    found = likely_problems(received(None, chain=chain, alert=Alert.UNKNOWN_CA, trust=refused))
    assert [likely.problem for likely in found[:2]] == [
        problems.UNTRUSTED_CA,
        problems.INTERMEDIATE_MISSING,
    ]
    assert all(likely.evidence[-2:] == (THEIR_FILES, ONE_OF_SEVERAL) for likely in found[:2])


def test_without_an_alert_the_files_that_accept_a_chain_leave_three_causes() -> None:
    """As where HTTP refuses: a CRL may be missing, or revoke it, or the server use other files."""
    accepted = TrustVerdict(code=0, reason="", files="ca.crt")
    found = likely_problems(received(GOOD, alert=None, trust=accepted))
    assert [each.problem for each in found] == [
        problems.CRL_UNUSABLE,
        problems.REVOKED,
        problems.UNTRUSTED_CA,
    ]
    assert all(ONE_OF_SEVERAL in each.evidence for each in found)
    assert "the server may use other files" in found[2].evidence[0]


def test_a_chain_that_the_servers_files_accept_is_not_called_incomplete() -> None:
    accepted = TrustVerdict(code=0, reason="", files="ca.crt")
    found = likely_problems(received(GOOD, alert=Alert.UNKNOWN_CA, trust=accepted))
    assert [likely.problem.code for likely in found] == ["ca-not-trusted", "crl-unusable"]
    assert found[0].evidence == (
        "OpenSSL, asked here with ca.crt, accepts the chain: the server may use other files",
        ONE_OF_SEVERAL,
    )


# What the verifying end's library said


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (VerifyCode.CERT_HAS_EXPIRED, ["certificate-expired"]),
        (VerifyCode.CERT_REVOKED, ["certificate-revoked"]),
        (VerifyCode.INVALID_PURPOSE, ["wrong-extended-key-usage", "wrong-key-usage"]),
        (VerifyCode.MISSING_AUTHORITY_KEY_IDENTIFIER, ["aki-missing"]),
        (VerifyCode.UNABLE_TO_DECRYPT_CERT_SIGNATURE, ["bad-certificate-signature"]),
        (VerifyCode.UNABLE_TO_DECRYPT_CRL_SIGNATURE, ["crl-unusable"]),
        (VerifyCode.DIFFERENT_CRL_SCOPE, ["crl-unusable"]),
        (41, []),  # invalid extension: OpenSSL's own words must do
    ],
)
def test_a_verify_result_names_its_problems(code: int, found: list[str]) -> None:
    assert codes(received(GOOD, verdict=verdict(code))) == found


def test_a_verify_result_and_what_shows() -> None:
    likely = only(received(catalogue.eku_server_only(CA), verdict=verdict(26, "bad\n purpose")))
    assert (likely.problem, likely.basis) == (problems.WRONG_PURPOSE, Basis.VERDICT)
    assert likely.evidence == (
        "the server's OpenSSL says: bad\\n purpose (verify code 26)",
        "the client's certificate has the extendedKeyUsage serverAuth, without clientAuth",
    )


def test_the_first_certificate_that_shows_a_problem_is_its_evidence() -> None:
    expired: dict[str, Any] = {"starts": -2 * DAY, "lifetime": DAY}
    both = CA.client(issuer=CA.intermediate(**expired), **expired)
    likely = only(received(both, verdict=verdict(VerifyCode.CERT_HAS_EXPIRED)))
    assert likely.evidence[1].startswith("the client's certificate was valid until")
    assert len(likely.evidence) == 2


def test_what_shows_stays_beside_a_verify_result() -> None:
    """The first problem that OpenSSL meets is the one that it reports."""
    found = codes(received(catalogue.expired(CA), verdict=verdict(VerifyCode.CERT_REVOKED)))
    assert found == ["certificate-revoked", "certificate-expired"]
    # The look of the chain does not, and neither does the alert.
    chain = received(GOOD, alert=Alert.UNKNOWN_CA, verdict=verdict(VerifyCode.CERT_REVOKED))
    assert codes(chain) == ["certificate-revoked"]


def test_a_missing_issuer_is_either_of_two() -> None:
    found = likely_problems(received(GOOD, verdict=verdict(20)))
    assert [likely.problem.code for likely in found] == ["ca-not-trusted", "intermediate-missing"]
    assert all("look the same" in likely.evidence[-1] for likely in found)
    assert all("verify code 20" in likely.evidence[0] for likely in found)


def test_a_refusal_without_a_code_leaves_what_the_chain_says() -> None:
    found = likely_problems(received(GOOD, alert=None, verdict=verdict(None)))
    assert [likely.basis for likely in found] == [Basis.AMBIGUOUS, Basis.AMBIGUOUS]


# The alert alone


@pytest.mark.parametrize(
    ("alert", "found"),
    [
        (Alert.CERTIFICATE_REVOKED, ["certificate-revoked"]),
        (Alert.CERTIFICATE_EXPIRED, ["clock", "crl-unusable", "ca-expired"]),
        (Alert.UNSUPPORTED_CERTIFICATE, ["wrong-extended-key-usage"]),
        (Alert.DECRYPT_ERROR, ["bad-certificate-signature"]),
    ],
)
def test_an_alert_that_is_in_use_for_little_else(alert: Alert, found: list[str]) -> None:
    chain = received(GOOD, alert=alert)
    assert codes(chain) == found
    for likely in likely_problems(chain):
        assert likely.basis is Basis.ALERT
        assert likely.evidence[0] == f"inferred from the alert alone: {alert} ({alert.value})"
        assert likely.evidence[1:] == ((ONE_OF_SEVERAL,) if len(found) > 1 else ())


def test_dates_that_show_leave_nothing_to_infer() -> None:
    chain = received(catalogue.expired(CA), alert=Alert.CERTIFICATE_EXPIRED)
    assert codes(chain) == ["certificate-expired"]
    assert len(only(chain).evidence) == 1


@pytest.mark.parametrize(("age", "suspected"), [(timedelta(minutes=5), True), (2 * DAY, False)])
def test_a_clock_that_is_behind_is_suspected_of_a_young_certificate(
    age: timedelta, suspected: bool
) -> None:
    now = GOOD.certificate.not_valid_before_utc + age
    found = codes(received(GOOD, now=now, alert=Alert.BAD_CERTIFICATE))
    assert ("clock" in found) is suspected
    assert "clock" not in codes(received(GOOD, now=None, alert=Alert.BAD_CERTIFICATE))
    assert "clock" not in codes(received(GOOD, now=now, alert=Alert.UNKNOWN_CA))


@pytest.mark.parametrize(
    "alert",
    [
        Alert.HANDSHAKE_FAILURE,
        Alert.BAD_CERTIFICATE,
        Alert.CERTIFICATE_UNKNOWN,
        Alert.ILLEGAL_PARAMETER,
        Alert.ACCESS_DENIED,
        Alert.DECODE_ERROR,
        Alert.DECRYPT_ERROR,
        Alert.INTERNAL_ERROR,
        None,
    ],
)
def test_an_alert_says_nothing_of_a_chain_that_was_not_sent(alert: Alert | None) -> None:
    assert codes(received(None, alert=alert)) == []


@pytest.mark.parametrize(
    ("make", "own"),
    [
        (lambda: catalogue.expired(CA), {Alert.CERTIFICATE_EXPIRED}),
        (lambda: catalogue.not_yet_valid(CA), {Alert.BAD_CERTIFICATE}),
        (lambda: catalogue.eku_any(CA), {Alert.UNSUPPORTED_CERTIFICATE}),
        (lambda: catalogue.key_usage_without_signature(CA), {Alert.UNSUPPORTED_CERTIFICATE}),
        (lambda: catalogue.intermediate_not_a_ca(CA), {Alert.UNKNOWN_CA}),
        (lambda: catalogue.rsa_1024(CA), {Alert.BAD_CERTIFICATE, Alert.INSUFFICIENT_SECURITY}),
        (
            lambda: catalogue.secp256k1(CA),
            {Alert.ILLEGAL_PARAMETER, Alert.UNSUPPORTED_CERTIFICATE},
        ),
        (
            lambda: catalogue.over_openssl_limit(CA),
            {Alert.ILLEGAL_PARAMETER, Alert.RECORD_OVERFLOW},
        ),
    ],
)
def test_the_alerts_that_are_for_what_shows(make: Callable[[], Identity], own: set[Alert]) -> None:
    (problem,) = {likely.problem for likely in likely_problems(received(make()))}
    assert {alert for alert in Alert if fit(alert, problem) is Fit.OWN} == own


@pytest.mark.parametrize(
    ("problem", "own"),
    [
        (problems.SELF_SIGNED, {Alert.UNKNOWN_CA}),
        (problems.INTERMEDIATE_MISSING, {Alert.UNKNOWN_CA}),
        (problems.UNTRUSTED_CA, {Alert.UNKNOWN_CA}),
        (problems.PATH_LENGTH, {Alert.UNKNOWN_CA}),
        (problems.CRL_UNUSABLE, {Alert.UNKNOWN_CA, Alert.CERTIFICATE_EXPIRED}),
        (problems.CLOCK, {Alert.CERTIFICATE_EXPIRED}),
        (problems.CA_EXPIRED, {Alert.CERTIFICATE_EXPIRED}),
        (problems.REVOKED, {Alert.CERTIFICATE_REVOKED}),
        (problems.NAME_CONSTRAINTS, {Alert.CERTIFICATE_UNKNOWN}),
        (problems.CRITICAL_EXTENSION, {Alert.CERTIFICATE_UNKNOWN}),
        (problems.BAD_SIGNATURE, {Alert.DECRYPT_ERROR}),
    ],
)
def test_the_alerts_that_are_for_what_else_there_is(problem: Problem, own: set[Alert]) -> None:
    assert {alert for alert in Alert if fit(alert, problem) is Fit.OWN} == own


def test_what_an_alert_fits_comes_before_what_is_visible() -> None:
    weak = catalogue.rsa_1024(CA)
    found = codes(received(weak, alert=Alert.UNKNOWN_CA))
    assert found[0] == "ca-not-trusted"
    assert found[-1] == "key-or-digest-too-weak"
    named = received(GOOD, authorities=(OTHER_NAME,), alert=Alert.CERTIFICATE_REVOKED)
    assert codes(named)[0] == "certificate-revoked"


def test_what_shows_is_one_of_several_where_the_alert_is_for_anything() -> None:
    chain = received(catalogue.eku_server_only(CA), now=LATER, alert=Alert.BAD_CERTIFICATE)
    found = likely_problems(chain)
    assert found[0].problem is problems.WRONG_PURPOSE
    assert len(found) > 1
    assert all(ONE_OF_SEVERAL in likely.evidence for likely in found)
    alone = only(received(catalogue.eku_server_only(CA), alert=None))
    assert alone.evidence[-1] == "whether that is the reason is not visible on the wire"


def test_names_that_do_not_match_are_doubted_where_nothing_else_speaks() -> None:
    """The list of names is not the trust store."""
    chain = ders(GOOD.certificate, CA.root)
    likely = only(received(None, chain=chain, alert=None, authorities=(OTHER_NAME,)))
    assert likely.problem is problems.UNTRUSTED_CA
    assert likely.evidence[-1] == "whether that is the reason is not visible on the wire"


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("alert", [None, Alert.BAD_CERTIFICATE, Alert.CERTIFICATE_UNKNOWN])
def test_what_fits_is_that_of_the_moment_whatever_was_asked_before(
    alert: Alert | None, backwards: bool
) -> None:
    """A chain is looked at once for each period in which no certificate's state changes."""
    leaf = GOOD.certificate
    begin, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    tick = timedelta(microseconds=1)
    edges = (begin, begin + timedelta(hours=24), end)
    moments = [edge + shift for edge in edges for shift in (-tick, timedelta(), tick, 2 * tick)]
    for now in reversed(moments) if backwards else moments:
        # With another name it is another chain, which is looked at anew.
        chain = received(GOOD, now=now, alert=alert)
        fresh = likely_problems(replace(chain, authorities=(now.isoformat().encode(),)))
        known = likely_problems(replace(chain, authorities=(b"the same",)))
        assert [likely.problem for likely in known] == [likely.problem for likely in fresh]
