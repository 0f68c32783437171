"""What the tests of the pages share: the traces of the captures, with their records."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.tracing.read_capture import CaptureReader, KeyLogFile, key_log_beside
from lab.tracing.results import CaptureSummary, Trace

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "captures"
SUMMARY = CaptureSummary(connections=20, tls=19, others=(("SSH", 1),), key_logs=())


def traces_in(capture: Path) -> list[Trace]:
    """Return the traces of a capture, with their records."""
    beside = key_log_beside(capture)
    log = KeyLogFile(beside, beside=True) if beside else None
    with capture.open("rb") as file:
        found = list(CaptureReader(file, key_log=log, keep_records=True).traces())
    if log is not None:
        log.close()
    return found


@pytest.fixture(scope="session")
def captured() -> dict[str, list[Trace]]:
    """The traces of each capture among the vectors, by its name."""
    return {
        path.name.partition(".")[0]: traces_in(path) for path in sorted(VECTORS.glob("*.pcap*"))
    }
