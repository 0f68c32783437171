"""The server's journal: one way to log, in lines that a peer cannot forge.

Rules: an entry is a line in parts with its fields beside it; handlers get the line as the record's
message, and parts and fields as its attributes ``parts`` and ``fields``. Text that a peer chose is
escaped when a part is made, and stays within that part. Nothing here writes anywhere: handlers and
formatters are the door's choice.

This module must not know connections, routes or formats.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lab.tls.escape import escaped

INTERNAL_ERROR = "INTERNAL ERROR"
_SHOWN = 200  # characters of a client's text
LOGGER = logging.getLogger("lab.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the journal. ``fields`` hold what ``parts`` say, as JSON-ready values."""

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
    """An entry as handlers get it."""
    # Made by hand, as the search for the calling line costs more than the rest and would always
    # come to this one.
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


def admitted(*, common_name: str | None, authenticated: bool, doing: str) -> Entry:
    """A client was let in, and what is done for it. ``doing`` is our own text."""
    name = "AUTHENTICATED" if authenticated else "ANONYMOUS"
    return Entry(
        parts=(name, f"CN={common_name!r}", doing),
        fields={"event": name.lower(), "client": common_name, "doing": doing},
    )


def todo_created(*, common_name: str | None, item: Mapping[str, object]) -> Entry:
    """An item was kept; of a long task, the beginning is shown."""
    task = item.get("task")
    if isinstance(task, str) and len(task) > _SHOWN:
        item = {**item, "task": task[:_SHOWN] + "…"}
    return Entry(
        parts=("TODO CREATED", f"CN={common_name!r}", f"item={item!r}"),
        fields={"event": "todo_created", "client": common_name, "item": item},
    )


def store_unavailable(*, common_name: str | None, reason: str) -> Entry:
    """The store failed at a request. ``reason`` says why, for whoever runs the server."""
    return Entry(
        level=logging.ERROR,
        parts=("STORE UNAVAILABLE", f"CN={common_name!r}", escaped(reason)),
        fields={"event": "store_unavailable", "client": common_name, "reason": reason},
    )


def limit_struck(*, peer: str, limit: str, value: float, done: str) -> Entry:
    """A client met one of the limits. ``limit`` is its option, ``done`` what was done about it."""
    return Entry(
        parts=("LIMIT", f"peer={escaped(peer)}", f"{limit} {value:.12g}", done),
        fields={"event": "limit", "peer": peer, "limit": limit, "value": value, "done": done},
    )


def not_accepting(*, reason: str) -> Entry:
    """The system gives no more sockets. ``reason`` is its own wording."""
    return Entry(
        level=logging.ERROR,
        parts=(
            "NOT ACCEPTING",
            reason,
            "new connections wait until others are closed; "
            "raise the limit (ulimit -n) or lower --max-connections",
        ),
        fields={"event": "not_accepting", "reason": reason},
    )


def aborted(*, peer: str, common_name: str | None, reason: str) -> Entry:
    """A connection ended in the middle of a request or an answer. ``reason`` is our own text."""
    return Entry(
        parts=("ABORTED", f"peer={escaped(peer)}", f"cert-CN={common_name!r}", reason),
        fields={"event": "aborted", "peer": peer, "client": common_name, "reason": reason},
    )


def monitor_full(*, most: int) -> Entry:
    """The monitor has ``most`` connections, and one more came."""
    return Entry(
        level=logging.WARNING,
        parts=(
            "MONITOR FULL",
            f"{most} connections are open",
            "closing the longest-idle connection",
        ),
        fields={"event": "monitor_full", "most": most},
    )


def request_failed(*, peer: str, common_name: str | None, request_line: str) -> Entry:
    """A request met a bug of the server. Written with the error's traceback."""
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


def certificates_in_use(
    *,
    subject: str,
    serial: int,
    not_after: datetime,
    authorities: int,
    lists: tuple[int, datetime | None] | None,
    uncovered: tuple[str, ...],
) -> Entry:
    """What new connections use from now on: the server's certificate, its CAs, its lists.

    ``lists`` is how many are revoked and the nextUpdate (None: the lists have none), or None where
    revocation is not checked. ``uncovered`` names CAs without a current list, whose clients are
    rejected.
    """
    revocation = "revocation not checked"
    if lists is not None:
        count, until = lists
        end = f"until {_moment(until)}" if until else "no nextUpdate"
        revocation = f"CRL: {count} revoked, {end}"
    return Entry(
        level=logging.WARNING if uncovered else logging.INFO,
        parts=(
            "CERTIFICATES",
            f"in use: subject={escaped(subject)!r} serial={serial:#x} until {_moment(not_after)}",
            f"{authorities} trusted CA{'s'[: authorities != 1]}",
            revocation,
            *(f"no current CRL of {escaped(name)!r}: rejecting its clients" for name in uncovered),
        ),
        fields={
            "event": "certificates",
            "subject": subject,
            "serial": f"{serial:#x}",
            "not_after": not_after.isoformat(),
            "authorities": authorities,
            "revoked": lists[0] if lists else None,
            "next_update": lists[1].isoformat() if lists and lists[1] else None,
            "uncovered": list(uncovered),
        },
    )


def certificates_kept(*, reason: str) -> Entry:
    """Changed files cannot be used. ``reason`` says what is wrong, and what to do."""
    return Entry(
        level=logging.ERROR,
        parts=("CERTIFICATES", f"keeping the current certificates: {reason}"),
        fields={"event": "certificates_kept", "reason": reason},
    )


def revocation_expired(*, path: str, until: datetime) -> Entry:
    """A revocation list in use has expired, and so its CA's clients are rejected."""
    return Entry(
        level=logging.ERROR,
        parts=(
            "CERTIFICATES",
            f"a CRL expired at {_moment(until)}: rejecting the clients of its CA; "
            f"put a current one into {path}",
        ),
        fields={"event": "revocation_expired", "path": path, "until": until.isoformat()},
    )


def connection_failed(*, peer: str) -> Entry:
    """A connection met a bug outside of any request. Written with the error's traceback."""
    return Entry(
        level=logging.ERROR,
        parts=(INTERNAL_ERROR, f"peer={escaped(peer)}", "closing the connection"),
        fields={"event": "internal_error", "peer": peer},
    )


def lines_dropped(*, count: int, reason: str) -> Entry:
    """``count`` lines before this one are not in the log; ``reason`` is our own text."""
    return Entry(
        level=logging.WARNING,
        parts=("LOG", f"{count} line{'s'[: count != 1]} dropped: {reason}"),
        fields={"event": "lines_dropped", "count": count, "reason": reason},
    )


def task_failed(*, what: str) -> Entry:
    """A bug outside of any connection. ``what`` says where, in our words or the event loop's."""
    return Entry(
        level=logging.ERROR,
        parts=(INTERNAL_ERROR, what),
        fields={"event": "internal_error", "what": what},
    )


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
