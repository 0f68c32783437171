"""The house stays in order: imports go downwards, the core does no I/O, modules stay small."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "lab").rglob("*.py"))

# A room may import from rooms on lower floors, and from itself.
FLOORS = {
    "doors": 5,
    "show": 4,
    "service": 3,
    "probing": 3,
    "pki": 2,
    "stream": 2,
    "tls": 1,
}
NO_IO = {
    "asyncio",
    "socket",
    "ssl",
    "selectors",
    "threading",
    "subprocess",
    "time",
    "os",
    "pathlib",
}
MAX_LINES = 400
MAX_FUNCTION_LINES = 50


def room(module: str) -> str:
    """The room of a dotted module name: ``lab.tls.records`` is in ``tls``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FLOORS else "doors"


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            yield node.module


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_downwards(path: Path) -> None:
    importer = room(name_of(path))
    for module in imports(path):
        if module.split(".")[0] != "lab" or module == "lab":
            continue
        imported = room(module)
        if imported == importer:
            continue
        assert FLOORS[imported] < FLOORS[importer], f"{path} ({importer}) imports {module}"
        if importer == "show":
            assert imported == "tls", f"{path}: a face knows the core's vocabulary only"


@pytest.mark.parametrize("path", sorted((ROOT / "lab" / "tls").rglob("*.py")), ids=name_of)
def test_the_core_does_no_io(path: Path) -> None:
    assert not {module.split(".")[0] for module in imports(path)} & NO_IO


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


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_private_attribute_of_the_ssl_module(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            private = node.attr.startswith("_") and not node.attr.startswith("__")
            assert not (private and node.value.id in {"ssl", "asyncio", "h11"}), ast.dump(node)
