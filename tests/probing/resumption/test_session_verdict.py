"""Verdicts on sessions, for all that may become of an offer and of the full handshake beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from lab.diagnosis.results import Outcome, Result, Signal
from lab.pki.lab_ca import new_lab_authority
from lab.probing.results import Verdict
from lab.probing.resumption.session_scenarios import SESSION_SCENARIOS
from lab.probing.resumption.session_trial import SessionTrial
from lab.probing.resumption.session_verdict import rule_session
from lab.stream.contexts import TlsVersion
from lab.tls.events import Endpoint
from lab.tracing.results import IdentitySource, Resumption, SessionKind, SessionUse
from tests.support.pki_fixtures import utc_now
from tests.support.scenario_traces import (
    ACCEPTED,
    rejected_by_alert,
    rejected_by_server,
    scenario_trace,
)

BY_NAME = {scenario.name: scenario for scenario in SESSION_SCENARIOS}
RESUMED = Resumption(
    use=SessionUse.RESUMED, kind=SessionKind.TICKET_13, certificate_requested=False
)
FULL = replace(RESUMED, use=SessionUse.NOT_RESUMED)
UNANSWERED = replace(RESUMED, use=SessionUse.UNKNOWN)
BY_HTTP = rejected_by_server(Signal.HTTP_STATUS, 403)
HUNG_UP = Outcome(result=Result.FAILED, by=Endpoint.SERVER, signal=Signal.FIN)
SILENT = Outcome(result=Result.FAILED, by=Endpoint.SERVER, signal=Signal.TIME_OUT)
NAME, EXPIRY, BACK = "session-to-other-name", "session-after-expiry", "session-resumed"


def trial(
    name: str,
    outcome: Outcome = ACCEPTED,
    resumption: Resumption = RESUMED,
    *,
    control: bool | None = False,
    control_ending: str = "",
    without: str = "",
) -> SessionTrial:
    return SessionTrial(
        scenario=BY_NAME[name],
        version=TlsVersion.TLS13,
        issued=True,
        first=scenario_trace("good", ACCEPTED).trace,
        second=scenario_trace("good", outcome).trace,
        resumption=resumption,
        control=control,
        control_ending=control_ending or ("HTTP 200" if control else "unknown_ca (48)"),
        without=without,
    )


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        (trial(NAME), Verdict.LET_IN),
        (trial(NAME, control=True), Verdict.RIGHT),
        (trial(NAME, control=True, control_ending="HTTP 302"), Verdict.UNTOLD),
        (trial(NAME, control=None), Verdict.UNTOLD),
        (trial(NAME, without="HTTP 200"), Verdict.UNTOLD),
        (trial(NAME, without="HTTP 302"), Verdict.LET_IN),
        (trial(NAME, BY_HTTP), Verdict.BY_HTTP),
        (trial(NAME, rejected_by_alert(49)), Verdict.RIGHT),
        (trial(NAME, HUNG_UP), Verdict.SILENT),
        (trial(NAME, SILENT), Verdict.UNTOLD),
        (trial(NAME, replace(ACCEPTED, http_status=502)), Verdict.UNTOLD),
        (trial(NAME, rejected_by_alert(48), FULL), Verdict.RIGHT),
        (trial(NAME, ACCEPTED, FULL), Verdict.RIGHT),
        (trial(NAME, rejected_by_alert(40), UNANSWERED), Verdict.RIGHT),
        (trial(NAME, SILENT, UNANSWERED), Verdict.UNTOLD),
        (trial("session-after-revocation"), Verdict.LET_IN),
        (trial(EXPIRY), Verdict.OUTLIVED),
        (trial(EXPIRY, control=True), Verdict.UNTOLD),
        (trial(EXPIRY, ACCEPTED, FULL), Verdict.UNTOLD),
        (trial(EXPIRY, BY_HTTP), Verdict.BY_HTTP),
        (trial(BACK, control=None), Verdict.RIGHT),
        (trial(BACK, BY_HTTP, control=True), Verdict.SHUT_OUT),
        (trial(BACK, BY_HTTP, control=None), Verdict.UNTOLD),
        (trial(BACK, rejected_by_alert(80), UNANSWERED, control=True), Verdict.SHUT_OUT),
        (trial(BACK, rejected_by_alert(48), FULL, control=None), Verdict.UNTOLD),
        (trial(BACK, ACCEPTED, FULL, control=None), Verdict.RIGHT),
        (trial(BACK, SILENT, control=None), Verdict.UNTOLD),
        (trial(BACK, SILENT, FULL, control=None), Verdict.UNTOLD),
        (trial("session-without-certificate", BY_HTTP, control=None), Verdict.RIGHT),
    ],
)
def test_what_it_comes_to(tried: SessionTrial, expected: Verdict) -> None:
    assert rule_session(tried).verdict is expected


def test_without_a_session_there_is_nothing_to_resume() -> None:
    tried = replace(trial(NAME), issued=False, second=None, resumption=None)
    finding = rule_session(tried)
    assert (finding.verdict, finding.ending) == (Verdict.RIGHT, "no session")
    assert finding.admitted is None


@pytest.mark.parametrize("excused", [True, False])
def test_what_could_not_be_tried(excused: bool) -> None:
    tried = SessionTrial(
        scenario=BY_NAME[NAME], version=TlsVersion.TLS12, obstacle="no", excused=excused
    )
    finding = rule_session(tried)
    assert (finding.verdict, finding.notes) == (Verdict.NOT_TRIED, ("no",))
    assert finding.fine is excused
    assert finding.trace is None


def test_whom_the_server_sees_is_told_where_it_is_known() -> None:
    """A place that lets everybody in is wrong where it takes one for somebody all the same."""
    der = new_lab_authority(utc_now()).client().certificate.public_bytes(Encoding.DER)
    named = replace(RESUMED, identity=der, source=IdentitySource.ANSWER)
    finding = rule_session(trial(NAME, ACCEPTED, named, without="HTTP 200"))
    assert finding.verdict is Verdict.LET_IN
    assert "the server's answer names CN=mtls-client" in finding.notes
    known = replace(named, source=IdentitySource.SERVER)
    (note,) = rule_session(trial(BACK, ACCEPTED, known)).notes
    assert note.endswith("the server takes the client for CN=mtls-client")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (False, "resumed, and no certificate was asked for"),
        (True, "resumed, and a certificate was asked for after the handshake"),
        (None, "resumed"),
    ],
)
def test_whether_a_certificate_was_asked_for_is_told_where_it_is_known(
    asked: bool | None, words: str
) -> None:
    seen = replace(RESUMED, certificate_requested=asked)
    (note,) = rule_session(trial(NAME, ACCEPTED, seen, control=True)).notes
    assert note == f"{words}; this client gets in by a full handshake (HTTP 200), too"


@pytest.mark.parametrize("mixed", [True, False])
def test_where_full_handshakes_do_not_end_alike_that_is_said(mixed: bool) -> None:
    finding = rule_session(replace(trial(NAME, control=None), mixed=mixed))
    assert finding.verdict is Verdict.UNTOLD
    assert any("do not end alike" in note for note in finding.notes) is mixed


def test_the_state_in_which_the_server_was_left_is_told() -> None:
    tried = replace(trial("session-after-ca-change", BY_HTTP), aftermath="not taken back: why")
    assert rule_session(tried).notes == ("not taken back: why",)
