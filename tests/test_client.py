"""``python -m lab.client``: what it prints, and what its exit code says."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
from pathlib import Path

import pytest

from tests.support.doors import run, served


def test_post_then_get(certs: Path) -> None:
    with served("--certs", certs, "--port", "0") as server:
        done = run("lab.client", server.url, "--certs", certs)
        port = server.port
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[:7] == [
        f"[CLIENT] Connecting to https://127.0.0.1:{port}/todo",
        "[CLIENT] Client cert: client.crt",
        "[CLIENT] CA trust:    ca.crt",
        "",
        "[CLIENT] Creating new TODO with POST /todo ...",
        "[CLIENT] POST response (HTTP 201):",
        "",
    ]
    created, _, listed = done.out.partition("[CLIENT] Fetching TODO list with GET /todo ...\n")
    body = created.partition("(HTTP 201):\n\n")[2]
    item = {"id": 6, "task": "Añadir endpoint POST", "done": False}
    assert json.loads(body) == {
        "client": "mtls-client",
        "message": "TODO item created",
        "todo": item,
    }
    head, _, body = listed.partition("\n\n")
    assert head.splitlines() == [
        '[CLIENT] Authenticated as: "mtls-client"',
        "[CLIENT] Response (HTTP 200):",
    ]
    document = json.loads(body)
    assert document["client"] == "mtls-client"
    assert [item["id"] for item in document["todos"]] == [1, 2, 3, 4, 5, 6]
    assert [item["done"] for item in document["todos"]] == [True] * 4 + [False] * 2
    assert document["todos"][5] == item


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_version_can_be_chosen(certs: Path, version: str) -> None:
    with served("--certs", certs, "--port", "0") as server:
        done = run("lab.client", server.url, "--certs", certs, f"--tls{version}", "--task", "ñ 漢")
        assert f"TLS {version} accepted" in server.until("HANDSHAKE")
    assert done.code == 0
    assert '"task": "ñ 漢"' in done.out


@pytest.mark.parametrize(
    ("version", "error", "alert"),
    [
        (
            "1.2",
            r"\[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE\] .*",
            r"handshake_failure \(40\), inside the handshake call \(TLS 1\.2\)",
        ),
        (
            "1.3",
            r"\[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED\] tlsv13 alert certificate required .*",
            r"certificate_required \(116\), at the first read, after the handshake call had "
            r"returned \(TLS 1\.3\)",
        ),
    ],
)
def test_the_negative_test_passes(certs: Path, version: str, error: str, alert: str) -> None:
    with served("--certs", certs, "--port", "0") as server:
        done = run("lab.client", server.url, "--certs", certs, "--no-cert", f"--tls{version}")
        target = f"{server.url}/todo"
    assert done.code == 0, done.err
    assert re.fullmatch(
        r"\[NEGATIVE TEST\] Attempting connection WITHOUT client certificate\.\.\.\n"
        rf"\[NEGATIVE TEST\] Target: {re.escape(target)}\n\n"
        r"\[NEGATIVE TEST\] Connection rejected as expected\.\n"
        rf"\[NEGATIVE TEST\] Error: {error}\n"
        rf"\[NEGATIVE TEST\] Alert: {alert}\n\n"
        r"\[NEGATIVE TEST\] PASS: Server correctly refused unauthenticated client\.\n",
        done.out,
    ), done.out


@pytest.mark.parametrize(
    ("client_auth", "status", "verdict"),
    [
        (
            "optional",
            401,
            "FAIL: the server did not reject the client in the TLS handshake, only in HTTP (401).",
        ),
        ("none", 200, "FAIL: Server served an unauthenticated client."),
    ],
)
def test_the_negative_test_fails(certs: Path, client_auth: str, status: int, verdict: str) -> None:
    with served("--certs", certs, "--port", "0", "--client-auth", client_auth) as server:
        done = run("lab.client", server.url, "--certs", certs, "--no-cert")
    assert done.code == 1
    assert f"[NEGATIVE TEST] Response (HTTP {status}):" in done.out
    assert done.out.splitlines()[-1] == f"[NEGATIVE TEST] {verdict}"


def test_the_environment_names_the_server(certs: Path) -> None:
    """As it does for the server; who listens on all addresses is reached on loopback."""
    host = "0.0.0.0"
    with served("--certs", certs, "--port", "0") as server:
        port = str(server.port)
        done = run("lab.client", "--certs", certs, MTLS_SERVER_HOST=host, MTLS_SERVER_PORT=port)
        assert done.code == 0
        assert f"[CLIENT] Connecting to https://127.0.0.1:{server.port}/todo" in done.out
        named = run("lab.client", server.url, "--certs", certs, MTLS_SERVER_PORT="none")
        assert named.code == 0
    done = run("lab.client", "--certs", certs, MTLS_SERVER_HOST=host, MTLS_SERVER_PORT=port)
    assert done.code == 2
    assert done.err.endswith(
        "that the server runs; without HOST:PORT, MTLS_SERVER_HOST and MTLS_SERVER_PORT name it\n"
    )
    done = run("lab.client", "--certs", certs, MTLS_SERVER_PORT="none")
    assert done.err.startswith("lab.client: MTLS_SERVER_PORT is no port: 'none'; ")


def test_no_server(certs: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for more in ((), ("--no-cert",)):
        done = run("lab.client", f"https://127.0.0.1:{port}", "--certs", certs, *more)
        assert done.code == 2
        assert done.err == (
            f"lab.client: cannot connect to 127.0.0.1:{port}: {os.strerror(errno.ECONNREFUSED)}; "
            "check the address, and that the server runs\n"
        )


def test_a_server_that_says_nothing(certs: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        for more in ((), ("--no-cert",)):
            done = run("lab.client", url, "--certs", certs, "--timeout", "0.2", *more)
            assert done.code == 2
            (line,) = done.err.splitlines()
            assert "within 0.2 s" in line


def test_a_refusal_that_is_not_about_certificates_tells_nothing(certs: Path) -> None:
    with served("--certs", certs, "--port", "0", "--min-tls", "1.3") as server:
        done = run("lab.client", server.url, "--certs", certs, "--no-cert", "--tls1.2")
    assert done.code == 2
    assert done.err.startswith(f"lab.client: inconclusive: 127.0.0.1:{server.port}: ")


def test_a_server_that_the_client_does_not_trust(certs: Path, tmp_path: Path) -> None:
    assert run("lab.certs", "--dir", tmp_path / "other", "--key-type", "ec").code == 0
    with served("--certs", certs, "--port", "0") as server:
        for more in ((), ("--no-cert",)):
            done = run("lab.client", server.url, "--certs", tmp_path / "other", *more)
            assert done.code == 2
            assert "certificate verify failed" in done.err


@pytest.mark.parametrize("target", ["http://localhost:1", "https://", "localhost:x", "a@b:1"])
def test_bad_targets(target: str) -> None:
    done = run("lab.client", target)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert line.startswith("lab.client: ")


def test_missing_certificates(tmp_path: Path) -> None:
    done = run("lab.client", "--certs", tmp_path)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "python -m lab.certs" in line


def test_a_name_that_is_none(certs: Path) -> None:
    done = run("lab.client", "https://a..b:1", "--certs", certs)
    assert done.code == 2
    assert done.err.splitlines()[0].startswith("lab.client: cannot connect to a..b:1: ")


@pytest.mark.parametrize("limit", ["0", "-1", "nan", "inf", "soon"])
def test_time_outs_must_be_times(certs: Path, limit: str) -> None:
    done = run("lab.client", "--certs", certs, "--timeout", limit)
    assert done.code == 2
    assert f"argument --timeout: {limit!r} is no number of seconds" in done.err
