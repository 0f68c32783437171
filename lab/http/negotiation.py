"""Which of two media types a client would rather have: proactive negotiation by Accept.

This module must not know what is served.
"""

from __future__ import annotations

import re

# RFC 9110 section 12.4.2.
_WEIGHT = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
_MOST_RANGES = 64  # a browser sends some ten


def prefers_html(accept: bytes) -> bool:
    """Return whether a client that sent this Accept would rather have HTML than JSON.

    Without the field, with equal weights and with neither of the two it is JSON (RFC 9110 section
    12.5.1). Of the ranges that match a type, the most specific counts. What cannot be read counts
    for nothing.
    """
    weights: dict[str, float] = {}
    for item in accept.decode("latin-1").split(",", _MOST_RANGES)[:_MOST_RANGES]:
        media_range, *parameters = (part.strip().lower() for part in item.split(";"))
        weights.setdefault(media_range, _weight(parameters))
    return _weight_of("text/html", weights) > _weight_of("application/json", weights)


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            value = value.strip()
            return float(value) if _WEIGHT.fullmatch(value) else 0.0
    return 1.0


def _weight_of(media_type: str, weights: dict[str, float]) -> float:
    ranges = (media_type, media_type.partition("/")[0] + "/*", "*/*")
    return next((weights[item] for item in ranges if item in weights), 0.0)
