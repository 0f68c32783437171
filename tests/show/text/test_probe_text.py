"""The faces of a probe: the table and what is below it, the document, JUnit, the bar."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest

from lab.probing.results import (
    Report,
    SilentVersion,
    Verdict,
)
from lab.probing.resumption.session_scenarios import SESSION_SCENARIOS
from lab.show.documents.probe_documents import junit, probe_document
from lab.show.text.paper import progress
from lab.show.text.probe_text import (
    conclusion,
    norm_words,
    print_explanation,
    print_list,
    print_report,
)
from lab.tls.code_points import ProtocolVersion
from tests.support.reports import HOSTILE, found, report, scenario_description

TLS12 = ProtocolVersion.TLS_1_2


def text(shown: Report) -> str:
    file = io.StringIO()
    print_report(shown, file)
    return file.getvalue()


def test_a_report_that_passes() -> None:
    shown = report(
        found("a", Verdict.RIGHT),
        found("b", Verdict.BY_HTTP),
        found("c", Verdict.SILENT),
        found("d", Verdict.UNPREPARED, "needs it"),
    )
    assert shown.passed
    assert conclusion(shown) == (
        "4 scenarios, 7 connections in 1.3 s: all is as it should be "
        "(1 refused by HTTP; 1 refused without an alert; 1 inconclusive: no CRL loaded)."
    )
    printed = text(shown)
    assert "TLS 1.2: ClientHello refused; not tried" in printed
    assert "needs it\n  - d (TLS 1.3)\n" in printed


def test_what_is_wrong_is_said_once_for_all_and_the_worst_first() -> None:
    shown = report(
        found("a", Verdict.UNTOLD, "dark"),
        found("b", Verdict.LET_IN, "open", version=ProtocolVersion.TLS_1_2),
        found("b", Verdict.LET_IN, "open"),
        found("c", Verdict.LET_IN, "open", tries=3),
        found("d", Verdict.SHUT_OUT),
        found("e", Verdict.UNEXPECTED, "alert: none"),
    )
    assert not shown.passed
    printed = text(shown)
    below = printed[printed.index("To look at") :]
    assert "  - b (TLS 1.2 and TLS 1.3): The sentence of b\n" in below
    assert below.count("open\n") == 1
    assert below.index("should have been refused") < below.index("should have been accepted")
    assert below.index("should have been accepted") < below.index("inconclusive")
    assert "should have been refused (1 of 3)" in printed
    assert conclusion(shown) == (
        "5 scenarios, 7 connections in 1.3 s. "
        "Let in, and should have been refused: b (TLS 1.2 and TLS 1.3), c (TLS 1.3). "
        "Refused, and should have been accepted: d (TLS 1.3). "
        "Not as measured: e (TLS 1.3). No verdict: a (TLS 1.3)."
    )


def test_a_run_without_a_bad_certificate_does_not_say_that_all_is_well() -> None:
    shown = report(
        found("no-certificate", Verdict.RIGHT, presented=None),
        found("key-type", Verdict.NOT_TRIED, "no such key", presented=False, matters=False),
    )
    assert shown.passed
    assert conclusion(shown) == (
        "2 scenarios, 7 connections in 1.3 s: nothing is wrong with what was tried (1 could not be "
        "tried); no bad certificate was presented and refused, so this run does not show that the "
        "server verifies."
    )


def test_what_could_not_be_tried_is_no_success() -> None:
    shown = report(
        found("a", Verdict.RIGHT),
        found("b", Verdict.NOT_TRIED, "it was not sent", presented=False),
        found("c", Verdict.UNTOLD, "dark"),
    )
    assert (shown.passed, shown.faulty) == (False, False)
    assert conclusion(shown) == (
        "3 scenarios, 7 connections in 1.3 s. Inconclusive: no fault was found, but not all could "
        "be tried or told. Could not be tried: b (TLS 1.3). No verdict: c (TLS 1.3)."
    )
    document = probe_document(shown)
    assert document["passed"] is False
    suite = ET.fromstring(junit(shown))
    assert [suite.get(count) for count in ("failures", "errors", "skipped")] == ["1", "1", "0"]
    assert suite.find("testcase/error") is not None


def test_a_version_without_an_answer_is_not_called_unsupported() -> None:
    silent = SilentVersion(version=ProtocolVersion.TLS_1_2, ending="RST")
    shown = replace(report(found("a", Verdict.RIGHT)), skipped=(), silent=(silent,))
    assert (shown.passed, shown.faulty) == (False, False)
    assert "versions: TLS 1.2: no answer to the ClientHello (RST); not tried" in text(shown)
    assert conclusion(shown).endswith("TLS 1.2 was not answered (RST).")
    assert probe_document(shown)["versions_not_answered"] == ["TLS 1.2"]


def test_hostile_text_does_no_harm() -> None:
    shown = report(found("a", Verdict.UNTOLD, HOSTILE))
    for printed in (text(shown), junit(shown).decode()):
        assert "\x1b" not in printed
        assert "\x00" not in printed
        assert "\u202e" not in printed
    root = ET.fromstring(junit(shown))
    assert root.get("failures") == "1"
    assert "\\x1b[31mred" in (root.findtext("testcase/failure") or "")
    assert json.loads(json.dumps(probe_document(shown)))["insights"][0]["answer"] == HOSTILE


def test_no_line_is_wider_than_the_page() -> None:
    far = replace(found("a" * 90, Verdict.LET_IN, "word " * 60, tries=3), ending="x" * 200)
    lines = text(report(far, found("b", Verdict.UNPREPARED, version=TLS12))).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1] == "a" * 79 + "…"
    assert lines[2].startswith("  1.3  accepted  xxxxx")
    assert lines[2].endswith("…  -         should have been")
    assert lines[3].split() == ["refused", "(1", "of", "3)"]


def test_a_test_case_takes_the_time_of_its_connections() -> None:
    slow = replace(found("a", Verdict.RIGHT, tries=2), seconds=1.2345)
    document: Any = probe_document(report(slow))
    assert [finding["seconds"] for finding in document["findings"]] == [1.234]
    case = ET.fromstring(junit(report(slow))).find("testcase")
    assert case is not None and case.get("time") == "1.234"


def test_the_list() -> None:
    file = io.StringIO()
    print_list([scenario_description("a")], file)
    assert file.getvalue().splitlines()[1].split()[:4] == ["a", "refused", "any", "server"]


@pytest.mark.parametrize("name", ["session-to-other-name", "session-after-expiry"])
def test_a_session_need_not_be_refused_where_its_client_is_not(name: str) -> None:
    (scenario,) = (each for each in SESSION_SCENARIOS if each.name == name)
    assert norm_words(scenario)[1].startswith("should refuse it, where it refuses the same client")


def test_an_explanation_keeps_the_command_on_one_line() -> None:
    file = io.StringIO()
    print_explanation(scenario_description("a"), [], file)
    assert "command     openssl version | cat\n" in file.getvalue()
    assert "if it has   a list\n" in file.getvalue()


def test_progress_is_silent_where_there_is_no_terminal() -> None:
    file = io.StringIO()
    with progress(file) as begin:
        done = begin(2)
        done("one")
        done("[two]")
    assert file.getvalue() == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal() -> None:
    file = Terminal()
    with progress(file) as begin:
        done = begin(2)
        done("one")
        done("[two]")
    assert "2/2" in file.getvalue()
    assert "[two]" in file.getvalue()
