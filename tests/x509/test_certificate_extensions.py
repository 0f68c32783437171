"""Extensions: their values from DER, also where the library takes offence."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509

from lab.x509.certificate_extensions import EXTENSIONS

OID = x509.ObjectIdentifier


def read(value: x509.ExtensionType | bytes, number: str = "") -> dict[str, Any]:
    """Return the fields of an extension."""
    data = value if isinstance(value, bytes) else value.public_bytes()
    _, reader = EXTENSIONS[number or value.oid.dotted_string]  # type: ignore[union-attr]
    assert reader is not None
    return reader(data)


def test_basic_constraints() -> None:
    number = "2.5.29.19"
    assert read(x509.BasicConstraints(ca=True, path_length=3)) == {"is_ca": True, "path_length": 3}
    assert read(bytes.fromhex("3000"), number) == {"is_ca": False, "path_length": None}
    # An explicit FALSE, and a path length without a CA, which the library refuses.
    assert read(bytes.fromhex("3003010100"), number) == {"is_ca": False, "path_length": None}
    assert read(bytes.fromhex("3003020100"), number) == {"is_ca": False, "path_length": 0}


def test_an_authority_key_identifier_has_three_parts() -> None:
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ca")])
    whole = x509.AuthorityKeyIdentifier(b"key", [x509.DirectoryName(issuer)], 5)
    assert read(whole) == {
        "authority_key_identifier": b"key",
        "authority_serial": 5,
        "authority_issuer": issuer.public_bytes(),
    }
    assert read(x509.AuthorityKeyIdentifier(b"key", None, None))["authority_serial"] is None


def test_name_constraints() -> None:
    constraints = x509.NameConstraints([x509.DNSName("a.test")], [x509.RFC822Name("b.test")])
    assert read(constraints) == {
        "permitted_names": ("DNS:a.test",),
        "excluded_names": ("email:b.test",),
    }


def test_addresses() -> None:
    uri = x509.UniformResourceIdentifier
    point = x509.DistributionPoint([uri("http://c.test")], None, None, None)
    assert read(x509.CRLDistributionPoints([point])) == {"crl_addresses": ("URI:http://c.test",)}
    access = x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(OID("1.3.6.1.5.5.7.48.1"), uri("http://o.test")),
            x509.AccessDescription(OID("1.3.6.1.5.5.7.48.2"), uri("http://i.test")),
        ]
    )
    assert read(access) == {
        "ocsp_addresses": ("URI:http://o.test",),
        "issuer_addresses": ("URI:http://i.test",),
    }


def test_a_netscape_certificate_type() -> None:
    found = read(bytes.fromhex("03020780"), "2.16.840.1.113730.1.1")
    assert found == {"netscape_types": ("client",)}


@pytest.mark.parametrize("number", [number for number, (_, read) in EXTENSIONS.items() if read])
@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x80", b"\x01\x01\xff", b"\x30\x02\x01\x05"])
def test_what_cannot_be_read_is_a_value_error(number: str, data: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        read(data, number)


def test_the_number_of_values_is_bounded() -> None:
    names = x509.SubjectAlternativeName([x509.DNSName("a")] * 1001)
    with pytest.raises(ValueError, match="1001 values"):
        read(names)
