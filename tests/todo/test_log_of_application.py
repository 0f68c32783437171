from __future__ import annotations

import dataclasses
import logging

import pytest

from tests.support.http_rig import (
    ALICE,
    ScriptedStream,
    post,
    serve_script,
)


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


async def test_of_a_long_task_the_beginning_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lab.server")
    request = post(b'{"task": "%s"}' % (b"y" * 201))
    assert await serve_script(ScriptedStream([request])) == [201]
    shown = f"item={{'id': 6, 'task': '{'y' * 200}…', 'done': False}}"
    assert caplog.messages[1].endswith(shown)
