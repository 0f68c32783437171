"""Fill the README's output blocks from real runs: ``python scripts/readme.py`` (in the .venv).

A block is a comment ``<!-- output: NAME -->`` and the fenced text behind it, if it is there yet.
Every command runs in a fresh folder against a server of its own; what it prints is pasted as it
is, but for the blocks that say that they are cut.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from demo import Server

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"<!-- output: (?P<name>[a-z0-9-]+) -->\n(?:\n```[a-z]+\n.*?\n```\n)?", re.DOTALL)
PYTHON = Path(sys.executable)


def run(command: str, folder: Path) -> str:
    """A command and what it prints, as a console shows them."""
    words = command.replace("python ", f"{PYTHON} ", 1) if command.startswith("python ") else command
    done = subprocess.run(
        words,
        shell=True,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "COLUMNS": "80"},
    )
    return f"$ {command}\n{done.stdout.rstrip()}"
