"""The benchmark of pages in Chromium runs, and says whether each bar is reached."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.browser import chromium_path
from tests.support.doors import ROOT


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux, as the bench does")
def test_a_run_of_one_round(tmp_path: Path) -> None:
    chromium_path()
    document = tmp_path / "bench.json"
    words = ["pages", "--rounds", "1", "--json", str(document)]
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "bench.py"), *words],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    judged = [line for line in done.stdout.splitlines() if "; bar " in line]
    assert len(judged) == 5
    assert "a handshake" in document.read_text(encoding="utf-8")
