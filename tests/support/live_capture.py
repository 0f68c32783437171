"""Capturing on loopback by the programs that people use: tcpdump and tshark."""

from __future__ import annotations

import contextlib
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.serving import PATIENCE, program

TOOLS = ("tcpdump", "tshark")
_SUFFIXES = {"tcpdump": "pcap", "tshark": "pcapng"}


@contextlib.contextmanager
def capturing(tool: str, port: int, folder: Path) -> Iterator[Path]:
    """Capture what has this TCP port inside the block; yield the file that it is written to.

    Skips the test where this user may not capture.
    """
    path = folder / f"{tool}.{_SUFFIXES[tool]}"
    named = f"tcp port {port} or udp port {port}"
    words = {
        "tcpdump": ["tcpdump", "-i", "lo", "-U", "-w", str(path), named],
        "tshark": ["tshark", "-i", "lo", "-w", str(path), "-f", named],
    }[tool]
    program(tool, tool)
    with (folder / f"{tool}.log").open("w+b") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            if not _passes(process, path, port):
                log.seek(0)
                pytest.skip(f"needs a user who may capture packets: {log.read()[-200:]!r}")
            yield path
            assert _passes(process, path, port)
        finally:
            process.terminate()
            process.wait()


def _passes(process: subprocess.Popen[bytes], path: Path, port: int) -> bool:
    """Send marked datagrams until one is in the file; all before it is there then, too."""
    mark = secrets.token_bytes(16)
    deadline = time.monotonic() + PATIENCE
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        while time.monotonic() < deadline:
            sender.sendto(mark, ("127.0.0.1", port))
            if path.exists() and mark in path.read_bytes():
                return True
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            return False
    raise AssertionError(f"{path.name} does not get what is sent")
