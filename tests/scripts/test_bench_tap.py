"""The benchmark of the tap runs, and says whether each bar is reached."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.doors import ROOT


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux, as the bench does")
def test_a_run_of_one_round(tmp_path: Path) -> None:
    document = tmp_path / "bench.json"
    words = ["tap", "--rounds", "1", "--json", str(document)]
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "bench.py"), *words],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines[-3:]] == [
        "p99, at rest",
        "p99, handshaking",
        "transfer",
    ]
    assert "asyncio streams" in document.read_text()
