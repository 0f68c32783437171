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
from datetime import datetime

from lab.tls.text import escaped

_SHOWN = 200  # characters of a client's text
LOGGER = logging.getLogger("lab.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the journal. ``fields`` hold what ``message`` says, as JSON-ready values."""

    message: str
    fields: Mapping[str, object] = field(default_factory=dict)
    level: int = logging.INFO


def write(entry: Entry, *, error: BaseException | None = None) -> None:
    """Hands an entry to the handlers; ``error`` adds its traceback."""
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
        extra={"fields": entry.fields},
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
    """An item was kept; of a long task, the beginning is shown."""
    task = item.get("task")
    if isinstance(task, str) and len(task) > _SHOWN:
        item = {**item, "task": task[:_SHOWN] + "…"}
    return Entry(
        message=f"TODO CREATED | CN={common_name!r} | item={item!r}",
        fields={"event": "todo_created", "client": common_name, "item": item},
    )


def store_unavailable(*, common_name: str | None, reason: str) -> Entry:
    """The store failed at a request. ``reason`` says why, for whoever runs the server."""
    return Entry(
        level=logging.ERROR,
        message=f"STORE UNAVAILABLE | CN={common_name!r} | {escaped(reason)}",
        fields={"event": "store_unavailable", "client": common_name, "reason": reason},
    )


def limit_struck(*, peer: str, limit: str, value: float, done: str) -> Entry:
    """A client met one of the limits. ``limit`` is its option, ``done`` what was done about it."""
    return Entry(
        message=f"LIMIT | peer={escaped(peer)} | {limit} {value:.12g} | {done}",
        fields={"event": "limit", "peer": peer, "limit": limit, "value": value, "done": done},
    )


def not_accepting(*, reason: str) -> Entry:
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
    """All ``most`` places of the monitor are taken, and one more came."""
    return Entry(
        level=logging.WARNING,
        message=f"MONITOR FULL | {most} connections are open | who waited longest without a word "
        "makes room for who comes",
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


def certificates_in_use(
    *,
    subject: str,
    serial: int,
    not_after: datetime,
    authorities: int,
    lists: tuple[int, datetime | None] | None,
    uncovered: tuple[str, ...],
) -> Entry:
    """What new connections meet from now on: the server's certificate, its CAs, its lists.

    ``lists`` is how many are revoked and until when that counts (None: without end), or None where
    revocation is not checked. ``uncovered`` names CAs whose clients are refused for want of a list.
    """
    revocation = "revocation not checked"
    if lists is not None:
        count, until = lists
        end = f"until {_moment(until)}" if until else "without end"
        revocation = f"revocation list: {count} revoked, {end}"
    missing = "".join(
        f" | no current list of {escaped(name)!r}: its clients are refused" for name in uncovered
    )
    return Entry(
        level=logging.WARNING if uncovered else logging.INFO,
        message=f"CERTIFICATES | in use: subject={escaped(subject)!r} serial={serial:#x} until "
        f"{_moment(not_after)} | {authorities} trusted CA{'s'[: authorities != 1]} | "
        f"{revocation}{missing}",
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
    """New files were found, and are not used. ``reason`` says what is wrong, and what to do."""
    return Entry(
        level=logging.ERROR,
        message=f"CERTIFICATES | those in use stay in use: {reason}",
        fields={"event": "certificates_kept", "reason": reason},
    )


def revocation_expired(*, path: str, until: datetime) -> Entry:
    """A revocation list in use has come to its end, and its CA's clients are refused for that."""
    return Entry(
        level=logging.ERROR,
        message=f"CERTIFICATES | a revocation list expired at {_moment(until)}, and clients of its "
        f"CA are refused until {path} has a current one",
        fields={"event": "revocation_expired", "path": path, "until": until.isoformat()},
    )


def fault(*, peer: str) -> Entry:
    """A connection met a bug outside of any request. Written with the error's traceback."""
    return Entry(
        level=logging.ERROR,
        message=f"FAULT | peer={escaped(peer)} | the server's own, not the client's",
        fields={"event": "fault", "peer": peer},
    )


def lines_lost(*, count: int) -> Entry:
    """So many lines before this one are not in the log, since whoever reads it did not."""
    return Entry(
        level=logging.WARNING,
        message=f"LOG | {count} line{'s'[: count != 1]} lost here: nobody read this log",
        fields={"event": "lines_lost", "count": count},
    )


def unowned(*, what: str) -> Entry:
    """Something failed that no connection waited for: a bug. ``what`` is the loop's wording."""
    return Entry(
        level=logging.ERROR,
        message=f"FAULT | {what}",
        fields={"event": "fault", "what": what},
    )


def worker_ended(*, worker: str, pid: int, how: str, wait: float) -> Entry:
    """A worker process ended unasked; its next is started after ``wait`` seconds.

    ``worker`` is what the crew calls it, ``how`` is our own text.
    """
    return Entry(
        level=logging.ERROR,
        message=f"WORKER | {worker} (pid {pid}) {how} | started again in {wait:.1f} s",
        fields={"event": "worker_ended", "worker": worker, "pid": pid, "how": how, "wait": wait},
    )


def worker_not_started(*, worker: str, reason: str, wait: float) -> Entry:
    """The system gives no process for a worker. ``reason`` is its own wording, as above else."""
    return Entry(
        level=logging.ERROR,
        message=f"WORKER | {worker} cannot be started: {reason} | tried again in {wait:.1f} s",
        fields={"event": "worker_not_started", "worker": worker, "reason": reason, "wait": wait},
    )


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
