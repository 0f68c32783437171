"""Honest clients and every fault at once: ``python scripts/soak.py [--seconds 60] [--json FILE]``.

Starts the lab's server, mixes the faults of scripts/soak/faults.py with honest clients for so many
seconds, stops, and reports. Loopback only, bounded in time and in connections; it ends by itself
and stops what it has started, on Ctrl+C and SIGTERM too. In the project's environment, on Linux.
Exit code: 0 all is well; 1 it is not; 2 it could not run; 130 interrupted.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The attacks are those of tests/faults: one set of them, for both.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from soak.command import main

if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:  # before or behind the mix
        raise SystemExit(130) from None
