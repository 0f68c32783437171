"""``python -m lab...`` outside the project's environment: one line, and no traceback."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab.cli import interpreter
from tests.support.doors import (
    PATIENCE,
    ROOT,
    CompletedRun,
    environment,
)

OLD = [
    path
    for name in ("python3.6", "python3.7", "python3.8", "python3.9")
    if (path := shutil.which(name)) and not subprocess.run([path, "-c", ""]).returncode
]
NO_OLD_PYTHON = pytest.param("", marks=pytest.mark.skip(reason="needs Python 3.6 to 3.9"))
ALL = "aiosqlite, cryptography, h11, h2, jinja2, prometheus_client, rich"


def bare(*words: str, cwd: Path, python: str = sys.executable) -> CompletedRun:
    """An interpreter without the packages of its environment, in ``cwd``."""
    done = subprocess.run(
        [python, "-S", *words],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        cwd=cwd,
        env={**environment(), "PYTHONPATH": ""},
        stdin=subprocess.DEVNULL,
    )
    return CompletedRun(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the project without an environment."""
    shutil.copytree(ROOT / "lab", tmp_path / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "demo.py").touch()
    return tmp_path


def venv_of(clone: Path) -> str:
    """Make what looks like an environment; its interpreter as the user types it."""
    python = Path(".venv/Scripts/python.exe" if sys.platform == "win32" else ".venv/bin/python")
    (clone / python.parent).mkdir(parents=True)
    (clone / python).touch()
    return str(python)


@pytest.mark.parametrize("module", ["lab", "lab.server", "lab.certs"])
@pytest.mark.parametrize("options", [["-m"], ["-bbm"], ["-X", "dev", "-m"]], ids=" ".join)
def test_without_an_environment(clone: Path, options: list[str], module: str) -> None:
    done = bare(*options, module, "--port", "-m", cwd=clone)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"{module}: {sys.executable} lacks {ALL}; run {sys.executable} scripts/demo.py once, "
        f"which makes .venv, and then .venv/bin/python -m {module}\n"
    )


def test_beside_an_environment(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    python = venv_of(clone)
    done = bare("-m", "lab.trace", "--help", cwd=clone)
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(f"; run {python} -m lab.trace\n")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    code = f"import sys, runpy; sys.path[:0] = [{str(clone)!r}]; sys.argv[:] = ['-m']; "
    done = bare("-c", code + "runpy.run_module('lab.trace')", cwd=elsewhere)
    assert done.err.endswith(f"; run {clone / python} -m lab\n")


def test_a_package_without_the_project_around_it(clone: Path) -> None:
    shutil.rmtree(clone / "scripts")
    done = bare("-m", "lab", cwd=clone)
    packages = "aiosqlite cryptography h11 h2 jinja2 prometheus-client rich"
    assert done.err.endswith(f"; run {sys.executable} -m pip install {packages}\n")


def test_an_import_never_ends_the_process(clone: Path) -> None:
    """Not even that of a program whose package is being looked for by -m."""
    (clone / "program").mkdir()
    (clone / "program" / "__init__.py").write_text("import lab\nfrom lab.cli import interpreter\n")
    (clone / "program" / "__main__.py").write_text("print('ran')\n")
    done = bare("-m", "program", "-m", "lab", cwd=clone)
    assert (done.code, done.out, done.err) == (0, "ran\n", "")
    done = bare("-c", "import lab; print(lab.__version__)", cwd=clone)
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("name", ["__init__.py", "cli/__init__.py", "cli/interpreter.py"])
def test_what_checks_the_version_parses_on_an_old_python(name: str) -> None:
    text = (ROOT / "lab" / name).read_text(encoding="utf-8")
    ast.parse(text, feature_version=(3, 6))
    assert "from __future__ import annotations" not in text  # Python 3.7 has it first


@pytest.mark.parametrize("python", OLD or [NO_OLD_PYTHON])
def test_an_old_python(clone: Path, python: str) -> None:
    done = bare("-m", "lab.server", cwd=clone, python=python)
    assert done.code == 2
    assert re.fullmatch(
        r"lab: this is Python 3\.[6-9]\.\d+; the lab needs 3\.10 or later; run python3\.10 "
        r"\(or later\) scripts/demo\.py once, which makes \.venv, and then \.venv/bin/python -m "
        r"lab\n",
        done.err,
    )


def test_the_packages_are_those_of_the_project() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = text.partition("\ndependencies = [")[2].partition("\n]")[0]
    assert re.findall(r'^    "([\w-]+)', listed, re.M) == list(interpreter.REQUIREMENTS.values())
