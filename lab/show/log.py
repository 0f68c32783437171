"""Log lines: ``logging`` formatters for a terminal and for a machine.

Rules: a record is one line, or one line and an indented traceback; nothing in a record can end
its line early or start a line that looks like another record's. A record's attribute ``fields``,
where it has one, is a mapping that JSON can carry.

This module must not know who logs, nor what the fields mean.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone

from lab.tls.text import printable

_INDENT = "    "


class TextFormatter(logging.Formatter):
    """``[PREFIX] message``; a traceback follows, indented by four spaces."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = f"[{prefix}] "

    def format(self, record: logging.LogRecord) -> str:
        """The record as text, without a final line end."""
        text = self._prefix + printable(record.getMessage())
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
        """The record as one line of JSON, without a final line end."""
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
