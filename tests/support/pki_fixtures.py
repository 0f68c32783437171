"""Identities for tests: made in memory with cached EC keys, so that they cost milliseconds."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from lab.pki import profiles
from lab.pki.authority import (
    LIFETIME,
    Authority,
    revocation_list,
    revocation_lists_pem,
    self_signed,
)
from lab.pki.files.set_writing import KeyType, SetPlan, write_set
from lab.pki.identity import (
    Identity,
    KeyKind,
    KeySource,
    PrivateKey,
    cached,
)
from lab.pki.profiles import general_name
from lab.x509 import der

EC_PLAN = SetPlan(key_type=KeyType.EC)
LOCAL_NAMES = (general_name("localhost"), general_name("127.0.0.1"))


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


def cached_keys() -> KeySource:
    """A source of keys, different ones in one set, the same ones for each source."""
    count = -1

    def next_key(kind: KeyKind) -> PrivateKey:
        nonlocal count
        count += 1
        return cached(kind, count)

    return next_key


def new_authority(now: datetime, *, name: str = profiles.CA_NAME, number: int = 0) -> Authority:
    """A root; roots of different numbers have different keys."""
    key = cached(KeyKind.EC_P256, 100 + number)
    return Authority(identity=self_signed(profiles.root_ca(name), key, now=now))


def leaf_key(number: int = 0) -> PrivateKey:
    return cached(KeyKind.EC_P256, 200 + number)


def server_under(authority: Authority, now: datetime) -> Identity:
    return authority.issue(profiles.server(LOCAL_NAMES), leaf_key(1), now=now)


def client_under(authority: Authority, now: datetime) -> Identity:
    return authority.issue(profiles.client(), leaf_key(2), now=now)


def extension_of(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> bytes | None:
    """The DER of an extension's value, or ``None`` where the certificate lacks it."""
    try:
        return certificate.extensions.get_extension_for_oid(oid).value.public_bytes()
    except x509.ExtensionNotFound:
        return None


@pytest.fixture
def lab_folder(tmp_path: Path) -> Path:
    """A folder with a whole, valid set."""
    folder = tmp_path / "certs"
    write_set(folder, EC_PLAN, now=utc_now(), new_key=cached_keys())
    return folder


def large_list(authority: Authority, entries: int) -> bytes:
    """A revocation list in PEM with 4 KiB, and 6 KiB of the file, for each of its entries."""
    note = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), bytes(4096))
    revocations = revocation_list(authority, (), now=utc_now())
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(revocations.issuer)
        .last_update(revocations.last_update_utc)
        .next_update(revocations.last_update_utc + LIFETIME)
    )
    for extension in revocations.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    for serial in range(1, entries + 1):
        entry = x509.RevokedCertificateBuilder().serial_number(serial)
        entry = entry.revocation_date(revocations.last_update_utc).add_extension(
            note, critical=False
        )
        builder = builder.add_revoked_certificate(entry.build())
    key = authority.identity.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return revocation_lists_pem((builder.sign(key, hashes.SHA256()),))


def with_digest(certificate: x509.Certificate, algorithm: str) -> x509.Certificate:
    """The same with the name of another signature algorithm; the signature does not fit."""
    (named,) = der.elements(bytes.fromhex(algorithm))
    _, _, signature = der.parts(certificate.public_bytes(Encoding.DER))
    tbs = der.parts(certificate.tbs_certificate_bytes)
    whole = der.sequence(der.sequence(*tbs[:2], named, *tbs[3:]), named, signature)
    return x509.load_der_x509_certificate(whole.encode())
