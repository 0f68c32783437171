"""``lab.server --reuse-port``: several processes on one port and one SQLite file."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.server import main
from tests.support.doors import PATIENCE, ServerProcess, run, served
from tests.support.serving import client_tls, get

needs_reuse_port = pytest.mark.skipif(
    not hasattr(socket, "SO_REUSEPORT"), reason="needs a system with SO_REUSEPORT"
)


@contextlib.contextmanager
def sharing(count: int, certs: Path, store: Path) -> Iterator[list[ServerProcess]]:
    """So many server processes on one port and one SQLite file."""
    words = ("--certs", certs, "--store", f"sqlite:{store}", "--reuse-port")
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(served(*words, "--port", "0"))]
        port = str(servers[0].port)
        for _ in range(count - 1):
            servers.append(stack.enter_context(served(*words, "--port", port)))
        yield servers


def items(port: int, certs: Path) -> list[dict[str, object]]:
    """The items, as one of the processes gives them on a connection of its own."""
    todos: list[dict[str, object]] = json.loads(
        get(port, client_tls(certs)).partition(b"\r\n\r\n")[2]
    )["todos"]
    return todos


def post(port: int, certs: Path, task: str) -> dict[str, object]:
    """The new item, posted on a connection of its own."""
    client = http.client.HTTPSConnection(
        "localhost", port, context=client_tls(certs), timeout=PATIENCE
    )
    with contextlib.closing(client):
        fields = {"Content-Type": "application/json"}
        client.request("POST", "/todo", json.dumps({"task": task}), fields)
        response = client.getresponse()
        assert response.status == 201
        todo: dict[str, object] = json.loads(response.read())["todo"]
        return todo


@needs_reuse_port
def test_processes_share_port_and_items_and_stop_alone(certs: Path, tmp_path: Path) -> None:
    with sharing(3, certs, tmp_path / "todo.db") as servers:
        first, *others = servers
        for server in servers:
            assert "(shared port)" in server.lines[-1]
        with ThreadPoolExecutor(9) as pool:
            names = [f"task {number}" for number in range(90)]
            posted = [*pool.map(lambda name: post(first.port, certs, name), names)]
        for server in servers:
            server.until("TODO CREATED")  # each of them had some
        kept = items(first.port, certs)
        assert [item["id"] for item in kept] == list(range(1, 96))
        assert kept[5:] == sorted(posted, key=lambda item: int(str(item["id"])))
        assert sorted(str(item["task"]) for item in posted) == sorted(names)
        for _ in range(9):  # whichever process answers
            assert items(first.port, certs) == kept
        assert first.stop(signal.SIGTERM) == 0
        for _ in range(9):
            assert items(first.port, certs) == kept
        others[0].process.kill()
        others[0].process.wait()
        for _ in range(9):
            assert items(first.port, certs) == kept
        assert others[1].stop() == 0


def test_a_process_that_shares_nothing_keeps_the_port(certs: Path, tmp_path: Path) -> None:
    with served("--certs", certs, "--port", "0") as server:
        words = ("--reuse-port", "--store", f"sqlite:{tmp_path / 'todo.db'}")
        done = run("lab.server", "--certs", certs, "--port", str(server.port), *words)
    assert done.code == 2
    assert done.err == (
        f"lab.server: port {server.port} on 127.0.0.1 is in use; "
        "stop what listens there, or choose another --port\n"
    )


def test_each_process_with_items_of_its_own_would_be_no_service(certs: Path) -> None:
    done = run("lab.server", "--certs", certs, "--reuse-port")
    assert done.code == 2
    assert done.err == (
        "lab.server: --reuse-port needs items that all processes can reach; "
        "add --store sqlite:PATH, or postgresql://...\n"
    )


def test_a_system_without_it(
    certs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delattr(socket, "SO_REUSEPORT", raising=False)
    store = f"sqlite:{tmp_path / 'todo.db'}"
    assert main(["--certs", str(certs), "--port", "0", "--reuse-port", "--store", store]) == 2
    assert capsys.readouterr().err == (
        "lab.server: --reuse-port needs SO_REUSEPORT, which this system lacks; leave it out\n"
    )
