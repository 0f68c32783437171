"""Where log lines go: to stderr, written by a thread, so that a slow reader never stops the server.

Rules: lines wait in a bounded queue. Where it is full they are dropped and counted, and a line in
their place tells how many were. At the end, those that wait are written for a bounded time.

The thread writes what has gathered in a few milliseconds. To be woken up for each line would take
more of the event loop's time than a request does, as both need Python's one lock.

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
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from logging.handlers import QueueHandler, QueueListener
from typing import Any, TextIO

WAITING = 1000
"""Lines that may wait to be written."""

_GATHERING = 0.01  # seconds, or until there are _MANY lines
_MANY = 250
_AT_ONCE = 4096  # bytes: other processes' lines do not get into a write to a pipe that is as short
_PATIENCE = 1.0  # seconds at the end, for a reader that does not read

Missed = Callable[[int, str], logging.LogRecord]
"""Makes the record that tells of so many lines that were dropped, and why."""

_Lines = queue.SimpleQueue[Any]  # of records, and None at the end


@contextlib.contextmanager
def logging_to_stderr(formatter: logging.Formatter, missed: Missed) -> Iterator[None]:
    """Let all that is logged inside the block come out on stderr, as ``formatter`` has it."""
    lines = _Lines()
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
    """Puts records into a queue; drops and counts those for which there is no room."""

    def __init__(self, lines: _Lines, missed: Missed) -> None:
        super().__init__(lines)
        self._lines = lines
        self.missed = missed
        self.many = threading.Event()
        self._dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Leave the formatting to the thread that writes."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Put a record into the queue, or drop it."""
        waiting = self._lines.qsize()
        if waiting >= WAITING:
            self._dropped += 1
            return
        if waiting >= _MANY:
            self.many.set()
        if self._dropped:
            self._lines.put(self._notice())
        self._lines.put(record)

    def take_notice(self, *, at_end: bool = False) -> logging.LogRecord | None:
        """Return what tells of the lines dropped by now, once, if no line waits or ``at_end``."""
        self.acquire()
        try:
            return self._notice() if self._dropped and (at_end or self._lines.empty()) else None
        finally:
            self.release()

    def _notice(self) -> logging.LogRecord:
        dropped, self._dropped = self._dropped, 0
        return self.missed(dropped, "stderr is read too slowly")


class _Writer(QueueListener):
    """Writes the lines of a queue to ``file``, in a thread.

    Not by a ``StreamHandler``: while that waits for a reader it holds its own lock and that of the
    file's buffer, and Python wants both when the process ends.
    """

    def __init__(
        self,
        lines: _Lines,
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
        self._gathered: list[bytes] = []
        self._size = 0  # of what is gathered, in bytes
        self._unwritten = 0
        self._reason = ""

    def enqueue_sentinel(self) -> None:
        """Ask the thread to end behind the lines that wait, and what tells of those dropped."""
        if notice := self._handler.take_notice(at_end=True):
            self._lines.put(notice)
        super().enqueue_sentinel()

    def dequeue(self, block: bool) -> Any:
        """Return the next record, None at the end; write what is gathered before waiting."""
        with contextlib.suppress(queue.Empty):
            if (record := self._lines.get_nowait()) is not None:
                return record
            self._write_gathered()
            return None
        if notice := self._handler.take_notice():
            return notice
        self._write_gathered()
        if (record := self._lines.get()) is not None:
            self._handler.many.wait(_GATHERING)
            self._handler.many.clear()
        return record

    def handle(self, record: logging.LogRecord) -> None:
        """Gather a record's line; write those before it where they are enough."""
        line = self._line(record)
        if self._size + len(line) > _AT_ONCE:
            self._write_gathered()
        self._gathered.append(line)
        self._size += len(line)

    def _line(self, record: logging.LogRecord) -> bytes:
        try:
            text = self._formatter.format(record)
        except Exception:  # a bug, which must not end the log
            text = traceback.format_exc().rstrip()
        return (text + "\n").encode(self._file.encoding, "backslashreplace")

    def _write_gathered(self) -> None:
        lines, self._gathered, self._size = self._gathered, [], 0
        if not lines:
            return
        notice = b""
        if self._unwritten:
            notice = self._line(self._handler.missed(self._unwritten, self._reason))
        written = self._write(notice + b"".join(lines)) - len(notice)
        if written >= 0:
            self._unwritten = 0
        for line in lines:
            written -= len(line)
            self._unwritten += written < 0

    def _write(self, data: bytes) -> int:
        """Return how many bytes were written before an error, such as a reader that has gone."""
        written = 0
        while written < len(data):
            try:
                written += self._take(data[written:])
            except BlockingIOError:  # somebody who shares the file has made it so
                select.select([], [self._file], [])
            except OSError as error:
                self._reason = f"stderr could not be written: {error.strerror or error}"
                break
        return written


def _taker(file: TextIO) -> Callable[[bytes], int]:
    """Return what writes bytes to ``file``, past its buffer, and tells how many it took."""
    try:
        return partial(os.write, file.fileno())
    except io.UnsupportedOperation:  # an object of somebody who runs us as a function
        return lambda data: len(data) if file.write(data.decode(file.encoding)) else 0
