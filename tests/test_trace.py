"""``python -m lab.trace``: the lab's question, asked as its users ask it."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support.application_servers import redis
from tests.support.doors import CompletedRun, run, served
from tests.support.peers import (
    MAKES,
    VerifyMode,
    free_port,
    served_by,
)
from tests.support.schemas import schema_of

SCHEMA = schema_of("trace")


def document(done: CompletedRun) -> list[dict[str, Any]]:
    assert done.code == 0, done.err
    parsed = json.loads(done.out)
    jsonschema.validate(parsed, SCHEMA)
    traces = parsed["traces"]
    assert isinstance(traces, list)
    return traces


def test_the_labs_question(tmp_path: Path) -> None:
    """No argument at all: both versions, both ends, a comparison."""
    port = str(free_port())
    done = run("lab.trace", cwd=tmp_path, MTLS_SERVER_PORT=port)
    assert done.code == 0, done.err
    out = done.out
    assert out.startswith(f"Nothing listens at 127.0.0.1:{port}: tracing the lab's own")
    first, second = out.index("TLS 1.2, no client cert"), out.index("TLS 1.3, no client cert")
    assert first < out.index("ALERT fatal handshake_failure (40)") < second
    assert second < out.index("client: handshake call returned")
    assert out.index("client: handshake call returned") < out.index(
        "ALERT fatal certificate_required (116)"
    )
    assert "server: certificate rejected" in out
    assert "the server requires a client certificate, and the client sent none" in out
    assert "Comparison" in out[second:]
    assert max(map(len, out.splitlines())) <= 80
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("version", "alert", "returned"),
    [("1.2", (40, "handshake_failure"), False), ("1.3", (116, "certificate_required"), True)],
)
def test_one_version_as_json(
    certs: Path, version: str, alert: tuple[int, str], returned: bool
) -> None:
    with served("--certs", certs, "--port", "0") as server:
        target = f"127.0.0.1:{server.port}"
        done = run("lab.trace", target, f"--tls{version}", "--ca", certs / "ca.crt", "--json")
    (trace,) = document(done)
    assert trace["target"] == target
    outcome = trace["outcome"]
    assert (outcome["result"], outcome["by"], outcome["signal"]) == ("rejected", "server", "alert")
    assert outcome["alert"] == {"level": "fatal", "number": alert[0], "name": alert[1]}
    assert outcome["client_handshake_returned"] is returned
    assert outcome["server_handshake_returned"] is None
    assert trace["client_certificate"] is None
    assert trace["diagnosis"][0]["code"] == "no-client-certificate"


def test_the_server_that_listens_where_the_lab_does(certs: Path) -> None:
    with served("--certs", certs, "--port", "0") as server:
        port = str(server.port)
        done = run("lab.trace", "--tls1.3", cwd=certs.parent, MTLS_SERVER_PORT=port)
    assert done.out.startswith(f"Tracing the server that listens at 127.0.0.1:{port}.")
    assert "server: certificate rejected" not in done.out
    assert "certificate_required (116)" in done.out


def test_both_ends_as_json(certs: Path) -> None:
    """Where the server is our own, what its OpenSSL said is part of the evidence."""
    done = run("lab.trace", "--json", cwd=certs.parent, MTLS_SERVER_PORT=str(free_port()))
    traces = document(done)
    assert [trace["outcome"]["server_handshake_returned"] for trace in traces] == [False, False]
    for trace in traces:
        evidence = " ".join(trace["diagnosis"][0]["evidence"])
        assert "peer did not return a certificate" in evidence


def test_with_the_labs_certificate(certs: Path) -> None:
    with served("--certs", certs, "--port", "0") as server:
        target = f"127.0.0.1:{server.port}"
        words = ("lab.trace", target, "--with-cert", "--request", "/todo", "--json")
        traces = document(run(*words, cwd=certs.parent))
    assert [trace["outcome"]["result"] for trace in traces] == ["accepted", "accepted"]
    assert [trace["diagnosis"][0]["code"] for trace in traces] == ["mutual-tls", "mutual-tls"]


@pytest.mark.parametrize("form", ["pem", "one file", "pfx"])
def test_with_a_certificate_from_files(certs: Path, tmp_path: Path, form: str) -> None:
    words: list[str | Path] = ["--cert", certs / "client.crt", "--key", certs / "client.key"]
    if form == "one file":
        both = tmp_path / "both.pem"
        both.write_bytes((certs / "client.key").read_bytes() + (certs / "client.crt").read_bytes())
        words = ["--cert", both]
    with served("--certs", certs, "--port", "0") as server:
        target = f"127.0.0.1:{server.port}"
        if form == "pfx":
            done = run("lab.trace", target, "--cert", certs / "client.pfx", "--tls1.3")
            # No terminal to ask for the password on.
            assert done.code == 2
            assert "password" in done.err
            return
        done = run("lab.trace", target, *words, "--ca", certs / "ca.crt", "--tls1.3", "--json")
    assert document(done)[0]["outcome"]["result"] == "accepted"


def test_a_server_that_refuses_by_http(certs: Path, tmp_path: Path) -> None:
    with served_by(MAKES["nginx"], certs, tmp_path) as port:
        done = run("lab.trace", f"127.0.0.1:{port}", "--ca", certs / "ca.crt")
    assert done.code == 0
    assert "HTTP refused the request, and the client sent no certificate" in " ".join(
        done.out.split()
    )
    assert "400" in done.out


def test_a_server_that_does_not_ask(certs: Path, tmp_path: Path) -> None:
    with served_by(MAKES["haproxy"], certs, tmp_path, ask=VerifyMode.NONE) as port:
        done = run("lab.trace", f"127.0.0.1:{port}", "--ca", certs / "ca.crt", "--tls1.3")
    words = " ".join(done.out.split())
    assert "the server asked for no client certificate on this connection" in words


def test_sni_alpn_and_insecure(certs: Path) -> None:
    with served("--certs", certs, "--port", "0") as server:
        target = f"127.0.0.1:{server.port}"
        more = ("--sni", "other.example", "--alpn", "h2,http/1.1", "--insecure", "--tls1.3")
        shown = run("lab.trace", target, *more)
        refused = run("lab.trace", target, "--sni", "other.example", "--ca", certs / "ca.crt")
    assert "other.example" in shown.out
    assert "h2, http/1.1" in shown.out
    assert "certificate_required (116)" in shown.out
    assert "does not match the host name" in " ".join(refused.out.split())
    assert "rejected by the client" in refused.out


def test_the_key_log_is_private(certs: Path, tmp_path: Path) -> None:
    key_log = tmp_path / "lab.keylog"
    with served("--certs", certs, "--port", "0") as server:
        more = ("--ca", certs / "ca.crt", "--keylog", key_log)
        assert run("lab.trace", f"127.0.0.1:{server.port}", *more).code == 0
    assert "CLIENT_HANDSHAKE_TRAFFIC_SECRET" in key_log.read_text()
    assert os.name == "nt" or key_log.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--key", "x"], "--key goes with --cert"),
        (["--cert", "no-such-file"], "no-such-file"),
        (["127.0.0.1:1", "--ca", "no-such-file"], "no-such-file"),
        (["http://127.0.0.1:1"], "does not lead to TLS"),
        (["no-such-host.invalid:443"], "cannot connect to no-such-host.invalid:443"),
        (["127.0.0.1:1", "--keylog", "no/such/folder"], "no/such/folder"),
    ],
)
def test_what_cannot_be_traced_is_one_line(words: list[str], says: str, tmp_path: Path) -> None:
    done = run("lab.trace", *words, cwd=tmp_path)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert line.startswith("lab.trace: ")
    assert says in line


def test_nothing_there(tmp_path: Path) -> None:
    port = free_port()
    done = run("lab.trace", f"127.0.0.1:{port}", cwd=tmp_path)
    assert done.code == 2
    assert f"lab.trace: cannot connect to 127.0.0.1:{port}: " in done.err


def test_no_colour_in_a_pipe(certs: Path) -> None:
    with served("--certs", certs, "--port", "0") as server:
        done = run("lab.trace", f"127.0.0.1:{server.port}", "--ca", certs / "ca.crt")
    assert "\x1b" not in done.out


HEADER = b"\x16\x03\x03\x40\x00"  # of a record of 16384 bytes


def flood(connection: socket.socket, _: threading.Event) -> None:
    while True:
        connection.sendall(HEADER + bytes(16384))  # 4096 HelloRequests


def drip(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(HEADER)
    while not over.wait(0.02):
        connection.sendall(b"a")


@contextlib.contextmanager
def hostile(treat: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """A server that treats each ClientHello so, until the client has gone."""
    over = threading.Event()

    def serve() -> None:
        while True:
            connection, _ = listening.accept()
            with connection, contextlib.suppress(ConnectionError):
                if not connection.recv(65536):  # the test is over
                    return
                treat(connection, over)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            over.set()
            socket.create_connection(listening.getsockname()).close()
            thread.join()


def test_a_flood_is_bounded_and_not_called_silence() -> None:
    with hostile(flood) as target:
        done = run("lab.trace", target, "--tls1.3", "--timeout", "0.5", "--json")
        shown = run("lab.trace", target, "--tls1.2", "--timeout", "0.5")
    (trace,) = document(done)
    events = trace["events"]
    assert len(events) < 1100
    (left_out,) = [event for event in events if event["type"] == "left_out"]
    assert left_out["from"] == "server"
    assert left_out["octets"] == 4 * left_out["count"] > 0
    assert trace["outcome"]["signal"] == "time-out"
    (cause,) = trace["diagnosis"]
    assert cause["code"] == "endless-handshake"
    assert cause["evidence"][0].endswith("the last HelloRequest")
    assert " more, not kept " in shown.out
    assert "the server kept sending without completing the handshake" in shown.out
    assert "silent" not in shown.out


def test_a_server_that_drips_is_traced_and_not_called_silent() -> None:
    with hostile(drip) as target:
        done = run("lab.trace", target, "--tls1.3", "--timeout", "0.5", "--json")
        shown = run("lab.trace", target, "--tls1.2", "--timeout", "0.5")
    (trace,) = document(done)
    (begun,) = [event for event in trace["events"] if event["type"] == "unfinished"]
    assert (begun["from"], begun["part"], begun["expected"]) == ("server", "record", 16389)
    assert begun["came"] > 5
    assert [cause["code"] for cause in trace["diagnosis"]] == ["unfinished"]
    assert "the server began a record and did not finish it in time" in shown.out
    assert "silent" not in shown.out


def test_a_plain_server_of_pythons_own_is_named() -> None:
    """Python's http.server answers what it cannot read as HTTP/0.9 does: without a head."""
    with http.server.HTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            done = run("lab.trace", f"127.0.0.1:{server.server_port}", "--tls1.3")
        finally:
            server.shutdown()
            thread.join()
    assert done.code == 2
    assert "the server's first bytes are not TLS: they look like plain HTTP" in done.err


class Quiet(http.server.BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Not in the tests' output."""


def test_brief_and_expected(tmp_path: Path) -> None:
    """Six lines for both versions, and an exit code for a script."""
    port = str(free_port())
    for expected, code in (
        ("refused", 0),
        ("refused:no-client-certificate", 0),
        ("accepted", 1),
        ("refused:certificate_required", 1),  # TLS 1.2 has another alert
    ):
        words = ("--brief", "--expect", expected)
        done = run("lab.trace", *words, cwd=tmp_path, MTLS_SERVER_PORT=port)
        assert done.code == code
        assert done.err == ("" if code == 0 else f"lab.trace: not as expected ({expected})\n")
        lines = done.out.splitlines()
        assert lines[0] == "TLS 1.2: rejected by the server, alert handshake_failure (40)"
        assert lines[3] == "TLS 1.3: rejected by the server, alert certificate_required (116)"
        assert [line.split(":")[0] for line in lines[1:3]] == ["cause", "fix"]
        assert len(lines) == 6
    one = ("--tls1.3", "--expect", "refused:certificate_required", "--json")
    done = run("lab.trace", *one, cwd=tmp_path, MTLS_SERVER_PORT=port)
    assert len(document(done)) == 1


def test_the_accepted_are_expected(tmp_path: Path) -> None:
    words = ("--with-cert", "--brief", "--tls1.2", "--expect", "accepted")
    done = run("lab.trace", *words, cwd=tmp_path, MTLS_SERVER_PORT=str(free_port()))
    assert done.code == 0, done.err
    assert done.out.splitlines()[2] == "fix: nothing to fix"


@pytest.mark.parametrize("words", [("--expect", "maybe"), ("--expect", "accepted:x")])
def test_an_expectation_that_is_none(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run("lab.trace", *words, cwd=tmp_path)
    assert done.code == 2
    assert "is not accepted, refused or refused:NAME" in done.err


def test_what_the_server_is_said_to_trust(certs: Path, tmp_path: Path) -> None:
    done = run("lab.trace", "--client-crl", "lists.pem", cwd=tmp_path)
    assert (done.code, "give --client-ca" in done.err) == (2, True)
    with served("--certs", str(certs)) as server:
        words = ("--ca", str(certs / "ca.crt"), "--client-ca", str(certs / "ca.crt"), "--brief")
        identity = ("--cert", str(certs / "client.crt"), "--key", str(certs / "client.key"))
        done = run("lab.trace", f"127.0.0.1:{server.port}", *words, *identity, cwd=tmp_path)
    assert done.code == 0, done.err


def test_a_session_is_resumed(certs: Path) -> None:
    """The second picture has no certificate of either end, and tells whom the server sees."""
    with served("--certs", certs, "--port", "0") as server:
        words = ("lab.trace", f"127.0.0.1:{server.port}", "--resume", "--ca", certs / "ca.crt")
        identity = ("--cert", certs / "client.crt", "--key", certs / "client.key")
        done = run(*words, *identity, "--tls1.3", "--request", "/todo")
        first, second = document(run(*words, *identity, "--tls1.3", "--json"))
        brief = run(*words, *identity, "--brief")
    before, _, after = done.out.partition("TLS 1.3 (with a session), client certificate")
    assert "CertificateRequest" in before
    assert "CertificateRequest" not in after
    assert "session     TLS 1.3 ticket of the first connection, good for 7200 s" in after
    assert "certificate not asked for" in after
    assert "identity    CN=mtls-client, whom the server's answer names" in after
    assert "Comparison" in after
    assert first["resumption"] is None
    assert second["resumption"]["use"] == "resumed"
    assert "TLS 1.2 (with a session): accepted" in brief.out
    assert brief.out.count("session: TLS 1.") == 2


@pytest.mark.parametrize(
    ("words", "expect", "code"),
    [
        ([], "accepted", 0),
        ([], "refused", 1),
        (["--after", "none"], "accepted", 0),
        (["--after", "mqtt"], "accepted", 0),
        (["--after", "postgres"], "refused:28000", 1),
    ],
)
def test_what_is_spoken_inside_tls(
    words: list[str], expect: str, code: int, certs: Path, tmp_path: Path
) -> None:
    """By the scheme, or as asked; what the server does not understand is no refusal."""
    with served_by(redis, certs, tmp_path, ask=VerifyMode.OPTIONAL) as port:
        address = (f"rediss://localhost:{port}", "--ca", certs / "ca.crt", "--timeout", "1")
        done = run("lab.trace", *address, "--tls1.2", "--expect", expect, "--json", *words)
    assert done.code == code, done.err
    parsed = json.loads(done.out)
    jsonschema.validate(parsed, SCHEMA)
    outcome = parsed["traces"][0]["outcome"]
    if not words:
        assert outcome["answer_meaning"] == "let in" and outcome["answer"] == {
            "application": "redis",
            "asked": "PING",
            "code": "PONG",
            "words": None,
        }
    elif words[-1] == "none":
        assert outcome["answer"] is None
    else:
        assert outcome["answer_meaning"] in ("neither let in nor refused", None)


def test_a_protocol_that_is_not_spoken_here() -> None:
    done = run("lab.trace", "127.0.0.1:1", "--after", "gopher")
    assert done.code == 2
    assert "argument --after: invalid choice: 'gopher'" in done.err
