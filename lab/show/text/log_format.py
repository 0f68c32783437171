"""Log lines: ``logging`` formatters for text that is no terminal's, and for JSON.

Rules: a record is one line, or one line and an indented traceback; nothing in a record can end
its line early or start a line that looks like another record's. A record may have the attributes
``fields``, a mapping that JSON can carry, ``parts``, the pieces of its message that ``SEPARATOR``
joins, ``style``, the number of the part to highlight and rich's name of the style, and ``stacked``,
which asks for a line for each part where lines can be folded.

This module must not know who logs, nor what the fields mean.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone

from lab.tls.events import printable

SEPARATOR = " | "
_INDENT = "    "


class TextFormatter(logging.Formatter):
    """``[PREFIX] message``; a traceback follows, indented by four spaces."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.prefix = f"[{prefix}] "

    def message(self, record: logging.LogRecord) -> str:
        """Return the record as text, without its traceback."""
        return self.prefix + printable(record.getMessage())

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text, without a final line end."""
        text = self.message(record)
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            text += "".join(f"\n{_INDENT}{printable(line)}" for line in trace.split("\n"))
        return text


class JsonFormatter(logging.Formatter):
    """One JSON object a line, in ASCII.

    Keys: ``time`` (ISO 8601, UTC, milliseconds), ``level``, ``message``, ``fields`` (an object,
    empty where the record has none), and ``traceback`` where there is one.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON, without a final line end."""
        moment = datetime.fromtimestamp(record.created, tz=timezone.utc)
        line: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "message": record.getMessage(),
            "fields": getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=repr)
