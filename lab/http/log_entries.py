"""The server's log: lines that a peer cannot forge, and what several rooms say in them.

A line comes in parts, with its fields beside it. Handlers get the line as the record's message, and
parts and fields as its attributes ``parts`` and ``fields``. Text that a peer chose is escaped when
a part is made, and stays within that part. Handlers and formatters are chosen by the command that
logs.
"""

from __future__ import annotations

import logging
import time

from lab.http.limits import Limit, Limits
from lab.tls.events import escaped

INTERNAL_ERROR = "INTERNAL ERROR"
LOGGER = logging.getLogger("lab.server")
# What all records have in common. Their constructor takes longer than the rest of a line, since it
# looks for the calling code, the thread and the process, of which no line tells.
_BLANK = vars(logging.LogRecord(LOGGER.name, logging.INFO, __file__, 0, "", (), None))


def write(
    *parts: str, level: int = logging.INFO, error: BaseException | None = None, **fields: object
) -> None:
    """Log ``PART | PART``; ``fields`` say it as JSON-ready values, ``error`` adds its traceback."""
    if LOGGER.isEnabledFor(level):
        LOGGER.handle(record_of(*parts, level=level, error=error, **fields))


def record_of(
    *parts: str, level: int = logging.INFO, error: BaseException | None = None, **fields: object
) -> logging.LogRecord:
    """Return a line as handlers get it, made as ``write`` makes it."""
    now = time.time()
    record = logging.LogRecord.__new__(logging.LogRecord)
    record.__dict__.update(
        _BLANK,
        levelno=level,
        levelname=logging.getLevelName(level),
        msg=" | ".join(parts),
        exc_info=(type(error), error, error.__traceback__) if error else None,
        created=now,
        msecs=now % 1 * 1000,
        parts=parts,
        fields=fields,
    )
    return record


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
) -> None:
    """Tell of a request and its answer's status. ``request_line`` is the peer's, unescaped."""
    write(
        "REQUEST",
        f"peer={escaped(peer)}",
        f"cert-CN={common_name!r}",
        f'"{quotable(request_line)}" {status} -',
        level=level,
        event="request",
        peer=peer,
        client=common_name,
        request=request_line,
        status=status,
    )


def limit_reached(limit: Limit, limits: Limits, *, peer: str, done: str) -> None:
    """Tell of a limit that a client met, and what was ``done`` about it."""
    value = limits.of(limit)
    write(
        "LIMIT",
        f"peer={escaped(peer)}",
        f"{limit.flag} {value:.12g}",
        done,
        event="limit",
        peer=peer,
        limit=limit.flag,
        value=value,
        done=done,
    )
