"""``lab.server --monitor-port`` as a process: what it says, what it answers, and what it costs."""

from __future__ import annotations

import json
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
    ServerProcess,
    run,
    served,
)
from tests.support.reloading import new_lab
from tests.support.scraping import (
    Series,
    fetch,
    labels,
    only,
    scrape,
)
from tests.support.serving import client_tls, get

WITH_MONITOR = ("--port", "0", "--monitor-port", "0")


def monitor_port(server: ServerProcess) -> int:
    """The port of the start-up line about the monitor."""
    line = server.until(r"Monitor: ")
    found = re.fullmatch(
        r"\[SERVER\] Monitor: http://127\.0\.0\.1:(\d+)/metrics and /healthz", line
    )
    assert found is not None, line
    server.until("Press Ctrl")
    return int(found[1])


def health(port: int) -> tuple[int, str]:
    fetched = fetch(port, "/healthz")
    return fetched.status, json.loads(fetched.body)["status"]


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something is so; it fails where it never is."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def requests(series: Series) -> dict[frozenset[tuple[str, str]], float]:
    return only(series, "requests_total")


GETS = labels(method="GET", route="/todo", code="200")


def test_a_monitor_beside_a_server(certs: Path) -> None:
    with served("--certs", certs, *WITH_MONITOR) as server:
        port = monitor_port(server)
        assert health(port) == (200, "ok")
        assert run("lab.client", server.url, "--certs", certs).code == 0
        assert run("lab.client", server.url, "--certs", certs, "--no-cert").code == 0
        series = scrape(port)
        assert requests(series) == {GETS: 1, labels(method="POST", route="/todo", code="201"): 1}
        found = {
            (dict(key)["outcome"], dict(key)["alert"]): value
            for key, value in only(series, "handshakes_total").items()
        }
        assert found == {("accepted", "none"): 1, ("rejected", "certificate_required"): 1}
        kinds = sorted(dict(key)["kind"] for key in only(series, "certificate_expires_days"))
        assert kinds == ["ca", "server"]
        assert server.stop() == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
    # The stage log is as it is without a monitor, and scrapes are no part of the log.
    assert len([line for line in server.lines if "HANDSHAKE" in line]) == 2
    assert not [line for line in server.lines if "metrics HTTP" in line or "healthz HTTP" in line]


def test_limits_that_strike_are_counted(certs: Path) -> None:
    with served("--certs", certs, *WITH_MONITOR, "--max-body", "10") as server:
        port = monitor_port(server)
        assert run("lab.client", server.url, "--certs", certs).code != 0  # its POST is too long
        assert only(scrape(port), "limits_struck_total") == {labels(limit="max_body"): 1}


def test_a_server_that_stops_says_so_to_the_end(certs: Path) -> None:
    with served("--certs", certs, *WITH_MONITOR, "--shutdown-timeout", "20") as server:
        port = monitor_port(server)
        with socket.create_connection(("127.0.0.1", server.port)):
            eventually(lambda: only(scrape(port), "open_connections") == {labels(): 1})
            server.process.send_signal(signal.SIGTERM)
            server.until("Stopping")
            assert health(port) == (503, "stopping")
        assert server.process.wait(PATIENCE) == 0


def test_without_a_monitor_nothing_of_it_is_loaded(certs: Path) -> None:
    def imported(*words: str) -> set[str]:
        with served("--certs", certs, "--port", "0", *words, PYTHONPROFILEIMPORTTIME="1") as server:
            server.stop()
            lines = [line for line in server.lines if line.startswith("import time:")]
            return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}

    plain = imported()
    assert "h11" in plain  # the lines are what they are taken for
    assert "prometheus_client" not in plain
    assert "prometheus_client" in imported("--monitor-port", "0")


def test_a_monitor_port_in_use(certs: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = ("--port", "0", "--monitor-port", port)
        done = run("lab.server", "--certs", certs, *words)
    assert done.code == 2
    assert done.err == (
        f"lab.server: port {port} on 127.0.0.1 is in use; "
        "stop what listens there, or choose another --monitor-port\n"
    )


@pytest.mark.parametrize("there", [True, False], ids=["a folder", "no folder"])
def test_the_library_s_own_variable_changes_nothing(
    certs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """It is another program's: with it, the library would count in files of that folder."""
    folder = tmp_path / "theirs"
    if there:
        folder.mkdir()
    for variable in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"):
        monkeypatch.setenv(variable, str(folder))
    with served("--certs", certs, *WITH_MONITOR) as server:
        port = monitor_port(server)
        assert get(server.port, client_tls(certs)).startswith(b"HTTP/1.1 200 ")
        assert requests(scrape(port)) == {GETS: 1}
        assert server.stop() == 0
    assert [*tmp_path.rglob("*")] == ([folder] if there else [])


def test_the_monitor_tells_of_the_certificates_that_are_in_use_now(tmp_path: Path) -> None:
    lab = new_lab(tmp_path)

    def serials(port: int) -> set[str]:
        days = only(scrape(port), "certificate_expires_days")
        return {dict(key)["serial"] for key in days if dict(key)["kind"] == "server"}

    with served("--certs", lab.folder, *WITH_MONITOR) as server:
        port = monitor_port(server)
        old = f"{lab.served.serial_number:x}"
        assert serials(port) == {old}
        lab.new_server()
        new = f"{lab.served.serial_number:x}"
        server.until(f"CERTIFICATES . in use: .* serial=0x{new} ")
        eventually(lambda: serials(port) == {new})
        if sys.platform != "win32":
            server.process.send_signal(signal.SIGHUP)
            server.until(f"CERTIFICATES . in use: .* serial=0x{new} ")
            assert serials(port) == {new}
            assert server.stop() == 0
