"""README.md: its commands, run in their order, print what it shows."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.doors import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

import readme

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")

needs_shell = pytest.mark.skipif(
    sys.platform == "win32" or not all(map(shutil.which, ("bash", "curl"))),
    reason="needs a POSIX shell and curl: install them",
)


def shape(text: str) -> list[str]:
    """Return the lines of a document without what differs from run to run."""
    text = re.sub(r"\b0x[0-9a-f]+\b", "0x0", text)
    text = re.sub(r"\d+(?:[.:-]\d+)*", "0", text)
    text = re.sub(r"[─═]+", "─", re.sub(r" +", " ", text))
    return text.replace("ssl/tls alert", "sslv0 alert").splitlines()


@needs_shell
def test_the_first_command_prints_what_the_readme_shows(tmp_path: Path) -> None:
    first_screen, heading, _ = TEXT.partition("\n## ")
    assert heading and "$ .venv/bin/python -m lab.trace" in first_screen
    assert shape(readme.Runner(tmp_path).fill(first_screen)) == shape(first_screen)


@pytest.mark.slow
@needs_shell
def test_commands_print_what_the_readme_shows(tmp_path: Path) -> None:
    filled = readme.Runner(tmp_path).fill(TEXT)
    assert shape(filled) == shape(TEXT)
