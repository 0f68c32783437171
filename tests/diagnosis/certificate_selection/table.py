"""The table of what was measured: rows of cases, with the answer of each kind of client.

This module must not know pytest: scripts/measure_clients.py uses it too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tests.diagnosis.certificate_selection.cases import Case

PATH = Path(__file__).with_name("measured.json")
_DEFAULTS = {field.name: field.default for field in fields(Case)}


@dataclass
class Table:
    """``programs`` are the versions that were measured, by the code of the kind of client."""

    programs: dict[str, str]
    answers: dict[Case, dict[str, str]]

    @classmethod
    def read(cls) -> Table:
        """Read the table; an empty one where there is none."""
        if not PATH.is_file():
            return cls({}, {})
        data = json.loads(PATH.read_text(encoding="utf-8"))
        answers = {_case(row): row["answers"] for row in data["rows"]}
        return cls(data["programs"], answers)

    def add(self, case: Case, code: str, answer: str) -> None:
        """Add the answer of one kind of client."""
        self.answers.setdefault(case, {})[code] = answer

    def forget(self, code: str) -> None:
        """Drop all answers of a kind of client, and cases without any."""
        for answers in self.answers.values():
            answers.pop(code, None)
        self.answers = {case: found for case, found in self.answers.items() if found}

    def rows(self, code: str) -> Iterator[tuple[Case, str]]:
        """Yield the cases that a kind of client was measured in, with its answers."""
        for case, answers in self.answers.items():
            if code in answers:
                yield case, answers[code]

    def write(self, order: Sequence[Case]) -> None:
        """Write it, one row a line; only the cases in ``order``, in that order."""
        rows = [
            json.dumps({**_row(case), "answers": dict(sorted(self.answers[case].items()))})
            for case in dict.fromkeys(order)
            if case in self.answers
        ]
        programs = json.dumps(dict(sorted(self.programs.items())), indent=1)
        text = f'{{"programs": {programs},\n"rows": [\n' + ",\n".join(rows) + "\n]}\n"
        PATH.write_text(text, encoding="utf-8")


def _row(case: Case) -> dict[str, Any]:
    values = {field.name: getattr(case, field.name) for field in fields(case)}
    return {name: value for name, value in values.items() if value != _DEFAULTS[name]}


def _case(row: dict[str, Any]) -> Case:
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in row.items()
        if name != "answers"
    }
    return Case(**values)
