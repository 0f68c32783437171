from __future__ import annotations

import dataclasses
import logging

import pytest

from lab.todo import todo_log_entries
from tests.support.http_rig import (
    ALICE,
    HOSTILE_TEXTS,
    ScriptedStream,
    post,
    serve_script,
)


@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS)
def test_a_peers_text_stays_on_its_line(text: str) -> None:
    for entry in (
        todo_log_entries.admitted(common_name=text, authenticated=True, doing="serving /todo"),
        todo_log_entries.todo_created(common_name=text, item={"task": text}),
        todo_log_entries.store_unavailable(common_name=text, reason=text),
    ):
        assert entry.message.isprintable()


async def test_neither_a_name_nor_a_task_can_forge_a_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "lab.server")
    mallory = dataclasses.replace(ALICE, common_name="x' | \n[SERVER] FORGED\u202e")
    request = post(b'{"task": "a\\n[SERVER] FORGED \\u202e \\u001b[31m"}')
    assert await serve_script(ScriptedStream([request]), client=mallory) == [201]
    assert len(caplog.messages) == 3
    assert all(message.isprintable() for message in caplog.messages)
    assert 'cert-CN="x\' | \\n[SERVER] FORGED\\u202e" |' in caplog.messages[-1]


def test_of_a_long_task_the_beginning_is_shown() -> None:
    entry = todo_log_entries.todo_created(common_name="x", item={"id": 6, "task": "y" * 201})
    assert entry.message.endswith(f"item={{'id': 6, 'task': '{'y' * 200}…'}}")
