"""``python -m lab.server --store``: what outlives the process, and files that cannot be used."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.doors import run, served
from tests.support.serving import blocking, client_tls, get

POST = (
    b"POST /todo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
)


def ask(port: int, certs: Path, request: bytes) -> tuple[int, dict[str, str], dict[str, object]]:
    """One request on a connection of its own: status, header fields, and the body as JSON."""
    with blocking(port, client_tls(certs)) as tls:
        tls.do_handshake()
        tls.sendall(request)
        answer = b""
        while part := tls.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    return int(status.split()[1]), dict(field.split(": ", 1) for field in fields), json.loads(body)


def post(port: int, certs: Path, task: str) -> tuple[int, dict[str, str], dict[str, object]]:
    body = json.dumps({"task": task}).encode()
    return ask(port, certs, POST % (len(body), body))


def tasks(port: int, certs: Path) -> list[str]:
    value = json.loads(get(port, client_tls(certs)).partition(b"\r\n\r\n")[2])
    return [todo["task"] for todo in value["todos"]]


def test_items_outlive_the_server(certs: Path, tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    words = ("--certs", certs, "--port", "0", "--store", f"sqlite:{path}")
    for start in range(3):
        with served(*words) as server:
            assert len(tasks(server.port, certs)) == 5 + 4 * start
            for number in range(4):
                status, _, body = post(server.port, certs, f"{start}.{number}")
                assert status == 201
                todo = body["todo"]
                assert isinstance(todo, dict)
                assert todo["id"] == 6 + 4 * start + number
            assert tasks(server.port, certs)[-4:] == [f"{start}.{number}" for number in range(4)]
            assert server.stop() == 0
        assert server.lines[-1] == "[SERVER] Stopped."
        assert {file.name for file in tmp_path.iterdir()} == {"todo.db"}


def test_in_memory_they_do_not(certs: Path) -> None:
    for words in ((), ("--store", "memory")):
        with served("--certs", certs, "--port", "0", *words) as server:
            assert post(server.port, certs, "x")[0] == 201
            assert len(tasks(server.port, certs)) == 6


def no_database(path: Path) -> None:
    path.write_bytes(b"These are notes of mine.\n" * 500)


def damaged(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE todo (id INTEGER PRIMARY KEY, task TEXT)")
        connection.executemany("INSERT INTO todo (task) VALUES (?)", [("x" * 900,)] * 200)
    with path.open("r+b") as file:
        file.seek(100)  # behind the file's header
        file.write(b"\xa5" * 20_000)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (no_database, "is not an SQLite database, or is damaged; choose another file with --store"),
        (damaged, "is damaged; stop the server, then restore a backup or move the file away"),
        (Path.mkdir, "is not a regular file; choose another one with --store"),
    ],
)
def test_a_file_that_cannot_be_used(
    certs: Path, tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    path = tmp_path / "todo.db"
    spoil(path)
    done = run("lab.server", "--certs", certs, "--port", "0", "--store", f"sqlite:{path}")
    assert (done.code, done.out, done.err) == (2, "", f"lab.server: {path} {says}\n")


def test_a_file_without_a_folder(certs: Path, tmp_path: Path) -> None:
    path = tmp_path / "none" / "todo.db"
    done = run("lab.server", "--certs", certs, "--port", "0", "--store", f"sqlite:{path}")
    assert (done.code, done.out) == (2, "")
    assert (
        done.err
        == f"lab.server: {path} cannot be created: there is no folder {path.parent}; create it\n"
    )


def test_a_port_in_use_lets_go_of_the_store(certs: Path, tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    with served("--certs", certs, "--port", "0") as server:
        words = ("--port", str(server.port), "--store", f"sqlite:{path}")
        done = run("lab.server", "--certs", certs, *words)
    assert done.code == 2
    assert [file.name for file in tmp_path.iterdir()] == ["todo.db"]


@pytest.mark.parametrize("text", ["", "sqlite", "sqlite:", "Memory", "memory:", "/tmp/todo.db"])
def test_a_store_that_is_none(certs: Path, text: str) -> None:
    done = run("lab.server", "--certs", certs, "--port", "0", "--store", text)
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("lab.server: argument --store: ")


@pytest.mark.slow
def test_a_locked_file_refuses_the_start_and_is_503_later(certs: Path, tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    words = ("--certs", certs, "--port", "0", "--store", f"sqlite:{path}")
    says = f"{path} is locked by another process; end that process or its transaction"
    with (
        served(*words) as server,
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN EXCLUSIVE")
        done = run("lab.server", *words)
        assert (done.code, done.out, done.err) == (2, "", f"lab.server: {says}\n")
        status, fields, body = post(server.port, certs, "in vain")
        assert (status, body["error"]) == (503, "service_unavailable")
        assert int(fields["Retry-After"]) > 0
        assert str(tmp_path) not in json.dumps(body)
        line = server.until("STORE")
        assert line == f"[SERVER] STORE UNAVAILABLE | CN='mtls-client' | {says}"
        assert len(tasks(server.port, certs)) == 5
        other.execute("ROLLBACK")
        assert post(server.port, certs, "not in vain")[0] == 201
        assert tasks(server.port, certs)[5:] == ["not in vain"]
        assert server.stop() == 0
    assert not any("Traceback" in line for line in server.lines)
