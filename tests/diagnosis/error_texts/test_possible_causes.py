"""Causes and scenarios are those that there are elsewhere, and every row leads to words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.diagnosis.error_texts.alert_causes import causes_of_alert
from lab.diagnosis.error_texts.all_texts import ALL_TEXTS
from lab.diagnosis.error_texts.explain_text import explain_text
from lab.diagnosis.error_texts.possible_causes import OWN_CODES, possible_causes, scenarios_of
from lab.diagnosis.error_texts.results import SpeakerRole
from lab.diagnosis.error_texts.scenarios_of_causes import SCENARIOS
from lab.diagnosis.error_texts.tables.verify_texts import WORDS, causes_of_verify_code
from lab.probing.scenarios.catalogue_order import SCENARIOS as CATALOGUE
from lab.tls.code_point import code_table
from lab.tls.code_points import AlertDescription
from lab.x509 import problems
from lab.x509.file_problems import FILE_PROBLEMS

DIAGNOSIS = Path(__file__).resolve().parents[3] / "lab" / "diagnosis"
ENDS = ("client", "server")
ROLES = tuple(SpeakerRole)


def codes_of_the_diagnosis() -> set[str]:
    """Return the codes that the diagnosis gives causes, as its source has them."""
    found = {f"{end}-{problem.code}" for end in ENDS for problem in problems.PROBLEMS}
    found |= {problem.code for problem in FILE_PROBLEMS}
    for path in DIAGNOSIS.rglob("*.py"):
        if "error_texts" not in path.parts:
            text = path.read_text(encoding="utf-8")
            found |= set(re.findall(r'code="([a-z-]+)"', text))
            for code in re.findall(r'code=f"\{[a-z_.]+\}(-[a-z-]+)"', text):
                found |= {f"{end}{code}" for end in ENDS}
    return found


def codes_of_the_tables() -> set[str]:
    found = {
        code
        for alert in code_table(AlertDescription)
        for role in ROLES
        for code in causes_of_alert(alert, role)
    }
    listed = [code for row in ALL_TEXTS for code in row.causes]
    listed += [code for number in WORDS for code in causes_of_verify_code(number)]
    for code in listed:
        _, _, name = code.partition(":")
        found |= {f"{end}-{name}" for end in ENDS} if name else {code}
    return found


def test_each_code_is_one_of_the_diagnosis_or_listed_as_of_texts_only() -> None:
    known = codes_of_the_diagnosis()
    assert codes_of_the_tables() <= known | OWN_CODES
    assert not OWN_CODES & known
    assert not OWN_CODES - codes_of_the_tables(), "listed, and used by nothing"


def test_each_code_has_words_and_a_way_to_tell() -> None:
    for cause in possible_causes(sorted(codes_of_the_tables())):
        assert cause.summary and cause.how_to_tell and cause.fix, cause.code
        for text in (cause.summary, cause.how_to_tell, cause.fix):
            assert "{" not in text, cause.code
            assert not text.endswith("."), cause.code


def test_each_scenario_is_there() -> None:
    names = {scenario.name for scenario in CATALOGUE}
    assert {name for listed in SCENARIOS.values() for name in listed} <= names
    assert set(SCENARIOS) <= codes_of_the_tables() | codes_of_the_diagnosis()
    assert scenarios_of(["no-client-certificate", "silence"]) == ("no-certificate", "silence")


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.value)
def test_every_alert_that_ends_a_connection_has_causes(role: SpeakerRole) -> None:
    silent = {AlertDescription.CLOSE_NOTIFY, AlertDescription.TOO_MANY_CIDS_REQUESTED}
    for number in set(code_table(AlertDescription)) - silent:
        either = causes_of_alert(number, SpeakerRole.UNKNOWN)
        assert either
        assert set(causes_of_alert(number, role)) - {"protocol-failure", "internal-error"} <= set(
            either
        )
        assert len(causes_of_alert(number, role)) != 1, "no alert has one cause"


def test_each_verify_code_leads_to_the_problems_of_the_table() -> None:
    for number in WORDS:
        codes = causes_of_verify_code(number)
        for problem in problems.PROBLEMS:
            assert (number in problem.verify_codes) <= (f"peer:{problem.code}" in codes)


def test_the_clock_is_that_of_the_end_that_verifies() -> None:
    finding = explain_text("curl: (60) SSL certificate problem: certificate has expired").found[0]
    (clock,) = [cause for cause in finding.causes if cause.code.endswith("clock")]
    assert clock.code == "client-clock"
    assert "the clock of the client" in clock.summary
