"""Who is let in by an application, and probes of real ones that are right, and that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.diagnosis.application_answers import meaning_of
from lab.diagnosis.results import Outcome, Result
from lab.probing.application_admission import told
from lab.tls.application_protocol import Application, ApplicationAnswer
from tests.support.application_servers import (
    grpc_health,
    mosquitto,
    mosquitto_of_identities,
    redis,
    redis_with_password,
)
from tests.support.application_traces import admitted, probed
from tests.support.peers import Maker, VerifyMode, served_by
from tests.support.starttls_servers import CLIENT, NO_CERTIFICATE_USER, dovecot, postfix, slapd

# In TLS 1.3 each client waits a second for the first word of servers that issue no ticket.
QUIET = ("1.2",)
ALL_RIGHT = {"good": True, "no-certificate": False, "wrong-ca": False, "expired": False}
OPTIONAL = {**ALL_RIGHT, "no-certificate": True}


def answer(code: str, application: Application = Application.REDIS) -> ApplicationAnswer:
    return ApplicationAnswer(application=application, asked="x", code=code)


def outcome(found: ApplicationAnswer) -> Outcome:
    return Outcome(result=Result.ACCEPTED, answer=found, answer_meaning=meaning_of(found))


@pytest.mark.parametrize(
    ("code", "good", "is_good", "asked", "admitted"),
    [
        ("PONG", "PONG", False, True, True),
        ("PONG", None, True, True, True),
        ("NOPERM", "PONG", False, True, False),
        ("NOPERM", "NOPERM", False, True, None),
        ("NOPERM", "NOAUTH", False, True, False),
        ("NOPERM", None, True, True, False),
        ("NOAUTH", "PONG", False, True, False),  # the good one's certificate is its login
        ("NOAUTH", "NOAUTH", False, True, None),
        ("NOAUTH", "NOAUTH", True, True, True),
        ("NOAUTH", "NOAUTH", False, False, True),  # it was not even asked for a certificate
        ("LOADING", "PONG", False, True, None),
        ("LOADING", "NOAUTH", False, True, None),
        ("", "PONG", False, True, None),
        ("", None, True, True, True),
    ],
)
def test_who_is_in(
    code: str, good: str | None, is_good: bool, asked: bool, admitted: bool | None
) -> None:
    known = None if good is None else answer(good)
    found, note = told(outcome(answer(code)), known, is_good=is_good, asked=asked)
    assert found is admitted
    assert bool(note) == (admitted is None) or code == "NOAUTH"


def test_who_postgresql_asks_for_a_password_has_passed_its_rules_for_certificates() -> None:
    password = answer("AuthenticationSASL", Application.POSTGRES)
    assert told(outcome(password), password, is_good=False, asked=True)[0] is True


def test_who_gets_as_far_as_the_good_client_past_what_stops_a_wrong_ca_is_in() -> None:
    greeted, refused = answer("250", Application.SMTP), answer("535", Application.SMTP)

    def admitted(found: ApplicationAnswer, *, verified: bool) -> bool | None:
        return told(outcome(found), found, is_good=False, asked=True, verified=verified)[0]

    assert admitted(greeted, verified=True) is True
    assert admitted(greeted, verified=False) is None
    assert admitted(refused, verified=True) is None


@pytest.mark.parametrize("is_good", [True, False])
def test_who_is_sent_to_http11_is_served_by_nobody(is_good: bool) -> None:
    away = answer("RST_STREAM HTTP_1_1_REQUIRED", Application.HTTP2)
    found, note = told(outcome(away), away, is_good=is_good, asked=False)
    assert found is None and "--alpn http/1.1" in note


def test_where_no_answer_came_the_protocol_may_be_another() -> None:
    admitted, note = told(outcome(answer("")), answer(""), is_good=False, asked=True)
    assert admitted is None
    assert note == "no answer of Redis came: name what the server speaks (--after)"


def test_what_every_client_gets_is_told_with_a_better_way_to_ask() -> None:
    denied = answer("1045", Application.MYSQL)
    found, note = told(outcome(denied), denied, is_good=False, asked=True)
    assert found is None and "mysql://USER@HOST" in note


@pytest.mark.parametrize(
    ("make", "scheme", "ask", "expected"),
    [
        (redis, "rediss", VerifyMode.REQUIRED, ALL_RIGHT),
        (redis, "rediss", VerifyMode.OPTIONAL, OPTIONAL),
        (redis, "rediss", VerifyMode.NONE, dict.fromkeys(ALL_RIGHT, True)),
        (redis_with_password, "rediss", VerifyMode.REQUIRED, ALL_RIGHT),
        (
            redis_with_password,
            "rediss",
            VerifyMode.OPTIONAL,
            {**ALL_RIGHT, "no-certificate": None},
        ),
        (mosquitto, "mqtts", VerifyMode.REQUIRED, ALL_RIGHT),
        (mosquitto, "mqtts", VerifyMode.OPTIONAL, dict.fromkeys(ALL_RIGHT, True)),
        (mosquitto_of_identities, "mqtts", VerifyMode.REQUIRED, ALL_RIGHT),
        pytest.param(
            *(grpc_health, "grpcs", VerifyMode.REQUIRED, ALL_RIGHT), marks=pytest.mark.slow
        ),
    ],
)
def test_servers_of_tls_alone(
    certs: Path,
    tmp_path: Path,
    make: Maker,
    scheme: str,
    ask: VerifyMode,
    expected: dict[str, bool | None],
) -> None:
    with served_by(make, certs, tmp_path, ask=ask) as port:
        report = probed(f"{scheme}://127.0.0.1:{port}", certs)
    assert admitted(report) == expected
    assert report.passed == (expected == ALL_RIGHT)
    assert report.faulty == (True in {expected["no-certificate"], expected["wrong-ca"]})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{CLIENT}@/postgres", ALL_RIGHT),
        (f"{CLIENT}@/password", OPTIONAL),
        (f"{CLIENT}@/both", ALL_RIGHT),
        (f"{CLIENT}@/nobody", {**ALL_RIGHT, "good": None, "no-certificate": None}),
    ],
)
def test_postgresql(
    postgresql_port: int, certs: Path, path: str, expected: dict[str, bool | None]
) -> None:
    user, _, database = path.partition("@")
    address = f"postgres://{user}@127.0.0.1:{postgresql_port}{database}"
    report = probed(address, certs, versions=QUIET)
    assert admitted(report) == expected
    assert report.passed == (expected == ALL_RIGHT)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("user", "expected"), [(CLIENT, ALL_RIGHT), (NO_CERTIFICATE_USER, OPTIONAL)]
)
def test_mariadb(mariadb_port: int, certs: Path, user: str, expected: dict[str, bool]) -> None:
    report = probed(f"mysql://{user}@127.0.0.1:{mariadb_port}", certs)
    assert admitted(report) == expected
    assert report.passed == (expected == ALL_RIGHT)


@pytest.mark.slow
def test_postfix(postfix_port: int, certs: Path) -> None:
    assert admitted(probed(f"smtp://127.0.0.1:{postfix_port}", certs)) == ALL_RIGHT


@pytest.mark.slow
def test_postfix_that_only_asks(certs: Path) -> None:
    with postfix(certs, ask=VerifyMode.OPTIONAL) as port:
        greeted = probed(f"smtp://127.0.0.1:{port}", certs, versions=QUIET)
        mail = probed(
            f"smtp://127.0.0.1:{port}", certs, request="/user@example.org", versions=QUIET
        )
    assert set(admitted(greeted).values()) == {True, None}
    assert set(admitted(mail).values()) == {True}  # Postfix does not break off by itself


@pytest.mark.slow
def test_openldap(slapd_port: int, certs: Path) -> None:
    report = probed(f"ldap://127.0.0.1:{slapd_port}", certs, versions=QUIET)
    assert admitted(report) == ALL_RIGHT


@pytest.mark.slow
def test_openldap_that_serves_who_has_none_as_nobody(certs: Path) -> None:
    with slapd(certs, ask=VerifyMode.OPTIONAL) as port:
        report = probed(f"ldap://127.0.0.1:{port}", certs, versions=QUIET)
    assert admitted(report) == {**ALL_RIGHT, "no-certificate": None}
    assert not report.passed and not report.faulty


@pytest.mark.slow
def test_dovecot(dovecot_ports: dict[str, int], certs: Path) -> None:
    assert admitted(probed(f"imap://127.0.0.1:{dovecot_ports['imap']}", certs)) == ALL_RIGHT
    lmtp = probed(f"lmtp://127.0.0.1:{dovecot_ports['lmtp']}/user@example.org", certs)
    assert lmtp.faulty and admitted(lmtp)["no-certificate"]


@pytest.mark.slow
def test_dovecot_that_takes_passwords_as_well(certs: Path) -> None:
    with dovecot(certs, ask=VerifyMode.OPTIONAL) as ports:
        report = probed(f"pop3://127.0.0.1:{ports['pop3']}", certs)
    assert admitted(report) == ALL_RIGHT
    notes = {note for finding in report.findings for note in finding.notes}
    assert notes == {"asked for another login: who has one gets in without such a certificate"}
    demand = report.insights[0].answer
    assert demand.startswith("optional: who has none is asked for another login (POP3 +)")
