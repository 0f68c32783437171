"""Verdicts from what was seen, whatever the alert's number."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from lab.diagnosis.results import Cause, Outcome, Result, Signal
from lab.pki import catalogue
from lab.pki.lab_ca import new_lab_authority
from lab.probing.attempt import ScenarioTrace
from lab.probing.results import Finding, Verdict
from lab.probing.scenarios.catalogue_order import find_scenario
from lab.probing.verdict import (
    Circumstances,
    ScenarioAttempts,
    circumstances,
    rule,
    rule_own,
    worst_finding,
)
from lab.stream.contexts import TlsVersion
from lab.tls.code_points import AlertLevel
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    Endpoint,
    Event,
    MessageSeen,
    NotTls,
    Protocol,
    StreamEnd,
    StreamEnded,
)
from lab.tls.messages import CertificateRequest
from tests.support.scenario_traces import (
    ACCEPTED,
    SERVER_HELLO,
    alert,
    message,
    rejected_by_alert,
    rejected_by_server,
    scenario_trace,
)

NOTHING = Circumstances()
HUNG_UP = Outcome(result=Result.FAILED, by=Endpoint.SERVER, signal=Signal.FIN, after="ClientHello")
ENDED = Outcome(result=Result.FAILED, by=Endpoint.CLIENT, signal=Signal.CLOSE_NOTIFY)
"""The client left, and nothing was said."""


@pytest.mark.parametrize("number", [0, 10, 40, 42, 43, 45, 46, 48, 49, 50, 51, 80, 116, 200])
@pytest.mark.parametrize(
    ("name", "verdict"),
    [("no-certificate", Verdict.RIGHT), ("good", Verdict.SHUT_OUT), ("eku-any", Verdict.RIGHT)],
)
def test_the_number_of_an_alert_decides_nothing(name: str, verdict: Verdict, number: int) -> None:
    finding = rule(scenario_trace(name, rejected_by_alert(number)), NOTHING)
    assert (finding.verdict, finding.admitted) == (verdict, False)
    assert finding.ending.endswith(f"({number})")


SILENCE = [Signal.FIN, Signal.RST, Signal.CLOSE_NOTIFY]


@pytest.mark.parametrize("signal", SILENCE)
def test_a_refusal_without_a_word(signal: Signal) -> None:
    assert (
        rule(scenario_trace("expired", rejected_by_server(signal)), NOTHING).verdict
        is Verdict.SILENT
    )
    assert (
        rule(scenario_trace("good", rejected_by_server(signal)), NOTHING).verdict
        is Verdict.SHUT_OUT
    )
    assert (
        rule(scenario_trace("eku-any", rejected_by_server(signal)), NOTHING).verdict
        is Verdict.RIGHT
    )


@pytest.mark.parametrize("signal", SILENCE)
def test_who_breaks_off_before_asking_has_refused_nobody(signal: Signal) -> None:
    for name in ("expired", "good", "no-certificate"):
        finding = rule(scenario_trace(name, rejected_by_server(signal), asked=False), NOTHING)
        assert finding.verdict is Verdict.NOT_TRIED
        assert finding.notes == ("the connection ended before the server asked for a certificate",)


def test_a_refusal_by_http() -> None:
    outcome = rejected_by_server(Signal.HTTP_STATUS, 400)
    finding = rule(scenario_trace("no-certificate", outcome), NOTHING)
    assert (finding.verdict, finding.ending) == (Verdict.BY_HTTP, "HTTP 400")
    assert rule(scenario_trace("good", outcome), NOTHING).verdict is Verdict.SHUT_OUT


@pytest.mark.parametrize(
    ("outcome", "got_in", "refused"),
    [
        (ACCEPTED, True, ""),
        (replace(ACCEPTED, http_status=404), True, ""),
        (rejected_by_server(Signal.HTTP_STATUS, 403), False, ""),
        # The handshake had been completed: it is not the certificate that was refused.
        (Outcome(result=Result.FAILED, by=Endpoint.SERVER, signal=Signal.FIN), False, ""),
        # It may not speak TLS at all.
        (HUNG_UP, False, "FIN"),
        (rejected_by_server(Signal.FIN), False, "FIN"),
        (rejected_by_alert(42), False, "bad_certificate (42)"),
        (Outcome(result=Result.FAILED), False, "no answer"),
    ],
)
def test_what_becomes_of_the_good_client(outcome: Outcome, got_in: bool, refused: str) -> None:
    for prepared in (True, False):
        known = circumstances(scenario_trace("good", outcome), prepared=prepared)
        assert known == Circumstances(
            good_got_in=got_in,
            good_refused=refused,
            good_status=outcome.http_status,
            prepared=prepared,
        )


def test_which_status_is_no_answer_to_the_certificate() -> None:
    def status_for_good(status: int | None) -> int | None:
        return Circumstances(good_status=status).status_for_good

    statuses = (None, 100, 199, 200, 204, 299, 300, 404, 500)
    assert [status for status in statuses if status_for_good(status) is not None] == [
        100,
        199,
        300,
        404,
        500,
    ]


def test_a_status_that_everybody_gets_says_nothing() -> None:
    """A page that is forbidden to all refuses nobody for the certificate."""
    known = Circumstances(good_got_in=False, good_status=403)
    forbidden, other = (rejected_by_server(Signal.HTTP_STATUS, status) for status in (403, 400))
    finding = rule(scenario_trace("expired", forbidden), known)
    assert (finding.verdict, finding.admitted) == (Verdict.UNTOLD, None)
    assert "--request" in finding.notes[0]
    assert rule(scenario_trace("expired", other), known).verdict is Verdict.BY_HTTP
    assert rule(scenario_trace("expired", rejected_by_alert(45)), known).verdict is Verdict.RIGHT
    assert rule(scenario_trace("good", forbidden), known).verdict is Verdict.SHUT_OUT


def test_who_gets_in() -> None:
    assert rule(scenario_trace("good", ACCEPTED), NOTHING).verdict is Verdict.RIGHT
    assert rule(scenario_trace("eku-any", ACCEPTED), NOTHING).verdict is Verdict.RIGHT
    assert rule(scenario_trace("expired", ACCEPTED), NOTHING).verdict is Verdict.LET_IN


PREPARED = Circumstances(prepared=True)


@pytest.mark.parametrize(
    ("seen", "note"),
    [
        (
            scenario_trace("expired", ACCEPTED, asked=False),
            "the server asked for no certificate: let it ",
        ),
        (
            scenario_trace("no-certificate", ACCEPTED),
            "the server asked for a certificate and went on with",
        ),
        (
            scenario_trace("revoked", ACCEPTED),
            "the server does not refuse what is revoked: it needs ",
        ),
        (
            scenario_trace("expired", ACCEPTED),
            "the server accepted the certificate: it does not verify, ",
        ),
        (
            scenario_trace("no-common-version", ENDED, SERVER_HELLO),
            "the server agreed to what it was offered",
        ),
    ],
)
def test_how_a_client_got_in_that_should_not(seen: ScenarioTrace, note: str) -> None:
    finding = rule(seen, PREPARED)
    assert (finding.verdict, finding.admitted) == (Verdict.LET_IN, True)
    (told,) = finding.notes
    assert told.startswith(note)


def test_what_gets_in_unseen_is_not_explained() -> None:
    """It may have asked in records that could not be read."""
    seen = scenario_trace("expired", ACCEPTED)
    without_hello = replace(seen, trace=replace(seen.trace, events=seen.trace.events[1:]))
    assert rule(without_hello, NOTHING).notes == ()


def test_a_client_that_offers_and_leaves() -> None:
    def finding(outcome: Outcome, *events: Event) -> Finding:
        return rule(scenario_trace("no-common-version", outcome, *events), NOTHING)

    agreed = finding(ENDED, SERVER_HELLO)
    assert (agreed.verdict, agreed.ending) == (Verdict.LET_IN, "ServerHello")
    refused = finding(rejected_by_alert(70))
    assert (refused.verdict, refused.admitted) == (Verdict.RIGHT, False)
    untold = finding(ENDED)
    assert (untold.verdict, untold.admitted) == (Verdict.UNTOLD, None)
    assert untold.notes == ("the server did not answer the ClientHello",)
    by_client = replace(rejected_by_alert(70), by=Endpoint.CLIENT)
    assert finding(by_client).verdict is Verdict.UNTOLD


@pytest.mark.parametrize(
    ("outcome", "ending"),
    [
        (rejected_by_alert(48), "unknown_ca (48)"),
        (replace(rejected_by_alert(48), by=Endpoint.CLIENT), "the client's unknown_ca (48)"),
        (rejected_by_server(Signal.HTTP_STATUS, 403), "HTTP 403"),
        (ACCEPTED, "HTTP 200"),
        (replace(ACCEPTED, http_status=None), "handshake completed"),
        (Outcome(result=Result.FAILED), "no answer"),
        (ENDED, "no answer"),
        (rejected_by_server(Signal.CLOSE_NOTIFY), Signal.CLOSE_NOTIFY.value),
        (rejected_by_server(Signal.RST), "RST"),
    ],
)
def test_by_what_it_ended(outcome: Outcome, ending: str) -> None:
    assert rule(scenario_trace("expired", outcome), NOTHING).ending == ending


@pytest.mark.parametrize(
    ("outcome", "note"),
    [
        (
            Outcome(result=Result.FAILED, by=Endpoint.SERVER, signal=Signal.TIME_OUT),
            "the server did not complete the handshake in time",
        ),
        (
            Outcome(result=Result.REJECTED, by=Endpoint.CLIENT, exception="bad name"),
            "the client itself refused the server: bad name",
        ),
        (ENDED, "the server neither answered nor refused"),
    ],
)
def test_why_nothing_can_be_told(outcome: Outcome, note: str) -> None:
    assert rule(scenario_trace("expired", outcome), NOTHING).notes == (note,)


@pytest.mark.parametrize("signal", SILENCE)
def test_one_that_hangs_up_after_the_handshake(signal: Signal) -> None:
    """It tells something only if the good client is not hung up on."""
    dropped = Outcome(result=Result.FAILED, by=Endpoint.SERVER, signal=signal)
    assert rule(scenario_trace("expired", dropped), NOTHING).verdict is Verdict.SILENT
    everybody = Circumstances(good_got_in=False)
    for name in ("good", "expired"):
        assert rule(scenario_trace(name, dropped), everybody).verdict is Verdict.UNTOLD


def test_what_a_server_must_have_first() -> None:
    assert rule(scenario_trace("revoked", ACCEPTED), NOTHING).verdict is Verdict.UNPREPARED
    prepared = Circumstances(prepared=True)
    assert rule(scenario_trace("revoked", ACCEPTED), prepared).verdict is Verdict.LET_IN
    assert rule(scenario_trace("revoked", rejected_by_alert(44)), NOTHING).verdict is Verdict.RIGHT


UNTOLD = [
    Outcome(result=Result.FAILED, by=Endpoint.SERVER, signal=Signal.TIME_OUT),
    Outcome(result=Result.FAILED, by=Endpoint.CLIENT, signal=Signal.CLOSE_NOTIFY),
    Outcome(result=Result.REJECTED, by=Endpoint.CLIENT, signal=Signal.ALERT),
    Outcome(result=Result.FAILED),
]


@pytest.mark.parametrize("outcome", UNTOLD)
def test_what_cannot_be_told_is_said_to_be_so(outcome: Outcome) -> None:
    for name in ("good", "expired"):
        finding = rule(scenario_trace(name, outcome), NOTHING)
        assert (finding.verdict, finding.admitted) == (Verdict.UNTOLD, None)
        assert finding.notes


def in_clear(sample: bytes) -> NotTls:
    return NotTls(time=0.0, endpoint=Endpoint.SERVER, protocol=Protocol.HTTP, sample=sample)


def ended(endpoint: Endpoint, end: StreamEnd) -> StreamEnded:
    return StreamEnded(time=0.0, endpoint=endpoint, end=end)


NOT_TLS = Outcome(result=Result.FAILED, by=Endpoint.CLIENT, signal=Signal.NOT_TLS)


@pytest.mark.parametrize(
    ("events", "verdict", "ending"),
    [
        ((in_clear(b"HTTP/1.1 200 OK\r\n"),), Verdict.LET_IN, "HTTP 200 in the clear"),
        ((in_clear(b"HTTP/1.1 400 Bad\r\n"),), Verdict.RIGHT, "HTTP 400 in the clear"),
        ((in_clear(b"HTTP/1.1 301 Moved\r\n"),), Verdict.RIGHT, "HTTP 301 in the clear"),
        ((alert(10),), Verdict.RIGHT, "unexpected_message (10)"),
        ((ended(Endpoint.SERVER, StreamEnd.RESET),), Verdict.RIGHT, "RST"),
        ((ended(Endpoint.SERVER, StreamEnd.FIN),), Verdict.RIGHT, "FIN"),
        ((ended(Endpoint.CLIENT, StreamEnd.FIN),), Verdict.RIGHT, "no reaction"),
        ((), Verdict.RIGHT, "no reaction"),
    ],
)
def test_a_client_that_speaks_no_tls(
    events: tuple[Event, ...], verdict: Verdict, ending: str
) -> None:
    finding = rule(scenario_trace("plain-http", NOT_TLS, *events), NOTHING)
    assert (finding.verdict, finding.ending) == (verdict, ending)


def test_the_labs_own_server_is_held_to_the_letter() -> None:
    other = rule_own(scenario_trace("expired", rejected_by_alert(42)), (3, 0))
    assert other.verdict is Verdict.UNEXPECTED
    assert any("alert: bad_certificate" in note for note in other.notes)
    unmeasured = rule_own(scenario_trace("expired", rejected_by_alert(42)), (9, 9))
    assert unmeasured.verdict is Verdict.RIGHT


def test_of_several_tries_the_worst_counts() -> None:
    trials = (scenario_trace("expired", rejected_by_alert(45)), scenario_trace("expired", ACCEPTED))
    attempt = ScenarioAttempts(
        scenario=trials[0].scenario, version=TlsVersion.TLS13, trials=(*trials, trials[0])
    )
    findings = [replace(rule(trace, NOTHING), seconds=0.25) for trace in attempt.trials]
    found = worst_finding(attempt, findings)
    assert (found.verdict, found.like_this, found.tries) == (Verdict.LET_IN, 1, 3)
    assert found.seconds == 0.75
    assert found.outcome is ACCEPTED


def test_a_connection_that_fails_is_no_verdict() -> None:
    attempt = ScenarioAttempts(
        scenario=find_scenario("good"), version=TlsVersion.TLS12, trials=(), failure="gone"
    )
    found = worst_finding(attempt, [])
    assert (found.verdict, found.notes, found.outcome) == (Verdict.NOT_TRIED, ("gone",), None)
    assert not found.fine


def test_a_connection_that_fails_hides_no_earlier_fault() -> None:
    let_in = scenario_trace("expired", ACCEPTED)
    attempt = ScenarioAttempts(
        scenario=let_in.scenario, version=TlsVersion.TLS13, trials=(let_in,), failure="gone"
    )
    found = worst_finding(attempt, [rule(let_in, NOTHING)])
    assert (found.verdict, found.tries, found.like_this) == (Verdict.LET_IN, 2, 1)


def test_a_certificate_that_was_not_presented_was_not_tried() -> None:
    """The server refuses, or accepts, a client that sent an empty Certificate."""
    certificate = catalogue.expired(new_lab_authority(datetime.now(timezone.utc))).certificate
    leaf = certificate.public_bytes(Encoding.DER)
    for outcome in (rejected_by_alert(40), rejected_by_alert(116), ACCEPTED):
        for name in ("expired", "good", "eku-any", "through-intermediate"):
            finding = rule(scenario_trace(name, outcome, presented=False, leaf=leaf), NOTHING)
            assert (finding.verdict, finding.presented) == (Verdict.NOT_TRIED, False)
            assert finding.matters is (name != "eku-any")
            assert finding.notes[0].startswith("the client sent an empty Certificate: the server ")
            assert finding.notes[0].endswith(
                "key of EC secp256r1 and is signed with ecdsa-with-SHA256"
            )
    own = rule_own(
        scenario_trace("expired", rejected_by_alert(45), presented=False, leaf=leaf), (9, 9)
    )
    assert own.verdict is Verdict.NOT_TRIED


def test_a_key_type_that_the_server_does_not_take_is_not_held_against_it() -> None:
    certificate = catalogue.good_ec(new_lab_authority(datetime.now(timezone.utc))).certificate
    leaf = certificate.public_bytes(Encoding.DER)
    for name in ("ec-p256", "rsa-1024", "sha1-signature"):
        kept_back = rule(
            scenario_trace(name, rejected_by_alert(40), presented=False, leaf=leaf), NOTHING
        )
        assert (kept_back.verdict, kept_back.matters) == (Verdict.NOT_TRIED, False)
        # That it was never asked for is another reason, and leaves the question open.
        cut = rule(scenario_trace(name, rejected_by_alert(40), asked=False), NOTHING)
        assert (cut.verdict, cut.matters) == (Verdict.NOT_TRIED, True)


def test_a_refusal_proves_nothing_where_the_good_certificate_is_refused_too() -> None:
    known = circumstances(scenario_trace("good", rejected_by_alert(48)), prepared=False)
    for name in ("expired", "no-certificate"):
        finding = rule(scenario_trace(name, rejected_by_alert(48)), known)
        assert (finding.verdict, finding.admitted) == (Verdict.UNTOLD, None)
        assert finding.notes == (
            "a good certificate (good) is refused too (unknown_ca (48)), "
            "so the refusal says nothing of this one",
        )
    assert rule(scenario_trace("expired", ACCEPTED), known).verdict is Verdict.LET_IN
    assert rule(scenario_trace("good", rejected_by_alert(48)), known).verdict is Verdict.SHUT_OUT


def test_http_is_compared_with_what_the_good_certificate_gets() -> None:
    def status(number: int) -> Outcome:
        return replace(ACCEPTED, http_status=number)

    welcome = circumstances(scenario_trace("good", status(200)), prepared=False)
    verdicts = {
        number: rule(scenario_trace("expired", status(number)), welcome).verdict
        for number in (200, 204, 302, 404, 421, 503)
    }
    assert verdicts == {
        200: Verdict.LET_IN,
        204: Verdict.LET_IN,
        302: Verdict.UNTOLD,
        404: Verdict.BY_HTTP,
        421: Verdict.BY_HTTP,
        503: Verdict.UNTOLD,
    }
    broken = circumstances(scenario_trace("good", status(500)), prepared=False)
    everybody = rule(scenario_trace("expired", status(500)), broken)
    assert everybody.verdict is Verdict.UNTOLD
    assert "--request" in everybody.notes[0]
    # One that asks for nothing lets everybody in, whatever its pages are.
    assert (
        rule(scenario_trace("expired", status(500), asked=False), broken).verdict is Verdict.LET_IN
    )


def test_only_what_has_a_certificate_to_send_is_said_to_be_presented() -> None:
    assert rule(scenario_trace("expired", rejected_by_alert(45)), NOTHING).presented is True
    assert rule(scenario_trace("no-certificate", rejected_by_alert(116)), NOTHING).presented is None
    assert (
        rule(scenario_trace("no-common-version", rejected_by_alert(70)), NOTHING).presented is None
    )
    assert rule(scenario_trace("silence", ENDED), NOTHING).presented is None
    assert rule(scenario_trace("sni-unknown", rejected_by_alert(112)), NOTHING).presented is None


def test_a_refused_setting_is_told_though_the_good_certificate_is_refused_too() -> None:
    known = Circumstances(good_got_in=False, good_refused="unknown_ca (48)")
    finding = rule(scenario_trace("sni-unknown", rejected_by_alert(112)), known)
    assert (finding.verdict, finding.admitted) == (Verdict.RIGHT, False)


def test_on_the_labs_own_server_everything_matters() -> None:
    assert rule_own(scenario_trace("eku-any", rejected_by_alert(43)), (9, 9)).matters


def test_a_status_where_the_good_clients_is_not_known_lets_in() -> None:
    not_found = replace(ACCEPTED, http_status=404)
    assert rule(scenario_trace("expired", not_found), NOTHING).verdict is Verdict.LET_IN


def test_a_status_that_refuses_needs_no_comparison() -> None:
    known = Circumstances(good_status=200)
    unavailable = rejected_by_server(Signal.HTTP_STATUS, 503)
    assert rule(scenario_trace("expired", unavailable), known).verdict is Verdict.BY_HTTP


@pytest.mark.parametrize("returned", [True, False])
def test_a_finding_tells_whether_the_clients_handshake_call_returned(returned: bool) -> None:
    def found(name: str) -> bool | None:
        seen = scenario_trace(
            name, replace(rejected_by_alert(70), client_handshake_returned=returned)
        )
        attempt = ScenarioAttempts(scenario=seen.scenario, version=TlsVersion.TLS13, trials=(seen,))
        return worst_finding(attempt, [rule(seen, NOTHING)]).handshake_returned

    assert found("expired") is returned
    assert found("no-common-version") is None  # it makes no such call


def close_notify(endpoint: Endpoint) -> AlertSeen:
    return replace(alert(0), endpoint=endpoint, level=AlertLevel.WARNING)


def naming(*authorities: bytes) -> MessageSeen:
    return message(Endpoint.SERVER, CertificateRequest(certificate_authorities=authorities))


WROTE = ApplicationDataSeen(
    time=0.0, endpoint=Endpoint.CLIENT, records=(), encrypted=True, data=b"GET"
)
OTHER_CA = b"\x30\x0d1\x0b0\x09\x06\x03U\x04\x03\x13\x02CA"
OWN_CA = b"\x30\x0d1\x0b0\x09\x06\x03U\x04\x03\x13\x02Me"


@pytest.mark.parametrize(
    ("events", "admitted", "verdict"),
    [
        ((WROTE, ended(Endpoint.SERVER, StreamEnd.FIN)), False, Verdict.SILENT),
        ((WROTE, close_notify(Endpoint.SERVER)), False, Verdict.SILENT),
        (
            (WROTE, ended(Endpoint.CLIENT, StreamEnd.FIN), ended(Endpoint.SERVER, StreamEnd.FIN)),
            None,
            Verdict.UNTOLD,
        ),
        ((WROTE,), None, Verdict.UNTOLD),
        # It asked for nothing, as where another protocol was agreed on.
        ((ended(Endpoint.SERVER, StreamEnd.FIN),), True, Verdict.LET_IN),
    ],
)
def test_a_close_where_the_good_one_gets_an_answer_is_a_refusal(
    events: tuple[Event, ...], admitted: bool | None, verdict: Verdict
) -> None:
    unanswered = Outcome(result=Result.ACCEPTED, signal=Signal.CLOSE_NOTIFY)
    known = Circumstances(good_status=200)
    finding = rule(scenario_trace("expired", unanswered, *events), known)
    assert (finding.admitted, finding.verdict) == (admitted, verdict)
    assert rule(scenario_trace("expired", unanswered, *events), NOTHING).admitted


def test_a_ca_that_the_server_does_not_name_is_the_first_thing_to_say() -> None:
    forbidden = rejected_by_server(Signal.HTTP_STATUS, 403)
    good = scenario_trace("good", forbidden, naming(OTHER_CA), asked=False)
    known = circumstances(good, prepared=False, ca=OWN_CA)
    for name in ("good", "expired"):
        note = rule(scenario_trace(name, forbidden), known).notes[0]
        assert note.startswith("this probe's CA is not among those that the server names (CN=CA)")
    for names in ((), (OWN_CA, OTHER_CA)):
        trace = scenario_trace("good", forbidden, naming(*names), asked=False)
        trusted = circumstances(trace, prepared=False, ca=OWN_CA)
        assert not trusted.foreign


def test_why_the_good_one_is_shut_out_and_who_is_let_in_is_said() -> None:
    cause = Cause(code="x", summary="it has expired", evidence=(), reference="", fix="")
    refused = scenario_trace("good", rejected_by_alert(45))
    refused = replace(refused, trace=replace(refused.trace, causes=(cause,)))
    assert rule(refused, NOTHING).notes == ("the likeliest cause: it has expired",)
    let_in = scenario_trace("eku-server-only", ACCEPTED)
    assert rule(let_in, NOTHING).notes[0].endswith("does not verify, or does not check this")
    verifying = replace(NOTHING, verifies=True)
    assert rule(let_in, verifying).notes[0].endswith("and refuses a certificate of a wrong CA")
    # A status tells nothing of the cause; what the body says is told.
    text = "400 The SSL certificate error"
    status = replace(rejected_by_server(Signal.HTTP_STATUS, 400), http_text=text)
    by_http = scenario_trace("good", status)
    by_http = replace(by_http, trace=replace(by_http.trace, causes=(cause,)))
    (note,) = rule(by_http, Circumstances(good_status=400)).notes
    assert note.startswith(f"HTTP 400 ({text}): name a path")


def test_a_chain_that_http_refuses_is_not_laid_to_the_good_client() -> None:
    """As by a server with revocation lists, which has none of the probe's new intermediate."""
    http, refused = Circumstances(good_status=400), rejected_by_server(Signal.HTTP_STATUS, 400)
    chain = rule(scenario_trace("through-intermediate", refused), NOTHING)
    assert chain.verdict is Verdict.UNTOLD
    assert chain.notes[-1].endswith("no CRL of this intermediate, which is new")
    (note,) = rule(scenario_trace("intermediate-expired", refused), http).notes
    assert note == "HTTP 400 is what a good certificate (through-intermediate) gets, too"


def test_a_server_that_leaves_at_the_hello_refuses_if_it_talks_to_the_good_client() -> None:
    for name in ("no-common-version", "no-certificate"):
        trial = scenario_trace(name, HUNG_UP)
        assert rule(trial, NOTHING).admitted is False
        assert rule(trial, Circumstances(good_got_in=False)).admitted is None


@pytest.mark.parametrize("signal", SILENCE)
@pytest.mark.parametrize("result", [Result.FAILED, Result.REJECTED, Result.ACCEPTED])
def test_to_close_an_idle_connection_is_not_to_refuse_its_certificate(
    signal: Signal, result: Result
) -> None:
    closed = Outcome(result=result, by=Endpoint.SERVER, signal=signal, after="Finished")
    finding = rule(scenario_trace("expires-while-connected", closed), NOTHING)
    assert (finding.verdict, finding.admitted) == (Verdict.UNTOLD, None)
    assert finding.fine
    assert "nothing is asked for some seconds" in " ".join(finding.notes)
