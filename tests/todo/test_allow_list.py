from __future__ import annotations

import json
from datetime import datetime

import pytest

from lab.http.message import Response
from lab.todo.allow_list import AllowList, NotAName
from lab.x509.client_identity import ClientIdentity

SPIFFE = "URI:spiffe://lab.example/client"


def client(*names: str, cn: str | None = "mtls-client") -> ClientIdentity:
    subject = "" if cn is None else f"CN={cn}"
    return ClientIdentity(
        common_name=cn,
        subject=subject,
        serial=1,
        certificate=b"",
        not_after=datetime.max,
        alternative_names=names,
    )


def by_cn(*names: str) -> AllowList:
    return AllowList.of(common_names=names, alternative_names=())


def by_san(*names: str) -> AllowList:
    return AllowList.of(common_names=(), alternative_names=names)


def message_of(denial: Response | None) -> str:
    assert denial is not None
    message: str = json.loads(denial.body)["message"]
    return message


def test_no_certificate_is_401() -> None:
    denial = by_cn("mtls-client")(None)
    assert denial is not None
    assert denial.status == 401


def test_one_name_of_several_lets_in() -> None:
    listed = AllowList.of(common_names=("a", "mtls-client"), alternative_names=(SPIFFE,))
    assert listed(client()) is None
    assert listed(client(SPIFFE, cn=None)) is None
    assert listed(client(SPIFFE, cn="b")) is None


@pytest.mark.parametrize("cn", ["MTLS-CLIENT", "mtls-client2", "mtls", "", None, " mtls-client"])
def test_another_common_name_does_not(cn: str | None) -> None:
    denial = by_cn("mtls-client")(client(cn=cn))
    assert denial is not None
    assert denial.status == 403


def test_a_name_counts_in_its_own_type_only() -> None:
    assert by_cn("client.example")(client("DNS:client.example", cn="x")) is not None
    assert by_san("DNS:client.example")(client(cn="client.example")) is not None
    assert by_san("DNS:client.example")(client("email:client.example")) is not None
    # A name that looks as if it had a type is still of the type that it has.
    assert by_san("URI:x:y")(client("DNS:URI:x:y")) is not None


@pytest.mark.parametrize(
    ("listed", "presented"),
    [
        ("DNS:client.example", "DNS:client.example"),
        ("DNS:Client.Example", "DNS:CLIENT.example"),
        ("email:ops@client.example", "email:ops@CLIENT.EXAMPLE"),
        ("URI:https://HOST.example/Path", "URI:HTTPS://host.example/Path"),
        ("URI:urn:uuid:1", "URI:URN:uuid:1"),
        (SPIFFE, SPIFFE),
    ],
)
def test_case_differs_where_it_may(listed: str, presented: str) -> None:
    assert by_san(listed)(client(presented, cn=None)) is None


@pytest.mark.parametrize(
    ("listed", "presented"),
    [
        ("DNS:client.example", "DNS:other.client.example"),
        ("DNS:client.example", "DNS:*.example"),
        ("email:ops@client.example", "email:OPS@client.example"),
        ("URI:https://host.example/Path", "URI:https://host.example/path"),
        ("URI:https://host.example/a", "URI:https://host.example/a/b"),
        (SPIFFE, "URI:spiffe://lab.example/client/x"),
        (SPIFFE, "URI:spiffe://lab.example/Client"),
        (SPIFFE, "URI:no colon"),
    ],
)
def test_another_alternative_name_does_not(listed: str, presented: str) -> None:
    assert by_san(listed)(client(presented, cn=None)) is not None


def test_a_spiffe_id_must_be_the_only_uri() -> None:
    assert by_san(SPIFFE)(client("DNS:a.example", SPIFFE)) is None
    assert by_san(SPIFFE)(client(SPIFFE, "URI:spiffe://lab.example/other")) is not None
    assert by_san(SPIFFE)(client(SPIFFE, "URI:https://a.example/")) is not None
    # For other names it makes no difference.
    assert by_san("DNS:a.example")(client("DNS:a.example", SPIFFE, "URI:urn:x")) is None
    assert by_san("URI:urn:x")(client(SPIFFE, "URI:urn:x")) is None


def test_the_reason_shows_the_names_on_one_line() -> None:
    denial = by_cn("a")(client("DNS:x.example", cn="b\n\x1b[31m"))
    assert message_of(denial) == (
        "the client certificate is valid, but none of its names is on the server's allow-list"
        r": CN=b\n\x1b[31m, DNS:x.example"
    )
    nameless = by_cn("a")(client(cn=None))
    assert message_of(nameless).endswith("allow-list: no subject")


def test_the_reason_is_bounded() -> None:
    denial = by_cn("a")(client(*(f"DNS:{n}.example" for n in range(10_000))))
    assert len(message_of(denial)) < 400


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("client.example", "write DNS:HOST"),
        ("IP:127.0.0.1", "write DNS:HOST"),
        ("dns:client.example", "write DNS:HOST"),
        ("", "write DNS:HOST"),
        ("DNS:", "host name in ASCII"),
        ("DNS:*.example", "host name in ASCII"),
        ("DNS:a b", "host name in ASCII"),
        ("DNS:añadir.example", "host name in ASCII"),
        ("DNS:" + "a" * 64 + ".example", "host name in ASCII"),
        ("email:nobody", "an address in ASCII"),
        ("email:a@b@c", "an address in ASCII"),
        ("email:ñ@client.example", "an address in ASCII"),
        ("URI:", "an absolute URI"),
        ("URI:no-scheme", "an absolute URI"),
        ("URI:https://a b/", "an absolute URI"),
        ("URI:https://ñ/", "an absolute URI"),
        ("URI:spiffe://Lab.example/client", "SPIFFE ID"),
        ("URI:SPIFFE://lab.example/client", "SPIFFE ID"),
        ("URI:spiffe://lab.example/client/", "SPIFFE ID"),
        ("URI:spiffe://lab.example/a//b", "SPIFFE ID"),
        ("URI:spiffe://lab.example/../b", "SPIFFE ID"),
        ("URI:spiffe://lab.example:443/b", "SPIFFE ID"),
        ("URI:spiffe://lab.example/b?c", "SPIFFE ID"),
        ("URI:spiffe:///b", "SPIFFE ID"),
        ("URI:spiffe://lab.example/" + "a" * 2048, "SPIFFE ID"),
    ],
)
def test_what_no_certificate_can_match_is_refused_at_once(text: str, remedy: str) -> None:
    with pytest.raises(NotAName, match=remedy) as caught:
        by_san(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    "text", ["URI:spiffe://lab.example", "URI:spiffe://lab.example/...", "URI:spiffe://a_b-c/x.y"]
)
def test_spiffe_ids_that_are_allowed(text: str) -> None:
    assert by_san(text)(client(text)) is None


def test_an_empty_common_name_is_refused() -> None:
    with pytest.raises(NotAName, match="the name is empty"):
        by_cn("a", "")
