from __future__ import annotations

import logging

import pytest

from lab.http import log_entries
from tests.support.http_rig import (
    HOSTILE_TEXTS,
    ScriptedStream,
    post,
    serve_script,
)


@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS)
def test_a_peers_text_stays_on_its_line_and_between_its_quotes(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lab.server")
    shown = log_entries.quotable(text)
    assert shown.isprintable()
    assert '"' not in shown.replace("\\\\", "").replace('\\"', "")
    log_entries.request(peer=text, common_name=text, request_line=text, status=400)
    assert caplog.messages[0].isprintable()


def test_plain_text_is_shown_as_it_is() -> None:
    assert log_entries.quotable("GET /todo?añadir=1 HTTP/1.1") == "GET /todo?añadir=1 HTTP/1.1"
    assert log_entries.quotable('"\\\n\u202e') == '\\"\\\\\\n\\u202e'


@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS)
async def test_no_request_can_forge_a_line(text: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lab.server")
    line = text.encode("utf-8", "surrogatepass")
    for request in (
        b"GET /todo?" + line + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        line + b" / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /todo HTTP/1.1\r\nHost: x\r\nX: " + line,
    ):
        caplog.clear()
        await serve_script(ScriptedStream([request]))
        assert caplog.messages
        assert all(message.isprintable() for message in caplog.messages)
        first = caplog.messages[0]
        assert first.startswith(
            ("REQUEST | peer=192.0.2.1 | cert-CN='mtls-client' | \"", "ABORTED")
        )
        assert not any(message.startswith("[SERVER]") for message in caplog.messages)


async def test_a_long_line_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lab.server")
    await serve_script(ScriptedStream([b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"]))
    assert len(caplog.messages[0]) < 300
    assert '…" 404 -' in caplog.messages[0]


async def test_fields_stand_beside_the_sentence(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lab.server")
    await serve_script(ScriptedStream([post(b'{"task": "a\\nb"}')]))
    fields = [getattr(record, "fields", None) for record in caplog.records]
    common = {"client": "mtls-client"}
    assert fields == [
        {"event": "authenticated", "doing": "creating TODO", **common},
        {"event": "todo_created", "item": {"id": 6, "task": "a\nb", "done": False}, **common},
        {
            "event": "request",
            "peer": "192.0.2.1",
            "request": "POST /todo HTTP/1.1",
            "status": 201,
            **common,
        },
    ]


def test_what_nobody_listens_to_is_not_made(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "lab.server")
    log_entries.write("x")
    assert caplog.records == []
    log_entries.write("x", level=logging.ERROR, error=ValueError("y"))
    assert caplog.records[0].exc_info is not None
    assert caplog.records[0].name == "lab.server"


def test_a_traceback_that_repeats_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise LookupError("repeated")

    for _ in range(150):
        try:
            fail()
        except LookupError as error:
            log_entries.write("INTERNAL ERROR", level=logging.ERROR, error=error)
    first, *counted = caplog.records
    assert first.exc_info is not None
    assert [record.getMessage() for record in counted] == [
        "INTERNAL ERROR | the same error 10 times within a minute",
        "INTERNAL ERROR | the same error 100 times within a minute",
    ]


def test_after_a_minute_a_traceback_is_written_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_entries, "_REPEATED_SECONDS", 0.0)
    for _ in range(2):
        log_entries.write("x", level=logging.ERROR, error=ValueError("y"))
    assert all(record.exc_info for record in caplog.records)
    assert len(caplog.records) == 2
