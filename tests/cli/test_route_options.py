"""The way to a server on the command line: what is done before TLS is told, a refusal is one line.

Real servers are in tests/tracing/preludes.
"""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.support.answering import answering
from tests.support.doors import CompletedRun, run
from tests.support.peers import free_port
from tests.support.schemas import schema_of

REFUSED = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n"
DOORS = ("trace", "probe")
each_door = pytest.mark.parametrize("door", DOORS)


def run_door(door: str, certs: Path, *words: str, **env: str) -> CompletedRun:
    more = ["--timeout", "5"] if door == "trace" else []
    ca = [f"--ca-cert={certs / 'ca.crt'}", f"--ca-key={certs / 'ca.key'}"]
    more += [f"--ca={certs / 'ca.crt'}"] if door == "trace" else ca
    return run(f"lab.{door}", *words, *more, cwd=None, **env)


def one_line(done: CompletedRun, door: str) -> str:
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"lab.{door}: ") and done.err.count("\n") == 1
    return done.err


@each_door
def test_a_server_that_refuses_starttls_is_one_line(door: str, certs: Path) -> None:
    with answering(b"220 mail ESMTP\r\n", b"250 no more than that\r\n") as port:
        done = run_door(door, certs, f"smtp://127.0.0.1:{port}")
    assert (
        f"127.0.0.1:{port}: STARTTLS (smtp): the server announces no STARTTLS: "
        '"250 no more than that"; turn TLS on in the server'
    ) in one_line(done, door)


def test_a_proxy_that_wants_another_password_is_one_line_without_it(certs: Path) -> None:
    with answering(REFUSED, greets=False) as port:
        proxy = f"http://al:s3cret@127.0.0.1:{port}"
        done = run_door("probe", certs, "host.invalid:443", "--proxy", proxy)
    line = one_line(done, "probe")
    assert f"proxy 127.0.0.1:{port}: the proxy answers 407" in line and "s3cret" not in line


def test_the_password_of_a_proxy_may_come_from_the_environment(certs: Path) -> None:
    with answering(b"\x05\x02", b"\x01\x00", b"\x05\x05\x00\x01", greets=False) as port:
        words = ("host.invalid:443", "--proxy", f"socks5://al@127.0.0.1:{port}")
        done = run_door("trace", certs, *words, MTLS_LAB_PROXY_PASSWORD="s3cret")
    assert "the proxy answers: connection refused (5)" in one_line(done, "trace")


@each_door
def test_a_proxy_of_the_environment_is_said_to_be_unused(door: str, certs: Path) -> None:
    done = run_door(door, certs, f"127.0.0.1:{free_port()}", HTTPS_PROXY="http://al:s3cret@proxy:1")
    line = one_line(done, door)
    assert line.endswith(". HTTPS_PROXY is set, and not used here: --proxy is for that\n")
    assert "s3cret" not in line


@pytest.mark.parametrize(
    ("door", "words", "says"),
    [
        ("trace", ["smpt://h"], "has a scheme that does not lead to TLS (did you mean smtp://?)"),
        ("probe", ["postgres://al:s3cret@h"], "carries a password, which is not used here"),
        ("trace", ["h:1", "--starttls", "smpt"], "argument --starttls: invalid choice: 'smpt'"),
        ("probe", ["imaps://h", "--starttls", "imap"], "do not go together"),
        ("trace", ["h:1", "--proxy", "ftp://al:s3cret@p:1"], "is no proxy that can be used here"),
        ("probe", ["unix:/x", "--proxy", "http://p:1"], "a Unix socket is of this machine"),
        ("trace", ["unix:/no/such"], "cannot connect to unix:/no/such: No such file or directory"),
        ("probe", ["--proxy", "http://p:1"], "--proxy needs a server"),
        ("trace", ["--starttls", "smtp"], "--starttls needs a server"),
        ("trace", ["--proxy-protocol", "v1"], "--proxy-protocol needs a server"),
    ],
)
def test_what_makes_no_way_is_one_line(door: str, words: list[str], says: str, certs: Path) -> None:
    named = not words[0].startswith("--")
    done = run_door(door, certs, *words) if named else run(f"lab.{door}", *words)
    line = one_line(done, door)
    assert says in line and "s3cret" not in line


def test_what_was_done_before_tls_is_told(certs: Path, dovecot_ports: dict[str, int]) -> None:
    url = f"imap://localhost:{dovecot_ports['imap']}"
    done = run_door("trace", certs, url, "--tls1.3")
    assert done.code == 0
    assert "\n  before TLS  STARTTLS (imap)\n" in done.out
    done = run_door("trace", certs, url, "--tls1.3", "--json")
    document = json.loads(done.out)
    jsonschema.validate(document, schema_of("trace"))
    assert document["traces"][0]["route"] == ["STARTTLS (imap)"]
