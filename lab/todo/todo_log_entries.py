"""What the TODO application says in the server's log.

This module must not know requests, nor where items are kept.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from lab.http.log_entries import Entry
from lab.tls.escape import escaped

_SHOWN = 200  # characters of a client's text


def admitted(*, common_name: str | None, authenticated: bool, doing: str) -> Entry:
    """Tell that a client was let in, and what is done for it. ``doing`` is our own text."""
    name = "AUTHENTICATED" if authenticated else "ANONYMOUS"
    return Entry(
        parts=(name, f"CN={common_name!r}", doing),
        fields={"event": name.lower(), "client": common_name, "doing": doing},
    )


def todo_created(*, common_name: str | None, item: Mapping[str, object]) -> Entry:
    """Tell that an item was kept; of a long task, the beginning is shown."""
    task = item.get("task")
    if isinstance(task, str) and len(task) > _SHOWN:
        item = {**item, "task": task[:_SHOWN] + "…"}
    return Entry(
        parts=("TODO CREATED", f"CN={common_name!r}", f"item={item!r}"),
        fields={"event": "todo_created", "client": common_name, "item": item},
    )


def store_unavailable(*, common_name: str | None, reason: str) -> Entry:
    """Tell that the store failed at a request. ``reason`` says why, for the operator."""
    return Entry(
        level=logging.ERROR,
        parts=("STORE UNAVAILABLE", f"CN={common_name!r}", escaped(reason)),
        fields={"event": "store_unavailable", "client": common_name, "reason": reason},
    )
