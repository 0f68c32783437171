"""Problems of one certificate, and what OpenSSL says of it."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from lab.inspecting.inspect_files import inspect
from lab.inspecting.results import Grade, TlsRole
from lab.pki import catalogue, malformed_certificates, profiles
from lab.pki.authority import Authority, self_signed
from lab.pki.identity import Identity, KeyKind, cached
from lab.pki.profiles import KeyUsageBit
from lab.x509.certificates import moment
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
    problems_of,
    stored_key,
)
from tests.support.pki_fixtures import client_under, leaf_key, with_digest
from tests.support.verdicts import verdict

SECOND = timedelta(seconds=1)
CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
CODE_SIGNING = ExtendedKeyUsageOID.CODE_SIGNING


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
    ("curve", "problem", "grade"),
    [
        (ec.SECP192R1(), "key-or-digest-too-weak", REFUSED),
        (ec.SECP224R1(), "key-type-not-taken", Grade.VERSION),
        (ec.SECP256K1(), "key-type-not-taken", Grade.VERSION),
        (ec.BrainpoolP256R1(), "key-type-not-taken", Grade.VERSION),
    ],
)
def test_curves(curve: ec.EllipticCurve, problem: str, grade: Grade) -> None:
    key = ec.generate_private_key(curve)
    identity = ROOT.issue(profiles.client(), key, now=NOW)
    assert grades_of(inspected(files_of(identity, CA), NOW)) == {(problem, grade)}


def test_a_key_that_tls_has_no_use_for_though_openssl_accepts_the_chain() -> None:
    request = x509.CertificateBuilder(
        issuer_name=ROOT.identity.certificate.subject,
        subject_name=CLIENT.certificate.subject,
        public_key=x25519.X25519PrivateKey.generate().public_key(),
        serial_number=1,
        not_valid_before=NOW - DAY,
        not_valid_after=NOW + 100 * DAY,
        extensions=list(CLIENT.certificate.extensions),
    )
    certificate = request.sign(ROOT.identity.key, hashes.SHA256())
    files = [contents_of("c.crt", certificate), contents_of("ca.crt", CA)]
    assert grades_of(inspected(files, NOW)) == {("key-type-not-taken", Grade.UNUSABLE)}


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
    as_client, as_server = entry.verdicts
    assert (as_client.role, as_client.plain.accepted) == (TlsRole.CLIENT, True)
    assert as_server.plain.verify_code == as_server.strict.verify_code == 26
    assert first(inspected([contents_of("ca.crt", CA)], NOW)).verdicts == ()
    wrong = inspected(files_of(CLIENT, CA), NOW, TlsRole.SERVER)
    assert codes_of(wrong) == {"wrong-extended-key-usage", "san-missing"}
    assert codes_of(inspected(files_of(SERVER, CA), NOW, TlsRole.SERVER)) == set()


@pytest.mark.parametrize("bits", [frozenset({bit}) for bit in KeyUsageBit][:5])
def test_roles_are_openssls_word(bits: frozenset[KeyUsageBit]) -> None:
    one = ROOT.issue(replace(profiles.client(), key_usage=bits), leaf_key(2), now=NOW)
    as_client, _ = first(inspected(files_of(one, CA), NOW)).verdicts
    assert verdict(one, SERVER, (CA,)) == as_client.plain.verify_code
    other = issued_server(key_usage=bits)
    _, as_server = first(inspected(files_of(other, CA), NOW)).verdicts
    code = verdict(CLIENT, other, (CA,), judge=ssl.Purpose.SERVER_AUTH)
    assert code == as_server.plain.verify_code


def test_a_self_signed_server_that_is_a_ca_too() -> None:
    """What ``openssl req -x509`` makes, with names: a root, unless a role says otherwise."""
    profile = replace(profiles.root_ca("localhost"), names=(x509.DNSName("localhost"),))
    made = self_signed(profile, cached(KeyKind.EC_P256, 301), now=NOW)
    assert codes_of(inspected(files_of(made), NOW)) == set()
    found = codes_of(inspected(files_of(made), NOW, TlsRole.SERVER))
    assert found == {"certificate-self-signed", "eku-missing", "wrong-key-usage"}


def evidence(identity: Identity, code: str, role: TlsRole | None = None) -> tuple[str, ...]:
    """What was seen of the problem with this code."""
    found = problems_of(inspected(files_of(identity, CA), NOW, role))
    (one,) = (problem for problem in found if problem.code == code)
    return one.evidence


@pytest.mark.parametrize(
    ("lifetime", "left", "soon"),
    [
        (90 * DAY, 30 * DAY, False),
        (90 * DAY, 30 * DAY - SECOND, True),
        (30 * DAY, 10 * DAY, False),
        (30 * DAY, 10 * DAY - SECOND, True),
        (900 * DAY, 30 * DAY, False),
        (900 * DAY, 30 * DAY - SECOND, True),
    ],
)
def test_soon_is_less_than_30_days_and_than_a_third(
    lifetime: timedelta, left: timedelta, soon: bool
) -> None:
    identity = issued_client(lifetime=lifetime, starts=timedelta(0))
    now = identity.certificate.not_valid_after_utc - left
    found = grades_of(inspected([contents_of("c.crt", identity.certificate)], now))
    assert found == ({("expires-soon", ACCEPTED)} if soon else set())


def test_the_dates_are_the_evidence() -> None:
    expired = issued_client(starts=-3 * DAY, lifetime=DAY)
    (seen,) = evidence(expired, "certificate-expired")
    assert seen == f"notAfter is {moment(expired.certificate.not_valid_after_utc)}, 2 days ago"
    late = issued_client(starts=DAY + 5 * SECOND)
    (seen,) = evidence(late, "certificate-not-yet-valid")
    begin = moment(late.certificate.not_valid_before_utc)
    assert seen == (f"notBefore is {begin}, in 1 day; this machine's clock says {moment(NOW)}")
    soon = issued_client(starts=-10 * DAY, lifetime=10 * DAY + 5 * SECOND)
    (seen,) = evidence(soon, "expires-soon")
    end = moment(soon.certificate.not_valid_after_utc)
    assert seen == f"notAfter is {end}, in less than a day"


def test_the_words_name_the_role_that_is_meant() -> None:
    (problem,) = problems_of(inspected(files_of(issued_client(starts=-3 * DAY, lifetime=DAY)), NOW))
    assert problem.summary == "the certificate has expired"
    assert problem.fix == "issue a new certificate; check the clock of the server"
    both = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)
    either = issued_client(starts=-3 * DAY, lifetime=DAY, extended_key_usage=both)
    for role, other in (
        (None, "other end"),
        (TlsRole.CLIENT, "server"),
        (TlsRole.SERVER, "client"),
    ):
        inspection = inspected(files_of(either), NOW, role)
        problem = next(one for one in problems_of(inspection) if one.code == "certificate-expired")
        assert problem.fix.endswith(f"check the clock of the {other}")


@pytest.mark.parametrize(("bits", "grade"), [(1536, REFUSED), (2047, ACCEPTED), (2048, None)])
def test_rsa_keys_below_2048_bits_are_weak(bits: int, grade: Grade | None) -> None:
    """OpenSSL's measure is a little more lenient."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    identity = ROOT.issue(profiles.client(), key, now=NOW)
    found = inspected(files_of(identity, CA), NOW)
    assert grades_of(found) == ({("key-or-digest-too-weak", grade)} if grade else set())
    if grade:
        assert evidence(identity, "key-or-digest-too-weak") == (
            f"the key is RSA {bits}; OpenSSL's security level 2 requires 112 bits of security",
        )


def with_dsa_key(bits: int) -> x509.Certificate:
    """A client with a DSA key, with which no handshake signs."""
    key = dsa.generate_private_key(bits)
    builder = x509.CertificateBuilder(
        issuer_name=CA.subject,
        subject_name=profiles.common_name("dsa"),
        public_key=key.public_key(),
        serial_number=7,
        not_valid_before=NOW - DAY,
        not_valid_after=NOW + 400 * DAY,
        extensions=[
            x509.Extension(
                ExtensionOID.EXTENDED_KEY_USAGE,
                False,
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),
            ),
            x509.Extension(
                ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
                False,
                x509.AuthorityKeyIdentifier.from_issuer_public_key(ROOT.identity.key.public_key()),
            ),
        ],
    )
    return builder.sign(ROOT.identity.key, hashes.SHA256())


@pytest.mark.parametrize(
    ("bits", "code", "grade"),
    [(1024, "key-or-digest-too-weak", REFUSED), (2048, "key-type-not-taken", Grade.VERSION)],
)
def test_dsa_keys(bits: int, code: str, grade: Grade) -> None:
    files = [contents_of("c.crt", with_dsa_key(bits)), contents_of("ca.crt", CA)]
    assert grades_of(inspected(files, NOW)) == {(code, grade)}


@pytest.mark.parametrize("kind", [KeyKind.EC_P384, KeyKind.EC_P521, KeyKind.ED25519, KeyKind.ED448])
def test_keys_that_tls_1_3_signs_with(kind: KeyKind) -> None:
    identity = ROOT.issue(profiles.client(), cached(kind, 300), now=NOW)
    assert grades_of(inspected(files_of(identity, CA), NOW)) == set()


def test_the_key_of_a_ca_signs_no_handshake() -> None:
    authority = self_signed(profiles.root_ca(), ec.generate_private_key(ec.SECP256K1()), now=NOW)
    assert grades_of(inspected([contents_of("ca.crt", authority.certificate)], NOW)) == set()


@pytest.mark.parametrize(
    ("algorithm", "words"),
    [
        ("300d06092a864886f70d0101040500", "md5WithRSAEncryption (md5)"),
        ("300d06092a864886f70d0101050500", "sha1WithRSAEncryption (sha1)"),
    ],
)
def test_broken_digests(algorithm: str, words: str) -> None:
    weak = with_digest(CLIENT.certificate, algorithm)
    (problem,) = problems_of(inspected([contents_of("c.crt", weak)], NOW))
    assert (problem.code, problem.grade) == ("key-or-digest-too-weak", Grade.NOT_ASKED)
    assert problem.evidence == (f"the signature is {words}",)
    # The signature is none of that kind, which OpenSSL finds first.
    found = grades_of(inspected([contents_of("c.crt", weak), contents_of("ca.crt", CA)], NOW))
    assert found == {
        ("bad-certificate-signature", REFUSED),
        ("key-or-digest-too-weak", Grade.HIDDEN),
    }


def test_the_digest_of_a_root_does_not_count() -> None:
    """Nobody verifies the signature of a certificate that is trusted as it is."""
    key = ec.derive_private_key(7, ec.SECP256R1())
    root = self_signed(profiles.root_ca(), key, now=NOW).certificate
    old = malformed_certificates.with_sha1(root, key)
    assert codes_of(inspected([contents_of("ca.crt", old)], NOW)) == set()


def test_critical_extensions_that_openssl_does_not_support() -> None:
    extensions = tuple(
        x509.Extension(oid, critical, x509.UnrecognizedExtension(oid, b"\5\0"))
        for oid, critical in [
            *((x509.ObjectIdentifier(f"2.999.{number}"), True) for number in range(1, 6)),
            (x509.ObjectIdentifier("2.999.9"), False),
        ]
    )
    unknown = issued_client(extensions=extensions)
    assert evidence(unknown, "unknown-critical-extension") == tuple(
        f"extension 2.999.{number}, which OpenSSL does not support" for number in (1, 2, 3)
    )
    assert codes_of(inspected(files_of(issued_client(extensions=extensions[5:]), CA), NOW)) == set()


CRITICAL: list[x509.ExtensionType] = [
    x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.999.1"), None)]),
    x509.PolicyConstraints(0, None),
    x509.InhibitAnyPolicy(0),
    x509.CRLDistributionPoints(
        [
            x509.DistributionPoint(
                [x509.UniformResourceIdentifier("http://c.test")], None, None, None
            )
        ]
    ),
    x509.OCSPNoCheck(),
    x509.SubjectAlternativeName([x509.DNSName("a.test")]),
    x509.ExtendedKeyUsage([CLIENT_AUTH]),
    x509.UnrecognizedExtension(
        ExtensionOID.POLICY_MAPPINGS, bytes.fromhex("3010300e0605883703010106058837030102")
    ),
]


@pytest.mark.parametrize("value", CRITICAL, ids=lambda value: type(value).__name__)
def test_critical_extensions_that_openssl_supports(value: x509.ExtensionType) -> None:
    purposes = () if isinstance(value, x509.ExtendedKeyUsage) else (CLIENT_AUTH,)
    extensions = (x509.Extension(value.oid, True, value),)
    identity = issued_client(extensions=extensions, extended_key_usage=purposes)
    assert verdict(identity, SERVER, (CA,)) == 0
    assert codes_of(inspected(files_of(identity, CA), NOW)) == set()


@pytest.mark.parametrize(
    ("purposes", "role", "found"),
    [
        ((CLIENT_AUTH,), TlsRole.CLIENT, set()),
        ((CLIENT_AUTH, SERVER_AUTH), TlsRole.CLIENT, set()),
        ((SERVER_AUTH,), TlsRole.CLIENT, {"wrong-extended-key-usage"}),
        ((CODE_SIGNING, CLIENT_AUTH), None, set()),
        ((CODE_SIGNING,), None, {"wrong-extended-key-usage"}),
        ((), TlsRole.CLIENT, {"eku-missing"}),
    ],
)
def test_purposes(
    purposes: tuple[x509.ObjectIdentifier, ...], role: TlsRole | None, found: set[str]
) -> None:
    identity = issued_client(extended_key_usage=purposes)
    assert codes_of(inspected(files_of(identity, CA), NOW, role)) == found


def test_the_words_about_purposes() -> None:
    identity = issued_client(extended_key_usage=(CODE_SIGNING,))
    (problem,) = problems_of(inspected(files_of(identity, CA), NOW))
    assert problem.summary == (
        "the certificate has an extendedKeyUsage without clientAuth or serverAuth"
    )
    assert problem.evidence == ("extendedKeyUsage: codeSigning",)


@pytest.mark.parametrize(
    ("bits", "role", "grade"),
    [
        ({KeyUsageBit.KEY_ENCIPHERMENT}, TlsRole.CLIENT, REFUSED),
        ({KeyUsageBit.KEY_ENCIPHERMENT}, TlsRole.SERVER, ACCEPTED),
        ({KeyUsageBit.KEY_AGREEMENT}, TlsRole.SERVER, ACCEPTED),
        ({KeyUsageBit.DIGITAL_SIGNATURE}, TlsRole.SERVER, None),
    ],
)
def test_key_usages(bits: set[KeyUsageBit], role: TlsRole, grade: Grade | None) -> None:
    identity = issued_server(
        key_usage=frozenset(bits), extended_key_usage=(CLIENT_AUTH, SERVER_AUTH)
    )
    expected = {("wrong-key-usage", grade)} if grade else set()
    assert grades_of(inspected(files_of(identity, CA), NOW, role)) == expected


@pytest.mark.parametrize(
    ("purposes", "role", "found"),
    [
        ((SERVER_AUTH,), None, {"san-missing"}),
        ((CLIENT_AUTH, SERVER_AUTH), None, {"san-missing"}),
        ((CLIENT_AUTH, SERVER_AUTH), TlsRole.SERVER, {"san-missing"}),
        ((CLIENT_AUTH, SERVER_AUTH), TlsRole.CLIENT, set()),
        ((CLIENT_AUTH,), None, set()),
    ],
)
def test_only_a_server_needs_names(
    purposes: tuple[x509.ObjectIdentifier, ...], role: TlsRole | None, found: set[str]
) -> None:
    identity = issued_client(extended_key_usage=purposes)
    assert codes_of(inspected(files_of(identity, CA), NOW, role)) == found


def test_the_limit_for_one_certificate_is_openssls_for_the_message() -> None:
    # Ed25519 signatures and these serial numbers are of one length.
    key = cached(KeyKind.ED25519, 310)
    root = Authority(identity=self_signed(profiles.root_ca(), key, now=NOW))

    def padded(octets: int) -> Identity:
        value = x509.UnrecognizedExtension(catalogue.BULK_EXTENSION, b"\4" * octets)
        bulk = x509.Extension(value.oid, False, value)
        profile = replace(profiles.client(), serial=7, extensions=(bulk,))
        return root.issue(profile, leaf_key(2), now=NOW)

    overhead = len(padded(100_000).certificate.public_bytes(Encoding.DER)) - 100_000
    # The lengths of the certificate and of the list are part of the message.
    files = files_of(padded(102_394 - overhead), root.identity.certificate)
    assert codes_of(inspected(files, NOW)) == set()
    files = files_of(padded(102_395 - overhead), root.identity.certificate)
    (problem,) = problems_of(inspected(files, NOW))
    assert (problem.code, problem.grade) == ("message-too-large", REFUSED)
    assert problem.said == ("excessive message size",)


def test_a_ca_is_checked_as_a_leaf_where_it_is_to_be_presented() -> None:
    """With a role and its key."""
    root = ROOT.identity
    files = [contents_of("ca.crt", CA), contents_of("ca.key", stored_key(root.key))]
    assert codes_of(inspected(files, NOW)) == set()
    assert codes_of(inspected(files[:1], NOW, TlsRole.CLIENT)) == set()
    as_client = inspected(files, NOW, TlsRole.CLIENT)
    assert codes_of(as_client) == {"certificate-self-signed", "eku-missing", "wrong-key-usage"}
    # One that has issued another of the files is a CA, whatever it names.
    profile = replace(profiles.root_ca("localhost"), names=(x509.DNSName("localhost"),))
    named = Authority(identity=self_signed(profile, cached(KeyKind.EC_P256, 301), now=NOW))
    files = files_of(client_under(named, NOW), named.identity.certificate)
    assert codes_of(inspected(files, NOW)) == set()


def test_a_self_signed_client_is_no_ca() -> None:
    """Without basicConstraints it would need the keyUsage of a CA, or be from before version 3."""
    key = cached(KeyKind.EC_P256, 302)
    profile = replace(profiles.client(), basic_constraints=None)
    alone = self_signed(profile, key, now=NOW)
    assert codes_of(inspected(files_of(alone), NOW)) == {"certificate-self-signed"}
    may_sign = replace(
        profile, key_usage=frozenset({KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_CERT_SIGN})
    )
    as_root = self_signed(may_sign, key, now=NOW)
    assert "certificate-self-signed" not in codes_of(inspected(files_of(as_root), NOW))
    old = malformed_certificates.as_version_1(alone.certificate, key)
    assert "certificate-self-signed" not in codes_of(inspected([contents_of("c", old)], NOW))
    # Issued by another, it is a client in any case.
    issued = issued_client(basic_constraints=None, key_usage=may_sign.key_usage)
    assert codes_of(inspected(files_of(issued, CA), NOW)) == {"leaf-may-sign-certificates"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("192.0.2.1", "IP entries only"),
        ("2001:db8::1", "IP entries only"),
        ("https://a.test/", "a URL"),
        ("a.test:8443", "a port"),
        ("a b.test", "a space"),
        ("*.*.test", "one label, the first"),
        ("a.*.test", "the whole first label only"),
        ("a*.test", "the whole first label only"),
        ("a/b", "not a host name"),
        ("a.test", ""),
        ("*.a.test", ""),
        ("_srv.a.test", ""),
        ("localhost", ""),
    ],
)
def test_dns_names_that_no_client_looks_for(name: str, reason: str) -> None:
    identity = issued_server(names=(x509.DNSName(name),))
    found = problems_of(inspected(files_of(identity, CA), NOW, TlsRole.SERVER))
    assert [(one.code, one.grade) for one in found] == (
        [("san-matches-no-host", ACCEPTED)] if reason else []
    )
    assert all(reason in one.evidence[0] for one in found)
    # A client's names are not compared with hosts.
    both = issued_client(names=(x509.DNSName(name),))
    assert codes_of(inspected(files_of(both, CA), NOW, TlsRole.CLIENT)) == set()


def test_a_server_with_an_email_address_only() -> None:
    identity = issued_server(names=(x509.RFC822Name("a@b.test"),))
    (problem,) = problems_of(inspected(files_of(identity, CA), NOW, TlsRole.SERVER))
    assert problem.code == "san-matches-no-host"
    assert "neither a DNS name nor an address" in problem.evidence[0]


def test_a_certificate_of_a_public_ca_is_none_for_clients() -> None:
    """By today's rules of the browsers' root programmes."""
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Let's Encrypt"),
            x509.NameAttribute(NameOID.COMMON_NAME, "R12"),
        ]
    )
    profile = replace(profiles.root_ca(), subject=name)
    public = Authority(identity=self_signed(profile, cached(KeyKind.EC_P256, 303), now=NOW))
    identity = public.issue(profiles.server((x509.DNSName("a.test"),)), leaf_key(1), now=NOW)
    files = files_of(identity, public.identity.certificate)
    (problem,) = problems_of(inspected(files, NOW, TlsRole.CLIENT))
    assert (problem.code, problem.grade) == ("wrong-extended-key-usage", REFUSED)
    assert problem.evidence[1].startswith("the issuer names itself Let's Encrypt; public CAs stop")
    assert "from a private CA" in problem.fix  # a public one cannot issue it with clientAuth
    both = replace(
        profiles.server((x509.DNSName("a.test"),)),
        extended_key_usage=(ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
    )
    files_now = files_of(public.issue(both, leaf_key(1), now=NOW), public.identity.certificate)
    (ahead,) = problems_of(inspected(files_now, NOW, TlsRole.CLIENT))
    assert (ahead.code, ahead.grade) == ("public-ca-ends-client-auth", Grade.AHEAD)
    mail = replace(both, extended_key_usage=(ExtendedKeyUsageOID.EMAIL_PROTECTION,))
    of_mail = files_of(public.issue(mail, leaf_key(1), now=NOW), public.identity.certificate)
    (problem,) = problems_of(inspected(of_mail, NOW, TlsRole.CLIENT))
    assert problem.code == "wrong-extended-key-usage"  # none for TLS: the trend is not its cause
    assert len(problem.evidence) == 1
    assert "private CA" not in problem.fix
    assert codes_of(inspected(files_now, NOW)) == set()
    assert codes_of(inspected(files, NOW, TlsRole.SERVER)) == set()


def test_what_expires_within_a_given_time() -> None:
    identity = issued_client(lifetime=40 * DAY, starts=timedelta(0))
    contents = files_of(identity, CA)
    for days, codes in ((41, {"expires-soon"}), (39, set())):
        within = timedelta(days=days)
        inspection = inspect(contents, now=NOW, expires_within=within)
        assert codes_of(inspection) == codes


def test_a_netscape_certificate_type() -> None:
    oid = x509.ObjectIdentifier("2.16.840.1.113730.1.1")

    def typed(bits: int) -> Identity:
        value = x509.UnrecognizedExtension(oid, bytes((3, 2, 0, bits)))
        return issued_client(extensions=(x509.Extension(oid, False, value),))

    assert codes_of(inspected(files_of(typed(0x80), CA), NOW)) == set()
    (problem,) = problems_of(inspected(files_of(typed(0x40), CA), NOW))
    assert (problem.code, problem.grade) == ("netscape-certificate-type", REFUSED)
    assert problem.evidence == ("netscapeCertType: server",)
    assert problem.said == ("unsuitable certificate purpose (26)",)


def test_openssl_is_asked_about_a_bounded_number_of_certificates() -> None:
    many = [issued_client(serial=number).certificate for number in range(1, 26)]
    found = problems_of(inspected([contents_of("c.crt", *many), contents_of("ca.crt", CA)], NOW))
    (problem,) = (one for one in found if one.code == "not-inspected")
    assert problem.evidence == ("OpenSSL was asked about 20 of 25 certificates to present",)
