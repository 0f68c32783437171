"""The verdict and the causes on captures that are hard to judge, with their key logs and without.

See tests/vectors/captures.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.diagnosis.results import Result, Signal
from lab.tls.events import Endpoint, Gap
from lab.tracing.read_capture import CaptureReader, KeyLogFile
from lab.tracing.results import Trace

CAPTURES = Path(__file__).resolve().parent.parent / "vectors" / "captures"
SERVER, CLIENT = Endpoint.SERVER, Endpoint.CLIENT
ACCEPTED, REJECTED, FAILED, UNKNOWN = Result

READABLE = {
    "tls10_mutual": (ACCEPTED, None, None, ["mutual-tls"]),
    "tls12_3des": (ACCEPTED, None, None, ["certificate-optional"]),
    "tls12_client_direction_only": (UNKNOWN, None, None, ["cannot-be-told"]),
    "tls12_reneg_refused": (FAILED, CLIENT, 40, ["no-renegotiation", "not-mutual"]),
    "tls12_rpk_client": (REJECTED, SERVER, 46, ["client-raw-public-key-refused"]),
    "tls12_start_missed": (ACCEPTED, None, None, ["accepted-by-tls"]),
    "tls13_client_fin_before_server_data": (ACCEPTED, None, None, ["not-mutual"]),
    "tls13_dsb": (ACCEPTED, None, None, ["mutual-tls"]),
    "tls13_lost_segment": (ACCEPTED, None, None, ["accepted-unseen"]),
    "tls13_pha": (ACCEPTED, None, None, ["mutual-tls", "asked-after-handshake"]),
    "tls13_rpk_refused": (REJECTED, SERVER, 46, ["client-raw-public-key-refused"]),
    "tls13_truncated_midway": (UNKNOWN, None, None, ["cannot-be-told"]),
    "tls13_wrongca_closed_without_alert": (
        REJECTED,
        SERVER,
        None,
        ["client-ca-not-trusted", "client-intermediate-missing", "refused-without-alert"],
    ),
    "tls13_x25519mlkem768": (ACCEPTED, None, None, ["mutual-tls"]),
}
SEALED = {
    "tls12_accepted_no_keylog": (ACCEPTED, None, None, ["accepted-by-tls"]),
    "tls12_client_direction_only": (UNKNOWN, None, None, ["cannot-be-told"]),
    "tls12_reneg_refused": (UNKNOWN, None, None, ["cannot-be-told"]),
    "tls12_rpk_client": (REJECTED, SERVER, 46, ["client-raw-public-key-refused"]),
    "tls12_start_missed": (ACCEPTED, None, None, ["accepted-by-tls"]),
    "tls13_accepted_server_closes_no_keylog": (ACCEPTED, None, None, ["accepted-unseen"]),
    "tls13_client_fin_before_server_data": (ACCEPTED, None, None, ["accepted-unseen"]),
    "tls13_pha": (ACCEPTED, None, None, ["accepted-unseen"]),
    "tls13_rpk_refused": (REJECTED, SERVER, None, ["refused-by-unread-alert"]),
    "tls13_truncated_midway": (UNKNOWN, None, None, ["cannot-be-told"]),
    "tls13_wrongca_closed_without_alert": (REJECTED, SERVER, None, ["refused-without-alert"]),
    "tls13_wrongca_no_keylog": (REJECTED, SERVER, None, ["refused-by-unread-alert"]),
    "tls13_x25519mlkem768": (ACCEPTED, None, None, ["accepted-unseen"]),
}
Expected = tuple[Result, Endpoint | None, int | None, list[str]]


def traced(name: str, *, keys: bool, folder: Path) -> list[Trace]:
    """The traces of a capture; it stands alone in ``folder``, as a key log beside it is found."""
    (found,) = CAPTURES.glob(f"{name}.pcap*")
    copy = folder / found.name
    copy.write_bytes(found.read_bytes())
    log = found.with_suffix(".keylog")
    key_log = KeyLogFile(log) if keys and log.exists() else None
    with copy.open("rb") as file:
        traces = list(CaptureReader(file, key_log=key_log).traces())
    if key_log is not None:
        key_log.close()
    return traces


def check(trace: Trace, expected: Expected) -> None:
    result, by, alert, codes = expected
    outcome = trace.outcome
    number = int(outcome.alert.description) if outcome.alert else None
    assert (outcome.result, outcome.by, number) == (result, by, alert)
    assert [cause.code for cause in trace.causes] == codes


@pytest.mark.parametrize("name", READABLE)
def test_what_a_capture_with_its_keys_tells(name: str, tmp_path: Path) -> None:
    (trace,) = traced(name, keys=True, folder=tmp_path)
    check(trace, READABLE[name])


@pytest.mark.parametrize("name", SEALED)
def test_what_a_capture_without_keys_tells(name: str, tmp_path: Path) -> None:
    (trace,) = traced(name, keys=False, folder=tmp_path)
    check(trace, SEALED[name])
    unread = trace.outcome.signal is Signal.UNREAD_ALERT
    assert unread is ("refused-by-unread-alert" in SEALED[name][3])


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    grounds = {
        "tls12_client_direction_only": "nothing that the server sent was captured",
        "tls13_truncated_midway": Gap.END.value,
    }
    for name, ground in grounds.items():
        (trace,) = traced(name, keys=True, folder=tmp_path)
        assert trace.outcome.ground.endswith(ground)
        assert trace.causes[0].evidence[0] == trace.outcome.ground
    # What is missing came before the server accepted the client, and hides what it asked for.
    (trace,) = traced("tls13_lost_segment", keys=True, folder=tmp_path)
    assert trace.causes[0].evidence == (Gap.MISSING.value,)


def test_a_resumed_session_has_no_certificate_due(tmp_path: Path) -> None:
    name = "tls12_resumed_second_random_not_in_keylog"
    first, second = traced(name, keys=True, folder=tmp_path)
    assert [cause.code for cause in first.causes] == ["certificate-optional"]
    assert [cause.code for cause in second.causes] == ["resumed"]
    assert second.outcome.accepted and not second.outcome.ground
