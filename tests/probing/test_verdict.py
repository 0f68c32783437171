"""Verdicts from what was seen, whatever the alert's number; and the campaign that gathers it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from lab.diagnosis.results import Outcome, Result, Signal
from lab.pki import catalogue
from lab.pki.lab_ca import new_lab_authority
from lab.probing.attempt import NotLoaded, ScenarioTrace
from lab.probing.results import Verdict
from lab.probing.runner import NothingSelected, run, selection
from lab.probing.scenarios.catalogue_order import SCENARIOS, UnknownScenario, find_scenario
from lab.probing.scenarios.scenario import Norm, Scenario, TlsClient
from lab.probing.verdict import (
    Circumstances,
    Ruling,
    ScenarioAttempts,
    circumstances,
    finding,
    rule,
    rule_own,
)
from lab.stream.contexts import TlsVersion
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import (
    AlertDescription,
    AlertLevel,
    CompressionMethod,
    ProtocolVersion,
)
from lab.tls.events import (
    AlertSeen,
    Endpoint,
    Event,
    MessageSeen,
    NotTls,
    Protocol,
    StreamEnd,
    StreamEnded,
)
from lab.tls.messages import (
    Certificate,
    CertificateEntry,
    CertificateRequest,
    HandshakeMessage,
    ServerHello,
)
from lab.tracing.connection import NoConnection
from lab.tracing.results import Trace

NOTHING = Circumstances()
ACCEPTED = Outcome(result=Result.ACCEPTED, http_status=200, client_handshake_returned=True)


def alert(number: int) -> AlertSeen:
    return AlertSeen(
        time=0.0,
        endpoint=Endpoint.SERVER,
        records=(),
        encrypted=True,
        level=AlertLevel.FATAL,
        description=AlertDescription(number),
    )


def by_server(signal: Signal, status: int | None = None) -> Outcome:
    return Outcome(result=Result.REJECTED, by=Endpoint.SERVER, signal=signal, http_status=status)


def by_alert(number: int) -> Outcome:
    return replace(by_server(Signal.ALERT), alert=alert(number))


# The server asked for a certificate; else nothing that it does can be about one.
ASKED = MessageSeen(
    time=0.0,
    endpoint=Endpoint.SERVER,
    records=(),
    encrypted=True,
    message=CertificateRequest(),
    raw=b"",
)


LEAF = b"the scenario's certificate"


def message(endpoint: Endpoint, content: HandshakeMessage) -> MessageSeen:
    return MessageSeen(
        time=0.0, endpoint=endpoint, records=(), encrypted=True, message=content, raw=b""
    )


HELLO = message(
    Endpoint.SERVER,
    ServerHello(
        legacy_version=ProtocolVersion.TLS_1_2,
        random=bytes(32),
        legacy_session_id_echo=b"",
        cipher_suite=CipherSuite.TLS_AES_128_GCM_SHA256,
        legacy_compression_method=CompressionMethod.NULL,
    ),
)


def sent(*certificates: bytes) -> MessageSeen:
    """The client's Certificate message."""
    entries = tuple(CertificateEntry(cert_data=each) for each in certificates)
    return message(Endpoint.CLIENT, Certificate(certificate_list=entries))


def trial(
    name: str,
    outcome: Outcome,
    *events: Event,
    asked: bool = True,
    presented: bool = True,
    leaf: bytes = LEAF,
) -> ScenarioTrace:
    """A trial that was answered; asked for a certificate, it sends its own."""
    client = find_scenario(name).client
    has_leaf = isinstance(client, TlsClient) and client.identity is not None
    hello = (HELLO,) if isinstance(client, TlsClient) else ()
    answer = (sent(*([leaf] if has_leaf and presented else [])),) if asked else ()
    trace = Trace(
        target="server.example:443",
        requested_version=None,
        negotiated_version=None,
        client_certificate=leaf if has_leaf else None,
        start=0.0,
        events=(*hello, *((ASKED,) if asked else ()), *answer, *events),
        both_ends=False,
        outcome=outcome,
        causes=(),
    )
    return ScenarioTrace(scenario=find_scenario(name), version=TlsVersion.TLS13, trace=trace)


@pytest.mark.parametrize("number", [0, 10, 40, 42, 43, 45, 46, 48, 49, 50, 51, 80, 116, 200])
@pytest.mark.parametrize(
    ("name", "verdict"),
    [("no-certificate", Verdict.RIGHT), ("good", Verdict.SHUT_OUT), ("eku-any", Verdict.RIGHT)],
)
def test_the_number_of_an_alert_decides_nothing(name: str, verdict: Verdict, number: int) -> None:
    ruling = rule(trial(name, by_alert(number)), NOTHING)
    assert (ruling.verdict, ruling.admitted) == (verdict, False)
    assert ruling.ending.endswith(f"({number})")


SILENCE = [Signal.FIN, Signal.RST, Signal.CLOSE_NOTIFY]


@pytest.mark.parametrize("signal", SILENCE)
def test_a_refusal_without_a_word(signal: Signal) -> None:
    assert rule(trial("expired", by_server(signal)), NOTHING).verdict is Verdict.SILENT
    assert rule(trial("good", by_server(signal)), NOTHING).verdict is Verdict.SHUT_OUT
    assert rule(trial("eku-any", by_server(signal)), NOTHING).verdict is Verdict.RIGHT


@pytest.mark.parametrize("signal", SILENCE)
def test_who_breaks_off_before_asking_has_refused_nobody(signal: Signal) -> None:
    for name in ("expired", "good", "no-certificate"):
        ruling = rule(trial(name, by_server(signal), asked=False), NOTHING)
        assert ruling.verdict is Verdict.NOT_TRIED
        assert ruling.notes == ("the connection ended before the server asked for a certificate",)


def test_a_refusal_by_http() -> None:
    outcome = by_server(Signal.HTTP_STATUS, 400)
    ruling = rule(trial("no-certificate", outcome), NOTHING)
    assert (ruling.verdict, ruling.ending) == (Verdict.BY_HTTP, "HTTP 400")
    assert rule(trial("good", outcome), NOTHING).verdict is Verdict.SHUT_OUT


def test_a_status_that_everybody_gets_says_nothing() -> None:
    """A page that is forbidden to all refuses nobody for the certificate."""
    known = Circumstances(good_got_in=False, good_status=403)
    forbidden, other = (by_server(Signal.HTTP_STATUS, status) for status in (403, 400))
    ruling = rule(trial("expired", forbidden), known)
    assert (ruling.verdict, ruling.admitted) == (Verdict.UNTOLD, None)
    assert "--request" in ruling.notes[0]
    assert rule(trial("expired", other), known).verdict is Verdict.BY_HTTP
    assert rule(trial("expired", by_alert(45)), known).verdict is Verdict.RIGHT
    assert rule(trial("good", forbidden), known).verdict is Verdict.SHUT_OUT


def test_who_gets_in() -> None:
    assert rule(trial("good", ACCEPTED), NOTHING).verdict is Verdict.RIGHT
    assert rule(trial("eku-any", ACCEPTED), NOTHING).verdict is Verdict.RIGHT
    assert rule(trial("expired", ACCEPTED), NOTHING).verdict is Verdict.LET_IN


@pytest.mark.parametrize("signal", SILENCE)
def test_one_that_hangs_up_after_the_handshake(signal: Signal) -> None:
    """It tells something only if the good client is not hung up on."""
    dropped = Outcome(result=Result.FAILED, by=Endpoint.SERVER, signal=signal)
    assert rule(trial("expired", dropped), NOTHING).verdict is Verdict.SILENT
    everybody = Circumstances(good_got_in=False)
    for name in ("good", "expired"):
        assert rule(trial(name, dropped), everybody).verdict is Verdict.UNTOLD


def test_what_a_server_must_have_first() -> None:
    assert rule(trial("revoked", ACCEPTED), NOTHING).verdict is Verdict.UNPREPARED
    prepared = Circumstances(prepared=True)
    assert rule(trial("revoked", ACCEPTED), prepared).verdict is Verdict.LET_IN
    assert rule(trial("revoked", by_alert(44)), NOTHING).verdict is Verdict.RIGHT


UNTOLD = [
    Outcome(result=Result.FAILED, by=Endpoint.SERVER, signal=Signal.TIME_OUT),
    Outcome(result=Result.FAILED, by=Endpoint.CLIENT, signal=Signal.CLOSE_NOTIFY),
    Outcome(result=Result.REJECTED, by=Endpoint.CLIENT, signal=Signal.ALERT),
    Outcome(result=Result.FAILED),
]


@pytest.mark.parametrize("outcome", UNTOLD)
def test_what_cannot_be_told_is_said_to_be_so(outcome: Outcome) -> None:
    for name in ("good", "expired"):
        ruling = rule(trial(name, outcome), NOTHING)
        assert (ruling.verdict, ruling.admitted) == (Verdict.UNTOLD, None)
        assert ruling.notes


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
    ruling = rule(trial("plain-http", NOT_TLS, *events), NOTHING)
    assert (ruling.verdict, ruling.ending) == (verdict, ending)


def test_the_labs_own_server_is_held_to_the_letter() -> None:
    other = rule_own(trial("expired", by_alert(42)), (3, 0))
    assert other.verdict is Verdict.UNEXPECTED
    assert any("alert: bad_certificate" in note for note in other.notes)
    unmeasured = rule_own(trial("expired", by_alert(42)), (9, 9))
    assert unmeasured.verdict is Verdict.RIGHT


def ruling(verdict: Verdict) -> Ruling:
    return Ruling(verdict=verdict, admitted=None, ending="")


def test_of_several_tries_the_worst_counts() -> None:
    trials = (trial("expired", by_alert(45)), trial("expired", ACCEPTED))
    attempt = ScenarioAttempts(
        scenario=trials[0].scenario, version=TlsVersion.TLS13, trials=(*trials, trials[0])
    )
    found = finding(attempt, [rule(each, NOTHING) for each in attempt.trials])
    assert (found.verdict, found.like_this, found.tries) == (Verdict.LET_IN, 1, 3)
    assert found.outcome is ACCEPTED


def test_a_connection_that_fails_is_no_verdict() -> None:
    attempt = ScenarioAttempts(
        scenario=find_scenario("good"), version=TlsVersion.TLS12, trials=(), failure="gone"
    )
    found = finding(attempt, [])
    assert (found.verdict, found.notes, found.outcome) == (Verdict.NOT_TRIED, ("gone",), None)
    assert not found.fine


def test_a_connection_that_fails_hides_no_earlier_fault() -> None:
    let_in = trial("expired", ACCEPTED)
    attempt = ScenarioAttempts(
        scenario=let_in.scenario, version=TlsVersion.TLS13, trials=(let_in,), failure="gone"
    )
    found = finding(attempt, [rule(let_in, NOTHING)])
    assert (found.verdict, found.tries, found.like_this) == (Verdict.LET_IN, 2, 1)


def test_a_certificate_that_was_not_presented_was_not_tried() -> None:
    """The server refuses, or accepts, a client that sent an empty Certificate."""
    certificate = catalogue.expired(new_lab_authority(datetime.now(timezone.utc))).certificate
    leaf = certificate.public_bytes(Encoding.DER)
    for outcome in (by_alert(40), by_alert(116), ACCEPTED):
        for name in ("expired", "good", "eku-any", "through-intermediate"):
            ruling = rule(trial(name, outcome, presented=False, leaf=leaf), NOTHING)
            assert (ruling.verdict, ruling.presented) == (Verdict.NOT_TRIED, False)
            assert ruling.matters is (name != "eku-any")
            assert ruling.notes[0].startswith("the client sent an empty Certificate: the server ")
            assert ruling.notes[0].endswith(
                "key of EC secp256r1 and is signed with ecdsa-with-SHA256"
            )
    own = rule_own(trial("expired", by_alert(45), presented=False, leaf=leaf), (9, 9))
    assert own.verdict is Verdict.NOT_TRIED


def test_another_certificate_than_the_scenarios_was_not_tried() -> None:
    seen = trial("expired", by_alert(45), presented=False)
    events = (*seen.trace.events[:-1], sent(b"another"))
    other = replace(seen, trace=replace(seen.trace, events=events))
    ruling = rule(other, NOTHING)
    assert ruling.verdict is Verdict.NOT_TRIED
    assert ruling.notes == ("the client sent another certificate",)


def test_a_key_type_that_the_server_does_not_take_is_not_held_against_it() -> None:
    certificate = catalogue.good_ec(new_lab_authority(datetime.now(timezone.utc))).certificate
    leaf = certificate.public_bytes(Encoding.DER)
    for name in ("ec-p256", "rsa-1024", "sha1-signature"):
        kept_back = rule(trial(name, by_alert(40), presented=False, leaf=leaf), NOTHING)
        assert (kept_back.verdict, kept_back.matters) == (Verdict.NOT_TRIED, False)
        # That it was never asked for is another reason, and leaves the question open.
        cut = rule(trial(name, by_alert(40), asked=False), NOTHING)
        assert (cut.verdict, cut.matters) == (Verdict.NOT_TRIED, True)


def test_a_refusal_proves_nothing_where_the_good_certificate_is_refused_too() -> None:
    known = circumstances(trial("good", by_alert(48)), prepared=False)
    for name in ("expired", "no-certificate"):
        ruling = rule(trial(name, by_alert(48)), known)
        assert (ruling.verdict, ruling.admitted) == (Verdict.UNTOLD, None)
        assert ruling.notes == (
            "a good certificate (good) is refused too (unknown_ca (48)), "
            "so the refusal says nothing of this one",
        )
    assert rule(trial("expired", ACCEPTED), known).verdict is Verdict.LET_IN
    assert rule(trial("good", by_alert(48)), known).verdict is Verdict.SHUT_OUT


def test_http_is_compared_with_what_the_good_certificate_gets() -> None:
    def status(number: int) -> Outcome:
        return replace(ACCEPTED, http_status=number)

    welcome = circumstances(trial("good", status(200)), prepared=False)
    verdicts = {
        number: rule(trial("expired", status(number)), welcome).verdict
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
    broken = circumstances(trial("good", status(500)), prepared=False)
    everybody = rule(trial("expired", status(500)), broken)
    assert everybody.verdict is Verdict.UNTOLD
    assert "--request" in everybody.notes[0]
    # One that asks for nothing lets everybody in, whatever its pages are.
    assert rule(trial("expired", status(500), asked=False), broken).verdict is Verdict.LET_IN


def test_which_verdicts_are_fine() -> None:
    fine = {each for each in Verdict if each.fine}
    assert {each for each in Verdict if each.faulty} == {
        Verdict.UNEXPECTED,
        Verdict.SHUT_OUT,
        Verdict.LET_IN,
    }
    assert fine == {Verdict.RIGHT, Verdict.BY_HTTP, Verdict.SILENT, Verdict.UNPREPARED}
    assert max(fine, key=lambda each: each.weight).weight < min(
        each.weight for each in set(Verdict) - fine
    )


def test_a_selection() -> None:
    assert selection([], [], own=True) == list(SCENARIOS)
    names = [each.name for each in selection(["expired", "good"], [], own=True)]
    assert names == ["good", "expired"]
    away = selection([], ["silence"], own=False)
    assert all(each.anywhere and each.name != "silence" for each in away)
    assert any(each.norm is Norm.ACCEPT for each in away)
    with pytest.raises(NothingSelected, match="server-expired is about the lab's own server"):
        selection(["server-expired"], [], own=False)
    with pytest.raises(NothingSelected, match="no scenario is left"):
        selection([], [each.name for each in SCENARIOS], own=True)
    with pytest.raises(UnknownScenario):
        selection([], ["nonsense"], own=True)


class Host:
    """Stands in for a server: counts who is there at once, and refuses to be reached by some."""

    def __init__(self) -> None:
        self.there = 0
        self.most = 0
        self.order: list[str] = []

    async def attempt(self, scenario: Scenario, version: TlsVersion, early: bool) -> ScenarioTrace:
        assert not early
        self.order.append(scenario.name)
        self.there += 1
        self.most = max(self.most, self.there)
        await asyncio.sleep(0)
        self.there -= 1
        if scenario.name == "expired":
            raise NoConnection("nobody there")
        return trial(scenario.name, ACCEPTED)


async def test_a_campaign_keeps_order_and_bounds() -> None:
    host, done = Host(), list[str]()
    scenarios = [find_scenario(name) for name in ("silence", "good", "expired", "wrong-ca")]
    attempts = await run(
        scenarios,
        list(TlsVersion),
        host.attempt,
        repeat=2,
        concurrency=3,
        done=done.append,
    )
    assert [(each.scenario.name, each.version) for each in attempts] == [
        (each.name, version) for each in scenarios for version in TlsVersion
    ]
    assert [len(each.trials) for each in attempts] == [2, 2, 2, 2, 0, 0, 2, 2]
    assert {each.failure for each in attempts} == {"", "nobody there"}
    assert host.most == 3
    # Who says nothing holds up a server that serves one at a time.
    assert set(host.order[-2:]) == {"silence"}
    assert len(done) == len(attempts)


async def test_a_certificate_that_cannot_be_loaded_stops_nobody_else() -> None:
    async def attempt(scenario: Scenario, version: TlsVersion, early: bool) -> ScenarioTrace:
        if scenario.name == "rsa-1024":
            raise NotLoaded("too weak")
        return trial(scenario.name, ACCEPTED)

    attempts = await run(
        [find_scenario("rsa-1024"), find_scenario("good")],
        [TlsVersion.TLS13],
        attempt,
        repeat=1,
        concurrency=1,
        done=lambda name: None,
    )
    assert [each.failure for each in attempts] == ["too weak", ""]
    found = finding(attempts[0], [])
    assert (found.verdict, found.matters) == (Verdict.NOT_TRIED, True)


async def test_a_defect_ends_a_campaign() -> None:
    async def attempt(scenario: Scenario, version: TlsVersion, early: bool) -> ScenarioTrace:
        raise RuntimeError("a defect of ours")

    with pytest.raises(RuntimeError, match="a defect of ours"):
        await run(
            list(SCENARIOS),
            list(TlsVersion),
            attempt,
            repeat=1,
            concurrency=4,
            done=lambda name: None,
        )


async def test_a_campaign_that_is_cancelled_begins_nothing_new() -> None:
    begun, go_on = list[str](), asyncio.Event()

    async def attempt(scenario: Scenario, version: TlsVersion, early: bool) -> ScenarioTrace:
        begun.append(scenario.name)
        await go_on.wait()
        return trial(scenario.name, ACCEPTED)

    done = list[str]()
    running = asyncio.ensure_future(
        run(
            list(SCENARIOS),
            list(TlsVersion),
            attempt,
            repeat=1,
            concurrency=2,
            done=done.append,
        )
    )
    while len(begun) < 2:
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(begun) == len(done) == 2
