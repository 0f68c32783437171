"""Whose an exception is that no task waits for: the loop's, told in the journal.

Rules: what the system refuses for lack of descriptors or memory is one line, once in a while; all
else is a bug of the server's, and comes with its traceback.

This module must not know what the tasks do.
"""

from __future__ import annotations

import asyncio
import errno
import os
from typing import Any

from lab.service import journal

_SHORT = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_SILENCE = 1.0  # seconds between two lines about the same shortage


def own_exceptions(loop: asyncio.AbstractEventLoop) -> None:
    """Let the journal tell what reaches ``loop``'s exception handler."""
    loop.set_exception_handler(_Owner())


class _Owner:
    """An exception handler. asyncio calls it for each connection that it cannot accept."""

    def __init__(self) -> None:
        self._told = -_SILENCE

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in _SHORT:
            now = loop.time()
            if now - self._told >= _SILENCE:
                self._told = now
                journal.write(journal.out_of_descriptors(reason=os.strerror(error.errno)))
            return
        journal.write(journal.unowned(what=str(context.get("message"))), error=error)
