"""Who gets in: Host, token and origin, each alone and in all that a browser can send."""

from __future__ import annotations

import pytest

from lab.http.message import RequestHead
from lab.webapp.access import Access

PORT = 8480
ACCESS = Access(PORT)
TOKEN = ACCESS.address.partition("token=")[2].encode()


def head(method: str = "GET", query: str = "", /, **headers: bytes) -> RequestHead:
    fields = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return RequestHead(method=method, path="/", headers=fields, client=None, query=query)


@pytest.mark.parametrize("host", [b"127.0.0.1:8480", b"localhost:8480", b"LOCALHOST:8480"])
def test_a_host_field_that_names_this_server(host: bytes) -> None:
    assert ACCESS.names_this_server(head(host=host))


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"127.0.0.1",
        b"127.0.0.1:80",
        b"evil.test:8480",
        b"127.0.0.1.evil.test:8480",
        b"[::1]:8480",
    ],
)
def test_a_host_field_that_names_another(host: bytes) -> None:
    assert not ACCESS.names_this_server(head(host=host))


def test_a_host_field_without_port_at_the_port_of_http() -> None:
    assert Access(80).names_this_server(head(host=b"localhost"))


def test_the_token_in_cookie_and_header_and_address() -> None:
    cookie = b"a=b; lab_token_8480=" + TOKEN + b"; c=d"
    assert ACCESS.has_token(head(cookie=cookie))
    assert ACCESS.has_token(head(x_lab_token=TOKEN))
    assert ACCESS.has_token_in_address(head("GET", "token=" + TOKEN.decode()))


@pytest.mark.parametrize(
    "name", [b"", b"lab_token_8481=", b"xlab_token_8480=", b"lab_token_8480=x"]
)
def test_no_token_or_another(name: bytes) -> None:
    assert not ACCESS.has_token(head(cookie=name + TOKEN))
    assert not ACCESS.has_token(head(x_lab_token=b"\xff", cookie=b"lab_token_8480=" + TOKEN))
    assert not ACCESS.has_token_in_address(head("GET", "token=%FF"))


def test_the_cookie_is_for_pages_of_this_server_alone() -> None:
    name, value = ACCESS.cookie
    assert name == b"Set-Cookie"
    assert value.endswith(b"; Path=/; HttpOnly; SameSite=Strict")


OWN = b"http://127.0.0.1:8480"


@pytest.mark.parametrize(
    ("headers", "may"),
    [
        ({"origin": OWN, "sec_fetch_site": b"same-origin"}, True),
        ({"origin": OWN}, True),
        ({"origin": b"null", "sec_fetch_site": b"same-origin"}, True),
        ({"sec_fetch_site": b"same-origin"}, True),
        ({"x_lab_token": TOKEN}, True),
        ({}, False),
        ({"origin": b"null"}, False),
        ({"sec_fetch_site": b"cross-site"}, False),
        ({"sec_fetch_site": b"same-site"}, False),
        ({"sec_fetch_site": b"none"}, False),
        ({"origin": b"http://evil.test", "sec_fetch_site": b"same-origin"}, False),
        ({"origin": b"http://127.0.0.1:8481"}, False),
        ({"origin": b"https://127.0.0.1:8480"}, False),
        ({"origin": OWN, "sec_fetch_site": b"cross-site"}, False),
        ({"origin": b"http://evil.test", "x_lab_token": TOKEN}, False),
    ],
)
def test_where_an_action_comes_from(headers: dict[str, bytes], may: bool) -> None:
    assert ACCESS.may_act(head("POST", **headers)) is may


@pytest.mark.parametrize(
    ("site", "place", "elsewhere"),
    [
        (b"same-origin", b"empty", False),
        (b"none", b"document", False),
        (b"same-site", b"document", False),
        (b"cross-site", b"document", False),
        (b"same-site", b"empty", True),
        (b"same-site", b"iframe", True),
        (b"cross-site", b"script", True),
    ],
)
def test_what_is_loaded_by_a_page_of_another_origin(
    site: bytes, place: bytes, elsewhere: bool
) -> None:
    headers = {"sec_fetch_site": site, "sec_fetch_dest": place}
    assert ACCESS.is_loaded_elsewhere(head(**headers)) is elsewhere
    assert not ACCESS.is_loaded_elsewhere(head())
