"""The benchmark of the pages runs, and says whether each bar is reached."""

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
    words = ["web", "--rounds", "1", "--json", str(document)]
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "bench.py"), *words],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.partition("; bar")[2].partition(":")[0].strip() for line in lines[-3:]] == [
        "100",
        "1.1",
        "150",
    ]
    assert "lab.server" in document.read_text()
