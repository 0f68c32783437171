"""What a server does, put together from trials that are made up here: every answer there is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from functools import partial

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from lab.diagnosis.results import Outcome, Result, Signal
from lab.pki.catalogue import good_ec
from lab.pki.lab_ca import new_lab_authority
from lab.probing.attempt import ScenarioTrace
from lab.probing.server_behaviour import (
    NEEDED,
    Observations,
    insights,
    to_race,
)
from lab.probing.verdict import circumstances, rule
from lab.stream.contexts import TlsVersion
from lab.tls.events import (
    Endpoint,
    MessageSeen,
    StreamEnd,
    StreamEnded,
)
from lab.tls.messages import CertificateRequest
from tests.support.scenario_traces import (
    ACCEPTED,
    LEAF,
    client_certificates,
    rejected_by_alert,
    rejected_by_server,
)
from tests.support.scenario_traces import scenario_trace as trial_of

# What was asked for is each test's own to say here.
trial = partial(trial_of, asked=False)

EC_LEAF = good_ec(new_lab_authority(datetime.now(timezone.utc))).certificate.public_bytes(
    Encoding.DER
)
OWN_CA = b"\x30\x0d1\x0b0\x09\x06\x03U\x04\x03\x13\x02CA"
UNKNOWN_CA, REQUIRED, EXPIRED = rejected_by_alert(48), rejected_by_alert(116), rejected_by_alert(45)
FORBIDDEN = rejected_by_server(Signal.HTTP_STATUS, 403)
REFUSED_BY_CLIENT = Outcome(result=Result.REJECTED, by=Endpoint.CLIENT, signal=Signal.ALERT)
UNANSWERED = replace(ACCEPTED, http_status=503)
FAILED = Outcome(result=Result.FAILED)
RIGHT = {
    "good": ACCEPTED,
    "through-intermediate": ACCEPTED,
    "no-certificate": REQUIRED,
    "self-signed": UNKNOWN_CA,
    "wrong-ca": UNKNOWN_CA,
    "expired": EXPIRED,
    "intermediate-not-sent": UNKNOWN_CA,
}
OPEN = dict.fromkeys(NEEDED, ACCEPTED)


def asking(*authorities: bytes) -> MessageSeen:
    request = CertificateRequest(extensions=(), certificate_authorities=authorities)
    return MessageSeen(
        time=0.0, endpoint=Endpoint.SERVER, records=(), encrypted=True, message=request, raw=b""
    )


RESET = StreamEnded(time=0.0, endpoint=Endpoint.SERVER, end=StreamEnd.RESET)


def ground(
    outcomes: dict[str, Outcome],
    *,
    asks: MessageSeen | None = None,
    early: tuple[ScenarioTrace, ...] = (),
    late: ScenarioTrace | None = None,
) -> Observations:
    trials = {name: asked_by(asks, name, outcome) for name, outcome in outcomes.items()}
    known = circumstances(trials["good"], prepared=False)
    chain = circumstances(trials["through-intermediate"], prepared=False)
    findings = {
        name: rule(each, chain if each.scenario.control != "good" else known)
        for name, each in trials.items()
    }
    return Observations(trials=trials, findings=findings, early=early, late=late, ca=OWN_CA)


def asked_by(asks: MessageSeen | None, name: str, outcome: Outcome) -> ScenarioTrace:
    """A trial in which the certificate is asked for by ``asks``, and sent."""
    if asks is None:
        return trial(name, outcome)
    has_leaf = name != "no-certificate"
    return trial(name, outcome, asks, client_certificates(*([LEAF] if has_leaf else [])))


def answer(code: str, observations: Observations) -> str:
    found = insights({TlsVersion.TLS13: observations})
    return next((each.answer for each in found if each.code == code), "")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "required; what is sent is verified: none of 3 bad certificates got in"),
        (OPEN, "asked for and optional: a client without one gets in; what is sent is not ver"),
        ({"no-certificate": ACCEPTED}, "asked for and optional: a client without one gets in; w"),
        ({"expired": ACCEPTED}, "required; what is sent is verified in part: expired got in"),
        (
            {"expired": ACCEPTED, "wrong-ca": FAILED},
            "required; what is sent is verified not or only in part: expired got in; inconclusive: "
            "wrong-ca",
        ),
        (
            {"self-signed": FAILED, "expired": FAILED},
            "required; verification is inconclusive: self-signed, expired",
        ),
        # It is not every client that gets this status.
        ({"no-certificate": UNANSWERED}, "asked for; whether it is required: inconclusive (acc"),
        ({"no-certificate": FORBIDDEN}, "optional for TLS, required by HTTP (403); what is sent"),
        (
            dict.fromkeys(NEEDED, FORBIDDEN),
            "asked for; inconclusive: with and without a certificate the answer is HTTP 403",
        ),
        (
            {"no-certificate": Outcome(result=Result.FAILED)},
            "asked for; whether it is required: inconclusive (failed, no answer)",
        ),
    ],
)
def test_what_becomes_of_a_client_certificate(changes: dict[str, Outcome], says: str) -> None:
    observations = ground(RIGHT | changes, asks=asking())
    assert answer("client-certificate", observations).startswith(says)


def test_the_whole_answer_ends_where_it_should() -> None:
    """Nothing is said to be inconclusive that is not."""
    observations = ground(RIGHT | {"expired": ACCEPTED}, asks=asking())
    assert answer("client-certificate", observations) == (
        "required; what is sent is verified in part: expired got in"
    )


def test_one_that_asks_one_client_and_not_another() -> None:
    """A request that was seen once is a request."""
    observations = ground(RIGHT)
    for name in ("no-certificate", "good"):
        asked_trials = {**observations.trials, name: asked_by(asking(OWN_CA), name, RIGHT[name])}
        once = replace(observations, trials=asked_trials)
        assert not answer("client-certificate", once).startswith("not asked for")
        assert answer("ca-names", once) == "1 sent, the name of this probe's CA is among them"
        assert answer("chain", once) != "" or name == "no-certificate"


def test_one_that_does_not_ask() -> None:
    assert answer("client-certificate", ground(OPEN)) == (
        "not asked for on this name and path: no mutual TLS here"
    )
    assert answer("chain", ground(OPEN)) == ""
    closed = ground(RIGHT)
    assert answer("client-certificate", closed) == "not asked for before the connection ends"
    assert answer("ca-names", closed) == ""


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ((), "none sent"),
        ((OWN_CA,), "1 sent, the name of this probe's CA is among them"),
        ((b"\x30\x00",) * 5, "5 sent, the name of this probe's CA is not among them"),
    ],
)
def test_the_names_of_cas(names: tuple[bytes, ...], says: str) -> None:
    assert answer("ca-names", ground(RIGHT, asks=asking(*names))).startswith(says)


@pytest.mark.parametrize(
    ("number", "says"), [(3, "CN=CA, CN=CA, CN=CA"), (5, "CN=CA, CN=CA, CN=CA and 2 more")]
)
def test_three_names_of_cas_are_shown(number: int, says: str) -> None:
    observations = ground(RIGHT, asks=asking(*[OWN_CA] * number))
    found = insights({TlsVersion.TLS13: observations})
    assert [each.evidence for each in found if each.code == "ca-names"] == [(f"TLS 1.3: {says}",)]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "both are refused by unknown_ca (48), which alone cannot tell them apart"),
        (
            {"intermediate-not-sent": rejected_by_alert(46)},
            "told apart: certificate_unknown (46) without the intermediate, unknown_ca (48) for",
        ),
        (OPEN, "it takes a certificate of any CA"),
        ({"intermediate-not-sent": ACCEPTED}, "it takes a client that leaves its intermediate"),
        ({"through-intermediate": UNKNOWN_CA}, "no chain through an intermediate gets in, not"),
        (
            {"good": UNKNOWN_CA},
            "the good certificate is refused (unknown_ca (48)), just as one of a wrong CA: the "
            "server does not trust this probe's CA, or refuses it for another reason",
        ),
        (
            {"good": rejected_by_alert(42)},
            "the good certificate is refused (bad_certificate (42)), otherwise than one of a wrong",
        ),
        (
            {"good": UNKNOWN_CA, "wrong-ca": ACCEPTED},
            "inconclusive: the good certificate is refused (unknown_ca (48))",
        ),
        ({"good": FORBIDDEN}, "inconclusive: the good certificate gets HTTP 403"),
        # Hung up on, or refused by the client itself: that is not the server's alert.
        ({"good": rejected_by_server(Signal.FIN)}, "inconclusive: one of these was not pre"),
        ({"through-intermediate": REFUSED_BY_CLIENT}, "inconclusive: one of these was not pre"),
        ({"wrong-ca": ACCEPTED}, "a certificate of a wrong CA gets in (HTTP 200)"),
        ({"wrong-ca": Outcome(result=Result.FAILED)}, "inconclusive: one of these was not pre"),
    ],
)
def test_what_one_alert_cannot_tell(changes: dict[str, Outcome], says: str) -> None:
    assert answer("chain", ground(RIGHT | changes, asks=asking())).startswith(says)


def test_what_was_not_presented_is_not_verified() -> None:
    """The server asks and refuses, but all clients sent an empty Certificate."""
    trials = {
        name: trial_of(name, outcome, presented=False, leaf=EC_LEAF)
        for name, outcome in (RIGHT | {"good": UNKNOWN_CA}).items()
    }
    known = circumstances(trials["good"], prepared=False)
    findings = {name: rule(each, known) for name, each in trials.items()}
    observations = Observations(trials=trials, findings=findings, early=(), late=None, ca=OWN_CA)
    assert answer("client-certificate", observations).endswith(
        "; verification is inconclusive: self-signed, wrong-ca, expired"
    )
    assert answer("chain", observations).startswith("inconclusive: ")


LATE = trial("no-certificate", REQUIRED)
OVERTAKEN = trial("no-certificate", REQUIRED, RESET)
LOST = trial("no-certificate", rejected_by_server(Signal.RST), RESET)


@pytest.mark.parametrize(
    ("late", "early", "says"),
    [
        (LATE, (LATE, LATE, LATE), "the alert arrives, whether the client writes first or reads"),
        (LATE, (LATE, LOST, LOST), "a client that writes first lost the alert in 2 of 3 tries"),
        (LATE, (LATE, OVERTAKEN, LATE), "a client that writes first was reset in 1 of 3 tries"),
        (LOST, (LOST, LOST, LOST), "it sends no alert (RST), whether the client writes or not"),
        (None, (), ""),
        (None, (LATE,), ""),
        (LATE, (), ""),
    ],
)
def test_a_reset_that_may_swallow_the_alert(
    late: ScenarioTrace | None, early: tuple[ScenarioTrace, ...], says: str
) -> None:
    found = answer("reset", ground(RIGHT, early=early, late=late))
    assert found.startswith(says)
    assert bool(found) is bool(says)


def test_whom_to_race_with() -> None:
    def chosen(**changes: Outcome) -> str:
        outcomes = RIGHT | {name.replace("_", "-"): each for name, each in changes.items()}
        observations = ground(outcomes, asks=asking())
        return to_race(observations.trials, observations.findings)

    assert chosen() == "no-certificate"
    assert chosen(no_certificate=FORBIDDEN) == "wrong-ca"
    assert chosen(no_certificate=FORBIDDEN, wrong_ca=ACCEPTED) == "expired"
    assert chosen(no_certificate=FORBIDDEN, wrong_ca=ACCEPTED, expired=FAILED) == "self-signed"
    assert chosen(no_certificate=REFUSED_BY_CLIENT) == "wrong-ca"
    hung_up = Outcome(result=Result.FAILED, by=Endpoint.SERVER, signal=Signal.FIN)
    assert chosen(no_certificate=hung_up) == "wrong-ca"
    assert chosen(**{name.replace("-", "_"): each for name, each in OPEN.items()}) == ""
    # Who was never asked for a certificate was not refused for one.
    closed = ground(RIGHT)
    assert to_race(closed.trials, closed.findings) == ""


def test_versions_that_differ_are_told_apart() -> None:
    one = ground(RIGHT, asks=asking())
    other = ground(OPEN, asks=asking())
    found = insights({TlsVersion.TLS12: one, TlsVersion.TLS13: other})
    demands = [each.answer for each in found if each.code == "client-certificate"]
    assert demands == [
        "TLS 1.2: required; what is sent is verified: none of 3 bad certificates got in",
        "TLS 1.3: asked for and optional: a client without one gets in; "
        "what is sent is not verified",
    ]
    alike = insights({TlsVersion.TLS12: one, TlsVersion.TLS13: one})
    assert [len(each.evidence) for each in alike] == [2, 2, 2]


def test_what_an_answer_rests_on() -> None:
    found = insights({TlsVersion.TLS13: ground(RIGHT, asks=asking())})
    evidence = {each.code: each.evidence for each in found}
    assert evidence["client-certificate"] == (
        "TLS 1.3: no certificate: rejected, certificate_required (116); good: accepted, HTTP 200; "
        "wrong-ca: rejected, unknown_ca (48); self-signed: rejected, unknown_ca (48); "
        "expired: rejected, certificate_expired (45)",
    )
    assert evidence["chain"] == (
        "TLS 1.3: chain sent whole: accepted, HTTP 200; intermediate not sent: rejected, "
        "unknown_ca (48); wrong CA: rejected, unknown_ca (48)",
    )


def test_whether_certificates_are_verified_rests_on_all_that_were_tried() -> None:
    def told(name: str, outcome: Outcome) -> str:
        more = RIGHT | {"eku-server-only": EXPIRED, name: outcome}
        return answer("client-certificate", ground(more, asks=asking()))

    assert told("eku-server-only", EXPIRED).endswith("none of 4 bad certificates got in")
    assert told("eku-server-only", ACCEPTED).endswith("in part: eku-server-only got in")
    # No verdict on these says that a server does not verify.
    for name in ("revoked", "eku-any", "intermediate-not-sent"):
        assert told(name, ACCEPTED).endswith("none of 4 bad certificates got in")
    weak = told("rsa-1024", ACCEPTED)
    assert weak.endswith("none of 4 bad certificates got in; weak ones did: rsa-1024")
