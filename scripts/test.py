"""Run the tests in the project's own environment: ``python3 scripts/test.py [pytest's words]``."""

from __future__ import annotations

import subprocess
import sys

from bootstrap import ROOT, environment


def main() -> int:
    """Install what the tests need, then hand over to pytest; its exit code is ours."""
    python = environment("dev")
    return subprocess.run([python, "-bb", "-m", "pytest", *sys.argv[1:]], cwd=ROOT).returncode


if __name__ == "__main__":
    raise SystemExit(main())
