"""The script that mutates captures: it runs, and what it tells was read and refused."""

from __future__ import annotations

import re
import sys

import pytest

from tests.support.doors import ROOT
from tests.support.extent import amount

sys.path.insert(0, str(ROOT / "scripts"))

import fuzz_captures


def test_mutated_captures_raise_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    count = amount(500, 20_000)
    assert fuzz_captures.main(["--count", str(count), "--seed", "5"]) == 0
    told = capsys.readouterr().out
    counts = re.fullmatch(
        rf"{count} inputs, seed 5 \((\d+) read, (\d+) refused\): nothing was raised\n", told
    )
    assert counts is not None
    assert all(int(number) > count // 50 for number in counts.groups())
