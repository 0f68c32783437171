"""Numbers and names alone: every reading that there is."""

from __future__ import annotations

import pytest

from lab.diagnosis.error_texts.explain_text import explain_text
from lab.diagnosis.error_texts.numbers_and_names import known_number, readings
from lab.diagnosis.error_texts.results import AlertDirection
from lab.tls.code_point import code_table
from lab.tls.code_points import AlertDescription


def alerts_of(query: str) -> list[int | None]:
    return [row.alert for row in readings(query)]


@pytest.mark.parametrize(
    ("query", "alerts", "verify", "others"),
    [
        ("116", [116], [], 0),
        ("20", [20], [20], 0),
        ("35", [], [35], 1),
        ("60", [60], [60], 1),
        ("verify 20", [], [20], 0),
        ("verify code 20", [], [20], 0),
        ("alert 42", [42], [], 0),
        ("TLS alert number 48", [48], [], 0),
        ("curl 35", [], [], 1),
        ("curl: (60)", [], [], 1),
        ("exit code 77", [], [], 1),
        ("-12", [], [], 1),
        ("-110", [], [], 2),
        ("gnutls -110", [], [], 1),
        ("-117", [], [], 1),
        ("-12271", [42], [], 0),
        ("-8179", [], [20], 0),
        ("-9807", [], [], 1),
        ("0x80090327", [], [], 1),
        ("0x80090325", [], [20], 0),
        ("-2146893019", [], [20], 0),
        ("36887", [], [], 1),
        ("event 36888", [], [], 1),
        ("496", [], [], 1),
        ("0A000412", [42], [], 0),
        ("0x0A00045C", [116], [], 0),
        ("14094410", [40], [], 0),
        ("error:14094410", [40], [], 0),
        ("1000007d", [], [], 1),
        ("268435581", [], [], 1),
        ("268436502", [46], [], 0),
        ("1048", [48], [], 0),
        ("2026", [], [], 1),
        ("mysql 2026", [], [], 1),
        ("handshake_failure", [40], [], 0),
        ("Handshake Failure", [40], [], 0),
        ("CERTIFICATE_REQUIRED", [116], [], 0),
        ("bad certificate", [42], [], 0),
        ("unknown-ca", [48], [], 0),
    ],
)
def test_readings(query: str, alerts: list[int], verify: list[int], others: int) -> None:
    rows = list(readings(query))
    assert [row.alert for row in rows if row.alert is not None] == alerts
    assert [row.verify for row in rows if row.verify is not None] == verify
    assert sum(1 for row in rows if row.alert is None and row.verify is None) == others
    assert len(explain_text(query).found) == len(rows)


@pytest.mark.parametrize("query", ["", "999", "-1", "0x1", "ABCDEF01", "ssl 12", "a" * 100, "1 2"])
def test_what_is_no_number_that_is_known(query: str) -> None:
    assert not list(readings(query))


def test_every_alert_is_known_by_number_and_by_name() -> None:
    for alert in code_table(AlertDescription).values():
        assert int(alert) in alerts_of(f"alert {int(alert)}")
        assert int(alert) in alerts_of(alert.name)


def test_a_number_alone_does_not_tell_who_sent_the_alert() -> None:
    for query in ("116", "bad_certificate"):
        assert explain_text(query).found[0].direction is AlertDirection.UNKNOWN
    assert explain_text("0A000412").found[0].direction is AlertDirection.RECEIVED


def test_reasons_of_boringssl_are_not_those_of_openssl() -> None:
    # 0x86 is certificate verify failed in OpenSSL, and something else in BoringSSL.
    assert known_number("openssl code", "10000086") is None
    verify_failed = known_number("openssl code", "1000007d")
    assert verify_failed is not None
    assert verify_failed.speaker == "boringssl"
