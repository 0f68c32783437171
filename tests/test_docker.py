"""The image, without an engine: what its file says, and its health check against a real server."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.cli import server_options
from tests.support.doors import PATIENCE, ROOT, served
from tests.support.peers import free_port

PORT = "9090"


def instructions() -> list[tuple[str, str]]:
    """Each instruction with its arguments on one line, comments left out."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.split()[0], line.partition(" ")[2]) for line in joined.splitlines() if line]


def last(name: str) -> str:
    return [rest for word, rest in instructions() if word == name][-1]


def final_stage() -> list[tuple[str, str]]:
    every = instructions()
    start = max(place for place, (word, _) in enumerate(every) if word == "FROM")
    return every[start:]


def test_what_linters_of_dockerfiles_ask_for() -> None:
    every = instructions()
    for word, rest in every:
        if word == "FROM":
            assert re.match(r"\S+:[\w.-]+( AS \w+)?$", rest) and ":latest" not in rest
        if word == "RUN":
            assert "sudo" not in rest and "|" not in rest and "cd " not in rest
            for command in re.findall(r"pip (?:install|wheel) [^&]*", rest):
                assert "--no-cache-dir" in command
        if word in ("CMD", "ENTRYPOINT"):
            json.loads(rest)  # the exec form, so that signals reach the server
        assert word not in ("ADD", "MAINTAINER")
    assert last("USER") != "root"
    assert [word for word, _ in every].count("ENTRYPOINT") == 1
    assert last("STOPSIGNAL") == "SIGTERM"


def test_the_dependencies_are_a_layer_that_only_the_projects_file_invalidates() -> None:
    stage = final_stage()
    (installed,) = [place for place, (_, rest) in enumerate(stage) if "--requirement" in rest]
    copied = [rest for word, rest in stage[:installed] if word == "COPY"]
    assert copied == ["pyproject.toml /tmp/"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="needs Python 3.11, for tomllib")
def test_the_command_that_lists_the_dependencies(tmp_path: Path) -> None:
    (command,) = [rest for _, rest in final_stage() if "tomllib" in rest]
    code = shlex.split(command)[2].replace("/tmp/pyproject.toml", str(ROOT / "pyproject.toml"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = [re.split(r"[><=]", line)[0] for line in done.stdout.splitlines()]
    assert "h11" in names and "cryptography" in names
    assert all(re.fullmatch(r"[\w-]+", name) for name in names)


def test_the_package_is_on_the_path_once() -> None:
    """It is installed from a wheel; no folder of the final stage has its source."""
    stage = final_stage()
    assert not [rest for word, rest in stage if word == "COPY" and rest.split()[0] == "lab"]
    assert not [rest for word, rest in stage if word == "WORKDIR"]
    assert json.loads(last("ENTRYPOINT"))[0] == "mtls-lab"


def test_the_server_is_started_with_options_that_there_are() -> None:
    script, command, *words = json.loads(last("ENTRYPOINT"))
    assert (script, command) == ("mtls-lab", "server")
    options = server_options.parser().read(words)
    assert (options.certs, options.monitor_port) == (Path("/certs"), int(PORT))


def health(port: int) -> subprocess.CompletedProcess[str]:
    """The image's health check, for a monitor at ``port``."""
    python, *words = json.loads(last("HEALTHCHECK").partition(" CMD ")[2])
    assert python == "python"
    code = [word.replace(PORT, str(port)) for word in words]
    proxied = {"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}
    return subprocess.run(
        [sys.executable, *code], capture_output=True, text=True, timeout=PATIENCE, env=proxied
    )


def test_the_health_check(certs: Path) -> None:
    """Healthy; then a server that does not respond; then none. None of it is in the log."""
    port = free_port()
    with served("--certs", certs, "--port", "0", "--monitor-port", str(port)) as server:
        server.until("Ctrl\\+C")
        assert health(port).returncode == 0
        server.process.send_signal(signal.SIGSTOP)
        try:
            assert health(port).returncode == 1
        finally:
            server.process.send_signal(signal.SIGCONT)
        assert server.stop() == 0
    log = " ".join(server.lines)
    assert "HANDSHAKE" not in log and "REQUEST" not in log
    assert health(port).returncode == 1
