"""The example of the documentation, word for word, runs; and a caller is typed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import lab.api

EXAMPLE = """\
from lab.api import trace_server, probe_server, inspect_files, LabCA, LabServer

ca = LabCA()
with LabServer(trust=ca) as server:
    trace = trace_server(server.address, identity=ca.client(scenario="expired"), versions=["1.3"])[0]
    assert trace.outcome.rejected and trace.causes[0].code == "client-certificate-expired"
"""  # noqa: E501 - as it is documented

TYPED = """\
import asyncio
from pathlib import Path

from lab.api import (
    Inspection, LabCA, LabServer, Report, Trace,
    inspect_files, probe_server, probe_server_async, trace_server, trace_server_async,
)

traces: tuple[Trace, ...] = trace_server("127.0.0.1:1", trust=Path("ca.crt"), timeout=1.0)
report: Report = probe_server(ca=LabCA(), only=["good"])
inspection: Inspection = inspect_files(["a.crt", Path("b.key")], role="client")


async def main() -> tuple[Trace, ...]:
    async with LabServer(trust=LabCA(), client_auth="optional") as server:
        await probe_server_async(server.address, ca=LabCA())
        return await trace_server_async(server, versions=("1.2",))


code: str = asyncio.run(main())[0].causes[0].code
"""

WRONG = """\
from lab.api import trace_server

trace_server("127.0.0.1:1", identity="client.crt")
"""


def mypy(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    words = ["--strict", "--no-incremental", "--python-version", "3.10", *names]
    return subprocess.run(
        [sys.executable, "-m", "mypy", *words],
        cwd=folder,
        env=os.environ | {"MYPYPATH": str(Path(lab.api.__file__).parents[2])},
        capture_output=True,
        text=True,
    )


def test_the_example_runs(tmp_path: Path) -> None:
    """In a process of its own, where any warning is an error."""
    file = tmp_path / "example.py"
    file.write_text(EXAMPLE, encoding="utf-8")
    words = [sys.executable, "-X", "dev", "-W", "error", str(file)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_module_shows_the_example() -> None:
    example = EXAMPLE.partition("\n\n")[2].replace(', versions=["1.3"]', "")
    assert lab.api.__doc__ is not None
    assert example.rstrip() in "\n".join(line[4:] for line in lab.api.__doc__.splitlines())


def test_a_strict_caller_is_typed(tmp_path: Path) -> None:
    (tmp_path / "typed.py").write_text(TYPED, encoding="utf-8")
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    done = mypy(tmp_path, "typed.py", "wrong.py")
    error, summary = done.stdout.splitlines()
    assert error.startswith('wrong.py:3: error: Argument "identity" has incompatible type "str"')
    assert summary.startswith("Found 1 error in 1 file (checked 2 ")


def test_all_names_exist() -> None:
    assert sorted(lab.api.__all__) == sorted(set(lab.api.__all__))
    for name in lab.api.__all__:
        assert hasattr(lab.api, name)
