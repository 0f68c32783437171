from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import SignatureAlgorithmOID

from lab.pki import malformed_certificates, profiles
from lab.pki.authority import Authority, self_signed
from lab.pki.files.secret_files import temporary_pem
from lab.pki.identity import Identity, KeyKind, PrivateKey, cached
from tests.support.pki_fixtures import utc_now

KINDS = [KeyKind.RSA_2048, KeyKind.EC_P256, KeyKind.EC_P384, KeyKind.ED25519]
ID_RSASSA_PSS = bytes.fromhex("06092a864886f70d01010a")  # RFC 4055, 3.1


def authority(kind: KeyKind) -> Authority:
    root = self_signed(profiles.root_ca(), cached(kind, 300), now=utc_now())
    return Authority(identity=root)


def client(ca: Authority, key: PrivateKey | None = None) -> Identity:
    key = key or cached(KeyKind.EC_P256, 301)
    return ca.issue(profiles.client(), key, now=utc_now())


@pytest.mark.parametrize("kind", KINDS)
def test_a_tampered_certificate_differs_in_its_signature_only(kind: KeyKind) -> None:
    ca = authority(kind)
    good = client(ca).certificate
    bad = malformed_certificates.tampered(good)
    assert bad.tbs_certificate_bytes == good.tbs_certificate_bytes
    assert bad.signature_algorithm_oid == good.signature_algorithm_oid
    assert bad.signature != good.signature
    assert len(bad.signature) == len(good.signature)
    good.verify_directly_issued_by(ca.identity.certificate)
    with pytest.raises(InvalidSignature):
        bad.verify_directly_issued_by(ca.identity.certificate)


@pytest.mark.parametrize("kind", KINDS)
def test_version_1_has_no_extensions_and_a_good_signature(kind: KeyKind) -> None:
    ca = authority(kind)
    good = client(ca).certificate
    old = malformed_certificates.as_version_1(good, ca.identity.key)
    assert old.version is x509.Version.v1
    assert len(old.extensions) == 0
    assert (old.subject, old.issuer, old.serial_number) == (
        good.subject,
        good.issuer,
        good.serial_number,
    )
    assert old.public_key() == good.public_key()
    assert old.not_valid_after_utc == good.not_valid_after_utc
    old.verify_directly_issued_by(ca.identity.certificate)


def test_sha1_signs_what_was_signed_before_but_for_the_algorithm() -> None:
    ca = authority(KeyKind.EC_P256)
    key = ca.identity.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    good = client(ca).certificate
    weak = malformed_certificates.with_sha1(good, key)
    assert weak.signature_algorithm_oid == SignatureAlgorithmOID.ECDSA_WITH_SHA1
    assert [each.value for each in weak.extensions] == [each.value for each in good.extensions]
    key.public_key().verify(weak.signature, weak.tbs_certificate_bytes, ec.ECDSA(hashes.SHA1()))


@pytest.mark.parametrize("kind", KINDS)
def test_a_pss_key_is_marked_in_the_certificate_and_in_its_file(kind: KeyKind) -> None:
    ca = authority(kind)
    plain = client(ca, cached(KeyKind.RSA_2048, 302))
    marked = malformed_certificates.with_pss_key(plain, ca.identity.key)
    spki = marked.certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert ID_RSASSA_PSS not in plain.certificate.public_bytes(serialization.Encoding.DER)
    assert ID_RSASSA_PSS in marked.certificate.public_bytes(serialization.Encoding.DER)
    assert spki  # cryptography reads it as a plain RSA key
    assert marked.certificate.public_key() == plain.certificate.public_key()
    marked.certificate.verify_directly_issued_by(ca.identity.certificate)


def test_openssl_finds_that_a_pss_key_fits_its_certificate_and_a_plain_one_does_not() -> None:
    ca = authority(KeyKind.EC_P256)
    marked = malformed_certificates.with_pss_key(
        client(ca, cached(KeyKind.RSA_2048, 302)), ca.identity.key
    )
    assert _fits(marked)
    assert not _fits(Identity(chain=marked.chain, key=marked.key))


def _fits(identity: Identity) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with temporary_pem(identity) as path:
        try:
            context.load_cert_chain(path)
        except ssl.SSLError:
            return False
    return True


def test_a_pss_key_is_written_in_the_clear_only() -> None:
    ca = authority(KeyKind.EC_P256)
    marked = malformed_certificates.with_pss_key(
        client(ca, cached(KeyKind.RSA_2048, 302)), ca.identity.key
    )
    with pytest.raises(ValueError, match="unencrypted only"):
        marked.key_pem(b"secret")


@pytest.mark.parametrize(
    "change",
    [
        lambda whole, key: malformed_certificates.as_version_1(whole.certificate, key),
        lambda whole, key: malformed_certificates.with_pss_key(whole, key).certificate,
    ],
    ids=["version 1", "PSS key"],
)
def test_long_fields_survive(change: Callable[[Identity, PrivateKey], x509.Certificate]) -> None:
    ca = authority(KeyKind.EC_P256)
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "x" * 60)] * 9)
    profile = replace(profiles.client(), subject=name)
    whole = ca.issue(profile, cached(KeyKind.RSA_2048, 302), now=utc_now())
    changed = change(whole, ca.identity.key)
    assert changed.subject == name
    changed.verify_directly_issued_by(ca.identity.certificate)
