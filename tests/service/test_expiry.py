"""When what a server works with expires, read from its files."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lab.pki.authority import Authority
from lab.pki.errors import MissingFileError, WrongFormatError
from lab.pki.files import Role, load_role, load_set
from lab.pki.revocation import revocation_list
from lab.service.expiry import Kind, expiries
from lab.stream.contexts import ServerTls
from tests.serving import server_tls

NOW = datetime.now(timezone.utc)


def with_list(certs: Path, folder: Path, *, lifetime: timedelta) -> ServerTls:
    authority = Authority(identity=load_set(certs, now=NOW).ca)
    revoked = revocation_list(authority, [7], now=NOW, lifetime=lifetime)
    path = folder / "ca.crl"
    path.write_bytes(revoked.public_bytes(Encoding.PEM))
    return replace(server_tls(certs), crl=path)


def test_a_set_has_its_server_and_its_ca(certs: Path) -> None:
    files = load_role(certs, Role.SERVER, now=NOW)
    server, ca = expiries(server_tls(certs))
    assert (server.kind, ca.kind) == (Kind.SERVER, Kind.CA)
    assert server.at == files.identity.certificate.not_valid_after_utc
    assert ca.at == files.authorities[0].not_valid_after_utc
    assert ca.subject == "CN=mTLS Lab Root CA"
    assert int(ca.serial, 16) == files.authorities[0].serial_number


def test_a_chain_and_a_ca_that_comes_twice(certs: Path, tmp_path: Path) -> None:
    both = tmp_path / "chain.crt"
    both.write_bytes((certs / "server.crt").read_bytes() + (certs / "ca.crt").read_bytes())
    twice = tmp_path / "ca.crt"
    twice.write_bytes((certs / "ca.crt").read_bytes() * 2)
    tls = server_tls(certs)
    tls = replace(tls, identity=replace(tls.identity, certificate=both), client_ca=twice)
    assert [each.kind for each in expiries(tls)] == [Kind.SERVER, Kind.CHAIN, Kind.CA]


def test_a_revocation_list_expires_at_its_next_update(certs: Path, tmp_path: Path) -> None:
    tls = with_list(certs, tmp_path, lifetime=timedelta(days=3))
    assert tls.crl is not None
    revoked = x509.load_pem_x509_crl(tls.crl.read_bytes())
    *_, last = expiries(tls)
    assert last.kind is Kind.CRL
    assert last.subject == "CN=mTLS Lab Root CA"
    assert last.at == revoked.next_update_utc


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", WrongFormatError),
        (None, MissingFileError),
    ],
)
def test_a_list_that_cannot_be_read(
    certs: Path, tmp_path: Path, content: bytes | None, error: type[Exception]
) -> None:
    path = tmp_path / "ca.crl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=r"ca\.crl"):
        expiries(replace(server_tls(certs), crl=path))
