from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping

import pytest

from lab.show.text.log_format import JsonFormatter, TextFormatter


def written(
    formatter: logging.Formatter,
    message: str,
    *,
    fields: Mapping[str, object] | None = None,
    error: BaseException | None = None,
) -> str:
    """What a handler with this formatter writes for one record."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    exc_info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("any", logging.INFO, "", 0, message, (), exc_info)
    record.created = 1767225600.0625
    if fields is not None:
        record.fields = fields
    handler.handle(record)
    return stream.getvalue()


def raised(message: str) -> ValueError:
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


def test_text_is_the_message_behind_its_prefix() -> None:
    assert written(TextFormatter("SERVER"), "Añadir 100 %s") == "[SERVER] Añadir 100 %s\n"


@pytest.mark.parametrize(
    "text", ["a\r\n[SERVER] b", "\x1b[31m", "\u202e", "\x9b", "\u2028", "\udcff"]
)
def test_text_stays_on_its_line(text: str) -> None:
    line = written(TextFormatter("SERVER"), text)
    assert line.endswith("\n")
    assert line[:-1].isprintable()


def test_a_traceback_follows_the_text_indented_and_cannot_pass_for_a_line() -> None:
    text = written(TextFormatter("SERVER"), "failed", error=raised("x\n[SERVER] FORGED\x1b"))
    first, *rest = text.removesuffix("\n").split("\n")
    assert first == "[SERVER] failed"
    assert rest[0] == "    Traceback (most recent call last):"
    assert rest[-1] == "    [SERVER] FORGED\\x1b"
    assert all(line.startswith("    ") and line.isprintable() for line in rest)


def test_json_is_one_object_a_line() -> None:
    fields = {"peer": "127.0.0.1", "item": {"id": 6, "task": "Añadir\n\u202e"}}
    line = written(JsonFormatter(), "a\nb", fields=fields)
    assert line.isascii()
    assert line.count("\n") == 1
    assert json.loads(line) == {
        "time": "2026-01-01T00:00:00.062Z",
        "level": "INFO",
        "message": "a\nb",
        "fields": fields,
    }


def test_json_carries_a_traceback_and_does_without_fields() -> None:
    value = json.loads(written(JsonFormatter(), "failed", error=raised("why")))
    assert value["fields"] == {}
    assert value["traceback"].endswith("ValueError: why")


def test_json_never_fails_for_a_field_that_json_does_not_know() -> None:
    value = json.loads(written(JsonFormatter(), "x", fields={"raw": b"\x00"}))
    assert value["fields"] == {"raw": "b'\\x00'"}
