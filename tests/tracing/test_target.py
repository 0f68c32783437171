"""What a user names a server by."""

from __future__ import annotations

import pytest

from lab.tracing.schemes import StartTls
from lab.tracing.target import (
    Target,
    TargetError,
    default_target,
    parse_target,
    requested_path,
)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("8443", "127.0.0.1", 8443),
        ("1", "127.0.0.1", 1),
        (":9443", "127.0.0.1", 9443),
        ("localhost", "localhost", 8443),
        ("localhost:443", "localhost", 443),
        ("localhost:8443/todo", "localhost", 8443),
        ("192.0.2.1:65535", "192.0.2.1", 65535),
        ("::1", "::1", 8443),
        ("[::1]", "::1", 8443),
        ("[::1]:9443", "::1", 9443),
        ("fe80::1%lo", "fe80::1%lo", 8443),
        ("ñandú.example:1", "ñandú.example", 1),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert parse_target(text) == Target(host=host, port=port)


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "user"),
    [
        ("https://host", "https", "host", 443, ""),
        ("https://host/", "https", "host", 443, ""),
        ("HTTPS://Host:8443/path?query#part", "https", "host", 8443, ""),
        ("https://[2001:db8::1]:9443/path", "https", "2001:db8::1", 9443, ""),
        ("postgres://db.example/todo", "postgres", "db.example", 5432, ""),
        ("postgresql://al%20ice@db.example:5433/todo", "postgresql", "db.example", 5433, "al ice"),
        ("imap://alice@[2001:db8::1]:1143", "imap", "2001:db8::1", 1143, "alice"),
        ("smtps://mail.example", "smtps", "mail.example", 465, ""),
        ("mqtts://broker", "mqtts", "broker", 8883, ""),
    ],
)
def test_urls(text: str, scheme: str, host: str, port: int, user: str) -> None:
    assert parse_target(text) == Target(host=host, port=port, scheme=scheme, user=user)


def test_without_a_port_it_is_that_of_the_protocol_that_begins_in_the_clear() -> None:
    assert parse_target("host", StartTls.SMTP).port == 25
    assert parse_target("::1", StartTls.POSTGRES).port == 5432
    assert parse_target("host:1", StartTls.SMTP).port == 1
    assert parse_target("smtp://host", StartTls.SMTP).port == 25


def test_a_unix_socket_is_dialled_by_its_path_and_asked_for_as_localhost() -> None:
    target = parse_target("unix:/run/app.sock")
    assert target == parse_target("unix:///run/app.sock")
    assert target.unix_socket == "/run/app.sock" and target.address == "unix:/run/app.sock"
    assert target.authority == "localhost"
    assert requested_path("unix:/run/app.sock") == ""


@pytest.mark.parametrize("text", ["unix:", "unix:app.sock", "unix:/a\nb", "unix:/" + "a" * 107])
def test_what_names_no_unix_socket(text: str) -> None:
    with pytest.raises(TargetError, match="names no Unix socket; write unix:/PATH"):
        parse_target(text)


@pytest.mark.parametrize("text", ["postgres://al:s3cret@db", "al:s3cret@host:1", "x://a:s3cret@h"])
def test_a_password_in_a_url_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(TargetError) as caught:
        parse_target(text)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("http://host:1", "https"),
        ("redis://host", "rediss"),
        ("postgrse://host", "postgres"),
        ("SMPT://host", "smtp"),
        ("mqtt://host", "mqtts"),
    ],
)
def test_an_unknown_scheme_is_refused_with_the_nearest(text: str, near: str) -> None:
    with pytest.raises(TargetError, match=rf"does not lead to TLS \(did you mean {near}://\?\)"):
        parse_target(text)


def test_a_scheme_that_is_like_no_other_is_refused_with_all() -> None:
    with pytest.raises(TargetError, match="does not lead to TLS: there are https, postgres, "):
        parse_target("zzzzzz://host")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("8443", ""),
        ("::1", ""),
        ("host:1", ""),
        ("host:1/todo", "/todo"),
        ("https://host/a/b?c=d#e", "/a/b?c=d"),
        ("https://host?c", "/?c"),
    ],
)
def test_the_path_that_is_asked_for(text: str, path: str) -> None:
    parse_target(text)
    assert requested_path(text) == path


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names no host"),
        ("a b", "names no host"),
        ("host\n:1", "names no host"),
        ("-", "names no host"),
        (":", "names no host"),
        ("https://", "names no host"),
        ("https:///path", "names no host"),
        ("[::1]x:1", "names no host"),
        ("[::1", "is no address"),
        ("https//host", "is no address"),
        ("0", "has no port from 1 to 65535"),
        ("65536", "has no port from 1 to 65535"),
        ("9" * 5000, "has no port from 1 to 65535"),
        ("host:0", "has no port from 1 to 65535"),
        ("host:https", "has no port from 1 to 65535"),
        ("host:1:2", "has no port from 1 to 65535"),
        ("host:٣", "has no port from 1 to 65535"),
        ("host:-1", "has no port from 1 to 65535"),
        ("http://host:1", "has a scheme that does not lead to TLS"),
        ("imap://%07@host", "names no host"),
        ("user@host:1", "carries a user name"),
    ],
)
def test_nonsense_is_one_line_that_says_what_to_write(text: str, says: str) -> None:
    with pytest.raises(TargetError) as caught:
        parse_target(text)
    message = str(caught.value)
    assert message.startswith(repr(text)) and says in message
    assert message.endswith("write HOST:PORT, PORT or https://HOST:PORT")
    assert message.isprintable()


@pytest.mark.parametrize(
    ("environment", "authority"),
    [
        ({}, "127.0.0.1:8443"),
        ({"MTLS_SERVER_HOST": "", "MTLS_SERVER_PORT": ""}, "127.0.0.1:8443"),
        ({"MTLS_SERVER_PORT": "9443"}, "127.0.0.1:9443"),
        ({"MTLS_SERVER_HOST": "0.0.0.0"}, "127.0.0.1:8443"),
        ({"MTLS_SERVER_HOST": "::", "MTLS_SERVER_PORT": "9443"}, "[::1]:9443"),
        ({"MTLS_SERVER_HOST": "todo.example"}, "todo.example:8443"),
    ],
)
def test_where_the_labs_server_listens(environment: dict[str, str], authority: str) -> None:
    assert default_target(environment).authority == authority


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"MTLS_SERVER_PORT": "0"}, "MTLS_SERVER_PORT is 0: the server takes any free port"),
        ({"MTLS_SERVER_PORT": "abc"}, "MTLS_SERVER_PORT is no port: 'abc'"),
        ({"MTLS_SERVER_PORT": "65536"}, "MTLS_SERVER_PORT is no port: '65536'"),
        ({"MTLS_SERVER_HOST": "a b"}, "MTLS_SERVER_HOST is no host: 'a b'"),
    ],
)
def test_an_environment_that_names_no_server(environment: dict[str, str], says: str) -> None:
    with pytest.raises(TargetError, match=says):
        default_target(environment)
