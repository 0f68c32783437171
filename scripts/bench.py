"""Figures: ``python scripts/bench.py observe`` or ``probe`` (in the project's environment).

What is measured is CPU time for one operation (of ``probe``: the time that it takes as a whole),
and its ratio to a peer's in the same run, in rounds that take turns: the machine may be busy, and
both feel it. Loopback only, bounded, ends by itself.
"""

from __future__ import annotations

import argparse
import json
import platform
import ssl
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import bench_observe
import bench_probe


def main() -> int:
    """Run one benchmark, print it, and write it as JSON if asked to."""
    parser = argparse.ArgumentParser(description="Measure CPU per operation beside a peer's.")
    parser.add_argument("what", choices=["observe", "probe"])
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="default: 21 of observe, 7 of probe"
    )
    parser.add_argument("--handshakes", type=int, default=50, metavar="N", help="in a round")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    machine = {
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "system": f"{platform.system()} {platform.machine()}",
    }
    print(", ".join(machine.values()))
    if options.what == "probe":
        rows = bench_probe.measure(options.rounds or 7)
        ratios = bench_probe.ratios(rows)
    else:
        rows = bench_observe.measure(options.rounds or 21, options.handshakes)
        ratios = bench_observe.ratios(rows)
    for row in rows:
        low, high = row["spread"]
        print(
            f"{row['operation']:<20} {row['server']:<22} {row['value']:>9.1f} {row['unit']:<12} "
            f"({low:.1f} to {high:.1f})"
        )
    for line in ratios:
        print(line)
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
