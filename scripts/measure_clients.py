"""Measure which certificate each kind of client sends for which request; write the table.

    python scripts/measure_clients.py [--only CODE]... [--missing]

Needs what ``tests/diagnosis/certificate_selection/kinds.py`` names; a kind that is not there keeps
the rows that it has. The table is tests/diagnosis/certificate_selection/measured.json, and a test
holds that the rules in lab/diagnosis/certificate_selection reproduce each row of it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.diagnosis.certificate_selection.cases import Case, cases  # noqa: E402
from tests.diagnosis.certificate_selection.clients import Disk, found, written  # noqa: E402
from tests.diagnosis.certificate_selection.identities import Identities  # noqa: E402
from tests.diagnosis.certificate_selection.kinds import KINDS, Kind, measured  # noqa: E402
from tests.diagnosis.certificate_selection.table import Table  # noqa: E402


def main() -> None:
    """Measure, and write the table after each kind."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    codes = [kind.code for kind in KINDS]
    parser.add_argument("--only", action="append", choices=codes, metavar="CODE")
    parser.add_argument("--missing", action="store_true", help="only what the table has not")
    options = parser.parse_args()
    wanted = options.only or codes
    order = list(cases())
    table = Table.read()
    identities = Identities(datetime.now(timezone.utc))
    with tempfile.TemporaryDirectory() as folder:
        disk = written(Path(folder), identities)
        for kind in KINDS:
            if kind.code not in wanted:
                continue
            if not kind.is_there:
                print(f"{kind.code}: not measured; install {kind.needs}")
                continue
            known = {case for case, _ in table.rows(kind.code)} if options.missing else set()
            if not options.missing:
                table.forget(kind.code)
            todo = [case for case in order if case not in known]
            _measure(kind, todo, table, identities, disk)
            table.write(order)


def _measure(
    kind: Kind, todo: Sequence[Case], table: Table, identities: Identities, disk: Disk
) -> None:
    table.programs[kind.code] = _version(kind)
    count = 0
    for case, answer, _ in measured(kind, todo, identities, disk):
        table.add(case, kind.code, answer)
        count += 1
    print(f"{kind.code}: {count} requests, {table.programs[kind.code]}", flush=True)


def _version(kind: Kind) -> str:
    program, *arguments = kind.version
    command = [found(program), *arguments]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    version = re.sub(r" (zlib|\(Library|built on|\(stable).*", "", printed.stdout.splitlines()[0])
    if kind.code == "rustls":  # Deno does not say which it has
        names = re.findall(rb"/rustls-([\d.]+)/", Path(found(program)).read_bytes())
        version += f" rustls {max(set(names), key=names.count).decode()}"
    return version.replace("\t", " ").strip()


if __name__ == "__main__":
    main()
