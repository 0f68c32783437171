"""``mtls-lab`` and ``python -m lab``: all doors behind one name."""

from __future__ import annotations

import importlib

from lab.__main__ import DOORS
from tests.doors import run


def test_each_door_is_there() -> None:
    for door in DOORS:
        assert callable(importlib.import_module(f"lab.{door}").main)


def test_a_door_is_handed_its_arguments() -> None:
    done = run("lab", "client", "http://localhost")
    assert done.code == 2
    assert done.err.startswith("lab.client: ")


def test_without_a_door_it_names_them() -> None:
    for words in ((), ("nowhere",)):
        done = run("lab", *words)
        assert (done.code, done.out) == (2, "")
        assert all(door in done.err for door in DOORS)
    helped = run("lab", "--help")
    assert helped.code == 0
    assert all(door in helped.out for door in DOORS)
