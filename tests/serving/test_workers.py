"""``lab.server --workers``: processes that share a port, and what becomes of them."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.doors import (
    PATIENCE,
    Crew,
    Done,
    ServerProcess,
    run,
    served,
)
from tests.support.serving import client_tls, get

if sys.platform != "win32":
    import resource

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, for its /proc")


def children(pid: int) -> set[int]:
    """The processes whose parent is ``pid`` and that have not ended."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:  # gone while we looked
            continue
        if int(parent) == pid and state != "Z":
            found.add(int(stat.parent.name))
    return found


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something is so; it fails where it never is."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def two_workers(server: ServerProcess) -> set[int]:
    workers = children(server.process.pid)
    assert len(workers) == 2
    return workers


def test_workers_share_the_port_and_stop_together(certs: Path, crew: Crew) -> None:
    context = client_tls(certs)
    with served("--certs", certs, "--port", "0", *crew(2)) as server:
        assert server.lines[-1].endswith(" with 2 workers")
        workers = two_workers(server)
        for _ in range(8):
            assert get(server.port, context).startswith(b"HTTP/1.1 200 ")
        assert server.stop(signal.SIGTERM) == 0
        assert all(gone(pid) for pid in workers)
    assert server.lines[-2:] == [
        "[SERVER] Stopping: no new connections; finishing requests in progress ...",
        "[SERVER] Stopped.",
    ]


def test_a_worker_that_dies_is_started_again(certs: Path, crew: Crew) -> None:
    context = client_tls(certs)
    with served("--certs", certs, "--port", "0", *crew(2)) as server:
        workers = two_workers(server)
        victim = min(workers)
        os.kill(victim, signal.SIGKILL)
        line = server.until("WORKER")
        assert f"WORKER | 1 (pid {victim}) was killed by signal 9 | started again in 0." in line
        eventually(lambda: len(children(server.process.pid)) == 2)
        assert children(server.process.pid) > workers - {victim}
        for _ in range(8):
            assert get(server.port, context).startswith(b"HTTP/1.1 200 ")
        assert server.stop(signal.SIGINT) == 0


def test_workers_do_not_outlive_their_parent(certs: Path, crew: Crew) -> None:
    with served("--certs", certs, "--port", "0", *crew(2)) as server:
        workers = two_workers(server)
        server.process.kill()
        eventually(lambda: all(gone(pid) for pid in workers))


def test_a_stop_while_a_worker_waits_to_be_started_again(certs: Path, crew: Crew) -> None:
    with served("--certs", certs, "--port", "0", *crew(2)) as server:
        for pid in two_workers(server):
            os.kill(pid, signal.SIGKILL)
        server.until("WORKER")
        assert server.stop(signal.SIGTERM) == 0
        assert not children(server.process.pid)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use(certs: Path, workers: str, crew: Crew) -> None:
    """Also one that another crew of this user shares among its own."""
    with served("--certs", certs, "--port", "0", *crew(workers)) as server:
        done = run("lab.server", "--certs", certs, "--port", str(server.port), *crew(2))
    assert done.code == 2
    assert done.err == (
        f"lab.server: port {server.port} on 127.0.0.1 is in use; "
        "stop what listens there, or choose another --port\n"
    )


def test_a_worker_that_cannot_start_is_told_once(certs: Path, tmp_path: Path, crew: Crew) -> None:
    broken = tmp_path / "certs"
    broken.mkdir()
    for name in ("ca.crt", "server.crt", "server.key"):
        (broken / name).write_bytes((certs / name).read_bytes())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(
            *("lab.server", "--certs", broken, "--host", "203.0.113.1"),
            *("--port", str(taken.getsockname()[1])),
            *crew(3),
        )
    assert done.code == 2
    assert len(done.err.splitlines()) == 1


def test_uvloop(certs: Path) -> None:
    pytest.importorskip("uvloop", reason="uvloop is not installed (pip install uvloop)")
    with served("--certs", certs, "--port", "0", "--loop", "uvloop") as server:
        assert run("lab.client", server.url, "--certs", certs).code == 0
        assert run("lab.client", server.url, "--certs", certs, "--no-cert").code == 0
        assert server.stop() == 0
    assert server.lines[-1] == "[SERVER] Stopped."


def test_workers_with_lists_of_their_own_would_be_no_service(certs: Path) -> None:
    done = run("lab.server", "--certs", certs, "--workers", "2")
    assert done.code == 2
    assert done.err == (
        "lab.server: --workers needs items that all of them can reach; add --store sqlite:PATH\n"
    )


def test_items_are_the_same_whichever_worker_answers(certs: Path, crew: Crew) -> None:
    with served("--certs", certs, "--port", "0", *crew(3)) as server:
        for _ in range(6):
            assert run("lab.client", server.url, "--certs", certs).code == 0
        items = json.loads(get(server.port, client_tls(certs)).partition(b"\r\n\r\n")[2])["todos"]
    assert [item["id"] for item in items] == list(range(1, 12))


def test_a_store_that_vanished_is_not_made_anew_by_a_worker(certs: Path, tmp_path: Path) -> None:
    path, moved = tmp_path / "todo.db", tmp_path / "moved.db"
    context = client_tls(certs)
    words = ("--workers", "2", "--store", f"sqlite:{path}")
    with served("--certs", certs, "--port", "0", *words) as server:
        for _ in range(3):
            assert run("lab.client", server.url, "--certs", certs).code == 0
        path.rename(moved)
        assert get(server.port, context).startswith(b"HTTP/1.1 503 ")
        os.kill(min(two_workers(server)), signal.SIGKILL)
        server.until("WORKER .* was killed by signal 9")
        server.until("lab.server: .*todo.db was deleted; restore it, or restart the server")
        assert get(server.port, context).startswith(b"HTTP/1.1 503 ")
        assert not path.exists()
        moved.rename(path)
        eventually(lambda: len(children(server.process.pid)) == 2)
        # A worker that starts is a child before it listens: so not every answer is of both.
        for _ in range(8):
            items = json.loads(get(server.port, context).partition(b"\r\n\r\n")[2])["todos"]
            assert len(items) == 8
        assert server.stop() == 0


def crew_of(name: str, folder: Path) -> Done:
    done = run("tests.support.crewing", name, folder)
    assert done.code == 0, done.err
    return done


def test_a_worker_that_dies_while_the_others_start_is_started_again(tmp_path: Path) -> None:
    done = crew_of("died", tmp_path)
    assert done.out == "announced\nended with 0\n"
    (line,) = done.err.splitlines()
    first = (tmp_path / "1").read_text().split()[0]
    assert line.startswith(f"WORKER | 1 (pid {first}) was killed by signal 9 | started again in ")


def test_a_system_without_processes_is_asked_again(tmp_path: Path) -> None:
    done = crew_of("no process", tmp_path)
    assert done.out == "announced\nended with 0\n"
    died, *tries = done.err.splitlines()
    assert "was killed by signal 9 | started again in 0.2 s" in died
    assert tries == [
        f"WORKER | 1 cannot be started: {os.strerror(errno.EAGAIN)} | tried again in {wait} s"
        for wait in (0.4, 0.8)
    ]


def test_a_system_without_processes_from_the_beginning(tmp_path: Path) -> None:
    done = crew_of("no process at first", tmp_path)
    assert done.out == (
        f"worker 1 cannot be started: {os.strerror(errno.EAGAIN)}; raise the limit of the system "
        "that this meets (ulimit -u, ulimit -n), or ask for fewer --workers\n"
    )


def test_a_first_worker_that_is_killed_before_it_listens(tmp_path: Path) -> None:
    done = crew_of("killed", tmp_path)
    assert re.fullmatch(
        r"worker 1 \(pid \d+\) was killed by signal 9 before it listened; "
        r"find out who did that, and start the server again\n",
        done.out,
    )


def test_a_signal_that_reaches_a_starting_worker_first_is_a_stop(tmp_path: Path) -> None:
    assert crew_of("stopped", tmp_path).out == "ended with 0\n"


def test_a_parent_out_of_descriptors_goes_on_and_tries_again(certs: Path, crew: Crew) -> None:
    context = client_tls(certs)
    with served("--certs", certs, "--port", "0", *crew(2)) as server:
        victim = min(two_workers(server))
        pid = server.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        highest = max(int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir())
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, before[1]))
        os.kill(victim, signal.SIGKILL)
        server.until(rf"WORKER . 1 cannot be started: {os.strerror(errno.EMFILE)} . tried again in")
        assert get(server.port, context).startswith(b"HTTP/1.1 200 ")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        eventually(lambda: len(children(pid)) == 2)
        assert server.stop(signal.SIGTERM) == 0
    assert server.lines[-1] == "[SERVER] Stopped."


@pytest.mark.parametrize("host", ["..", "x" * 70])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_is_no_host_name(certs: Path, host: str, workers: str, crew: Crew) -> None:
    done = run("lab.server", "--certs", certs, "--port", "0", "--host", host, *crew(workers))
    assert (done.code, done.err) == (
        2,
        f"lab.server: cannot listen on {host}:0: {host!r} is no host name; choose another --host\n",
    )


def test_a_port_that_was_served_a_moment_ago(certs: Path, crew: Crew) -> None:
    """Connections that the server ended first keep the port for a while, as the system sees it."""
    with served("--certs", certs, "--port", "0") as server:
        port = server.port
        assert get(port, client_tls(certs)).startswith(b"HTTP/1.1 200 ")
        assert server.stop() == 0
    with served("--certs", certs, "--port", str(port), *crew(2)) as server:
        assert server.port == port
        assert get(port, client_tls(certs)).startswith(b"HTTP/1.1 200 ")
