"""Killed in mid-load, again and again, a server or its database loses nothing that was answered."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import sqlite3
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.todo.store import SEEDS
from tests.support.doors import PATIENCE, ServerProcess, served
from tests.support.postgres_server import PostgresServer, postgres_server
from tests.support.serving import client_tls

CLIENTS = 6


@dataclass
class Load:
    """What clients have sent, what they were promised, and when that is enough."""

    sent: set[str] = field(default_factory=set)
    promised: dict[int, str] = field(default_factory=dict)
    wanted: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    enough: threading.Event = field(default_factory=threading.Event)

    def want(self, more: int) -> None:
        self.wanted = len(self.promised) + more
        self.enough.clear()

    def about_to_send(self, task: str) -> None:
        with self.lock:
            self.sent.add(task)

    def answered(self, id_: int, task: str) -> None:
        with self.lock:
            assert id_ not in self.promised, f"id {id_} was given twice"
            self.promised[id_] = task
            if len(self.promised) >= self.wanted:
                self.enough.set()


def connection(port: int, context: ssl.SSLContext) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=PATIENCE)


def post_until_cut_off(port: int, context: ssl.SSLContext, load: Load, name: str) -> None:
    """One request after the other, so that one is in flight whenever the server is killed."""
    with contextlib.closing(connection(port, context)) as client:
        number = 0
        while True:
            number += 1
            task = f"{name}, request {number}"
            load.about_to_send(task)
            try:
                headers = {"Content-Type": "application/json"}
                client.request("POST", "/todo", json.dumps({"task": task}), headers)
                response = client.getresponse()
                status, body = response.status, response.read()
            except (OSError, http.client.HTTPException):
                return
            if status == 503:  # the database is away; what was not kept may be sent again
                assert response.getheader("Retry-After") is not None
                return
            assert status == 201, body
            todo = json.loads(body)["todo"]
            assert todo["task"] == task
            load.answered(todo["id"], task)


def found(port: int, context: ssl.SSLContext) -> list[tuple[int, str]]:
    with contextlib.closing(connection(port, context)) as client:
        client.request("GET", "/todo")
        response = client.getresponse()
        assert response.status == 200
        return [(item["id"], item["task"]) for item in json.loads(response.read())["todos"]]


def check(items: list[tuple[int, str]], load: Load, kills: int) -> None:
    """All that was promised is there, under its id; and nothing that was not sent, or twice."""
    assert [id_ for id_, _ in items] == list(range(1, len(items) + 1))
    assert items[:5] == [(item.id, item.task) for item in SEEDS]
    kept = dict(items[5:])
    assert {id_: kept.get(id_) for id_ in load.promised} == load.promised
    assert len(set(kept.values())) == len(kept)
    assert set(kept.values()) <= load.sent
    assert len(kept) - len(load.promised) <= kills * CLIENTS  # those in flight may be there


def loaded_and_killed(
    server: ServerProcess,
    context: ssl.SSLContext,
    load: Load,
    kill: int,
    database: PostgresServer | None = None,
) -> None:
    """Let clients post until some were answered, and kill the server, or its database, meanwhile.

    The database is started again.
    """
    before = len(load.promised)
    wanted = 20 + 37 * kill % 100  # the moments differ, and none is early
    load.want(wanted)
    with ThreadPoolExecutor(CLIENTS) as pool:
        try:
            clients = [
                pool.submit(post_until_cut_off, server.port, context, load, f"{kill}.{number}")
                for number in range(CLIENTS)
            ]
            assert load.enough.wait(PATIENCE), server.lines
            assert not any(client.done() for client in clients)
        finally:
            if database is None:
                server.process.kill()
            else:
                database.stop(signal.SIGKILL)
        for client in clients:
            client.result(PATIENCE)
    if database is None:
        assert server.process.wait(PATIENCE) == -signal.SIGKILL
    else:
        database.start()
    assert len(load.promised) - before >= wanted


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_what_was_answered_201_is_there_after_each_kill(
    certs: Path, tmp_path: Path, kills: int
) -> None:
    path = tmp_path / "todo.db"
    context = client_tls(certs)
    load = Load()
    words = ("--certs", certs, "--port", "0", "--store", f"sqlite:{path}", "--max-items", "100000")
    for kill in range(kills + 1):
        with served(*words) as server:
            check(found(server.port, context), load, kill)
            with contextlib.closing(sqlite3.connect(path)) as file:
                assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            if kill < kills:
                loaded_and_killed(server, context, load, kill)
    assert len(load.promised) >= 20 * kills


@pytest.mark.slow
@pytest.mark.parametrize(("killed", "kills"), [("server", 6), ("database", 8)])
def test_what_was_answered_201_is_in_the_database_after_each_kill(
    certs: Path, killed: str, kills: int
) -> None:
    """Of the server, and of PostgreSQL under it: the server then goes on by itself."""
    load, context = Load(), client_tls(certs)
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(postgres_server(certs))
        ours = ("--certs", certs, "--port", "0", "--store", database.url(), "--max-items", "100000")
        if killed == "database":
            server = stack.enter_context(served(*ours))
        for kill in range(kills + 1):
            with contextlib.ExitStack() as once:
                if killed == "server":
                    server = once.enter_context(served(*ours))
                check(found(server.port, context), load, kill)
                if kill == kills:
                    break
                if killed == "server":
                    loaded_and_killed(server, context, load, kill)
                else:
                    loaded_and_killed(server, context, load, kill, database)
    assert len(load.promised) >= 20 * kills
