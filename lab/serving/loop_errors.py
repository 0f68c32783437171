"""Whose an exception is that no task waits for: the loop's, told in the journal as a bug.

This module must not know what the tasks do.
"""

from __future__ import annotations

import asyncio
from typing import Any

from lab.http import log_entries


def log_loop_errors(loop: asyncio.AbstractEventLoop) -> None:
    """Let the journal tell what reaches ``loop``'s exception handler, with its traceback."""
    loop.set_exception_handler(_tell)


def _tell(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    entry = log_entries.task_failed(what=str(context.get("message")))
    log_entries.write(entry, error=context.get("exception"))
