"""The summary of a probe's page: it says what the report says, and no more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.probing.results import OWN_SERVER, SilentVersion, Verdict
from lab.show.html.probe_summary import ProbeSummary, summary
from lab.tls.code_points import ProtocolVersion
from tests.support.reports import found, report

TLS12, TLS13 = ProtocolVersion.TLS_1_2, ProtocolVersion.TLS_1_3


def figures(shown: ProbeSummary) -> dict[str, int]:
    return {figure.words: figure.number for figure in shown.figures}


def test_a_probe_that_passes() -> None:
    shown = summary(report(found("a", Verdict.RIGHT), found("b", Verdict.BY_HTTP)))
    assert shown.sentence == "Passed: all is as it should be."
    assert shown.kind == "good"
    assert shown.first == "nothing"
    assert figures(shown) == {
        "client certificates tried": 2,
        "wrongly let in": 0,
        "wrongly refused": 0,
        "inconclusive": 0,
        "could not be tried": 0,
    }


def test_a_revoked_certificate_that_got_in_is_named_though_the_probe_passes() -> None:
    shown = summary(
        report(found("a", Verdict.RIGHT), found("b", Verdict.UNPREPARED, "needs a CRL"))
    )
    assert shown.sentence == "Passed: all is as it should be (1 inconclusive: no CRL loaded)."
    assert shown.meaning.startswith("Apart from what is revoked, who should get in does")
    assert (shown.first, shown.concerns) == ("needs a CRL", "b")


def test_a_probe_without_a_refusal_is_no_proof() -> None:
    shown = summary(report(found("a", Verdict.RIGHT, presented=None)))
    assert "does not show that the server verifies" in shown.sentence
    assert shown.kind == "doubt"


def test_clients_that_got_in_are_counted_by_scenario_and_by_result() -> None:
    shown = summary(
        report(
            found("a", Verdict.LET_IN, "it asked for none: let it", version=TLS12),
            found("a", Verdict.LET_IN, "it asked for none: let it"),
            found("b", Verdict.LET_IN, "another note", presented=None),
            found("c", Verdict.SHUT_OUT),
            found("d", Verdict.UNTOLD),
        )
    )
    assert shown.sentence == (
        "Not passed: the server let clients in that it should have refused (2 scenarios), and "
        "refused clients that it should have accepted (1 scenario)."
    )
    assert (shown.kind, figures(shown)["wrongly let in"]) == ("bad", 3)
    assert [figure.more for figure in shown.figures if figure.words == "wrongly let in"] == [
        "2 presented a certificate"
    ]
    # The note that most of the worst have in common.
    assert shown.first == "let the server refuse these clients. It asked for none: let it"
    assert shown.concerns == "a"


def test_nothing_wrong_and_not_all_told_is_inconclusive() -> None:
    shown = summary(report(found("a", Verdict.RIGHT), found("b", Verdict.NOT_TRIED, "no key")))
    assert shown.sentence.startswith("Inconclusive: no fault was found")
    assert shown.kind == "doubt"
    assert shown.first == "find out why these could not be tried. No key"


def test_a_version_without_an_answer() -> None:
    silent = SilentVersion(version=TLS12, ending="FIN")
    shown = summary(replace(report(found("a", Verdict.RIGHT)), silent=(silent,)))
    assert shown.sentence.startswith("Inconclusive")
    assert "TLS 1.2 was not answered" in shown.meaning
    assert "TLS 1.2 got no answer (FIN)" in shown.first


def test_the_labs_own_server_is_compared_with_what_was_measured() -> None:
    shown = summary(replace(report(found("a", Verdict.UNEXPECTED)), target=OWN_SERVER))
    assert figures(shown)["not as measured"] == 1
    assert "did otherwise than was measured of it (1 scenario)" in shown.sentence


@pytest.mark.parametrize("verdict", Verdict)
def test_each_verdict_has_a_meaning_and_its_part_of_the_bar(verdict: Verdict) -> None:
    shown = summary(report(found("a", Verdict.RIGHT), found("b", verdict), found("c", verdict)))
    assert sum(one.width for one in shown.verdicts) == 1000
    assert sum(one.total for one in shown.verdicts) == 3
    assert all(one.meaning for one in shown.verdicts)
    # The worst stands first.
    assert shown.verdicts[0].verdict == verdict.value


def test_hostile_notes_are_bounded_and_printable() -> None:
    shown = summary(report(found("a", Verdict.LET_IN, "\x00\u202e" * 9000)))
    assert len(shown.first) < 700
    assert shown.first.isprintable()
