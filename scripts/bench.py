"""Figures: ``python scripts/bench.py WHAT``, as ``--help`` lists it.

What is measured is CPU time for one operation (of ``probe``: the time that it takes as a whole),
and its ratio to a peer's in the same run, in rounds that take turns: the machine may be busy, and
both feel it. Loopback only, bounded, ends by itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.command import main

if __name__ == "__main__":
    raise SystemExit(main())
