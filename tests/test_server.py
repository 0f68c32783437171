"""``python -m lab.server`` as a process: its log, its signals, and how it refuses to start."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from lab.pki.files.set_writing import KeyType, SetPlan, write_set
from tests.support.doors import run, served
from tests.support.serving import client_tls, get

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a system with POSIX signals")


def test_the_log_of_a_client_that_gets_in(certs: Path) -> None:
    with served("--certs", certs, "--port", "0") as server:
        assert run("lab.client", server.url, "--certs", certs).code == 0
        server.until("GET /todo HTTP/1.1")
        lines = server.lines
    port = server.port
    assert lines[:3] == [
        f"[SERVER] mTLS server listening on https://127.0.0.1:{port}",
        "[SERVER] Requiring client cert signed by: ca.crt",
        "[SERVER] Press Ctrl+C to stop.",
    ]
    assert "| TLS 1.3 accepted | server: connected | client: ClientHello |" in lines[3]
    assert "certificate verified: subject='CN=mtls-client' issuer='CN=mTLS Lab Root CA'" in lines[3]
    assert lines[4:] == [
        "[SERVER] AUTHENTICATED | CN='mtls-client' | creating TODO",
        "[SERVER] TODO CREATED | CN='mtls-client' | "
        "item={'id': 6, 'task': 'Añadir endpoint POST', 'done': False}",
        "[SERVER] REQUEST | peer=127.0.0.1 | cert-CN='mtls-client' | \"POST /todo HTTP/1.1\" 201 -",
        "[SERVER] AUTHENTICATED | CN='mtls-client' | serving /todo",
        "[SERVER] REQUEST | peer=127.0.0.1 | cert-CN='mtls-client' | \"GET /todo HTTP/1.1\" 200 -",
    ]


@pytest.mark.parametrize(
    ("version", "alert"),
    [("1.2", "handshake_failure (40)"), ("1.3", "certificate_required (116)")],
)
def test_the_log_of_a_refusal(certs: Path, version: str, alert: str) -> None:
    with served("--certs", certs, "--port", "0") as server:
        done = run("lab.client", server.url, "--certs", certs, "--no-cert", f"--tls{version}")
        assert done.code == 0, done.err
        line = server.until("HANDSHAKE")
    assert f"| TLS {version} rejected |" in line
    assert "Certificate (empty)" in line
    assert "certificate rejected: peer did not return a certificate" in line
    assert f"alert fatal {alert}" in line
    assert "closed | cause: the server requires a client certificate, and the client sent " in line
    assert " | fix: give the client a certificate and its key (" in line


def test_the_log_of_a_client_that_is_asked_after_the_handshake(certs: Path) -> None:
    with served("--certs", certs, "--port", "0", "--client-auth", "on-demand") as server:
        assert run("lab.client", server.url, "--certs", certs).code == 0
        asked = server.until("AFTER HANDSHAKE")
        assert run("lab.client", server.url, "--certs", certs, "--no-cert").code == 1
        declined = server.until("AFTER HANDSHAKE")
        assert server.stop() == 0
        lines = server.lines
    assert "Requesting client certs signed by ca.crt after the handshake, for /todo" in lines[1]
    later = "| TLS 1.3: certificate requested after the handshake | server: CertificateRequest | "
    assert (
        later + "client: Certificate, CertificateVerify, Finished | server: certificate " in asked
    )
    assert "certificate verified: subject='CN=mtls-client' issuer='CN=mTLS Lab Root CA'" in asked
    assert declined.endswith(f"{later}client: Certificate (empty), Finished")
    requests = [line for line in lines if "REQUEST |" in line]
    assert [line.partition("cert-CN=")[2] for line in requests] == [
        "'mtls-client' | \"POST /todo HTTP/1.1\" 201 -",
        "'mtls-client' | \"GET /todo HTTP/1.1\" 200 -",
        'None | "GET /todo HTTP/1.1" 403 -',
    ]
    # Each is told once, when it has come.
    assert sum("AFTER HANDSHAKE" in line for line in lines) == 2


def test_a_health_check_that_sends_nothing_has_no_line_and_one_byte_has_one(certs: Path) -> None:
    with served("--certs", certs, "--port", "0") as server:
        for sent in (b"", b"\x16"):
            with socket.create_connection(("127.0.0.1", server.port)) as client:
                client.sendall(sent)
        line = server.until("HANDSHAKE")
        assert server.stop() == 0
    assert "client: TCP FIN inside a record or a handshake message" in line
    assert "decode_error" not in line
    assert len([line for line in server.lines if "HANDSHAKE" in line]) == 1


def test_only_handshakes_that_failed_are_logged_where_that_is_asked_for(certs: Path) -> None:
    with served("--certs", certs, "--port", "0", "--log-handshakes", "refused") as server:
        assert run("lab.client", server.url, "--certs", certs).code == 0
        assert run("lab.client", server.url, "--certs", certs, "--no-cert").code == 0
        assert server.stop() == 0
    (refused,) = [line for line in server.lines if "HANDSHAKE" in line]
    assert "Certificate (empty)" in refused
    assert "alert fatal certificate_required (116)" in refused


def test_a_line_for_each_stage(certs: Path) -> None:
    with served("--certs", certs, "--port", "0", "-v") as server:
        assert run("lab.client", server.url, "--certs", certs).code == 0
        server.until(r"server \| closed")
        stages = [line for line in server.lines if "STAGE" in line]
    names = [line.split(" | ")[3] for line in stages]
    for name in ("ClientHello", "ServerHello", "CertificateRequest", "CertificateVerify"):
        assert name in names
    assert any("client sent | ClientHello | " in line for line in stages)
    assert any("alert warning close_notify (0)" in line for line in stages)


def test_the_log_as_json(certs: Path) -> None:
    with served("--certs", certs, "--port", "0", "--log-format", "json") as server:
        run("lab.client", server.url, "--certs", certs, "--no-cert")
        run("lab.client", server.url, "--certs", certs)
        server.until("GET /todo HTTP/1.1")
        records = [json.loads(line) for line in server.lines]
    handshakes = [r["fields"] for r in records if r["fields"].get("event") == "handshake"]
    assert [record["result"] for record in handshakes] == ["rejected", "accepted"]
    assert {"at": "server", "stage": "alert fatal certificate_required (116)"} in (
        handshakes[0]["stages"]
    )
    requests = [r["fields"] for r in records if r["fields"].get("event") == "request"]
    assert [record["status"] for record in requests] == [201, 200]


def test_no_secret_reaches_the_disk(certs: Path, tmp_path: Path) -> None:
    with served("--certs", certs, "--port", "0", TMPDIR=str(tmp_path)) as server:
        get(server.port, client_tls(certs))
        assert sys.platform != "linux" or not list(tmp_path.rglob("*"))


@on_posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_server_with_0(certs: Path, number: signal.Signals) -> None:
    with served("--certs", certs, "--port", "0") as server:
        server.until("Ctrl")
        assert server.stop(number) == 0
    assert server.lines[-1] == "[SERVER] Stopped."


def test_host_and_port_from_the_environment(certs: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with served(
        "--certs", certs, MTLS_SERVER_HOST="localhost", MTLS_SERVER_PORT=str(port)
    ) as server:
        assert server.port == port


def test_certificates_are_made_where_there_are_none(tmp_path: Path) -> None:
    with served("--port", "0", cwd=tmp_path) as server:
        assert "No certificates in certs: made a new CA" in server.lines[0]
        assert run("lab.client", server.url, cwd=tmp_path).code == 0


def test_a_port_in_use(certs: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("lab.server", "--certs", certs, "--port", port)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"lab.server: port {port} on 127.0.0.1 is in use; "
        "stop what listens there, or choose another --port\n"
    )


def copied(certs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(certs, tmp_path / "certs"))


@pytest.mark.parametrize(
    ("spoil", "names"),
    [
        ("missing", "server.key"),
        ("mismatched", "server.key"),
        ("no PEM", "server.crt"),
        ("empty", "ca.crt"),
        ("a folder", "ca.crt"),
    ],
)
def test_faulty_files_are_named_in_one_line(
    certs: Path, tmp_path: Path, spoil: str, names: str
) -> None:
    folder = copied(certs, tmp_path)
    file = folder / names
    if spoil == "mismatched":
        shutil.copy(folder / "client.key", file)
    else:
        file.unlink()
    if spoil == "no PEM":
        file.write_bytes(b"\x00\xff nothing of the kind")
    elif spoil == "empty":
        file.touch()
    elif spoil == "a folder":
        file.mkdir()
    done = run("lab.server", "--certs", folder, "--port", "0")
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert str(file) in line
    remedy = line.split(". ", 1)[1]
    assert "lab.certs" in remedy or remedy.startswith(("Make it", "Name a"))


def test_an_expired_certificate_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "old"
    long_ago = datetime.now(timezone.utc) - timedelta(days=30)
    write_set(folder, SetPlan(key_type=KeyType.EC, days=7), now=long_ago)
    done = run("lab.server", "--certs", folder, "--port", "0")
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert str(folder / "server.crt") in line
    assert "expired" in line


@pytest.mark.parametrize(
    "words",
    [
        ["--port", "65536"],
        ["--port", "https"],
        ["--client-auth", "maybe"],
        ["--min-tls", "1.1"],
        ["--min-tls", "1.3", "--max-tls", "1.2"],
        ["--client-auth", "on-demand", "--max-tls", "1.2"],
        ["--host", "256.0.0.1"],
        ["--host", "a..b"],
        ["--host", ""],
    ],
)
def test_bad_arguments(certs: Path, words: list[str]) -> None:
    done = run("lab.server", "--certs", certs, *words)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert line.startswith("lab.server: ")


def test_versions_can_be_narrowed(certs: Path) -> None:
    with served("--certs", certs, "--port", "0", "--max-tls", "1.2") as server:
        run("lab.client", server.url, "--certs", certs)
        assert "TLS 1.2 accepted" in server.until("HANDSHAKE")
        done = run("lab.client", server.url, "--certs", certs, "--tls1.3")
        assert done.code == 2
        assert "protocol version" in done.err


def test_a_port_of_the_environment_that_is_none() -> None:
    done = run("lab.server", MTLS_SERVER_PORT="abc")
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("lab.server: MTLS_SERVER_PORT ")


@pytest.mark.parametrize("host", ["..", "x" * 70])
def test_what_is_no_host_name(certs: Path, host: str) -> None:
    done = run("lab.server", "--certs", certs, "--port", "0", "--host", host)
    assert (done.code, done.err) == (
        2,
        f"lab.server: cannot listen on {host}:0: {host!r} is no host name; choose another --host\n",
    )


def test_a_port_that_was_served_a_moment_ago(certs: Path) -> None:
    """Connections that the server ended first keep the port for a while, as the system sees it."""
    with served("--certs", certs, "--port", "0") as server:
        port = server.port
        assert get(port, client_tls(certs)).startswith(b"HTTP/1.1 200 ")
        assert server.stop() == 0
    with served("--certs", certs, "--port", str(port)) as server:
        assert get(port, client_tls(certs)).startswith(b"HTTP/1.1 200 ")


def test_uvloop(certs: Path) -> None:
    pytest.importorskip("uvloop", reason="uvloop is not installed (pip install uvloop)")
    with served("--certs", certs, "--port", "0", "--loop", "uvloop") as server:
        assert run("lab.client", server.url, "--certs", certs).code == 0
        assert run("lab.client", server.url, "--certs", certs, "--no-cert").code == 0
        assert server.stop() == 0
    assert server.lines[-1] == "[SERVER] Stopped."


def test_it_serves_with_anyones_files_and_makes_no_set(certs: Path, tmp_path: Path) -> None:
    files = (
        "--cert",
        certs / "server.crt",
        "--key",
        certs / "server.key",
        "--ca",
        certs / "ca.crt",
    )
    with served(*files, "--certs", "none", "--port", "0", cwd=tmp_path) as server:
        assert run("lab.client", server.url, "--certs", certs).code == 0
    assert list(tmp_path.iterdir()) == []


def test_a_key_without_its_certificate_is_refused(certs: Path) -> None:
    done = run("lab.server", "--key", certs / "server.key", "--port", "0")
    assert done.code == 2
    assert "--key goes with --cert" in done.err
