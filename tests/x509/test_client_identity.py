from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from lab.todo.application import anyone, certificate_required
from lab.x509.client_identity import ClientIdentity, UnreadableCertificate


def certificate(
    *names: tuple[x509.ObjectIdentifier, str],
    serial: int = 4711,
    alternative: tuple[x509.GeneralName, ...] = (),
) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in names])
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")]))
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=1))
    )
    if alternative:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_an_identity_is_read_from_the_certificate() -> None:
    der = certificate((NameOID.ORGANIZATION_NAME, "Lab"), (NameOID.COMMON_NAME, "Añadir"))
    assert ClientIdentity.from_der(der) == ClientIdentity(
        common_name="Añadir",
        subject="CN=Añadir,O=Lab",
        serial=4711,
        certificate=der,
        not_after=x509.load_der_x509_certificate(der).not_valid_after_utc,
    )


def test_the_most_specific_of_several_common_names_counts() -> None:
    der = certificate((NameOID.COMMON_NAME, "department"), (NameOID.COMMON_NAME, "person"))
    assert ClientIdentity.from_der(der).common_name == "person"


def test_a_subject_may_have_no_common_name() -> None:
    identity = ClientIdentity.from_der(certificate((NameOID.ORGANIZATION_NAME, "Lab")))
    assert (identity.common_name, identity.subject) == (None, "O=Lab")
    assert ClientIdentity.from_der(certificate()).subject == ""


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"no certificate",
        certificate((NameOID.COMMON_NAME, "abcd")).replace(b"\x0c\x04abcd", b"\x0c\x04\xffbcd"),
    ],
    ids=["empty", "garbage", "name not UTF-8"],
)
def test_what_cannot_be_read_is_said_so(der: bytes) -> None:
    with pytest.raises(UnreadableCertificate, match="this server cannot read who"):
        ClientIdentity.from_der(der)


def test_the_two_policies() -> None:
    client = ClientIdentity.from_der(certificate((NameOID.COMMON_NAME, "x")))
    assert certificate_required(client) is None
    denial = certificate_required(None)
    assert denial is not None
    assert denial.status == 401
    assert anyone(None) is None
    assert anyone(client) is None


def test_alternative_names_have_their_types() -> None:
    der = certificate(
        alternative=(
            x509.DNSName("client.example"),
            x509.UniformResourceIdentifier("spiffe://lab.example/client"),
            x509.RFC822Name("ops@client.example"),
        )
    )
    assert ClientIdentity.from_der(der).alternative_names == (
        "DNS:client.example",
        "URI:spiffe://lab.example/client",
        "email:ops@client.example",
    )


def test_alternative_names_that_cannot_be_decoded_are_none() -> None:
    der = certificate((NameOID.COMMON_NAME, "x"), alternative=(x509.DNSName("abcd.example"),))
    broken = ClientIdentity.from_der(der.replace(b"abcd.example", b"\xff\xfe\xfd\xfc.example"))
    assert (broken.common_name, broken.alternative_names) == ("x", ())
