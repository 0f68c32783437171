"""The servers of ``bench.py serve``: how each is started, what it cannot do, and its version.

This module must not know what is measured.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.processes import lab_server, s_server

AT_ONCE = 4  # clients, so that a server is busy and not woken up for each


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server to measure.

    ``words`` makes its command line from the folder of certificates and a port, ``needs`` names
    the distributions that must be installed for it. ``at_once`` is how many clients it talks to at
    a time, 0 for one that has no ``/todo``.
    """

    name: str
    words: Callable[[Path, int], list[str]]
    needs: tuple[str, ...] = ()
    at_once: int = AT_ONCE


def available() -> tuple[list[Server], list[str]]:
    """The servers that can run here, and a line for each thing that is left out."""
    all_of_them = [
        _lab("lab"),
        _lab("lab-refused", "--log-handshakes", "refused"),
        _lab("lab-uvloop", "--loop", "uvloop", needs=("uvloop",)),
        _peer("uvicorn-h11", needs=("uvicorn", "h11")),
        _peer("uvicorn-h11-uvloop", needs=("uvicorn", "h11", "uvloop")),
        _peer("hypercorn", needs=("hypercorn", "h11")),
        _peer("aiohttp", needs=("aiohttp",)),
        _peer("http.server", at_once=1),
    ]
    servers, notes = [], []
    for server in all_of_them:
        missing = [name for name in server.needs if _version(name) is None]
        if missing:
            notes.append(f"{server.name} is left out: {', '.join(missing)} is not installed")
        else:
            servers.append(server)
    if shutil.which("openssl") is None:
        notes.append("openssl-s_server is left out: there is no openssl program")
    else:
        servers.append(Server(name="openssl-s_server", words=s_server, at_once=0))
    return servers, notes + _limits_of(servers)


def _limits_of(servers: list[Server]) -> list[str]:
    """What the servers that run cannot do."""
    said = {
        0: "has handshakes only: it serves no /todo",
        1: "has no idle memory and no fixed load: it serves one connection at a time",
    }
    return [f"{server.name} {said[server.at_once]}" for server in servers if server.at_once in said]


def machine() -> dict[str, object]:
    """What the figures were taken on and with."""
    names = ("uvicorn", "h11", "hypercorn", "aiohttp", "uvloop")
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "versions": {
            **{name: version for name in names if (version := _version(name)) is not None},
            "http.server": platform.python_version(),
            "openssl-s_server": _openssl_program(),
        },
    }


def _peer(name: str, *, needs: tuple[str, ...] = (), at_once: int = AT_ONCE) -> Server:
    script = str(Path(__file__).with_name("peers.py"))
    return Server(
        name=name,
        words=lambda certs, port: [sys.executable, script, name, str(certs), str(port)],
        needs=needs,
        at_once=at_once,
    )


def _lab(name: str, *words: str, needs: tuple[str, ...] = ()) -> Server:
    return Server(
        name=name,
        words=partial(
            lab_server, words=["--max-connections", "2000", "--max-items", "1000000", *words]
        ),
        needs=needs,
    )


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _openssl_program() -> str:
    if shutil.which("openssl") is None:
        return "none"
    return subprocess.run(
        ["openssl", "version"], capture_output=True, text=True, check=True
    ).stdout.strip()
