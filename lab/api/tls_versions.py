"""TLS versions as users name them: "1.2" and "1.3"."""

from __future__ import annotations

from collections.abc import Sequence

from lab.api.lab_errors import ArgumentError
from lab.stream.contexts import TlsVersion


def versions_of(names: Sequence[str]) -> tuple[TlsVersion, ...]:
    """Return the versions of these names. Raises ``ArgumentError``."""
    known = " and ".join(version.value for version in TlsVersion)
    if isinstance(names, str) or not names:
        raise ArgumentError(f"versions is {names!r}; give a sequence of {known}")
    try:
        return tuple(map(TlsVersion, names))
    except ValueError:
        raise ArgumentError(f"versions is {list(names)!r}; the lab has TLS {known}") from None


def bounds_of(names: Sequence[str]) -> tuple[TlsVersion, TlsVersion]:
    """Return the lowest and the highest version of these names. Raises ``ArgumentError``."""
    versions = sorted(versions_of(names), key=lambda version: version.value)
    return versions[0], versions[-1]
