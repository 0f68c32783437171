"""The rows of a probe's page, and what opens behind them."""

from __future__ import annotations

from lab.probing.results import Verdict
from lab.show.html.probe_rows import panel, scenario_rows
from lab.tls.code_points import ProtocolVersion
from lab.tracing.results import Trace
from tests.support.reports import found, report

TLS12 = ProtocolVersion.TLS_1_2


def test_a_scenario_has_a_row_for_each_version(refused12: Trace, refused13: Trace) -> None:
    shown = report(
        found("a", Verdict.RIGHT, version=TLS12, trace=refused12),
        found("a", Verdict.LET_IN, "why", trace=refused13, tries=3),
        found("b", Verdict.NOT_TRIED),
    )
    first, second = scenario_rows(shown)
    assert [row.version for row in first.rows] == ["TLS 1.2", "TLS 1.3"]
    assert [row.kind for row in first.rows] == ["good", "bad"]
    assert first.rows[1].tries == "1 of 3"
    assert first.weight == Verdict.LET_IN.weight
    opened = panel(first, "localhost:443", "python -m lab.probe localhost:443")
    assert opened.explain == "python -m lab.probe localhost:443 --explain a"
    assert opened.notes == (("TLS 1.3", "why"),)
    assert [sequence.title for sequence in opened.sequences] == ["TLS 1.2", "TLS 1.3"]
    assert panel(second, "localhost:443", "probe").sequences == ()


def test_a_sequence_in_short_says_who_sent_what_and_how(refused13: Trace) -> None:
    (rows,) = scenario_rows(report(found("a", Verdict.RIGHT, trace=refused13)))
    (sequence,) = panel(rows, "localhost:443", "probe").sequences
    assert sequence.outcome == "rejected by the server, alert certificate_required (116)"
    labels = {label: (classes, how) for classes, label, how in sequence.lines}
    classes, how = labels["→ ClientHello"]
    assert (classes, how.partition(",")[0]) == ("c", "in the clear")
    classes, how = labels["← ALERT fatal certificate_required (116)"]
    assert (classes, how.partition(",")[0]) == ("s e d", "encrypted")


def test_a_note_of_all_versions_stands_once() -> None:
    shown = report(
        found("a", Verdict.LET_IN, "why", version=TLS12), found("a", Verdict.LET_IN, "why")
    )
    (rows,) = scenario_rows(shown)
    assert panel(rows, "localhost:443", "probe").notes == (("", "why"),)
