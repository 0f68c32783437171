"""Certificates of clients that OpenSSL takes and that are read here in part, or not at all."""

from __future__ import annotations

import logging
import ssl
import warnings
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lab.serving.temporary_server import temporary_server
from lab.stream.contexts import ServerTls
from lab.x509 import der
from tests.support.pki_fixtures import utc_now
from tests.support.serving import client_tls, get, in_thread, server_tls

_CN, _COUNTRY = b"\x06\x03\x55\x04\x03", b"\x06\x03\x55\x04\x06"
_UTF8, _PRINTABLE, _T61, _BIT_STRING = 0x0C, 0x13, 0x14, 0x03


def tlv(tag: int, content: bytes) -> bytes:
    return der.Element(tag=tag, content=content).encode()


def name(*attributes: tuple[bytes, int, bytes]) -> bytes:
    parts = (tlv(0x31, tlv(0x30, oid + tlv(tag, value))) for oid, tag, value in attributes)
    return tlv(0x30, b"".join(parts))


class OddCA:
    """A CA that signs what is put before it."""

    def __init__(self, certs: Path, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Odd CA")])
        builder = self._builder(self._name, self._key.public_key())
        ca = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        path = folder / "ca.pem"
        path.write_bytes(
            ca.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )
        tls = server_tls(certs)
        self.server = ServerTls(identity=tls.identity, client_ca=path)
        self._client = client_tls(certs, identity=False)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(77)
            .not_valid_before(utc_now() - timedelta(days=1))
            .not_valid_after(utc_now() + timedelta(days=1))
        )

    def client(self, subject: bytes, *, version: int = 2, serial: int = 77) -> ssl.SSLContext:
        """A client with a certificate of these fields, which no library had to agree to."""
        key = ec.generate_private_key(ec.SECP256R1())
        plain = self._builder(self._name, key.public_key()).sign(self._key, hashes.SHA256())
        fields = [field.encode() for field in der.parts(plain.tbs_certificate_bytes)]
        fields[0] = tlv(0xA0, tlv(2, bytes([version])))
        fields[1] = tlv(2, serial.to_bytes(1, "big", signed=True))
        fields[5] = subject
        tbs = tlv(0x30, b"".join(fields))
        signature = self._key.sign(tbs, ec.ECDSA(hashes.SHA256()))
        whole = tlv(0x30, tbs + fields[2] + tlv(3, b"\0" + signature))
        path = self._folder / "client.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.write_bytes(ssl.DER_cert_to_PEM_cert(whole).encode() + secret)
        self._client.load_cert_chain(path)
        return self._client


@pytest.fixture
def ca(certs: Path, tmp_path: Path) -> OddCA:
    return OddCA(certs, tmp_path)


async def answer(ca: OddCA, client: ssl.SSLContext) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with temporary_server(ca.server) as server:
            return await in_thread(lambda: get(server.port, client))


@pytest.mark.parametrize(
    ("subject", "fields"),
    [
        (name((_CN, _PRINTABLE, b"a_b@c")), {}),
        (name((_CN, _T61, b"ab\xe9")), {}),
        (name((_CN, _BIT_STRING, b"\0bcd")), {}),
        (name((_CN, _UTF8, b"odd")), {"version": 4}),
    ],
    ids=["underscore", "t61", "bit-string", "version-5"],
)
async def test_who_cannot_be_read_is_told_why(
    ca: OddCA, subject: bytes, fields: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lab.server")
    response = await answer(ca, ca.client(subject, **fields))
    assert response.startswith(b"HTTP/1.1 403 ")
    assert b"this server cannot read who it names" in response
    assert not any(record.exc_info for record in caplog.records)
    assert caplog.messages[-1].startswith("REQUEST | ")


@pytest.mark.parametrize(
    ("subject", "serial"),
    [
        (name((_CN, _UTF8, b"x" * 65)), 77),
        (name((_CN, _UTF8, b"")), 77),
        (name((_COUNTRY, _PRINTABLE, b"ABC"), (_CN, _UTF8, b"x")), 77),
        (name((_CN, _UTF8, b"x")), -5),
    ],
    ids=["long-name", "empty-name", "country", "serial"],
)
async def test_what_the_library_warns_of_is_served_without_a_word(
    ca: OddCA, subject: bytes, serial: int, capfd: pytest.CaptureFixture[str]
) -> None:
    response = await answer(ca, ca.client(subject, serial=serial))
    assert response.startswith(b"HTTP/1.1 200 ")
    assert "Warning" not in capfd.readouterr().err


async def test_a_name_of_60_kb_is_cut_in_the_log(
    ca: OddCA, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lab.server")
    response = await answer(ca, ca.client(name((_CN, _UTF8, b"x" * 60_000))))
    assert response.startswith(b"HTTP/1.1 200 ")
    assert caplog.messages
    for record in caplog.records:
        assert len(record.getMessage()) < 500
        assert len(repr(vars(record)["fields"])) < 700
