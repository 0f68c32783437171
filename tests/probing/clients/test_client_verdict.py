"""Verdicts on made-up runs: each kind of evidence, and each contradiction."""

from __future__ import annotations

from typing import Any

import pytest

from lab.diagnosis.evidence import summarize
from lab.diagnosis.results import Outcome, Result
from lab.probing.clients.client_connection import ClientConnection, Progress
from lab.probing.clients.client_verdict import Conclusion, ServerTrial, conclude, exit_words
from lab.probing.clients.results import ClientConduct, ClientVerdict
from lab.probing.clients.server_selection import find_server
from lab.probing.clients.tested_command import CommandRun
from lab.tls.code_points import AlertDescription, AlertLevel
from lab.tls.events import AlertSeen, Endpoint, StreamEnd
from tests.support.events import TLS13

ACCEPTED, REFUSED, UNTOLD = ClientConduct
RIGHT, CANNOT, CONCEALED, SHUT_OUT, LET_IN = ClientVerdict


def alert(number: AlertDescription, by: Endpoint = Endpoint.CLIENT) -> AlertSeen:
    return AlertSeen(
        time=0,
        endpoint=by,
        records=(),
        encrypted=True,
        level=AlertLevel.FATAL,
        description=number,
    )


def connection(progress: Progress, **more: Any) -> ClientConnection:
    given: dict[str, Any] = {
        "outcome": Outcome(result=Result.UNKNOWN),
        "evidence": summarize(()),
        "alert": None,
        "server_alert": None,
        "ended": StreamEnd.FIN,
        "answered": progress is Progress.ASKED,
        "bodiless": False,
        "presented": None,
        "sent_unread": False,
        "server_failure": "",
    }
    return ClientConnection(progress=progress, **(given | more))


ASKS = connection(Progress.ASKED)
GOES_THROUGH = connection(Progress.WENT_THROUGH)
STOPS = connection(Progress.STOPPED, alert=alert(AlertDescription.UNKNOWN_CA))
LEAVES = connection(Progress.STOPPED, ended=StreamEnd.RESET)
TURNED_AWAY = connection(Progress.TURNED_AWAY, server_failure="no shared cipher")
SILENT = connection(Progress.NOTHING)
CLEAR = connection(Progress.IN_CLEAR)


def concluded(
    name: str, code: int | None, *connections: ClientConnection, left: bool = False, **more: Any
) -> Conclusion:
    run = CommandRun(exit_code=code, left_processes=left, output="", seconds=1.0)
    trial: dict[str, Any] = {"returned": tuple(range(1, len(connections)))} | more
    server = find_server(name)
    return conclude(ServerTrial(server=server, run=run, connections=connections, **trial))


@pytest.mark.parametrize(
    ("name", "code", "connections", "conduct", "verdict"),
    [
        # The usual.
        ("good", 0, [ASKS], ACCEPTED, RIGHT),
        ("good", 60, [STOPS], REFUSED, SHUT_OUT),
        ("expired", 60, [STOPS], REFUSED, RIGHT),
        ("expired", 60, [LEAVES], REFUSED, RIGHT),
        ("expired", 0, [ASKS], ACCEPTED, LET_IN),
        ("cn-only", 0, [ASKS], ACCEPTED, RIGHT),
        ("cn-only", 60, [STOPS], REFUSED, RIGHT),
        # What was sent weighs more than the exit code.
        ("expired", 60, [ASKS], ACCEPTED, LET_IN),
        ("expired", None, [ASKS], ACCEPTED, LET_IN),
        ("expired", 0, [STOPS, ASKS], ACCEPTED, LET_IN),
        ("expired", 52, [STOPS, CLEAR], ACCEPTED, LET_IN),
        ("client-refused", 52, [STOPS, CLEAR], ACCEPTED, LET_IN),
        # Through the handshake, and no request: the exit code tells.
        ("expired", 0, [GOES_THROUGH], ACCEPTED, LET_IN),
        ("wrong-name", 60, [GOES_THROUGH], REFUSED, RIGHT),
        ("expired", None, [GOES_THROUGH], UNTOLD, CANNOT),
        # Contradictions, and what cannot be told.
        ("good", 3, [ASKS], ACCEPTED, CANNOT),
        ("expired", 0, [STOPS], REFUSED, CONCEALED),
        ("cn-only", 0, [STOPS], REFUSED, CONCEALED),
        ("expired", None, [STOPS], UNTOLD, CANNOT),
        ("expired", 6, [], UNTOLD, CANNOT),
        ("expired", 6, [SILENT], UNTOLD, CANNOT),
        ("expired", 35, [TURNED_AWAY], UNTOLD, CANNOT),
        # What the client offers.
        ("tls1.0-only", 35, [TURNED_AWAY], REFUSED, RIGHT),
        ("tls1.0-only", 0, [TURNED_AWAY], REFUSED, CONCEALED),
        ("no-encryption", None, [TURNED_AWAY], UNTOLD, CANNOT),
        ("no-encryption", 0, [ASKS], ACCEPTED, LET_IN),
        ("sha1-signature", 1, [TURNED_AWAY], REFUSED, RIGHT),
        ("sha1-signature", 0, [ASKS], ACCEPTED, LET_IN),
        ("plain-http", 35, [TURNED_AWAY], REFUSED, RIGHT),
        ("plain-http", 0, [TURNED_AWAY, CLEAR], ACCEPTED, LET_IN),
        # Going on is enough where the handshake itself is wrong.
        ("key-exchange-signature", 35, [GOES_THROUGH], ACCEPTED, LET_IN),
        ("key-exchange-signature", 35, [STOPS], REFUSED, RIGHT),
        # Where the point comes behind the handshake, the exit code tells.
        ("client-refused", 56, [GOES_THROUGH], REFUSED, RIGHT),
        ("client-refused", 0, [ASKS], ACCEPTED, LET_IN),
        ("client-refused", 60, [STOPS], UNTOLD, CANNOT),
        ("answer-cut-off", 18, [ASKS], REFUSED, RIGHT),
        ("answer-cut-off", 0, [ASKS], ACCEPTED, LET_IN),
        ("answer-cut-off", 0, [GOES_THROUGH], UNTOLD, CANNOT),
        # A connection that it opened and did not use settles nothing.
        ("answer-cut-off", 0, [ASKS, GOES_THROUGH], ACCEPTED, LET_IN),
        ("answer-cut-off", 18, [ASKS, STOPS], REFUSED, RIGHT),
        ("client-refused", 0, [ASKS, GOES_THROUGH], ACCEPTED, LET_IN),
        # The second connection is the point.
        ("certificate-on-return", 0, [ASKS], UNTOLD, CANNOT),
        ("certificate-on-return", 60, [ASKS, STOPS], REFUSED, RIGHT),
        ("certificate-on-return", 0, [ASKS, ASKS], ACCEPTED, LET_IN),
    ],
)
def test_a_verdict(
    name: str,
    code: int | None,
    connections: list[ClientConnection],
    conduct: ClientConduct,
    verdict: ClientVerdict,
) -> None:
    found = concluded(name, code, *connections)
    assert (found.conduct, found.verdict) == (conduct, verdict), found


def test_a_refusal_by_the_handmade_server_is_not_the_clients() -> None:
    found = concluded("finished-wrong", 35, TURNED_AWAY, not_agreed="TLS 1.3")
    assert (found.by, found.notes) == ("not tried", ("the client does not offer TLS 1.3",))
    assert found.verdict is CANNOT


def test_who_refuses_first_and_then_accepts() -> None:
    assert concluded("expired", 0, STOPS, ASKS).refused_first
    assert concluded("expired", 0, GOES_THROUGH, ASKS).refused_first
    assert not concluded("expired", 0, ASKS, STOPS).refused_first
    assert not concluded("expired", 0, LEAVES, ASKS).refused_first
    assert not concluded("certificate-on-return", 0, ASKS, ASKS).refused_first


def test_processes_left_behind_leave_open_what_was_not_said() -> None:
    assert concluded("expired", 60, STOPS, left=True).verdict is RIGHT
    assert concluded("expired", 60, LEAVES, left=True).verdict is CANNOT
    assert concluded("expired", 0, STOPS, left=True).verdict is CANNOT
    assert concluded("expired", 0, ASKS, left=True).verdict is LET_IN
    assert concluded("wrong-name", 1, GOES_THROUGH, left=True).verdict is CANNOT


def test_a_crash_is_no_refusal() -> None:
    crashed = concluded("expired", -11, LEAVES)
    assert (crashed.verdict, crashed.notes) == (CANNOT, ("the command was ended by SIGSEGV",))
    assert concluded("expired", -11, STOPS).verdict is RIGHT
    assert concluded("wrong-name", -11, GOES_THROUGH).verdict is CANNOT
    assert concluded("client-refused", -11, ASKS).verdict is CANNOT
    assert concluded("no-encryption", -11, TURNED_AWAY).verdict is CANNOT
    assert concluded("expired", -11, ASKS).verdict is LET_IN


def test_what_does_not_apply_may_stay_open() -> None:
    assert not concluded("certificate-on-return", 0, ASKS).applies
    assert not concluded("answer-cut-off", 0, GOES_THROUGH).applies
    assert not concluded("answer-cut-off", 0, connection(Progress.ASKED, bodiless=True)).applies
    assert concluded("no-close-notify", 0, connection(Progress.ASKED, bodiless=True)).applies
    assert concluded("expired", None, STOPS).applies
    assert concluded("expired", 6).applies


def test_by_what_it_is_known() -> None:
    refused = connection(
        Progress.ASKED, server_alert=alert(AlertDescription.UNKNOWN_CA, Endpoint.SERVER)
    )
    assert concluded("expired", 60, STOPS).by == "unknown_ca (48)"
    assert concluded("expired", 60, LEAVES).by == "TCP RST, no alert"
    assert concluded("wrong-name", 60, GOES_THROUGH).by == "left behind Finished, no alert"
    assert concluded("client-refused", 56, refused).by == "the server's unknown_ca (48)"
    assert concluded("expired", 7, ASKS).notes == (
        "it had sent its request, and then: exit code 7",
    )
    surplus = concluded("expired", 60, STOPS, surplus=3).notes
    assert surplus == ("it made 3 connections more than the 1 that were answered",)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exit code 0"),
        (-9, "ended by SIGKILL"),
        (-63, "ended by signal 63"),
        (None, "did not end in time"),
    ],
)
def test_exit_codes_are_named(code: int | None, words: str) -> None:
    assert exit_words(code) == words


def test_who_meets_the_first_certificate_twice_has_not_come_again() -> None:
    conclusion = concluded("certificate-on-return", 0, SILENT, ASKS, ASKS, returned=())
    assert (conclusion.conduct, conclusion.at) == (UNTOLD, 1)
    assert not conclusion.applies
    conclusion = concluded("certificate-on-return", 60, SILENT, ASKS, STOPS, returned=(2,))
    assert (conclusion.conduct, conclusion.at) == (REFUSED, 2)


def test_a_handshake_that_was_all_does_not_conceal_a_refusal() -> None:
    """In TLS 1.3 a client that asks for nothing may be gone before it is refused."""
    content = connection(Progress.WENT_THROUGH, evidence=summarize(TLS13))
    conclusion = concluded("client-refused", 0, content)
    assert (conclusion.conduct, conclusion.by, conclusion.applies) == (UNTOLD, "no request", False)
    assert concluded("client-refused", 0, GOES_THROUGH).verdict is LET_IN
    assert concluded("client-refused", 56, content).verdict is RIGHT
    asked = connection(Progress.WENT_THROUGH, evidence=summarize(TLS13), sent_unread=True)
    assert concluded("client-refused", 0, asked).verdict is LET_IN


def test_a_connection_that_was_not_used_is_no_refusal() -> None:
    (note,) = concluded("cn-only", 0, GOES_THROUGH, ASKS).notes
    assert note.startswith("it went through the handshake and left first")
    (note,) = concluded("cn-only", 0, STOPS, ASKS).notes
    assert note.startswith("it refused the server first")
