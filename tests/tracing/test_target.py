"""What a user names a server by."""

from __future__ import annotations

import pytest

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
        ("https://host", "host", 443),
        ("https://host/", "host", 443),
        ("HTTPS://Host:8443/path?query#part", "host", 8443),
        ("https://[2001:db8::1]:9443/path", "2001:db8::1", 9443),
        ("ñandú.example:1", "ñandú.example", 1),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert parse_target(text) == Target(host=host, port=port)


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
        ("http://host:1", "is not an https URL"),
        ("ftp://host", "is not an https URL"),
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
