from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from lab.pki.errors import PkiError, UnusableError
from lab.serving.server_files import ServerFiles
from lab.serving.temporary_server import temporary_server
from lab.stream.contexts import ServerTls
from lab.tls.events import Endpoint, MessageSeen
from lab.tls.messages import Certificate
from tests.support.pki_fixtures import utc_now
from tests.support.reloading import DAY, Lab, new_lab
from tests.support.serving import client_tls, get, in_thread


async def sent(tls: ServerTls, certs: Path) -> list[bytes]:
    """The certificates that a server sends, in DER."""
    async with temporary_server(tls) as server:
        await in_thread(lambda: get(server.port, client_tls(certs)))
    (message,) = [
        event.message
        for event in server.events[0]
        if isinstance(event, MessageSeen)
        and isinstance(event.message, Certificate)
        and event.endpoint is Endpoint.SERVER
    ]
    return [entry.cert_data for entry in message.certificate_list]


async def test_what_is_sent_is_what_openssl_would_send(certs: Path) -> None:
    """The chain is looked for once, and not in every handshake; nobody can tell."""
    tls = ServerFiles(directory=certs).load(now=datetime.now(timezone.utc)).tls
    chain = [certificate.subject for certificate in x509.load_pem_x509_certificates(tls.chain)]
    assert len(chain) == 2
    by_openssl = await sent(replace(tls, chain=b""), certs)
    assert await sent(tls, certs) == by_openssl
    assert [x509.load_der_x509_certificate(each).subject for each in by_openssl] == chain


def test_anyones_files_instead_of_a_set(certs: Path, tmp_path: Path) -> None:
    both, key, ca = tmp_path / "both.pem", tmp_path / "own.key", tmp_path / "cas.pem"
    both.write_bytes((certs / "server.crt").read_bytes() + (certs / "server.key").read_bytes())
    key.write_bytes((certs / "server.key").read_bytes())
    ca.write_bytes((certs / "ca.crt").read_bytes())
    nowhere = tmp_path / "none"
    for files in (
        ServerFiles(directory=nowhere, certificate=both, authorities=ca),
        ServerFiles(directory=nowhere, certificate=both, key=key, authorities=ca),
        ServerFiles(directory=certs, certificate=both),
        ServerFiles(directory=certs, authorities=ca),
    ):
        before = files.stamps()
        loaded = files.load(now=utc_now())
        assert loaded.certificate.subject.rfc4514_string().startswith("CN=localhost")
        assert len(loaded.authorities) == 1
        assert None not in before[:3]
    ca.write_bytes(ca.read_bytes() + b"\n")
    assert files.stamps() != before


@pytest.mark.parametrize(
    ("certificate", "key", "authorities", "words"),
    [
        ("server.crt", None, "ca.crt", "server.crt"),
        ("server.crt", "client.key", "ca.crt", "Name the key that belongs to the certificate"),
        ("missing.crt", None, "ca.crt", "missing.crt"),
        ("server.crt", "server.key", "server.key", "server.key"),
        ("client.pfx", None, "ca.crt", "client.pfx"),
    ],
    ids=["no-key", "other-key", "missing", "no-ca", "pfx"],
)
def test_what_is_wrong_with_anyones_files_is_said(
    certs: Path, certificate: str, key: str | None, authorities: str, words: str
) -> None:
    files = ServerFiles(
        directory=certs / "none",
        certificate=certs / certificate,
        key=certs / key if key else None,
        authorities=certs / authorities,
    )
    with pytest.raises(PkiError, match=re.escape(words)):
        files.load(now=utc_now())


def list_builder(lab: Lab) -> x509.CertificateRevocationListBuilder:
    issuer = lab.authority.identity.certificate
    return (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(utc_now() - DAY)
        .next_update(utc_now() + DAY)
    )


def scope(**flags: bool) -> x509.IssuingDistributionPoint:
    fields = {
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
        **flags,
    }
    return x509.IssuingDistributionPoint(None, None, only_some_reasons=None, **fields)


UNUSED = {
    "key identifier": (
        x509.AuthorityKeyIdentifier(b"another key's", None, None),
        False,
        "unable to get",
    ),
    "delta": (x509.DeltaCRLIndicator(1), True, "unable to get"),
    "only of CAs": (scope(only_contains_ca_certs=True), True, "different CRL scope"),
    "critical number": (x509.CRLNumber(7), True, "unhandled critical CRL extension"),
    "unknown critical": (
        x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0"),
        True,
        "unhandled critical CRL extension",
    ),
}


@pytest.mark.parametrize("kind", UNUSED)
def test_a_list_that_openssl_does_not_use_is_refused_by_its_words(
    tmp_path: Path, kind: str
) -> None:
    lab = new_lab(tmp_path)
    extension, critical, words = UNUSED[kind]
    builder = list_builder(lab).add_extension(extension, critical=critical)
    signed = builder.sign(lab.authority.identity.key, hashes.SHA256())
    lab.crl.write_bytes(signed.public_bytes(Encoding.PEM))
    with pytest.raises(UnusableError, match=f"OpenSSL does not use the CRL of .*{words}"):
        ServerFiles(directory=lab.folder, crl=lab.crl).load(now=utc_now())


def test_a_ca_that_may_not_sign_lists_is_refused(tmp_path: Path) -> None:
    lab = new_lab(tmp_path)
    key, name = lab.authority.identity.key, lab.authority.identity.certificate.subject
    usage = dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
            *("key_agreement", "crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    ca = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(lab.authority.identity.certificate.public_key())
        .serial_number(1)
        .not_valid_before(utc_now() - DAY)
        .not_valid_after(utc_now() + DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=True, **usage), critical=True)
        .sign(key, hashes.SHA256())
    )
    (lab.folder / "ca.crt").write_bytes(ca.public_bytes(Encoding.PEM))
    signed = list_builder(lab).sign(key, hashes.SHA256())
    lab.crl.write_bytes(signed.public_bytes(Encoding.PEM))
    with pytest.raises(UnusableError, match="key usage does not include CRL signing"):
        ServerFiles(directory=lab.folder, crl=lab.crl).load(now=utc_now())


def test_a_list_that_openssl_uses_is_loaded(tmp_path: Path) -> None:
    lab = new_lab(tmp_path)
    lab.new_list(7)
    revocation = ServerFiles(directory=lab.folder, crl=lab.crl).load(now=utc_now()).revocation
    assert revocation is not None and not revocation.uncovered
