"""Make the project's own virtual environment, with nothing but the standard library.

Used by the other scripts. The environment is made once, and again when the interpreter or
``pyproject.toml`` has changed; otherwise this is quick.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 10)


def refuse(problem: str, remedy: str) -> NoReturn:
    """Print one line that says what is wrong and what to do; exit with 2."""
    print(f"{Path(sys.argv[0]).name}: {problem}; {remedy}", file=sys.stderr)
    raise SystemExit(2)


def environment(extra: str = "") -> Path:
    """Return the interpreter of ``.venv``, with the project and ``extra``, if given, installed."""
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        refuse(f"this is Python {found}", "run it with Python 3.10 or later")
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = VENV / "installed"
    wanted = _fingerprint()
    installed = stamp.read_text(encoding="utf-8").split() if stamp.is_file() else []
    if installed[:1] != [wanted] or not python.exists():
        _create()
        installed = [wanted]
        extra_needed = True
    else:
        extra_needed = bool(extra) and extra not in installed
    if extra_needed:
        target = f"{ROOT}[{extra}]" if extra else str(ROOT)
        print(f"Installing into {VENV.name} ...", flush=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*pip, "--editable", target], check=False)
        if done.returncode:
            refuse("pip could not install the project", "see its message above")
        stamp.write_text(" ".join([*installed, extra]).strip(), encoding="utf-8")
    return python


def _fingerprint() -> str:
    """Return a short digest of what the environment depends on."""
    digest = hashlib.sha256(sys.version.encode())
    digest.update(str(ROOT).encode())
    digest.update((ROOT / "pyproject.toml").read_bytes())
    return digest.hexdigest()[:16]


def _interpreter() -> str:
    """Return a Python to make ``.venv`` with: not its own, which is removed first."""
    if Path(sys.prefix) != VENV:
        return sys.executable
    base = Path(sys.base_prefix)
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    python = base / "python.exe" if os.name == "nt" else base / "bin" / name
    if not python.exists():
        refuse(f"{VENV.name} must be made again", "run this with the Python outside of it")
    return str(python)


def _create() -> None:
    interpreter = _interpreter()
    print(f"Making {VENV.name} with Python {sys.version.split()[0]} ...", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    # A process of its own: where ensurepip is missing, venv ends with a page of text.
    done = subprocess.run(
        [interpreter, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        said = (done.stdout + done.stderr).strip()
        if "ensurepip" in said or "No module named venv" in said:
            version = f"{sys.version_info[0]}.{sys.version_info[1]}"
            refuse(
                "this Python cannot make a virtual environment",
                f"install its venv package (Debian, Ubuntu: apt install python{version}-venv)",
            )
        print(said, file=sys.stderr)
        refuse("venv failed", "see its message above")
