"""The packages: what is in the wheel and the sdist, and the library in a stranger's test-suite."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.api.test_example import EXAMPLE, TYPED

ROOT = Path(__file__).resolve().parent.parent
NOT_SOURCE = ("__pycache__", "*.pyc", "*.egg-info", "build", "dist", ".*", "certs")

pytestmark = pytest.mark.slow

STRANGERS_TESTS = """
import asyncio

import pytest

from lab.api import LabCA, LabServer, trace_server, trace_server_async


@pytest.fixture(scope="session")
def ca():
    return LabCA()


@pytest.fixture(scope="session")
def server(ca):
    with LabServer(trust=ca) as running:
        yield running


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize(
    ("scenario", "code"),
    [("expired", "client-certificate-expired"), ("wrong-ca", "client-ca-not-trusted")],
)
def test_a_bad_certificate_is_rejected(ca, server, version, scenario, code):
    identity = ca.client(scenario=scenario)
    (trace,) = trace_server(server.address, identity=identity, versions=[version])
    assert trace.outcome.rejected
    assert trace.causes[0].code == code


def test_a_good_certificate_is_accepted(ca, server):
    assert all(trace.outcome.accepted for trace in trace_server(server, identity=ca.client()))


def test_inside_a_loop(ca):
    async def main():
        async with LabServer(trust=ca) as server:
            return await trace_server_async(server, identity=ca.client())

    assert all(trace.outcome.accepted for trace in asyncio.run(main()))


def test_fixtures_of_the_plugin(mtls_server, mtls_identity):
    traces = trace_server(mtls_server, identity=mtls_identity())
    assert all(trace.outcome.accepted for trace in traces)
"""


@dataclass(frozen=True, kw_only=True)
class Packages:
    wheel: Path
    sdist: Path


def run(*words: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """Built by ``python -m build`` from a copy of the source: the sdist, and the wheel from it."""
    folder = tmp_path_factory.mktemp("packages")
    source, out = folder / "source", folder / "dist"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    for name in (".ci", ".dockerignore", ".gitignore"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    run(sys.executable, "-m", "build", "--outdir", out, source, cwd=folder)
    (wheel,) = out.glob("*.whl")
    (sdist,) = out.glob("*.tar.gz")
    return Packages(wheel=wheel, sdist=sdist)


@pytest.fixture(scope="module")
def installed_python(packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment that has the wheel, and what that needs."""
    folder = tmp_path_factory.mktemp("installed_python")
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, packages.wheel, "pytest", cwd=folder)
    return python


def test_the_wheel_holds_the_package_and_nothing_else(packages: Packages) -> None:
    with zipfile.ZipFile(packages.wheel) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        licences = [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "lab").rglob("*.py")}
    documents = {
        f"lab/show/documents/{kind}.schema.json"
        for kind in (
            *("trace", "probe", "client_probe"),
            *("inspection", "explanation", "request"),
        )
    }
    pages = {
        path.relative_to(ROOT).as_posix()
        for folder in ("static", "templates")
        for path in (ROOT / "lab" / "show" / "html" / folder).iterdir()
    }
    assert names == modules | documents | pages | {"lab/py.typed"}
    assert len(licences) == 1


def test_the_tests_run_from_the_sdist(packages: Packages, tmp_path: Path) -> None:
    with tarfile.open(packages.sdist) as sdist:
        sdist.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    for folder in ("lab", "tests", "scripts"):
        expected = {path.relative_to(ROOT) for path in (ROOT / folder).rglob("*.py")}
        assert {path.relative_to(source) for path in (source / folder).rglob("*.py")} == expected
    pytest_words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow")
    tests = ("tests/test_architecture.py", "tests/test_citations.py", "tests/x509")
    assert " passed" in run(sys.executable, *pytest_words, *tests, cwd=source)


def test_the_example_runs_where_the_wheel_is_installed(
    installed_python: Path, tmp_path: Path
) -> None:
    run(installed_python, "-W", "error", "-c", EXAMPLE, cwd=tmp_path)
    command = installed_python.with_name("mtls-lab")
    assert "trace" in run(command, "--help", cwd=tmp_path)


def test_a_test_suite_that_uses_the_wheel(installed_python: Path, tmp_path: Path) -> None:
    (tmp_path / "test_service.py").write_text(STRANGERS_TESTS, encoding="utf-8")
    output = run(installed_python, "-m", "pytest", "-q", "-W", "error", cwd=tmp_path)
    assert "7 passed" in output


def test_code_that_uses_the_wheel_is_typed(installed_python: Path, tmp_path: Path) -> None:
    (tmp_path / "caller.py").write_text(TYPED, encoding="utf-8")
    words = ("-m", "mypy", "--strict", "--no-incremental", "--python-executable", installed_python)
    run(sys.executable, *words, "caller.py", cwd=tmp_path)
