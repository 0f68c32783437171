"""subjectAltName entries from text, and what is said of texts that are none."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509

from lab.pki.alternative_names import alternative_name
from lab.pki.errors import PlanError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("DNS:Client.Example", x509.DNSName("client.example")),
        ("IP:192.0.2.1", x509.IPAddress(ipaddress.ip_address("192.0.2.1"))),
        ("IP:2001:db8::1", x509.IPAddress(ipaddress.ip_address("2001:db8::1"))),
        (
            "URI:spiffe://lab.example/ns/a/sa/client",
            x509.UniformResourceIdentifier("spiffe://lab.example/ns/a/sa/client"),
        ),
        ("URI:urn:uuid:1", x509.UniformResourceIdentifier("urn:uuid:1")),
        ("URI:https://a.test/b?c#d", x509.UniformResourceIdentifier("https://a.test/b?c#d")),
        ("email:ops+a@lab.example", x509.RFC822Name("ops+a@lab.example")),
    ],
)
def test_names(text: str, name: x509.GeneralName) -> None:
    assert alternative_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "client.example",
        "dns:client.example",
        "DNS:",
        "DNS:*.example",
        "DNS:192.0.2.1",
        "IP:client.example",
        "IP:192.0.2",
        "URI:",
        "URI:client",
        "URI:spiffe:",
        "URI:a b://c",
        "URI:https://ñ.test",
        "URI:https://[::1",
        "URI:x:" + "y" * 2048,
        "URI:spiffe://Lab.example/a",
        "URI:spiffe://lab.example/",
        "URI:spiffe://lab.example/a/../b",
        "URI:spiffe://lab.example:1/a",
        "URI:spiffe://lab.example/a?b",
        "URI:SPIFFE://lab.example/a",
        "email:ops",
        "email:a b@lab.example",
        "email:ops@",
        "email:ops@lab..example",
        "email:ñ@lab.example",
        "email:ops@lab.example\n",
    ],
)
def test_others(text: str) -> None:
    with pytest.raises(PlanError) as caught:
        alternative_name(text)
    assert len(str(caught.value).splitlines()) == 1
