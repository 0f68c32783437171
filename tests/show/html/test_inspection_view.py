"""Inspections of certificate files as a part of a page."""

from __future__ import annotations

from pathlib import Path

from lab.api import LabCA, inspect_files
from lab.inspecting.results import FileReport, FoundProblem, Grade, Inspection, OtherEntry
from lab.show.html.inspection_view import inspection_view

HOSTILE = "<script>alert(1)</script>\u202e\x00"


def test_problems_stand_above_the_files_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "client.crt"
    path.write_bytes(LabCA().client(scenario="expired").certificate_pem)
    view = inspection_view(inspect_files([path]))
    assert view.index("What is wrong, and what to do") < view.index('<h3 class="card-title">')
    assert "What to do:" in view


def test_nothing_wrong_is_said() -> None:
    file = FileReport(name="a.pem", form="PEM", entries=())
    assert "No problems found." in inspection_view(Inspection(files=(file,)))


def test_names_and_labels_of_files_are_escaped() -> None:
    problem = FoundProblem(
        code="x",
        grade=Grade.REFUSED,
        summary=HOSTILE,
        evidence=(HOSTILE,),
        reference="RFC 5280 section 4.1",
        fix=HOSTILE,
        said=(HOSTILE,),
    )
    entry = OtherEntry(label=HOSTILE, problems=(problem,))
    file = FileReport(name=HOSTILE, form=HOSTILE, entries=(entry,), encryption=(HOSTILE,))
    view = inspection_view(Inspection(files=(file,)))
    assert "<script" not in view
    assert "\u202e" not in view
    assert "\x00" not in view


def test_many_entries_are_counted() -> None:
    entries = tuple(OtherEntry(label=str(number)) for number in range(1000))
    file = FileReport(name="a.pem", form="PEM", entries=entries)
    view = inspection_view(Inspection(files=(file,)))
    assert "900 more entries of this file are not shown" in view
    assert len(view) < 50_000
