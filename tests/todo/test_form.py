"""The form's body: what makes an item, and what is refused."""

from __future__ import annotations

import pytest

from lab.todo.application import InvalidTodo, NewTodo
from lab.todo.form import fields_of, todo_of


@pytest.mark.parametrize(
    ("body", "task", "done"),
    [
        (b"task=buy+milk", "buy milk", False),
        (b"task=a%26b%3Dc%2B&done=yes", "a&b=c+", True),
        (b"task=%F0%9F%9A%80%20A%C3%B1adir", "🚀 Añadir", False),
        (b"other=1&task=x&done=", "x", True),
        (b"task=%3Cscript%3Ealert(1)%3C/script%3E", "<script>alert(1)</script>", False),
    ],
)
def test_an_item_of_a_form(body: bytes, task: str, done: bool) -> None:
    assert todo_of(fields_of(body)) == NewTodo(task=task, done=done)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "task must be a non-empty string"),
        (b"task=", "task must be a non-empty string"),
        (b"task=+%09", "task must be a non-empty string"),
        (b"done=yes", "task must be a non-empty string"),
        (b"task=a&task=b", "a field of the form comes twice"),
        (b"task=a&done=1&done=2", "a field of the form comes twice"),
        (b"task=%ff", "the form is not UTF-8, percent-encoded"),
        (b"task=\xc3\xa4", "the form is not UTF-8, percent-encoded"),
        (b"task=%ed%a0%80", "the form is not UTF-8, percent-encoded"),
        (b"&".join(b"f%d=" % n for n in range(17)), "the form has more than 16 fields"),
        (b"&" * 60_000, "the form has more than 16 fields"),
    ],
)
def test_what_is_no_item_is_refused_with_a_reason(body: bytes, message: str) -> None:
    with pytest.raises(InvalidTodo, match=message):
        todo_of(fields_of(body))
