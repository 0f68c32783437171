"""``mtls-lab`` and ``python -m lab``: all commands behind one name."""

from __future__ import annotations

import importlib
import platform
import ssl

import pytest

import lab
from lab.__main__ import DOORS
from tests.support.doors import run


def test_each_command_is_there() -> None:
    for door in DOORS:
        assert callable(importlib.import_module(f"lab.{door}").main)


def test_a_command_is_handed_its_arguments() -> None:
    done = run("lab", "client", "http://localhost")
    assert done.code == 2
    assert done.err.startswith("lab.client: ")


def test_without_a_command_all_are_named() -> None:
    done = run("lab")
    assert (done.code, done.out) == (2, "")
    assert all(door in done.err for door in DOORS)
    for option in ("--help", "-h"):
        helped = run("lab", option)
        assert helped.code == 0
        assert helped.out == done.err


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("trce", "there is no command trce (did you mean trace?)"),
        ("Certs", "there is no command Certs (did you mean certs?)"),
        ("nowhere", "there is no command nowhere"),
        ("--versoin", "there is no option --versoin (did you mean --version?)"),
        ("", "there is no command ''"),
    ],
)
def test_a_mistyped_command_is_one_line(typed: str, says: str) -> None:
    done = run("lab", typed)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"mtls-lab: {says}; see python -m lab --help\n"


def test_its_version() -> None:
    done = run("lab", "--version")
    assert (done.code, done.err) == (0, "")
    python = platform.python_version()
    assert done.out == f"mtls-lab {lab.__version__} (Python {python}, {ssl.OPENSSL_VERSION})\n"
