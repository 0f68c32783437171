"""Hold the structure: imports go downwards, the core does no I/O, modules and rooms stay small."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "lab").rglob("*.py"))

# A module may import from rooms on lower floors, and from its own room; not from another room on
# its floor. The files at the top of ``lab`` are rooms of their own.
FLOORS = {
    "": 11,  # lab/__init__.py, which checks the interpreter
    "x509": 1,
    "tls": 1,
    "diagnosis": 2,
    "capture": 2,
    "pki": 2,
    "stream": 2,
    "http": 2,
    "inspecting": 3,
    "todo": 3,
    "tracing": 3,
    "serving": 4,
    "probing": 5,
    "show": 6,
    "api": 7,
    "pytest_plugin": 8,  # a caller of the library, as doors are
    "webapp": 8,
    "cli": 8,
    "client": 9,
    "certs": 9,
    "probe": 9,
    "server": 9,
    "trace": 9,
    "tap": 9,
    "explain": 9,
    "web": 9,
    "__main__": 10,
}
# What a face may know: the events, the names of certificates, and the results of each room.
FACES_IMPORT = {"tls", "x509", "show"}
SANS_IO = ("x509", "tls", "diagnosis", "capture")
IO = {
    "asyncio",
    "io",
    "os",
    "pathlib",
    "selectors",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
}
MAX_LINES = 400
MAX_FUNCTION_LINES = 50
MAX_MODULES = 16
CROWDED = {"tls"}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path): path for path in MODULES}


def room(module: str) -> str:
    """Return the room of a dotted name: ``lab.tls.records`` is in ``tls``, ``lab`` in none."""
    return [*module.split("."), ""][1]


def imports(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports; ``from package import module`` gives the module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in NAMES else node.module


def own_imports(path: Path) -> list[str]:
    return [module for module in imports(path) if module.split(".")[0] == "lab"]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_downwards(path: Path) -> None:
    importer = room(name_of(path))
    for module in own_imports(path):
        imported = room(module)
        if imported in {"", importer}:
            continue
        assert FLOORS[imported] < FLOORS[importer], f"{path} ({importer}) imports {module}"


@pytest.mark.parametrize("path", sorted((ROOT / "lab" / "show").rglob("*.py")), ids=name_of)
def test_a_face_imports_results_only(path: Path) -> None:
    for module in own_imports(path):
        allowed = room(module) in FACES_IMPORT or module.endswith(".results")
        assert allowed, f"{path} imports {module}"


def test_no_module_imports_itself_by_a_detour() -> None:
    waiting = {name: set(own_imports(path)) - {name} for name, path in NAMES.items()}
    while leaves := [name for name, needs in waiting.items() if not needs & waiting.keys()]:
        for name in leaves:
            del waiting[name]
    assert not waiting, f"an import cycle among {sorted(waiting)}"


@pytest.mark.parametrize("folder", SANS_IO)
def test_the_core_does_no_io(folder: str) -> None:
    for path in (ROOT / "lab" / folder).rglob("*.py"):
        used = {module.split(".")[0] for module in imports(path)} & IO
        assert not used, f"{path} imports {used}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_its_reason_and_stays_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), f"{path} has no docstring"
    assert len(text.splitlines()) <= MAX_LINES
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f"{path}: {node.name} has {length} lines"


def test_no_folder_holds_too_many_modules() -> None:
    counts = Counter(path.parent for path in MODULES if path.name != "__init__.py")
    for folder, count in counts.items():
        assert folder.name in CROWDED or count <= MAX_MODULES, f"{folder} holds {count} modules"


def shared(places: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {name: found for name, found in places.items() if len(found) > 1}


def test_no_two_modules_have_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for name, path in NAMES.items():
        if path.name not in {"__init__.py", "results.py"}:
            places[path.stem].append(name)
    assert not shared(places)


def test_no_two_classes_have_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for name, path in NAMES.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(name)
    assert not shared(places)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_private_attribute_of_a_library(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            private = node.attr.startswith("_") and not node.attr.startswith("__")
            assert not (private and node.value.id in {"ssl", "asyncio", "h11"}), ast.dump(node)
