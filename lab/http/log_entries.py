"""Log entries: lines that a peer cannot forge, and what the HTTP connection says in them.

Rules: an entry is a line in parts with its fields beside it; handlers get the line as the record's
message, and parts and fields as its attributes ``parts`` and ``fields``. Text that a peer chose is
escaped when a part is made, and stays within that part. Handlers and formatters are chosen by the
command that logs. Each room has entries of its own; those here are of HTTP.

This module must not know connections, routes or formats.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.tls.escape import escaped

INTERNAL_ERROR = "INTERNAL ERROR"
LOGGER = logging.getLogger("lab.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the log. ``fields`` hold what ``parts`` say, as JSON-ready values."""

    parts: tuple[str, ...]
    fields: Mapping[str, object] = field(default_factory=dict)
    level: int = logging.INFO

    @property
    def message(self) -> str:
        """The line: ``REQUEST | peer=… | …``."""
        return " | ".join(self.parts)


def write(entry: Entry, *, error: BaseException | None = None) -> None:
    """Pass an entry to the handlers; ``error`` adds its traceback."""
    if LOGGER.isEnabledFor(entry.level):
        LOGGER.handle(record_of(entry, error=error))


def record_of(entry: Entry, *, error: BaseException | None = None) -> logging.LogRecord:
    """Return an entry as handlers get it."""
    # Without ``Logger.log``: its search for the calling line costs more than the rest, and would
    # always find this one.
    return LOGGER.makeRecord(
        LOGGER.name,
        entry.level,
        __file__,
        0,
        entry.message,
        (),
        (type(error), error, error.__traceback__) if error else None,
        extra={"fields": entry.fields, "parts": entry.parts},
    )


def quotable(text: str) -> str:
    """Return text of a peer as it can stand between double quotes on one line."""
    return escaped(text).replace('"', '\\"')


def request(
    *,
    peer: str,
    common_name: str | None,
    request_line: str,
    status: int,
    level: int = logging.INFO,
) -> Entry:
    """Tell of a request and its answer's status. ``request_line`` is the peer's, unescaped."""
    return Entry(
        level=level,
        parts=(
            "REQUEST",
            f"peer={escaped(peer)}",
            f"cert-CN={common_name!r}",
            f'"{quotable(request_line)}" {status} -',
        ),
        fields={
            "event": "request",
            "peer": peer,
            "client": common_name,
            "request": request_line,
            "status": status,
        },
    )


def limit_struck(*, peer: str, limit: str, value: float, done: str) -> Entry:
    """Tell of a limit that a client met. ``limit`` is its option, ``done`` what was done."""
    return Entry(
        parts=("LIMIT", f"peer={escaped(peer)}", f"{limit} {value:.12g}", done),
        fields={"event": "limit", "peer": peer, "limit": limit, "value": value, "done": done},
    )


def aborted(*, peer: str, common_name: str | None, reason: str) -> Entry:
    """Tell of a connection that ended within a request or an answer. ``reason`` is our own text."""
    return Entry(
        parts=("ABORTED", f"peer={escaped(peer)}", f"cert-CN={common_name!r}", reason),
        fields={"event": "aborted", "peer": peer, "client": common_name, "reason": reason},
    )


def request_failed(*, peer: str, common_name: str | None, request_line: str) -> Entry:
    """Tell of a request that met a bug of the server. Written with the error's traceback."""
    return Entry(
        level=logging.ERROR,
        parts=(
            INTERNAL_ERROR,
            f"peer={escaped(peer)}",
            f"cert-CN={common_name!r}",
            f'"{quotable(request_line)}"',
            "answering with HTTP 500",
        ),
        fields={
            "event": "internal_error",
            "peer": peer,
            "client": common_name,
            "request": request_line,
        },
    )
