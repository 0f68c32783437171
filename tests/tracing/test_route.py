"""The way to a server, as a user writes it: proxies, PROXY protocol, STARTTLS."""

from __future__ import annotations

import pytest

from lab.tracing.route import (
    DIRECT,
    Proxy,
    ProxyKind,
    ProxyProtocol,
    Route,
    RouteError,
    parse_proxy,
    route_of,
    way_to,
)
from lab.tracing.schemes import StartTls


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("http://proxy:3128", Proxy(kind=ProxyKind.HTTP, host="proxy", port=3128)),
        ("http://[::1]:3128/", Proxy(kind=ProxyKind.HTTP, host="::1", port=3128)),
        ("socks5h://proxy:1080", Proxy(kind=ProxyKind.SOCKS5, host="proxy", port=1080)),
        (
            "socks5://al:p%40ss@proxy:1080",
            Proxy(kind=ProxyKind.SOCKS5, host="proxy", port=1080, user="al", password="p@ss"),
        ),
    ],
)
def test_proxies(text: str, proxy: Proxy) -> None:
    assert parse_proxy(text) == proxy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "proxy:3128",
        "https://proxy:443",
        "http://al:s3cret@proxy",
        "http://al:s3cret@proxy:x",
        "http://al:s3cret@proxy:1/path",
        "http://:s3cret@proxy:1",
        f"socks5://{'a' * 256}:s3cret@proxy:1",
        "http://a%3Ab:s3cret@proxy:1",
        "ftp://al:s3cret@proxy:1",
        "http://al:s3cret@[proxy:1",
    ],
)
def test_what_names_no_proxy_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(RouteError, match="write http://") as caught:
        parse_proxy(text)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_password_is_in_no_representation() -> None:
    _, route = way_to("host", route_of(proxy="http://al:s3cret@proxy:1"))
    assert route.proxy is not None and route.proxy.password == "s3cret"
    assert "s3cret" not in repr(route) and "s3cret" not in repr(route.words)


def test_the_way_is_told_in_its_order() -> None:
    target, route = way_to(
        "smtp://mail", route_of(proxy="socks5://proxy:1080", proxy_protocol="v2")
    )
    assert target.port == 25
    assert route.proxy_protocol is ProxyProtocol.V2
    assert route.words == ("SOCKS 5 by proxy:1080", "PROXY protocol v2", "STARTTLS (smtp)")
    assert DIRECT.words == ()


@pytest.mark.parametrize(
    ("server", "starttls", "chosen"),
    [
        ("host:1", None, None),
        ("host:1", "imap", StartTls.IMAP),
        ("https://host", None, None),
        ("smtps://host", None, None),
        ("postgresql://host", None, StartTls.POSTGRES),
        ("mysql://host", "mysql", StartTls.MYSQL),
        ("unix:/run/x.sock", "mysql", StartTls.MYSQL),
    ],
)
def test_starttls_is_chosen_by_the_scheme(
    server: str, starttls: str | None, chosen: StartTls | None
) -> None:
    assert way_to(server, route_of(starttls=starttls))[1] == Route(starttls=chosen)


@pytest.mark.parametrize(
    ("server", "more", "says"),
    [
        ("smtps://host", {"starttls": "smtp"}, "do not go together"),
        ("imap://host", {"starttls": "smtp"}, "do not go together"),
        ("host", {"starttls": "smpt"}, "is no protocol of STARTTLS: there are postgres"),
        ("host", {"proxy_protocol": "v3"}, "is no version of the PROXY protocol: there are v1, v2"),
        ("unix:/x", {"proxy": "http://proxy:1"}, "no proxy leads to unix:/x"),
    ],
)
def test_ways_that_there_are_not(server: str, more: dict[str, str], says: str) -> None:
    with pytest.raises(RouteError, match=says):
        way_to(server, route_of(**more))
