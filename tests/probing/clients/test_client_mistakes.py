"""Kinds of mistakes, from made-up findings: the greatest that fits, and none without ground."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.probing.clients.client_mistakes import mistakes_of
from lab.probing.clients.results import ClientConduct, ClientFinding, ClientVerdict
from lab.probing.clients.server_selection import TESTED_SERVERS
from lab.probing.clients.tested_server import ServerUnderTest
from lab.probing.results import Norm

BAD = [server.name for server in TESTED_SERVERS if server.norm is Norm.REFUSE]
JUDGED = [
    server.name
    for server in TESTED_SERVERS
    if server.norm is Norm.REFUSE and server.family.value in ("certificate", "name", "chain")
]


def finding(server: ServerUnderTest, accepted: bool) -> ClientFinding:
    wrong = accepted and server.norm is Norm.REFUSE
    return ClientFinding(
        server=server,
        conduct=ClientConduct.ACCEPTED if accepted else ClientConduct.REFUSED,
        verdict=ClientVerdict.LET_IN if wrong else ClientVerdict.RIGHT,
        by="",
        exit_code=0,
        in_clear=wrong and server.name == "plain-http",
    )


def findings(*accepted: str) -> list[ClientFinding]:
    return [finding(server, server.name in accepted) for server in TESTED_SERVERS]


def codes(found: list[ClientFinding]) -> list[str]:
    return [mistake.code for mistake in mistakes_of(found)]


def test_a_right_client_makes_none() -> None:
    assert mistakes_of(findings()) == ()


def test_every_bad_server_shows_a_mistake() -> None:
    for name in BAD:
        mistakes = mistakes_of(findings(name))
        assert len(mistakes) == 1, name
        assert name in mistakes[0].evidence[0]
        assert mistakes[0].summary.startswith(("it ", "its ")) and mistakes[0].fix


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        (JUDGED, ["nothing-verified"]),
        ([*JUDGED, "certificate-on-return"], ["nothing-verified"]),
        (["untrusted-ca", "self-signed", "tampered-signature"], ["issuer-not-verified"]),
        (["untrusted-ca", "wrong-name"], ["issuer-not-verified", "name-not-checked"]),
        (["wrong-name", "name-begins-alike", "cn-only-by-address"], ["name-not-checked"]),
        (["name-begins-alike", "nul-in-name"], ["name-checked-in-part"]),
        (["name-ends-alike"], ["name-checked-in-part"]),
        (["cn-beside-other-name"], ["cn-counts-beside-names"]),
        (["cn-only-by-address"], ["address-not-checked"]),
        (["expired", "intermediate-expired"], ["dates-not-checked"]),
        (["tls1.0-only", "tls1.1-only", "expired"], ["dates-not-checked", "old-versions"]),
        (["answer-cut-off", "client-refused"], ["failure-taken-for-success"]),
    ],
)
def test_the_greatest_kind_that_fits(accepted: list[str], expected: list[str]) -> None:
    assert codes(findings(*accepted)) == expected


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        (["untrusted-ca"], ["issuer-not-verified"]),
        (["tampered-signature"], ["issuer-not-verified"]),
        (["name-begins-alike"], ["other-name-accepted"]),
        (["cn-beside-other-name", "nul-in-name"], ["other-name-accepted"]),
        (
            ["wrong-name", "name-begins-alike", "nul-in-name", "cn-only-by-address"],
            ["name-not-checked"],
        ),
        (
            ["expired", "not-yet-valid", "intermediate-expired", "wrong-name"],
            ["name-not-checked", "dates-not-checked"],
        ),
        (["expired", "untrusted-ca", "wrong-name"], ["nothing-verified"]),
    ],
)
def test_what_was_not_tried_speaks_for_nothing(tried: list[str], expected: list[str]) -> None:
    some = [each for each in findings(*JUDGED) if each.server.name in ("good", *tried)]
    assert codes(some) == expected


def test_a_client_that_checks_behind_its_request() -> None:
    late = [
        replace(each, exit_code=3 if each.verdict is ClientVerdict.LET_IN else 0)
        for each in findings("wrong-name", "name-begins-alike")
    ]
    assert codes(late) == ["checked-too-late"]
    ended = [
        replace(each, exit_code=-9 if each.verdict is ClientVerdict.LET_IN else 0)
        for each in findings("wrong-name", "name-begins-alike")
    ]
    assert codes(ended) == ["name-not-checked"]


def test_a_client_that_tries_again_without_verification() -> None:
    again = [
        replace(each, refused_first=each.verdict is ClientVerdict.LET_IN)
        for each in findings(*JUDGED)
    ]
    assert codes(again) == ["verification-given-up"]
    always = [replace(each, refused_first=True) for each in findings("expired")]
    assert codes(always) == ["dates-not-checked"]


def test_a_client_that_goes_on_in_the_clear() -> None:
    clear = [
        replace(each, in_clear=True, refused_first=True) if each.server.name in BAD else each
        for each in findings(*BAD)
    ]
    assert codes(clear) == ["goes-on-in-the-clear"]


def test_a_refusal_that_is_concealed() -> None:
    found = [
        replace(each, verdict=ClientVerdict.CONCEALED) if each.server.name == "expired" else each
        for each in findings()
    ]
    (mistake,) = mistakes_of(found)
    assert mistake.code == "refusal-concealed"
    assert mistake.evidence == ("refused with exit code 0: expired",)
