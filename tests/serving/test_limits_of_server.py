"""Every limit of the server has a flag, and a line in the log when it strikes."""

from __future__ import annotations

import dataclasses
import socket
import ssl
from pathlib import Path

import pytest

from lab.cli.server_options import limits_of, parser
from lab.http.limits import Limit, Limits
from tests.support.doors import ServerProcess, run, served
from tests.support.serving import (
    PATIENCE,
    blocking,
    client_tls,
    get,
)

HEAD = b"GET /todo HTTP/1.1\r\nHost: localhost\r\n"
# How an end is made, not when it comes.
REST = {"discard_timeout", "max_discard", "max_surplus", "farewell_timeout", "surplus_timeout"}


def test_without_flags_the_limits_are_those_of_the_class() -> None:
    assert limits_of(parser().parse_args([])) == Limits()


@pytest.mark.parametrize("name", [each.name for each in dataclasses.fields(Limits)])
def test_every_limit_has_its_flag(name: str) -> None:
    flag = "--" + name.replace("_", "-")
    if name in REST:
        assert flag not in parser().format_help()
        return
    limits = limits_of(parser().parse_args([flag, "7"]))
    assert limits == dataclasses.replace(Limits(), **{name: 7})


@pytest.mark.parametrize("limit", Limit)
def test_every_limit_that_can_be_struck_is_one_of_the_class(limit: Limit) -> None:
    assert limit.flag in parser().format_help()
    assert Limits().of(limit) == getattr(Limits(), limit.value)


@pytest.mark.parametrize("words", [["--max-body", "0"], ["--idle-timeout", "-1"]])
def test_a_limit_of_nothing_is_refused(words: list[str]) -> None:
    done = run("lab.server", *words)
    assert done.code == 2
    assert words[0] in done.err


def test_times_that_run_out(certs: Path) -> None:
    """Nothing, half a handshake's worth, half a head, half a body: each is told, and ended."""
    words = ["--handshake-timeout", "1", "--header-timeout", "1"]
    words += ["--body-timeout", "1", "--idle-timeout", "1"]
    with served("--certs", certs, "--port", "0", *words) as server:
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as silent:
            assert silent.recv(1) == b""
        server.until(r"LIMIT \| peer=127.0.0.1 \| --handshake-timeout 1 \| closed: ")
        assert _answer(server, certs, b"") == b""
        server.until(r"LIMIT \| peer=127.0.0.1 \| --idle-timeout 1 \| closed: ")
        assert _answer(server, certs, HEAD).startswith(b"HTTP/1.1 408 ")
        server.until(r"LIMIT \| peer=127.0.0.1 \| --header-timeout 1 \| answered with HTTP 408")
        begun = b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        body = HEAD.replace(b"GET", b"POST") + begun
        assert _answer(server, certs, body).startswith(b"HTTP/1.1 408 ")
        server.until(r"LIMIT \| peer=127.0.0.1 \| --body-timeout 1 \| answered with HTTP 408")


def test_sizes_that_are_too_much(certs: Path) -> None:
    words = ["--max-header", "200", "--max-header-fields", "3", "--max-body", "20"]
    with served("--certs", certs, "--port", "0", *words) as server:
        long = HEAD + b"X: " + b"x" * 200 + b"\r\n\r\n"
        assert _answer(server, certs, long).startswith(b"HTTP/1.1 431 ")
        server.until(r"--max-header 200 \| answered with HTTP 431")
        many = HEAD + b"A: a\r\nB: b\r\nC: c\r\n\r\n"
        assert _answer(server, certs, many).startswith(b"HTTP/1.1 431 ")
        server.until(r"--max-header-fields 3 \| answered with HTTP 431")
        large = b"Content-Type: application/json\r\nContent-Length: 21\r\n\r\n" + b"x" * 21
        body = HEAD.replace(b"GET", b"POST") + large
        assert _answer(server, certs, body).startswith(b"HTTP/1.1 413 ")
        server.until(r"--max-body 20 \| answered with HTTP 413")


def test_more_connections_than_there_are_places(certs: Path) -> None:
    context = client_tls(certs)
    with (
        served("--certs", certs, "--port", "0", "--max-connections", "1") as server,
        blocking(server.port, context) as first,
    ):
        first.do_handshake()
        first.sendall(HEAD + b"\r\n")
        assert first.recv(65536).startswith(b"HTTP/1.1 200 ")
        refused = get(server.port, context)
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 5\r\n" in refused
        assert b"\r\nConnection: close\r\n" in refused
        server.until(
            r"LIMIT \| .* \| --max-connections 1 \| too many connections: answering with HTTP 503"
        )
        # Whoever has a place keeps it.
        first.sendall(HEAD + b"\r\n")
        assert first.recv(65536).startswith(b"HTTP/1.1 200 ")
        # A refusal comes first: nobody learns of the places who may not have one.
        with pytest.raises(ssl.SSLError, match="certificate required"):
            get(server.port, client_tls(certs, identity=False))


def test_an_address_with_many_in_their_handshake_loses_its_oldest(certs: Path) -> None:
    words = ["--max-handshakes-per-peer", "2"]
    with served("--certs", certs, "--port", "0", *words) as server:
        address = ("127.0.0.1", server.port)
        silent = [socket.create_connection(address, PATIENCE) for _ in range(3)]
        server.until(
            r"LIMIT \| .* \| --max-handshakes-per-peer 2 \| closed: too many handshakes from "
            r"127\.0\.0\.1$"
        )
        assert silent[0].recv(1) == b""
        assert get(server.port, client_tls(certs)).startswith(b"HTTP/1.1 200 ")
        for connection in silent:
            connection.close()


def _answer(server: ServerProcess, certs: Path, request: bytes) -> bytes:
    """What comes back for a request, or for a part of one, until the server ends the connection."""
    with blocking(server.port, client_tls(certs)) as tls:
        tls.do_handshake()
        tls.sendall(request)
        parts = []
        while part := tls.recv(65536):
            parts.append(part)
        return b"".join(parts)
