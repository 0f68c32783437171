"""Where log lines go: to stderr, written by a thread, so that a slow reader never stops the server.

Rules: lines wait in a bounded queue. Where it is full they are dropped and counted, and a line in
their place tells how many were. At the end, those that wait are written for a bounded time.

This module must not know who logs, nor how a line is made.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import queue
import select
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from logging.handlers import QueueHandler, QueueListener
from typing import TextIO

WAITING = 1000
"""Lines that may wait to be written."""

_PATIENCE = 1.0  # seconds at the end, for a reader that does not read

Missed = Callable[[int, str], logging.LogRecord]
"""Makes the record that tells of so many lines that were dropped, and why."""


@contextlib.contextmanager
def logging_to_stderr(formatter: logging.Formatter, missed: Missed) -> Iterator[None]:
    """Let all that is logged inside the block come out on stderr, as ``formatter`` has it."""
    lines: queue.Queue[logging.LogRecord] = queue.Queue(WAITING)
    handler = _DroppingHandler(lines, missed)
    writer = _Writer(lines, handler, formatter, sys.stderr)
    # The root, so that what asyncio has to say comes in the same form.
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    writer.start()
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
        # It may have to wait for a reader who never reads.
        ending = threading.Thread(target=writer.stop, name="log end", daemon=True)
        ending.start()
        ending.join(_PATIENCE)


class _DroppingHandler(QueueHandler):
    """Puts records into a bounded queue; drops and counts those for which there is no room."""

    def __init__(self, lines: queue.Queue[logging.LogRecord], missed: Missed) -> None:
        super().__init__(lines)
        self._lines = lines
        self.missed = missed
        self._dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Leave the formatting to the thread that writes."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Put a record into the queue, or drop it."""
        try:
            if self._dropped:
                self._lines.put_nowait(self._notice())
                self._dropped = 0
            self._lines.put_nowait(record)
        except queue.Full:
            self._dropped += 1

    def take_notice(self, *, at_end: bool = False) -> logging.LogRecord | None:
        """Return what tells of the lines dropped by now, once, if no line waits or ``at_end``."""
        self.acquire()
        try:
            if not self._dropped or not (at_end or self._lines.empty()):
                return None
            notice, self._dropped = self._notice(), 0
            return notice
        finally:
            self.release()

    def _notice(self) -> logging.LogRecord:
        return self.missed(self._dropped, "stderr is read too slowly")


class _Writer(QueueListener):
    """Writes the lines of a queue to ``file``, in a thread.

    Not by a ``StreamHandler``: while that waits for a reader it holds its own lock and that of the
    file's buffer, and Python wants both when the process ends.
    """

    def __init__(
        self,
        lines: queue.Queue[logging.LogRecord],
        handler: _DroppingHandler,
        formatter: logging.Formatter,
        file: TextIO,
    ) -> None:
        super().__init__(lines)
        self._lines = lines
        self._handler = handler
        self._formatter = formatter
        self._file = file
        self._take = _taker(file)
        self._unwritten = 0
        self._reason = ""

    def enqueue_sentinel(self) -> None:
        """Ask the thread to end behind the lines that wait, and what tells of those dropped."""
        if notice := self._handler.take_notice(at_end=True):
            self._lines.put(notice)
        while True:
            try:
                super().enqueue_sentinel()
            except queue.Full:
                time.sleep(0.01)
            else:
                return

    def handle(self, record: logging.LogRecord) -> None:
        """Write a record, and where it was the last one, what was dropped behind it."""
        self._put(record)
        if notice := self._handler.take_notice():
            self._put(notice)

    def _put(self, record: logging.LogRecord) -> None:
        data = self._line(record)
        try:
            if self._unwritten:
                self._write(self._line(self._handler.missed(self._unwritten, self._reason)))
                self._unwritten = 0
            self._write(data)
        except OSError as error:  # the reader has gone, or the disk is full: it may get better
            self._unwritten += 1
            self._reason = f"stderr could not be written: {error.strerror or error}"

    def _line(self, record: logging.LogRecord) -> bytes:
        try:
            text = self._formatter.format(record)
        except Exception:  # a bug, which must not end the log
            text = traceback.format_exc().rstrip()
        return (text + "\n").encode(self._file.encoding, "backslashreplace")

    def _write(self, data: bytes) -> None:
        while data:
            try:
                data = data[self._take(data) :]
            except BlockingIOError:  # somebody who shares the file has made it so
                select.select([], [self._file], [])


def _taker(file: TextIO) -> Callable[[bytes], int]:
    """Return what writes bytes to ``file``, past its buffer, and tells how many it took."""
    try:
        return partial(os.write, file.fileno())
    except io.UnsupportedOperation:  # an object of somebody who runs us as a function
        return lambda data: len(data) if file.write(data.decode(file.encoding)) else 0
