"""Plans: which names, lifetimes and passwords a set may have, and what is said of others."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from lab.pki.errors import PlanError
from lab.pki.keys import KeyKind, PrivateKey, cached
from lab.pki.requests import (
    KeyType,
    SetPlan,
    general_name,
    make_set,
)
from tests.support.pki_fixtures import cached_keys, utc_now


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
def test_names(text: str, name: x509.GeneralName) -> None:
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
def test_names_refused(text: str, reason: str) -> None:
    with pytest.raises(PlanError, match=reason) as caught:
        SetPlan(hostnames=(text,))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"client_cn": ""}, "is empty"),
        ({"client_cn": "  "}, "is empty"),
        ({"client_cn": "a\0b"}, "control characters"),
        ({"client_cn": "a\x1b[31m"}, "control characters"),
        ({"client_cn": "a\u202eb"}, "control characters"),
        ({"client_cn": "\udc80"}, "control characters"),
        ({"client_cn": "x" * 65}, "takes 65 bytes"),
        ({"client_cn": "ñ" * 33}, "takes 66 bytes"),
        ({"days": 0}, "a lifetime of 0 days"),
        ({"days": -1}, "a lifetime of -1 days"),
        ({"days": 3651}, "no certificate outlives its CA"),
        ({"days": 10**30}, "is not possible"),
        ({"pfx_password": ""}, "is empty"),
        ({"pfx_password": "a\nb"}, "control characters"),
        ({"pfx_password": "\udc80"}, "control characters"),
    ],
)
def test_plans_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(PlanError, match=reason) as caught:
        SetPlan(**change)
    assert "\n" not in str(caught.value)


def test_given_names_come_behind_the_local_ones_once() -> None:
    plan = SetPlan(hostnames=("todo.test", "LOCALHOST", "0:0::1", "todo.test"))
    assert plan.server_names() == tuple(
        general_name(each) for each in ("localhost", "127.0.0.1", "::1", "todo.test")
    )


@pytest.mark.parametrize("name", ["x" * 64, "ñ" * 32, "Añadir 待办", 'O\'Brien, "Bob" <b@x>'])
def test_client_names_survive(name: str) -> None:
    made = make_set(
        SetPlan(key_type=KeyType.EC, client_cn=name), now=utc_now(), new_key=cached_keys()
    )
    (attribute,) = made.client.certificate.subject
    assert (attribute.oid, attribute.value) == (NameOID.COMMON_NAME, name)


@pytest.mark.parametrize(
    ("key_type", "kinds"),
    [
        (KeyType.RSA, [KeyKind.RSA_4096, KeyKind.RSA_2048, KeyKind.RSA_2048]),
        (KeyType.EC, [KeyKind.EC_P256, KeyKind.EC_P256, KeyKind.EC_P256]),
    ],
)
def test_keys_are_of_the_promised_kinds(key_type: KeyType, kinds: list[KeyKind]) -> None:
    asked: list[KeyKind] = []

    def new_key(kind: KeyKind) -> PrivateKey:
        asked.append(kind)
        return cached(KeyKind.EC_P256, len(asked))

    make_set(SetPlan(key_type=key_type), now=utc_now(), new_key=new_key)
    assert asked == kinds


def test_nothing_outlives_the_authority() -> None:
    made = make_set(SetPlan(key_type=KeyType.EC, days=3650), now=utc_now(), new_key=cached_keys())
    end = made.ca.certificate.not_valid_after_utc
    assert made.server.certificate.not_valid_after_utc == end
    assert made.client.certificate.not_valid_after_utc == end
