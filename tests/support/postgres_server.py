"""A PostgreSQL server of a test's own, which can be stopped, killed and started again."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.peers import free_port
from tests.support.serving import PATIENCE, program

OWNER = "mtls-client"
"""The superuser, whom the lab's client certificate names."""


class PostgresServer:
    """Use ``postgres_server``. ``hba`` is what it lets in, by TLS and in the clear."""

    def __init__(self, folder: Path, programs: Path, certs: Path) -> None:
        self.folder = folder
        self.certs = certs
        self.port = free_port()
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres", **parameters: str) -> str:
        """With the lab's client certificate, unless ``parameters`` say otherwise."""
        words = {
            "sslmode": "verify-full",
            "sslrootcert": str(self.certs / "ca.crt"),
            "sslcert": str(self.certs / "client.crt"),
            "sslkey": str(self.certs / "client.key"),
            **parameters,
        }
        query = "&".join(f"{name}={value}" for name, value in words.items())
        return f"postgresql://{OWNER}@localhost:{self.port}/{database}?{query}"

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        url = self.url(database, options="-cdefault_transaction_read_only%3Doff")
        with psycopg.connect(url, autocommit=True) as connection:
            found = connection.execute(statement.encode())
            return found.fetchall() if found.description else []

    @contextlib.contextmanager
    def database(self, name: str, options: str = "") -> Iterator[str]:
        """The URL of a new database."""
        self.sql(f'CREATE DATABASE "{name}" {options}')
        try:
            yield self.url(name)
        finally:
            self.sql(f'DROP DATABASE "{name}" WITH (FORCE)')

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "shared_buffers": "8MB",
            "fsync": "off",  # a kill of the process loses no write to a file
            "max_connections": "12",
            "ssl": "on",
            "ssl_cert_file": str(self.folder / "server.crt"),
            "ssl_key_file": str(self.folder / "server.key"),
            "ssl_ca_file": str(self.folder / "ca.crt"),
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        data = str(self.folder / "data")
        log = (self.folder / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                as_owner(str(self._programs / "postgres"), "-D", data, *words),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        for _ in range(int(PATIENCE / 0.02)):
            assert self._process.poll() is None, (self.folder / "log").read_text()
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
            except psycopg.OperationalError:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(0.02)
            else:
                return
        raise AssertionError((self.folder / "log").read_text())

    def stop(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """End it and all its processes; by SIGKILL they get no say."""
        process, self._process = self._process, None
        if process is None:
            return
        if number is signal.SIGKILL:
            os.killpg(process.pid, signal.SIGKILL)
            for pid in _of_session(process.pid):  # each backend leads a group of its own
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        else:
            process.send_signal(number)
        process.wait(PATIENCE)
        with contextlib.suppress(FileNotFoundError):
            (self.folder / "data" / "postmaster.pid").unlink()


def _of_session(session: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == session:  # its parent
                found.append(int(entry.name))
    return found


def as_owner(*words: str) -> list[str]:
    """The words of a command by a user who may run PostgreSQL: root may not."""
    if os.geteuid() != 0:
        return list(words)
    user = pwd.getpwnam("postgres")
    become = ["--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]
    return [program("setpriv", "util-linux"), *become, "--", *words]


@contextlib.contextmanager
def postgres_server(certs: Path) -> Iterator[PostgresServer]:
    """A running server that takes its owner by certificate, and ``sql_user`` by password."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("initdb is not installed (Debian: apt install postgresql)")
    with tempfile.TemporaryDirectory(prefix="lab", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for file in ("ca.crt", "server.crt", "server.key"):
            shutil.copy(certs / file, folder)
        (folder / "server.key").chmod(0o600)
        if os.geteuid() == 0:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, "postgres")
        words = ("-D", str(folder / "data"), "-U", OWNER, "-A", "trust", "-N", "-E", "UTF8")
        subprocess.run(
            as_owner(str(found[-1]), *words, "--locale=C.UTF-8"), check=True, capture_output=True
        )
        (folder / "data" / "pg_hba.conf").write_text(
            f"local all {OWNER} trust\n"
            f"hostssl all {OWNER} 127.0.0.1/32 cert\n"
            "hostssl all all 127.0.0.1/32 scram-sha-256\n"
        )
        server = PostgresServer(folder, found[-1].parent, certs)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def pgbouncer(server: PostgresServer) -> Iterator[int]:
    """The port of a pooler in front of the server, with few connections for many transactions."""
    command = program("pgbouncer", "pgbouncer")
    port = free_port()
    settings = server.folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host={server.folder} port={server.port} user={OWNER}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        "auth_type = any\npool_mode = transaction\ndefault_pool_size = 2\n"
    )
    process = subprocess.Popen(
        as_owner(command, str(settings)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(int(PATIENCE / 0.02)):
            assert process.poll() is None
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)
