"""An explained error text as a part of a page: each error, all that can be behind it, its fix.

This module must not know in which page it is shown, nor where the text comes from.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from lab.diagnosis.error_texts.results import ErrorExplanation, ErrorFinding, PossibleCause
from lab.show.explanation_text import NOTHING_FOUND, finding_pairs
from lab.show.html.environment import render
from lab.show.text.peer_text import bounded

_MOST_FINDINGS = 50
_MOST_TEXT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """One error: ``says`` is what the text says, ``pairs`` what is known of it."""

    says: str
    pairs: tuple[tuple[str, str], ...]
    causes: tuple[PossibleCause, ...]
    scenarios: tuple[str, ...]


def explanation_view(explanation: ErrorExplanation, *, key: str = "e") -> Markup:
    """Return the markup of an explained error text: its errors, and what was not understood.

    Its headings are of the levels 2 and below. It needs ``lab.css``. ``key``, letters and digits,
    begins its names in the page, and is to differ where several are on one.
    """
    found = explanation.found
    return render(
        "explanation.html",
        key=key,
        nothing=NOTHING_FOUND,
        findings=[_finding(finding) for finding in found[:_MOST_FINDINGS]],
        findings_left_out=max(0, len(found) - _MOST_FINDINGS),
        unknown=[
            (
                unknown.line,
                bounded(unknown.text, _MOST_TEXT),
                ", ".join(unknown.recognised),
                [bounded(text, _MOST_TEXT) for text in unknown.nearest],
            )
            for unknown in explanation.unknown
        ],
        lines_left_out=explanation.left_out,
    )


def _finding(finding: ErrorFinding) -> FindingView:
    return FindingView(
        says=bounded(finding.says, _MOST_TEXT),
        pairs=tuple((label, bounded(value, _MOST_TEXT)) for label, value in finding_pairs(finding)),
        causes=finding.causes,
        scenarios=finding.scenarios,
    )
