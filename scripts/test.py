"""Run the tests in the project's own environment: ``scripts/test.py [--all] [pytest's words]``.

Tests marked ``slow`` are left out unless ``--all`` is given. Where no file is named, the tests
run in as many processes as there are cores.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bootstrap import ROOT, environment

PLAIN = "About 3 minutes on two cores; --all runs the slow tests too."
DO_NOT_CACHE = "PYTHONDONTWRITEBYTECODE"
ALL = "About 8 minutes on two cores, the slow tests included."


def main() -> int:
    """Install what the tests need, then hand over to pytest; its exit code is ours."""
    words = sys.argv[1:]
    python = environment("dev")
    if not names_tests(words):
        print(ALL if "--all" in words else PLAIN, flush=True)
    return subprocess.run(command(python, words), cwd=ROOT, env=cached_bytecode()).returncode


def command(python: Path, words: Sequence[str]) -> list[str]:
    """Return the pytest command; what the user gives comes last, so that it overrides ours."""
    interpreter = [str(python), "-bb"]
    options: list[str] = []
    if not names_tests(words):
        # xdist's own workers (-n) would run without -bb.
        worker = f"{os.cpu_count() or 1}*popen//python={shlex.join(interpreter)}"
        options += ["--dist", "worksteal", "--tx", worker]
    return [*interpreter, "-m", "pytest", *options, *words]


def cached_bytecode() -> dict[str, str]:
    """Return the environment, with which Python keeps what it has compiled.

    Without that, each of the hundreds of commands that tests start compiles the lab anew, which is
    two fifths of its start.
    """
    return {name: value for name, value in os.environ.items() if name != DO_NOT_CACHE}


def names_tests(words: Sequence[str]) -> bool:
    """Tell whether any of pytest's words is a file or folder, or a test in a file."""
    return any((ROOT / word.partition("::")[0]).exists() for word in words if word)


if __name__ == "__main__":
    raise SystemExit(main())
