"""How much a run tests: ``pytest --all`` everything, a plain run less of each kind."""

from __future__ import annotations


class Extent:
    """Set by tests/conftest.py before any test module is imported."""

    full = False


def amount(plain: int, full: int) -> int:
    """Return how many of a kind to test: ``plain``, or ``full`` with ``--all``."""
    return full if Extent.full else plain
