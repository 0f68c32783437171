"""Captures through the library: both forms, the key logs, and the errors."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lab.api import FileError, Result, read_capture, read_capture_async

VECTORS = Path(__file__).resolve().parent.parent / "vectors" / "captures"
NAME = "tls13_x25519mlkem768"


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """A capture whose key log is not beside it."""
    return Path(shutil.copy(VECTORS / f"{NAME}.pcap", tmp_path))


def test_the_key_log_beside_a_capture_is_read() -> None:
    (trace,) = read_capture(VECTORS / f"{NAME}.pcap")
    assert trace.flow is not None
    assert trace.flow.number == 1
    assert trace.outcome.accepted
    assert trace.outcome.ground == ""
    assert trace.client_certificate is not None


def test_a_key_log_may_be_given(alone: Path) -> None:
    (trace,) = read_capture(str(alone), key_log=VECTORS / f"{NAME}.keylog")
    assert trace.client_certificate is not None
    (sealed,) = read_capture(str(alone))
    assert sealed.client_certificate is None
    assert sealed.outcome.result is Result.ACCEPTED
    assert sealed.outcome.ground != ""


async def test_the_form_for_event_loops_yields_the_same() -> None:
    path = VECTORS / "tls12_resumed_second_random_not_in_keylog.pcap"
    traces = [trace async for trace in read_capture_async(path)]
    assert [trace.flow and trace.flow.number for trace in traces] == [1, 2]
    assert traces == list(read_capture(path))


def test_what_is_no_capture_is_a_file_error(tmp_path: Path, alone: Path) -> None:
    (tmp_path / "text.pcap").write_text("hello, this is a text")
    for path in (tmp_path / "text.pcap", tmp_path / "missing.pcap", tmp_path):
        with pytest.raises(FileError, match=str(path)):
            list(read_capture(path))
    with pytest.raises(FileError, match="no such log: No such file"):
        list(read_capture(alone, key_log=tmp_path / "no such log"))
