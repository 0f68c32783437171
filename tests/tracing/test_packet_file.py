"""The pcapng file of what is observed: for its owner's eyes, and read back by tshark."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.api import ConnectionFailedError, LabCA, LabServer, probe_server, trace_server
from lab.capture.results import Address
from lab.diagnosis.results import Result
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    Endpoint,
    MessageSeen,
    StreamEnd,
    StreamEnded,
)
from lab.tracing import packet_file
from lab.tracing.packet_file import PacketFile
from lab.tracing.read_capture import CaptureReader
from lab.tracing.results import Trace
from tests.capture.test_pcapng_writer import blocks
from tests.support.doors import run
from tests.support.peers import free_port

ENDS = Address("127.0.0.1", 50000), Address("127.0.0.1", 443)
needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="needs tshark: apt install tshark"
)


def tshark(path: Path, *words: str) -> list[str]:
    """Return the lines that tshark prints of a file, with no setting but its own checks."""
    checks = ("-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE")
    done = subprocess.run(
        ["tshark", "-r", str(path), *checks, *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "HOME": str(path.parent), "XDG_CONFIG_HOME": str(path.parent)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def kinds(data: bytes) -> list[int]:
    return [kind for kind, _ in blocks(data)]


def test_the_file_is_its_owners_from_the_first_byte(tmp_path: Path) -> None:
    path = tmp_path / "seen.pcapng"
    before = os.umask(0)
    try:
        with PacketFile(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert kinds(path.read_bytes()) == [0x0A0D0D0A, 1]
    finally:
        os.umask(before)


def test_who_has_the_file_of_that_name_open_sees_nothing_of_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "seen.pcapng"
    path.write_text("old")
    path.chmod(0o644)
    with path.open() as old:
        PacketFile(path).close()
        assert old.read() == "old"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    path, other = tmp_path / "seen.pcapng", tmp_path / "other"
    other.touch(0o644)
    path.symlink_to(other)
    PacketFile(path).close()
    assert other.read_bytes() == b"" and not path.is_symlink()


def test_secrets_stand_before_the_packets_that_were_held_back(tmp_path: Path) -> None:
    path = tmp_path / "seen.pcapng"
    with PacketFile(path) as file:
        connection = file.connection(*ENDS, 1.0)
        connection.sent(Endpoint.CLIENT, b"x", 2.0)
        connection.learned("CLIENT_RANDOM 00 11\n")
        file.flush()
        assert 6 not in kinds(path.read_bytes())
        connection.closed()
        assert kinds(path.read_bytes())[2:] == [0x0A] + [6] * 5
        connection.learned("CLIENT_RANDOM 00 22\n")
        connection.sent(Endpoint.SERVER, b"y", 3.0)
    assert kinds(path.read_bytes())[8:] == [0x0A, 6, 6]


def test_a_long_connection_is_not_held_back_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "seen.pcapng"
    with PacketFile(path) as file:
        connection = file.connection(*ENDS, 1.0)
        for _ in range(80):
            connection.sent(Endpoint.CLIENT, bytes(4096), 2.0)
        file.flush()
        assert path.stat().st_size > 2**18


def test_no_more_of_a_connection_is_written_than_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "seen.pcapng"
    with PacketFile(path) as file:
        connection = file.connection(*ENDS, 1.0, most=100)
        for _ in range(1000):
            connection.sent(Endpoint.SERVER, bytes(60), 2.0)
        connection.ended(Endpoint.SERVER, StreamEnd.FIN, 3.0)
        connection.ended(Endpoint.SERVER, StreamEnd.RESET, 3.0)  # told once
        connection.closed()
    assert kinds(path.read_bytes())[2:] == [6] * (3 + 2 + 2)


def test_a_link_of_the_system_to_an_open_file_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packet_file, "_SYSTEM_FOLDER", tmp_path)
    path, other = tmp_path / "stdout", tmp_path / "other"
    other.touch()
    path.symlink_to(other)
    with pytest.raises(OSError, match=f"a file that is open already: '{path}'"):
        PacketFile(path)
    assert path.is_symlink()


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A pipe by its name, and the descriptor of its reader."""
    if sys.platform == "win32":
        pytest.skip("needs POSIX signals")
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    yield path, reader
    with contextlib.suppress(OSError):
        os.close(reader)


def test_the_reader_of_a_pipe_gets_all(pipe: tuple[Path, int]) -> None:
    path, reader = pipe
    with PacketFile(path) as file:
        connection = file.connection(*ENDS, 1.0)
        for _ in range(80):
            connection.sent(Endpoint.CLIENT, bytes(4096), 2.0)
        connection.closed()
        data = b""
        while data.count(bytes(4096)) < 80:
            data += os.read(reader, 2**16)


def test_nobody_waits_for_the_reader_of_a_pipe(
    pipe: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, reader = pipe
    monkeypatch.setattr(packet_file, "_LAST_WAIT", 0.1)
    monkeypatch.setattr(packet_file, "_MOST_WAITING", 2**20)
    file = PacketFile(path)
    connection = file.connection(*ENDS, 1.0)
    for _ in range(400):
        connection.sent(Endpoint.CLIENT, bytes(8192), 2.0)
    assert file.error is not None and file.error.strerror == "what reads it is too slow"
    with pytest.raises(OSError, match="too slow"):
        file.close()
    os.close(reader)  # the thread ends


def test_a_reader_that_has_gone_is_told(pipe: tuple[Path, int]) -> None:
    path, reader = pipe
    file = PacketFile(path)
    os.close(reader)
    file.connection(*ENDS, 1.0).closed()
    with pytest.raises(OSError, match="Broken pipe"):
        file.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_told_at_the_end() -> None:
    file = PacketFile(Path("/dev/full"))
    file.connection(*ENDS, 1.0).closed()
    assert file.error is not None
    with pytest.raises(OSError, match=r"No space left on device: '/dev/full'"):
        file.close()


def names(trace: Trace) -> list[tuple[str, int]]:
    """Return the handshake messages of a live trace: who sent each, and its type."""
    return [
        (event.endpoint.value, event.raw[0])
        for event in trace.events
        if isinstance(event, MessageSeen)
    ]


@needs_tshark
@pytest.mark.parametrize("presents", [True, False], ids=["certificate", "none"])
def test_tshark_reads_the_messages_of_the_live_trace(tmp_path: Path, presents: bool) -> None:
    path = tmp_path / "seen.pcapng"
    ca = LabCA()
    with LabServer(trust=ca) as server:
        identity = ca.client() if presents else None
        traces = trace_server(server, identity=identity, trust=ca, pcapng=path)
        port = int(server.address.rpartition(":")[2])
    assert not tshark(path, "-Y", "ip.checksum.status != 1 || tcp.checksum.status != 1")
    assert not tshark(path, "-Y", "tcp.analysis.flags && !tcp.analysis.duplicate_ack")
    fields = ("tcp.stream", "tcp.srcport", "tls.handshake.type")
    read: list[list[tuple[str, int]]] = [[] for _ in traces]
    for line in tshark(path, "-Y", "tls.handshake", "-Tfields", *(f"-e{name}" for name in fields)):
        stream, source, types = line.split("\t")
        sender = "server" if int(source) == port else "client"
        read[int(stream)] += [(sender, int(number)) for number in types.split(",")]
    assert read == [names(trace) for trace in traces]
    assert any(20 in (number for _, number in messages) for messages in read)
    assert all(len(messages) > 6 for messages in read)
    (shown,) = {"HTTP" if presents else "no HTTP" for _ in tshark(path, "-Y", "tls")}
    assert bool(tshark(path, "-Y", "http.response.code == 200")) is (shown == "HTTP")


def read_back(path: Path) -> list[Trace]:
    with path.open("rb") as file:
        return list(CaptureReader(file).traces())


@pytest.mark.parametrize("presents", [True, False], ids=["certificate", "none"])
def test_our_reader_reads_the_live_trace_again(tmp_path: Path, presents: bool) -> None:
    path = tmp_path / "seen.pcapng"
    ca = LabCA()
    with LabServer(trust=ca) as server:
        identity = ca.client() if presents else None
        traces = trace_server(server.address, identity=identity, trust=ca, pcapng=path)
    again = read_back(path)
    assert [everything(trace) for trace in again] == [everything(trace) for trace in traces]
    for read, live in zip(again, traces, strict=True):
        assert read.outcome.result is live.outcome.result
        assert read.causes[0].code == live.causes[0].code
        assert read.flow is not None and read.flow.lacks == ()
        assert read.flow.server.authority == live.target
        assert abs(read.flow.first - time.time()) < 60


def everything(trace: Trace) -> list[tuple[str, object]]:
    """Return all that passed, without times: messages, alerts, data, and how TCP ended."""
    kept: list[tuple[str, object]] = []
    for event in trace.events:
        if isinstance(event, MessageSeen):
            kept.append((event.endpoint.value, event.raw))
        elif isinstance(event, AlertSeen):
            kept.append((event.endpoint.value, event.description))
        elif isinstance(event, ApplicationDataSeen):
            kept.append((event.endpoint.value, event.data))
        elif isinstance(event, StreamEnded):
            kept.append((event.endpoint.value, event.end))
    # The client's own FIN comes from its close, which is no event of a live trace.
    return [item for item in kept if item != ("client", StreamEnd.FIN)]


def test_no_connection_leaves_a_file_without_packets(tmp_path: Path) -> None:
    path = tmp_path / "seen.pcapng"
    with pytest.raises(ConnectionFailedError):
        trace_server(f"127.0.0.1:{free_port()}", pcapng=path)
    assert kinds(path.read_bytes()) == [0x0A0D0D0A, 1]


def test_the_probe_writes_all_of_its_connections(tmp_path: Path) -> None:
    path = tmp_path / "seen.pcapng"
    ca = LabCA()
    with LabServer(trust=ca) as server:
        only, versions = ["good", "no-certificate"], ["1.3"]
        report = probe_server(server.address, ca=ca, only=only, versions=versions, pcapng=path)
    again = read_back(path)
    assert report.passed and len(again) == report.connections
    assert {trace.outcome.result for trace in again} == {Result.ACCEPTED, Result.REJECTED}


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    for name, reason in ((tmp_path, "Is a directory"), (tmp_path / "no/such", "No such file")):
        for door in (["lab.trace"], ["lab.probe", "--only", "good"]):
            done = run(*door, "--pcapng", name, cwd=tmp_path, MTLS_SERVER_PORT=str(free_port()))
            assert done.code == 2 and done.err.count("\n") == 1
            assert f"{name}: {reason}" in done.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    port = str(free_port())
    done = run("lab.trace", "--pcapng", "/dev/full", cwd=tmp_path, MTLS_SERVER_PORT=port)
    assert done.code == 2 and done.err.count("\n") == 1
    assert "/dev/full: No space left on device" in done.err
