"""What reaches the event loop's exception handler: a bug, or a shortage of the system.

This module must not know what the tasks do.
"""

from __future__ import annotations

import asyncio
import errno
from typing import Any

from lab.http import log_entries
from lab.serving import server_log_entries

# Of the whole system, or of memory: the limit of this process is not reached, see ``process``.
_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def log_loop_errors(loop: asyncio.AbstractEventLoop) -> None:
    """Log what reaches ``loop``'s exception handler, a bug with its traceback."""
    loop.set_exception_handler(_log)


def _log(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in _SHORTAGES and "socket" in context:
        log_entries.write(server_log_entries.not_accepting(reason=error.strerror or str(error)))
        return
    log_entries.write(server_log_entries.task_failed(what=str(context.get("message"))), error=error)
