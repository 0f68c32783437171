"""Constructors of frozen dataclasses that are made by the dozen for each handshake.

A frozen dataclass fills in every field by a call of ``object.__setattr__``, which takes three times
as long as an ordinary attribute. A constructor from here fills in an ordinary object of the same
layout, and gives it its class when it is complete.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
V = TypeVar("V")


def constructor(kind: Callable[P, V]) -> Callable[P, V]:
    """Return a function that does what calling ``kind`` does, a frozen dataclass with slots.

    All arguments are keywords; ``kind`` must have neither ``__post_init__`` nor default factories.
    """
    value_class = cast("Any", kind)
    # Both methods of ``object``, or CPython looks for them anew at each assignment.
    plain = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    draft = type("Draft", (value_class.__base__,), {"__slots__": value_class.__slots__, **plain})
    names: dict[str, Any] = {"new": object.__new__, "Draft": draft, "kind": kind}
    parameters = []
    for field in dataclasses.fields(value_class):
        if field.default is dataclasses.MISSING:
            parameters.append(field.name)
        else:
            names[f"default_{field.name}"] = field.default
            parameters.append(f"{field.name}=default_{field.name}")
    lines = [f"def construct(*, {', '.join(parameters)}):", "value = new(Draft)"]
    lines += [f"value.{field.name} = {field.name}" for field in dataclasses.fields(value_class)]
    lines += ["value.__class__ = kind", "return value"]
    exec("\n    ".join(lines), names)
    return cast("Callable[P, V]", names["construct"])
