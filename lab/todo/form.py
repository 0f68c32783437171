"""The body of the home page's form: ``application/x-www-form-urlencoded``, strictly.

Rules: what is an item is decided where JSON is, too. A field that comes twice is refused, since
parsers do not agree on which of the two counts; fields of other names are ignored.

This module must not know where a form is.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from lab.todo.application import InvalidTodo, NewTodo, checked_todo

MEDIA_TYPE = "application/x-www-form-urlencoded"
_MOST_FIELDS = 16


def fields_of(body: bytes) -> dict[str, str]:
    """Return the fields of a form; raise InvalidTodo.

    As the URL Standard has it (section 5.1), in UTF-8 always.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except UnicodeDecodeError as error:
        raise InvalidTodo(f"the form is not UTF-8, percent-encoded: {error.reason}") from None
    except ValueError:
        raise InvalidTodo(f"the form has more than {_MOST_FIELDS} fields") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise InvalidTodo("a field of the form comes twice")
    return fields


def todo_of(fields: dict[str, str]) -> NewTodo:
    """Return the item that a form's ``task`` and ``done`` (there, where checked) make.

    Raises InvalidTodo.
    """
    return checked_todo(fields.get("task"), "done" in fields)
