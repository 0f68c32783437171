"""What a prelude leaves for the application that speaks after TLS."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PreludeResult:
    """What the server said before TLS that is needed behind it.

    ``greeting`` is MySQL's first packet without its header, which has the salt of the login; b""
    of every other protocol.
    """

    greeting: bytes = b""
