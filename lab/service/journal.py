"""The server's journal: one way to log, in lines that a peer cannot forge.

Rules: an entry is a sentence with its fields beside it; handlers get the sentence as the record's
message and the fields as its attribute ``fields``. Text that a peer chose is escaped when the
sentence is made. Nothing here writes anywhere: handlers and formatters are the door's choice.

This module must not know connections, routes or formats.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.tls.text import escaped

LOGGER = logging.getLogger("lab.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the journal. ``fields`` hold what ``message`` says, as JSON-ready values."""

    message: str
    fields: Mapping[str, object] = field(default_factory=dict)
    level: int = logging.INFO


def write(entry: Entry, *, error: BaseException | None = None) -> None:
    """Hands an entry to the handlers; ``error`` adds its traceback."""
    if not LOGGER.isEnabledFor(entry.level):
        return
    # Made by hand, as the search for the calling line costs more than the rest and would always
    # come to this one.
    record = LOGGER.makeRecord(
        LOGGER.name,
        entry.level,
        __file__,
        0,
        entry.message,
        (),
        (type(error), error, error.__traceback__) if error else None,
        extra={"fields": entry.fields},
    )
    LOGGER.handle(record)


def quotable(text: str) -> str:
    """Text of a peer, fit to stand between double quotes on one line."""
    return escaped(text).replace('"', '\\"')


def request(
    *,
    peer: str,
    common_name: str | None,
    request_line: str,
    status: int,
    level: int = logging.INFO,
) -> Entry:
    """A request and the status of its answer. ``request_line`` is the peer's, not yet escaped."""
    return Entry(
        level=level,
        message=f"REQUEST | peer={escaped(peer)} | cert-CN={common_name!r} | "
        f'"{quotable(request_line)}" {status} -',
        fields={
            "event": "request",
            "peer": peer,
            "client": common_name,
            "request": request_line,
            "status": status,
        },
    )


def admitted(*, common_name: str | None, authenticated: bool, doing: str) -> Entry:
    """A client was let in, and what is done for it. ``doing`` is our own text."""
    name = "AUTHENTICATED" if authenticated else "ANONYMOUS"
    return Entry(
        message=f"{name} | CN={common_name!r} | {doing}",
        fields={"event": name.lower(), "client": common_name, "doing": doing},
    )


def todo_created(*, common_name: str | None, item: Mapping[str, object]) -> Entry:
    """An item was kept."""
    return Entry(
        message=f"TODO CREATED | CN={common_name!r} | item={item!r}",
        fields={"event": "todo_created", "client": common_name, "item": item},
    )


def limit_struck(*, peer: str, limit: str, value: float, done: str) -> Entry:
    """A client met one of the limits. ``limit`` is its option, ``done`` what was done about it."""
    return Entry(
        level=logging.WARNING,
        message=f"LIMIT | peer={escaped(peer)} | {limit} {value:.12g} | {done}",
        fields={"event": "limit", "peer": peer, "limit": limit, "value": value, "done": done},
    )


def out_of_descriptors(*, reason: str) -> Entry:
    """The system gives no more sockets. ``reason`` is its own wording."""
    return Entry(
        level=logging.ERROR,
        message=f"NOT ACCEPTING | {reason} | connections wait until others end; "
        "raise the limit (ulimit -n) or lower --max-connections",
        fields={"event": "not_accepting", "reason": reason},
    )


def abandoned(*, peer: str, common_name: str | None, reason: str) -> Entry:
    """A connection ended in the middle of a request or an answer. ``reason`` is our own text."""
    return Entry(
        message=f"ABANDONED | peer={escaped(peer)} | cert-CN={common_name!r} | {reason}",
        fields={"event": "abandoned", "peer": peer, "client": common_name, "reason": reason},
    )


def monitor_full(*, most: int) -> Entry:
    """The monitor turned a connection away, since ``most`` are open."""
    return Entry(
        level=logging.WARNING,
        message=f"MONITOR FULL | {most} connections are open | one more was closed",
        fields={"event": "monitor_full", "most": most},
    )


def failed(*, peer: str, common_name: str | None, request_line: str) -> Entry:
    """The server itself failed at a request: a bug. Written with the error's traceback."""
    return Entry(
        level=logging.ERROR,
        message=f"FAILED | peer={escaped(peer)} | cert-CN={common_name!r} | "
        f'"{quotable(request_line)}" met a bug in the server',
        fields={
            "event": "failed",
            "peer": peer,
            "client": common_name,
            "request": request_line,
        },
    )


def fault(*, peer: str) -> Entry:
    """A connection met a bug outside of any request. Written with the error's traceback."""
    return Entry(
        level=logging.ERROR,
        message=f"FAULT | peer={escaped(peer)} | the server's own, not the client's",
        fields={"event": "fault", "peer": peer},
    )


def unowned(*, what: str) -> Entry:
    """Something failed that no connection waited for: a bug. ``what`` is the loop's wording."""
    return Entry(
        level=logging.ERROR,
        message=f"FAULT | {what}",
        fields={"event": "fault", "what": what},
    )


def worker_ended(*, number: int, how: str, done: str) -> Entry:
    """A worker process ended unasked. ``how`` and ``done`` are our own text."""
    return Entry(
        level=logging.ERROR,
        message=f"WORKER | {number} {how} | {done}",
        fields={"event": "worker_ended", "worker": number, "how": how, "done": done},
    )
