"""Which certificate of a file is the client's own, whatever the file's format."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates

from lab.api import LabCA
from lab.pki.errors import PkiError
from lab.pki.identity import Identity, certificates_pem
from lab.pki.profiles import intermediate_ca
from lab.tracing.certificate_requests.certificates_at_hand import certificates_at_hand

AUTHORITY = LabCA().authority
UNDER = AUTHORITY.intermediate()
CLIENT = AUTHORITY.client(issuer=UNDER)
CHAIN = (CLIENT.certificate, UNDER.identity.certificate)
ALL = (*CHAIN, AUTHORITY.root)
PASSWORD = b"secret"
NOW = datetime.now(timezone.utc)


def der(certificates: tuple[object, ...]) -> tuple[bytes, ...]:
    return tuple(each.public_bytes(Encoding.DER) for each in certificates)  # type: ignore[attr-defined]


def at_hand(path: Path, data: bytes, *keys: Path) -> tuple[bytes, ...]:
    path.write_bytes(data)
    (found,) = certificates_at_hand([path], keys, lambda _: PASSWORD)
    assert found.name == str(path)
    return found.chain


def key_file(tmp_path: Path, identity: Identity) -> Path:
    path = tmp_path / "client.key"
    path.write_bytes(identity.key_pem())
    return path


def test_pem_in_its_order_without_a_key(tmp_path: Path) -> None:
    path = tmp_path / "client.pem"
    assert at_hand(path, certificates_pem(CHAIN)) == der(CHAIN)
    assert at_hand(path, certificates_pem(CHAIN[:1])) == der(CHAIN[:1])
    assert at_hand(path, CLIENT.certificate.public_bytes(Encoding.DER)) == der(CHAIN[:1])


def test_a_key_settles_it(tmp_path: Path) -> None:
    """In the file, or in one of its own; the rest stays in its order, which is what is sent."""
    path, other = tmp_path / "client.pem", AUTHORITY.client().certificate
    mixed = (CLIENT.certificate, other, *CHAIN[1:])
    assert at_hand(path, certificates_pem(mixed) + CLIENT.key_pem()) == der(mixed)
    assert at_hand(path, certificates_pem(mixed), key_file(tmp_path, CLIENT)) == der(mixed)


def test_pem_that_programs_do_not_load_is_refused(tmp_path: Path) -> None:
    path, reverse = tmp_path / "client.pem", certificates_pem(CHAIN[::-1])
    path.write_bytes(reverse)
    with pytest.raises(ssl.SSLError, match="key values mismatch"):
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(path, key_file(tmp_path, CLIENT))
    for data, keys in ((reverse + CLIENT.key_pem(), []), (reverse, [tmp_path / "client.key"])):
        with pytest.raises(PkiError, match="does not begin with the client's own certificate"):
            at_hand(path, data, *keys)


def test_files_without_an_order(tmp_path: Path) -> None:
    seven = serialize_certificates([*ALL[::-1]], Encoding.DER)
    assert at_hand(tmp_path / "client.p7b", seven) == der(ALL)
    twelve = CLIENT.pkcs12(PASSWORD, friendly_name="x", authorities=[ALL[2], ALL[1]])
    assert at_hand(tmp_path / "client.p12", twelve) == der(ALL)


def test_both_certificates_of_a_ca_that_two_have_signed_are_at_hand(tmp_path: Path) -> None:
    """Java takes the first of them, NSS the last."""
    own = UNDER.identity
    profile = replace(intermediate_ca("x"), subject=own.certificate.subject)
    crossed = LabCA().authority.authority.issue(profile, own.key, now=NOW).certificate
    twelve = CLIENT.pkcs12(PASSWORD, friendly_name="x", authorities=[crossed, *ALL[1:]])
    found = at_hand(tmp_path / "client.p12", twelve)
    assert set(found) == {*der(ALL), *der((crossed,))}


def test_several_are_in_the_order_that_they_are_given_in(tmp_path: Path) -> None:
    paths = [tmp_path / "one.crt", tmp_path / "other.crt"]
    for path, identity in zip(paths, (CLIENT, AUTHORITY.client()), strict=True):
        path.write_bytes(identity.chain_pem())
    found = certificates_at_hand(paths[::-1], [], lambda _: None)
    assert [each.name for each in found] == [str(path) for path in paths[::-1]]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (certificates_pem(CHAIN[::-1]), "does not tell which of its certificates"),
        (CLIENT.key_pem(), "contains no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "cannot be read"),
        (b"nothing", "contains no certificate"),
    ],
)
def test_what_is_no_certificate_at_hand(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "client.pem"
    with pytest.raises(PkiError, match=words) as raised:
        at_hand(path, data)
    assert str(raised.value).startswith(f"{path}: ")


def test_a_key_of_no_certificate_is_said(tmp_path: Path) -> None:
    other = key_file(tmp_path, AUTHORITY.server())
    with pytest.raises(PkiError, match="has no key of a certificate that is given"):
        at_hand(tmp_path / "client.pem", certificates_pem(CHAIN), other)
