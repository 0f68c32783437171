"""Whether this interpreter can run the lab; if not, one line says which one can.

``python -m lab.server`` outside the project's environment would end in a traceback.

Rules: importing ``lab`` as a library never ends the process: only ``python -m lab…`` is judged.
"""

import importlib.util
import inspect
import os
import re
import shlex
import sys

OLDEST = (3, 10)
# What to import, and what to install for it.
REQUIREMENTS = {
    "aiosqlite": "aiosqlite",
    "cryptography": "cryptography",
    "h11": "h11",
    "h2": "h2",
    "jinja2": "jinja2",
    "prometheus_client": "prometheus-client",
    "rich": "rich",
}
_IMPORTING = ("lab", "importlib", "_frozen_importlib", "_frozen_importlib_external")
_ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
_VENV = os.path.join(_ROOT, ".venv")
_DEMO = os.path.join(_ROOT, "scripts", "demo.py")
_CANNOT = 2


def refuse_unfit_interpreter() -> None:
    """End with one line on stderr and code 2 where ``python -m lab…`` cannot run here."""
    if not _imported_by_runpy():
        return
    found = ".".join(map(str, sys.version_info[:3]))
    missing = [name for name in REQUIREMENTS if importlib.util.find_spec(name) is None]
    if sys.version_info < OLDEST:
        problem = f"this is Python {found}; the lab needs 3.10 or later"
    elif missing:
        problem = f"{sys.executable} lacks {', '.join(missing)}"
    else:
        return
    module = _module()
    if sys.stderr is not None:
        sys.stderr.write(f"{module}: {problem}; {_remedy(module, missing)}\n")
    raise SystemExit(_CANNOT)


def _imported_by_runpy() -> bool:
    """Tell whether the package is imported for ``-m``, and not by a program that uses it."""
    frame = inspect.currentframe()
    name = "lab"
    while frame is not None and name.split(".")[0] in _IMPORTING:
        name = frame.f_globals.get("__name__", "")
        frame = frame.f_back
    return name == "runpy"


def _module() -> str:
    """Return the module that ``-m`` names, ``lab`` where the interpreter does not tell."""
    words = getattr(sys, "orig_argv", [])[1:]
    for place, name in enumerate(words[1:]):
        option = words[place]
        if re.fullmatch(r"-[A-Za-z]*m", option) and re.fullmatch(r"lab(\.\w+)*", name):
            return str(name)
    return "lab"


def _remedy(module: str, missing: "list[str]") -> str:
    below = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    there = os.path.join(_VENV, *below)
    command = f"{_shown(there)} -m {module}"
    old = sys.version_info < OLDEST
    if not old and os.path.isdir(_VENV) and os.path.samefile(sys.prefix, _VENV):
        return f"run {_shown(sys.executable)} -m pip install --editable {_shown(_ROOT)}"
    if os.path.exists(there):
        return f"run {command}"
    if os.path.exists(_DEMO):
        python = "python3.10 (or later)" if old else _shown(sys.executable)
        return f"run {python} {_shown(_DEMO)} once, which makes .venv, and then {command}"
    if old:
        return "install it for a later Python"
    names = " ".join(REQUIREMENTS[name] for name in missing)
    return f"run {_shown(sys.executable)} -m pip install {names}"


def _shown(path: str) -> str:
    """Return a path as a word for a shell, from the current folder where it is in that."""
    here = os.path.join(os.getcwd(), "")
    return shlex.quote(path[len(here) :] if path.startswith(here) else path)
