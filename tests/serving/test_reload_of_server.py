"""``python -m lab.server`` while its files change: SIGHUP, mere changes, ``--crl``."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.pki.files.lab_set import Role
from tests.support.doors import (
    environment,
    run,
    served,
)
from tests.support.pki_fixtures import large_list, new_authority, utc_now
from tests.support.reloading import (
    DAY,
    IN_USE,
    AcceptedClient,
    Lab,
    new_lab,
    refusal,
)
from tests.support.serving import client_tls

SET_FILES = ("ca.crt", "server.crt", "server.key")
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a system with POSIX signals")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return new_lab(tmp_path)


def shown(port: int, lab: Lab) -> int:
    with AcceptedClient(port, client_tls(lab.folder)) as it:
        return it.shown.serial_number


@on_posix
def test_a_signal_loads_what_is_there(lab: Lab) -> None:
    with served("--certs", lab.folder, "--port", "0") as server:
        with AcceptedClient(server.port, client_tls(lab.folder)) as early:
            lab.new_server()
            server.process.send_signal(signal.SIGHUP)
            line = server.until("CERTIFICATES")
            new = lab.served.serial_number
            assert f"in use: subject='CN=localhost' serial={new:#x} until " in line
            assert shown(server.port, lab) == new != early.shown.serial_number
            early.get()
        # Nothing has changed since, and it loads and tells all the same.
        server.process.send_signal(signal.SIGHUP)
        assert server.until("CERTIFICATES") == line
        assert server.stop() == 0


def test_a_mere_change_is_enough(lab: Lab) -> None:
    with (
        served("--certs", lab.folder, "--port", "0") as server,
        AcceptedClient(server.port, client_tls(lab.folder)) as early,
    ):
        lab.new_server()
        server.until(f"CERTIFICATES . in use: .*serial={lab.served.serial_number:#x}")
        assert shown(server.port, lab) == lab.served.serial_number
        early.get()


def test_a_new_set_takes_the_place_of_the_old_one(lab: Lab, tmp_path: Path) -> None:
    before = shutil.copytree(lab.folder, tmp_path / "before")
    with served("--certs", lab.folder, "--port", "0") as server:
        done = run("lab.certs", "--dir", lab.folder, "--key-type", "ec", "--force")
        assert done.code == 0, done.err
        new = f"serial={lab.served.serial_number:#x}"
        server.until(f"CERTIFICATES . in use: .*{new}")
        assert run("lab.client", server.url, "--certs", lab.folder).code == 0
        stranger = client_tls(before)
        stranger.load_verify_locations(cafile=lab.folder / "ca.crt")
        assert refusal(server.port, stranger) == "TLSV1_ALERT_UNKNOWN_CA"


def test_a_broken_file_is_told_and_mended(lab: Lab) -> None:
    with served("--certs", lab.folder, "--port", "0") as server:
        old = lab.server_crt.read_bytes()
        lab.server_crt.write_bytes(b"")
        line = server.until("CERTIFICATES")
        assert line == (
            f"[SERVER] CERTIFICATES | keeping the current certificates: {lab.server_crt}: "
            "contains no PEM "
            "certificate but nothing. Name a file with -----BEGIN CERTIFICATE----- in it."
        )
        lab.server_crt.write_bytes(old)
        assert IN_USE in server.until("CERTIFICATES")
        assert shown(server.port, lab) == lab.served.serial_number


def test_a_client_is_revoked_while_the_server_runs(lab: Lab) -> None:
    lab.new_list()
    with served("--certs", lab.folder, "--crl", lab.crl, "--port", "0") as server:
        assert [line for line in server.lines if "CERTIFICATES" in line] == server.lines[:1]
        assert "| CRL: 0 revoked, until " in server.lines[0]
        assert server.until("Rejecting") == "[SERVER] Rejecting clients revoked by: lab.crl"
        context = client_tls(lab.folder)
        with AcceptedClient(server.port, context) as early:
            lab.new_list(lab.identity(Role.CLIENT).certificate.serial_number)
            assert "CRL: 1 revoked, until " in server.until("CERTIFICATES")
            assert refusal(server.port, context) == "SSLV3_ALERT_CERTIFICATE_REVOKED"
            line = server.until("HANDSHAKE .* rejected")
            assert "alert fatal certificate_revoked (44)" in line
            early.get()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda lab: None, "lab.crl: no such file. Put it there, or name another file."),
        (lambda lab: shutil.copy(lab.server_crt, lab.crl), "contains no PEM CRL but PEM"),
        (lambda lab: lab.new_list(lifetime=DAY / 2), "lab.crl: the CRL expired at "),
        (
            lambda lab: lab.new_list(authority=new_authority(utc_now(), name="Another CA")),
            "(the first one is issued by 'CN=Another CA'); with it, every client would be refused.",
        ),
    ],
)
def test_a_list_that_is_of_no_use_keeps_it_from_starting(
    lab: Lab, make: Callable[[Lab], None], says: str
) -> None:
    make(lab)
    done = run("lab.server", "--certs", lab.folder, "--crl", lab.crl, "--port", "0")
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith(f"lab.server: {lab.crl}: ")
    assert says in line


def test_lists_without_client_certificates_make_no_sense(lab: Lab) -> None:
    done = run("lab.server", "--certs", lab.folder, "--crl", lab.crl, "--client-auth", "none")
    assert done.code == 2
    assert done.err == (
        "lab.server: --crl needs client certificates; leave out --client-auth none\n"
    )


@on_posix
def test_it_ends_with_the_terminal_that_it_was_started_from(lab: Lab) -> None:
    """Closing a terminal sends SIGHUP too; a server that only reloaded would be left behind."""
    terminal, end = os.openpty()
    words = ["--certs", str(lab.folder), "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "lab.server", *words],
        stdin=end,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment(),
    )
    os.close(end)
    try:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                if "Ctrl" in line:
                    break
            process.send_signal(signal.SIGHUP)
            assert IN_USE in process.stderr.readline()
            os.close(terminal)
            process.send_signal(signal.SIGHUP)
            assert process.stderr.read().endswith("[SERVER] Stopped.\n")
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


@on_posix
@pytest.mark.parametrize(
    "name",
    ["lab.crl", *(pytest.param(f, marks=pytest.mark.slow) for f in SET_FILES)],
)
def test_a_pipe_in_the_place_of_a_file_is_told_and_waited_for_by_nobody(
    lab: Lab, name: str
) -> None:
    lab.new_list()
    path = lab.crl if name == lab.crl.name else lab.folder / name
    words = ("--certs", lab.folder, "--crl", lab.crl, "--port", "0")
    says = f"{path}: is not a regular file. Name a file that this user may read."
    with served(*words) as server:
        path.unlink()
        os.mkfifo(path)
        line = server.until("CERTIFICATES")
        assert line == f"[SERVER] CERTIFICATES | keeping the current certificates: {says}"
        done = run("lab.server", *words)
        assert (done.code, done.err) == (2, f"lab.server: {says}\n")
        assert server.stop() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, for its memory files")
def test_loading_needs_no_temporary_folder(lab: Lab, tmp_path: Path) -> None:
    with served("--certs", lab.folder, "--port", "0", TMPDIR=str(tmp_path / "none")) as server:
        lab.new_server()
        server.process.send_signal(signal.SIGHUP)
        assert IN_USE in server.until("CERTIFICATES")


@pytest.mark.slow
def test_a_large_list_is_loaded_at_the_start_and_later(lab: Lab) -> None:
    lab.crl.write_bytes(large_list(lab.authority, 1000))
    assert lab.crl.stat().st_size > 4 << 20
    with served("--certs", lab.folder, "--crl", lab.crl, "--port", "0") as server:
        assert any("CRL: 1000 revoked" in line for line in server.lines)
        lab.crl.write_bytes(large_list(lab.authority, 1001))
        server.until("CERTIFICATES .* in use: .* 1001 revoked")
        assert shown(server.port, lab) == lab.served.serial_number
