"""subjectAltName entries from text, and what is said of texts that are none."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509

from lab.pki.errors import PlanError
from lab.pki.files.set_writing import SetPlan
from lab.pki.profiles import alternative_name, general_name


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


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("localhost", x509.DNSName("localhost")),
        ("Todo.Example.TEST", x509.DNSName("todo.example.test")),
        ("xn--bcher-kva.example", x509.DNSName("xn--bcher-kva.example")),
        ("1st-host", x509.DNSName("1st-host")),
        ("a" * 63 + ".test", x509.DNSName("a" * 63 + ".test")),
        ("192.0.2.7", x509.IPAddress(ipaddress.ip_address("192.0.2.7"))),
        ("2001:DB8::1", x509.IPAddress(ipaddress.ip_address("2001:db8::1"))),
    ],
)
def test_host_names(text: str, name: x509.GeneralName) -> None:
    assert general_name(text) == name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "labels are 1 to 63"),
        (".", "labels are 1 to 63"),
        ("host.", "labels are 1 to 63"),
        ("a..b", "labels are 1 to 63"),
        ("-a.test", "labels are 1 to 63"),
        ("a-.test", "labels are 1 to 63"),
        ("my_host", "labels are 1 to 63"),
        ("https://localhost", "labels are 1 to 63"),
        ("localhost:8443", "labels are 1 to 63"),
        ("[::1]", "labels are 1 to 63"),
        ("a b", "labels are 1 to 63"),
        ("a\nb", "labels are 1 to 63"),
        ("a" * 64 + ".test", "labels are 1 to 63"),
        (".".join(["abc"] * 64), "253 in all"),
        ("bücher.example", "A-labels"),
        ("*.example.test", "wildcards"),
        ("10.0.0", "ends in a number"),
        ("256.1.1.1", "ends in a number"),
        ("fe80::1%eth0", "zone"),
    ],
)
def test_host_names_refused(text: str, reason: str) -> None:
    with pytest.raises(PlanError, match=reason) as caught:
        SetPlan(hostnames=(text,))
    assert "\n" not in str(caught.value)
