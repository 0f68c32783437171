"""Where each field of a message or a record stands: a tree that covers every byte.

This module must not know how fields are shown.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field at bytes ``start`` to ``end`` (exclusive) of what it is a part of.

    * ``name`` is the RFC's ("legacy_session_id"), or that of an item ("extension server_name").
    * ``value`` is the number in it, a ``CodePoint`` where a registry names it; None: bytes, or a
      structure.
    * ``children`` cover it from start to end, in order and without gaps; a leaf has none. A length
      field is a leaf of its own, in front of what it measures.
    * ``meaning`` says in words what the field is for, ``reference`` where it is defined
      ("RFC 9846 section 4.2.2"); both are inherited in an item of a list.
    """

    name: str
    start: int
    end: int
    value: int | None = None
    children: tuple[Field, ...] = ()
    meaning: str = ""
    reference: str = ""
