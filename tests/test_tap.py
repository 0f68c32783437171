"""``python -m lab.tap``: between real clients and servers, as its users run it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.capture.test_pcapng_writer import blocks
from tests.support.doors import PATIENCE, CompletedRun, environment, run, run_process, served
from tests.support.peers import free_port
from tests.support.schemas import schema_of
from tests.tracing.test_packet_file import needs_tshark, tshark

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

CERTIFICATE_REQUIRED = "ALERT fatal certificate_required (116)"


@dataclass
class RunningTap:
    """``lab.tap`` as a process, which listens at ``port``."""

    process: subprocess.Popen[str]
    port: int

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[str, str]:
        self.process.send_signal(number)
        return self.process.communicate(timeout=PATIENCE)


@contextlib.contextmanager
def tapping(*words: str | Path) -> Iterator[RunningTap]:
    process = subprocess.Popen(
        [sys.executable, "-m", "lab.tap", "0", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment(),
    )
    limit = threading.Timer(2 * PATIENCE, process.kill)  # who waits for a line reads its end then
    limit.start()
    try:
        assert process.stderr is not None
        found = re.match(r"lab\.tap: relaying 127\.0\.0\.1:(\d+) to ", process.stderr.readline())
        assert found, process.communicate()
        yield RunningTap(process, int(found[1]))
    finally:
        limit.cancel()
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def server(certs: Path) -> Iterator[int]:
    with served("--certs", certs, "--port", "0") as running:
        assert running.port is not None
        yield int(running.port)


def traced(port: int, certs: Path, *words: str | Path) -> CompletedRun:
    return run("lab.trace", f"127.0.0.1:{port}", "--ca", certs / "ca.crt", "--brief", *words)


def good(certs: Path) -> Sequence[str | Path]:
    return "--cert", certs / "client.crt", "--key", certs / "client.key"


def test_a_line_a_connection_with_its_secrets(certs: Path, server: int, tmp_path: Path) -> None:
    key_log = tmp_path / "keys.log"
    with tapping(f":{server}", "--keylog", key_log) as tap:
        traced(tap.port, certs, "--keylog", key_log)
        lines = [tap.line(), tap.line()]
        traced(tap.port, certs, "--keylog", key_log, "--tls1.3", *good(certs))
        lines.append(tap.line())
        out, err = tap.stop()
    assert tap.process.returncode == 0 and out == err == ""
    assert re.match(r"[-\d]{10} [:\d]{8}\.\d{6}  127\.0\.0\.1:\d+  no name  TLS 1\.2  ", lines[0])
    assert "  rejected by the server, alert handshake_failure (40)  cause: " in lines[0]
    assert "  rejected by the server, alert certificate_required (116)  cause: " in lines[1]
    assert "[no-client-certificate]" in lines[1] and "  fix: give the client a cert" in lines[1]
    assert "  client certificate: CN=mtls-client  accepted  " in lines[2]


def test_only_the_failed_ones_as_json(certs: Path, server: int, tmp_path: Path) -> None:
    key_log = tmp_path / "keys.log"
    with tapping(f"localhost:{server}", "--json", "--failed", "--keylog", key_log) as tap:
        traced(tap.port, certs, "--keylog", key_log, *good(certs))
        traced(tap.port, certs, "--keylog", key_log, "--tls1.3")
        entry = json.loads(tap.line())
        out, _ = tap.stop(signal.SIGINT)
    assert tap.process.returncode == 0 and out == ""
    check(entry)
    assert entry["outcome"]["alert"]["name"] == "certificate_required"
    assert entry["target"] == f"127.0.0.1:{server}"


def check(entry: dict[str, Any]) -> None:
    document = {"schema_version": 1, "traces": [entry], "capture": None}
    jsonschema.validate(document, schema_of("trace"))


def test_whoever_reads_the_output_may_leave(certs: Path, server: int) -> None:
    with tapping(f":{server}") as tap:
        assert tap.process.stdout is not None
        tap.process.stdout.close()
        traced(tap.port, certs, "--tls1.2")
        assert tap.process.wait(PATIENCE) == 128 + signal.SIGPIPE


@needs_tshark
def test_the_packets_open_in_tshark(certs: Path, server: int, tmp_path: Path) -> None:
    key_log, path = tmp_path / "keys.log", tmp_path / "seen.pcapng"
    with tapping(f":{server}", "--keylog", key_log, "--pcapng", path) as tap:
        traced(tap.port, certs, "--keylog", key_log, *good(certs))
        assert tap.line() and tap.line()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        answers = tshark(path, "-Y", "http.response.code", "-Tfields", "-etcp.stream")
        tap.stop()
    assert answers == ["0", "1"]
    assert not tshark(path, "-Y", "ip.checksum.status != 1 || tcp.checksum.status != 1")
    assert not tshark(path, "-Y", "tcp.analysis.flags && !tcp.analysis.duplicate_ack")


def test_a_page_of_what_has_passed_is_written_at_the_end(
    certs: Path, server: int, tmp_path: Path
) -> None:
    key_log, page = tmp_path / "keys.log", tmp_path / "seen.html"
    with tapping(f":{server}", "--keylog", key_log, "--html", page) as tap:
        traced(tap.port, certs, "--keylog", key_log)
        assert tap.line() and tap.line()
        assert not page.exists()
        out, err = tap.stop()
    assert tap.process.returncode == 0 and out == err == ""
    shown = page.read_text(encoding="utf-8")
    assert f"<title>TLS connections through the tap to 127.0.0.1:{server}</title>" in shown
    assert "2 connections with TLS: 2 rejected by the server" in shown
    assert "legacy_session_id" in shown, "the bytes are labelled"
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keys.log", "seen.html"]


def test_the_page_of_a_command_with_one_connection(
    certs: Path, server: int, tmp_path: Path
) -> None:
    page = tmp_path / "seen.html"
    command = ("--", "curl", "--insecure", "--silent", "--tlsv1.3", "https://localhost:{port}/")
    done = run_process("lab.tap", "0", f":{server}", "--html", page, *command)
    assert done.code == 56, done.err  # curl's for what it cannot read
    shown = page.read_text(encoding="utf-8")
    assert f"<title>TLS handshake with 127.0.0.1:{server}</title>" in shown
    assert "certificate_required" in shown


def test_a_tap_that_nobody_used_leaves_no_page(certs: Path, server: int, tmp_path: Path) -> None:
    with tapping(f":{server}", "--html", tmp_path / "seen.html") as tap:
        tap.stop()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_is_told_and_the_tap_goes_on(certs: Path, server: int) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs Linux's /dev/full")
    with tapping(f":{server}", "--pcapng", "/dev/full") as tap:
        for _ in range(2):
            assert traced(tap.port, certs, "--tls1.2").code == 0
            assert "handshake_failure" in tap.line()
        _, err = tap.stop()
    assert tap.process.returncode == 2
    assert err.splitlines()[-1] == (
        "lab.tap: /dev/full: No space left on device; name a file that this user may use"
    )


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["x", ":1"], "argument LISTEN: 'x' is no PORT, :PORT or HOST:PORT to listen on"),
        (["65536", ":1"], "argument LISTEN: '65536' is no PORT"),
        (["::1:80", ":1"], "argument LISTEN: '::1:80': write an IPv6 address as [ADDRESS]:PORT"),
        (["0", "http://a/"], "'http://a/' has a scheme that does not lead to TLS"),
        (["0", "unix:/x"], "unix:/x is a Unix socket, and a tap relays TCP: name HOST:PORT"),
        (["0", ":1", "--proxy", "p:1"], "'p:1' is no proxy that can be used here"),
        (["0"], "the following arguments are required: TARGET"),
        (["0", ":1", "--"], "no command behind --"),
        (["0", ":1", "--", "/no/such/command"], "/no/such/command: No such file or directory"),
        (["0", ":1", "--pcapng", "/no/such/f"], "/no/such/f: No such file or directory"),
        (["0", ":1", "--html", "/no/such/f"], "/no/such/f: No such file or directory"),
        (["0", ":1", "--html", "x", "--keylog", "x"], "--html and --keylog are one file, x"),
        (["0", ":1", "--keylog", "/no/such/f", "--", "true"], "/no/such/f: No such file"),
        (["192.0.2.1:0", ":1"], "cannot listen on 192.0.2.1:0: Cannot assign requested address"),
        (["nowhere.invalid:0", ":1"], "cannot listen on nowhere.invalid:0: "),
        (["0", ":1", "--keylog", "/"], "/: no regular file, which alone can be followed"),
        (["0", ":1", "--connect-as", "a/b"], "argument --connect-as: 'a/b' is no host name"),
        (["0", ":1", "--connect-as", ""], "argument --connect-as: '' is no host name"),
        (["0", ":1", "--picture", "--json"], "argument --json: not allowed with argument --pic"),
    ],
)
def test_what_cannot_be_done_is_one_line(words: list[str], problem: str) -> None:
    done = run("lab.tap", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"lab.tap: {problem}") and done.err.count("\n") == 1


def test_a_port_in_use_is_one_line(server: int) -> None:
    done = run("lab.tap", str(server), ":1")
    assert done.code == 2
    assert done.err.startswith(f"lab.tap: port {server} on 127.0.0.1 is in use; ")


# Commands.


def command(server: int, *words: str | Path, options: Sequence[str] = ()) -> CompletedRun:
    """Run a command whose own output is not looked at."""
    return run("lab.tap", "0", f":{server}", *options, "--", *words)


def test_a_command_has_its_own_output_and_the_picture_comes_behind_it(server: int) -> None:
    script = (
        "import os, ssl, sys, urllib.request\n"
        "print(os.environ['SSLKEYLOGFILE'])\n"
        "context = ssl.create_default_context()\n"
        "context.check_hostname, context.verify_mode = False, ssl.CERT_NONE\n"
        "try: urllib.request.urlopen(sys.argv[1], context=context)\n"
        "except OSError: print('refused', file=sys.stderr)\n"
        "sys.exit(3)\n"
    )
    words = [sys.executable, "-c", script, "{url}/todo"]
    done = run_process("lab.tap", "0", f":{server}", "--", *words)
    assert done.code == 3
    key_log = Path(done.out.strip())
    assert key_log.is_absolute() and not key_log.parent.exists()
    assert done.err.startswith("refused\n── Connection 1: 127.0.0.1:")
    assert CERTIFICATE_REQUIRED in done.err and "GET /todo HTTP/1.1" in done.err
    assert max(map(len, done.err.splitlines())) <= 80


def test_a_command_reads_stdin_and_its_secrets_are_added_to_a_file(
    server: int, tmp_path: Path
) -> None:
    key_log = tmp_path / "keys.log"
    script = "import os,sys; open(os.environ['SSLKEYLOGFILE'],'a').write(sys.stdin.read())"
    words = ["0", f":{server}", "--keylog", str(key_log), "--", sys.executable, "-c", script]
    done = subprocess.run(
        [sys.executable, "-m", "lab.tap", *words],
        input="# what was said\n",
        encoding="utf-8",
        timeout=PATIENCE,
        env=environment(),
    )
    assert done.returncode == 0
    assert key_log.read_text() == "# what was said\n"


CLIENTS = {
    "curl": ["curl", "-sSk", "{url}/"],
    "wget": ["wget", "-q", "--tries=1", "-O-", "--no-check-certificate", "{url}/"],
    "gnutls-cli": ["gnutls-cli", "--insecure", "--port={port}", "localhost"],
    "openssl": ["openssl", "s_client", "-connect=localhost:{port}", "-keylogfile={keylog}"],
    "node": [
        "node",
        "-e",
        "require('https').get(process.argv[1], {rejectUnauthorized: false}).on('error', () => {})",
        "{url}/",
    ],
}


@pytest.mark.parametrize("program", CLIENTS)
def test_clients_write_their_secrets_where_they_are_told(server: int, program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}: install it")
    words = [part for word in CLIENTS[program] for part in _options(word)]
    done = command(server, *words, options=["--json"])
    entries = [json.loads(line) for line in done.err.splitlines() if line.startswith('{"')]
    assert entries, done.err
    check(entries[0])
    assert entries[0]["outcome"]["alert"]["name"] == "certificate_required"


def _options(word: str) -> list[str]:
    return word.split("=") if word.startswith(("-connect=", "-keylogfile=")) else [word]


@pytest.mark.parametrize("program", ["curl", "wget", "urllib"])
def test_a_name_that_nothing_resolves_is_reached_through_the_tap(server: int, program: str) -> None:
    script = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1])"
    words = {"urllib": [sys.executable, "-c", script, "{url}/"]}.get(program) or CLIENTS[program]
    if shutil.which(words[0]) is None:
        pytest.skip(f"needs {program}: install it")
    done = command(server, *words, options=["--connect-as", "api.invalid", "--picture"])
    assert "SNI         api.invalid" in done.err, done.err


def test_who_asks_the_proxy_for_another_name_is_told(server: int) -> None:
    script = "import sys, urllib.request; urllib.request.urlopen('https://other.invalid/')"
    done = command(server, sys.executable, "-c", script, options=["--connect-as", "api.invalid"])
    assert done.code == 1
    assert "refused with HTTP 403: asked for CONNECT other.invalid:443" in done.err


def test_a_signal_ends_the_command_and_the_tap_with_it(server: int, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = f"import pathlib, signal; pathlib.Path({str(ready)!r}).touch(); signal.pause()"
    process = subprocess.Popen(
        [sys.executable, "-m", "lab.tap", "0", f":{server}", "--", sys.executable, "-c", script],
        env=environment(TMPDIR=str(tmp_path)),
    )
    try:
        while not ready.exists():
            assert process.poll() is None
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        process.terminate()
        assert process.wait(PATIENCE) == 128 + signal.SIGTERM
    finally:
        process.kill()
    assert [name for name in os.listdir(tmp_path) if name != "ready"] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_behind_the_command_ends_what_it_has_left(number: signal.Signals) -> None:
    script = (
        "import os, socket, sys\n"
        "end = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
        "if os.fork():\n"
        "    os._exit(3)\n"
        "os.close(1); os.close(2); end.recv(1)\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        target = f":{listening.getsockname()[1]}"
        words = ["0", target, "--shutdown-timeout", "3600", "--", sys.executable, "-c", script]
        process = subprocess.Popen(
            [sys.executable, "-m", "lab.tap", *words, "{port}"],
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=environment(),
        )
        limit = threading.Timer(2 * PATIENCE, process.kill)
        limit.start()
        try:
            assert process.stderr is not None
            assert "open connections have 3600 s to end: 1" in process.stderr.readline()
            process.send_signal(number)
            _, err = process.communicate(timeout=PATIENCE)
        finally:
            limit.cancel()
            process.kill()
    assert process.returncode == 3
    # It depends on whether the tap had reached its target yet.
    assert "cannot be told" in err or "the tap was stopped" in err


def test_packets_into_the_pipe_of_stdout_are_alone_there(server: int) -> None:
    if not Path("/dev/stdout").exists():
        pytest.skip("needs POSIX signals")
    script = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1]))).close()"
    words = [sys.executable, "-m", "lab.tap", "0", f":{server}", "--pcapng", "/dev/stdout"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        limit = threading.Timer(2 * PATIENCE, process.kill)
        limit.start()
        try:
            assert process.stdout is not None and process.stderr is not None
            found = re.match(
                rb"lab\.tap: relaying 127\.0\.0\.1:(\d+) to ", process.stderr.readline()
            )
            assert found
            subprocess.run([sys.executable, "-c", script, found[1].decode()], check=True)
            assert b"no version seen" in process.stderr.readline()
            process.terminate()
            out, _ = process.communicate(timeout=PATIENCE)
        finally:
            limit.cancel()
            process.kill()
    assert process.returncode == 0
    assert [kind for kind, _ in blocks(out)][:2] == [0x0A0D0D0A, 1]


def test_a_target_that_is_not_there() -> None:
    script = "import socket, sys\nsocket.create_connection(('127.0.0.1', int(sys.argv[1]))).recv(1)"
    port = free_port()
    done = command(port, sys.executable, "-c", script, "{port}")
    assert done.code == 1  # by ConnectionResetError
    assert f"reset, no connection to 127.0.0.1:{port}: Connection refused" in done.err


def test_ipv6_and_named_hosts_can_be_listened_on(server: int) -> None:
    with socket.socket(socket.AF_INET6) as trial:
        try:
            trial.bind(("::1", 0))
        except OSError:
            pytest.skip("needs IPv6 on loopback")
    done = run(
        "lab.tap",
        "[::1]:0",
        f":{server}",
        "--",
        sys.executable,
        "-c",
        "import socket, sys; socket.create_connection(('::1', int(sys.argv[1]))).close()",
        "{port}",
    )
    assert done.code == 0 and "[::1]:" in done.err


def test_a_limit_of_open_files_that_is_too_low_is_one_line() -> None:
    words = [sys.executable, "-m", "lab.tap", "0", ":1"]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 60; exec "$@"', "sh", *words],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        env=environment(),
    )
    assert done.returncode == 2
    assert done.stderr == (
        "lab.tap: the limit of open files is 60, and a tap needs 66 or more; raise it (ulimit -n)\n"
    )


def test_a_tap_whose_output_nobody_reads_goes_on_and_can_be_stopped() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        target = f":{listening.getsockname()[1]}"
        with tapping(target, "--picture", "--shutdown-timeout", "0.2") as tap:
            for _ in range(120):  # far more than a pipe holds
                with socket.create_connection(("127.0.0.1", tap.port)) as client:
                    listening.accept()[0].close()
                    assert client.recv(1) == b""
            tap.process.send_signal(signal.SIGTERM)
            assert tap.process.wait(PATIENCE) == 2
