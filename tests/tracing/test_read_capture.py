"""Captures are read into traces, one by one, with the secrets that there are."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lab.capture.results import Address, CaptureError, Flow
from lab.tls.events import ApplicationDataSeen, SealedSeen
from lab.tracing.read_capture import CaptureReader, KeyLogFile, Selection, key_log_beside
from lab.tracing.results import Trace
from tests.support.capture import pcap
from tests.support.connections import KINDS, connect
from tests.support.harness import EventBuffer, Identities

VECTORS = Path(__file__).resolve().parent.parent / "vectors" / "captures"


@pytest.fixture(scope="module")
def recordings(
    identities: Identities, tmp_path_factory: pytest.TempPathFactory
) -> list[EventBuffer]:
    """An accepted connection and a refused one of each version."""
    folder = tmp_path_factory.mktemp("recordings")
    kinds = ("1.2 accepted", "1.2 no certificate", "1.3 accepted", "1.3 no certificate")
    return [connect(KINDS[kind], identities, folder) for kind in kinds]


@pytest.fixture(scope="module")
def capture(recordings: list[EventBuffer], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of the recordings, with its key log in all.log."""
    folder = tmp_path_factory.mktemp("capture")
    (folder / "all.log").write_text("".join(recording.key_log for recording in recordings))
    path = folder / "four.pcap"
    path.write_bytes(pcap(recordings))
    return path


def read(
    path: Path, *, key_log: Path | None = None, selection: Selection | None = None
) -> tuple[list[Trace], CaptureReader]:
    log = None if key_log is None else KeyLogFile(key_log)
    with path.open("rb") as file:
        reader = CaptureReader(file, key_log=log, selection=selection)
        traces = list(reader.traces())
    if log is not None:
        log.close()
    return traces, reader


def is_opened(trace: Trace) -> bool:
    return not any(isinstance(event, SealedSeen) for event in trace.events)


def test_each_connection_is_traced_with_its_secrets(capture: Path) -> None:
    traces, reader = read(capture, key_log=capture.with_name("all.log"))
    assert [trace.flow and trace.flow.number for trace in traces] == [1, 2, 3, 4]
    assert [trace.outcome.accepted for trace in traces] == [True, False, True, False]
    assert all(map(is_opened, traces))
    summary = reader.summary
    assert (summary.connections, summary.tls, summary.others) == (4, 4, ())
    (use,) = summary.key_logs
    assert (use.name, use.beside) == (str(capture.with_name("all.log")), False)
    assert use.used == use.secrets > 2
    assert not reader.is_stream


def test_a_key_log_without_a_last_line_end_is_read_whole(capture: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.log"
    cut.write_text(capture.with_name("all.log").read_text().rstrip())
    traces, _ = read(capture, key_log=cut)
    assert all(map(is_opened, traces))


def test_without_secrets_what_is_protected_stays_so(capture: Path) -> None:
    traces, reader = read(capture)
    assert [is_opened(trace) for trace in traces] == [False] * 4
    assert reader.summary.key_logs == ()


def test_a_key_log_of_others_is_counted_and_not_used(capture: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.log"
    other.write_text(f"CLIENT_RANDOM {'ab' * 32} {'cd' * 48}\n# a comment\n")
    _, reader = read(capture, key_log=other)
    (use,) = reader.summary.key_logs
    assert (use.secrets, use.used) == (1, 0)


def test_secrets_that_the_file_holds_behind_its_packets_open_them(tmp_path: Path) -> None:
    """A Decryption Secrets Block counts wherever it stands in a regular file."""
    blocks = list(pcapng_blocks((VECTORS / "tls13_dsb.pcapng").read_bytes()))
    secrets = [block for block in blocks if block[:4] == (0xA).to_bytes(4, "little")]
    others = [block for block in blocks if block not in secrets]
    path = tmp_path / "last.pcapng"
    path.write_bytes(b"".join([*others, *secrets]))
    (trace,), reader = read(path)
    assert is_opened(trace)
    assert [use.name for use in reader.summary.key_logs] == [""]


def pcapng_blocks(data: bytes) -> Iterator[bytes]:
    while data:
        length = int.from_bytes(data[4:8], "little")
        yield data[:length]
        data = data[length:]


@pytest.mark.parametrize(
    ("selection", "numbers"),
    [
        (Selection(number=3), [3]),
        (Selection(number=9), []),
        (Selection(host="10.0.0.1"), [1, 2, 3, 4]),
        (Selection(host="10.9.9.9"), []),
        (Selection(port=50001), [2]),
        (Selection(port=443, host="10.0.0.2"), [1, 2, 3, 4]),
    ],
)
def test_connections_are_selected(capture: Path, selection: Selection, numbers: list[int]) -> None:
    traces, reader = read(capture, selection=selection)
    assert [trace.flow and trace.flow.number for trace in traces] == numbers
    assert reader.summary.tls == 4


def test_either_end_may_have_the_port() -> None:
    flow = Flow(
        number=1,
        client=Address("::1", 5),
        server=Address("::2", 6),
        first=0.0,
        last=0.0,
        packets=1,
    )
    assert Selection(port=5).takes(flow)
    assert Selection(port=6).takes(flow)
    assert not Selection(host="::1", port=7).takes(flow)


def test_a_stream_is_told_as_it_goes_and_follows_the_key_log(
    recordings: list[EventBuffer], tmp_path: Path
) -> None:
    """A pipe: secrets are written to the key log only while the connection passes."""
    data, log = pcap(recordings), tmp_path / "keys.log"
    log.touch()
    source, sink = os.pipe()
    told = threading.Event()

    def write() -> None:
        half = len(pcap(recordings[:2]))
        with os.fdopen(sink, "wb") as file:
            file.write(data[:100])
            file.flush()
            log.write_text("".join(recording.key_log for recording in recordings[:2]))
            file.write(data[100:half])
            file.flush()
            told.wait(30)
            with log.open("a") as more:
                more.write("".join(recording.key_log for recording in recordings[2:]))
            file.write(data[half:])

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(source, "rb") as file, closing(KeyLogFile(log)) as key_log:
        reader = CaptureReader(file, key_log=key_log)
        assert reader.is_stream
        traces = []
        for trace in reader.traces():
            traces.append(trace)
            told.set()
    writer.join()
    assert len(traces) == 4
    assert any(isinstance(event, ApplicationDataSeen) for event in traces[2].events)
    assert all(map(is_opened, traces))


def test_a_key_log_without_line_ends_fills_no_memory(tmp_path: Path) -> None:
    """Whatever file is given as a key log: what is no line of one is not kept."""
    path = tmp_path / "zeros.log"
    secret = f"CLIENT_RANDOM {'0a' * 32} {'0b' * 48}"
    path.write_bytes(bytes(3 << 18) + f"\n{secret}\n".encode())
    with closing(KeyLogFile(path)) as key_log:
        told = list(key_log.read())
        assert key_log.use.secrets == 1
    assert sum(map(len, told)) <= 1 << 18
    assert told[-1].endswith(secret.encode())


@pytest.mark.parametrize("name", ["x.keylog", "x.pcap.keylog"])
@pytest.mark.parametrize("capture_name", ["x.pcap", "x.pcap.gz"])
def test_a_key_log_of_the_same_name_is_found(name: str, capture_name: str, tmp_path: Path) -> None:
    assert key_log_beside(tmp_path / capture_name) is None
    (tmp_path / name).touch()
    assert key_log_beside(tmp_path / capture_name) == tmp_path / name


def test_what_came_in_front_of_damage_is_traced_first(capture: Path, tmp_path: Path) -> None:
    data = capture.read_bytes()
    damaged = tmp_path / "damaged.pcap"
    damaged.write_bytes(data + b"\xff" * 64)
    found: list[Trace] = []
    with damaged.open("rb") as file, pytest.raises(CaptureError):
        found.extend(CaptureReader(file).traces())
        raise AssertionError("no error")
    with damaged.open("rb") as file:
        traces = CaptureReader(file).traces()
        for _ in range(4):
            found.append(next(traces))
    assert len(found) >= 4


def test_what_is_no_capture_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello, this is a text")
    with pytest.raises(CaptureError):
        read(tmp_path / "text")
