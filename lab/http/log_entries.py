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
from lab.tls.escape import escaped

_SHOWN = 200  # characters of a client's name
INTERNAL_ERROR = "INTERNAL ERROR"
LOGGER = logging.getLogger("lab.server")
_REPEATED_SECONDS = 60.0
_PLACES = 100  # of errors that are remembered
_errors: dict[object, tuple[float, int]] = {}  # by place: since when, and how many
# What all records have in common. Their constructor takes longer than the rest of a line, since it
# looks for the calling code, the thread and the process, of which no line tells.
_BLANK = vars(logging.LogRecord(LOGGER.name, logging.INFO, __file__, 0, "", (), None))


def write(
    *parts: str, level: int = logging.INFO, error: BaseException | None = None, **fields: object
) -> None:
    """Log ``PART | PART``; ``fields`` say it as JSON-ready values, ``error`` adds its traceback.

    Of errors that repeat at the same place within a minute, only the number is logged, when it is
    10, 100 and so on.
    """
    if not LOGGER.isEnabledFor(level):
        return
    times = _times(error) if error else 1
    if times > 1:
        if str(times).strip("0") != "1":
            return
        parts, error = (*parts, f"the same error {times} times within a minute"), None
        fields["times"] = times
    LOGGER.handle(record_of(*parts, level=level, error=error, **fields))


def _times(error: BaseException) -> int:
    """Return how often an error has come from the same place since its traceback was logged."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    code = traceback.tb_frame.f_code if traceback else None
    place = (type(error), code, traceback.tb_lineno if traceback else 0)
    now = time.monotonic()
    since, times = _errors.pop(place, (now, 0))
    if now - since >= _REPEATED_SECONDS:
        since, times = now, 0
    while len(_errors) >= _PLACES:
        del _errors[next(iter(_errors))]
    _errors[place] = (since, times + 1)
    return times + 1


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


def shown(name: str | None) -> str | None:
    """Return the name in a client's certificate as far as a line shows it."""
    return name if name is None or len(name) <= _SHOWN else name[:_SHOWN] + "…"


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
