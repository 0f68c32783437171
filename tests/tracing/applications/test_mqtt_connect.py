"""CONNECT of MQTT against mosquitto."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.diagnosis.results import AnswerMeaning
from lab.tls.application_protocol import Application
from lab.tracing.applications.choice import SPEAKERS
from lab.tracing.applications.conversation import ApplicationRequest
from tests.support.application_servers import (
    mosquitto,
    mosquitto_of_identities,
    mosquitto_with_passwords,
)
from tests.support.application_traces import both, client, said, traced
from tests.support.peers import Maker, VerifyMode, served_by


@pytest.mark.parametrize(
    ("make", "code", "meaning"),
    [
        (mosquitto, "0", AnswerMeaning.ADMITTED),
        (mosquitto_of_identities, "0", AnswerMeaning.ADMITTED),
        (mosquitto_with_passwords, "5", AnswerMeaning.REFUSED),
    ],
)
def test_a_certificate_is_required(
    certs: Path, tmp_path: Path, make: Maker, code: str, meaning: AnswerMeaning
) -> None:
    with served_by(make, certs, tmp_path) as port:
        refused, answered = both(f"mqtts://127.0.0.1:{port}", certs)
    assert refused.outcome.alert is not None and refused.outcome.answer is None
    assert said(answered) == (code, meaning)
    wanted = "mutual-tls" if code == "0" else "mqtt-refuses-client"
    assert answered.causes[0].code == wanted


def test_a_certificate_that_is_not_asked_for(certs: Path, tmp_path: Path) -> None:
    with served_by(mosquitto, certs, tmp_path, ask=VerifyMode.OPTIONAL) as port:
        trace = traced(f"mqtts://127.0.0.1:{port}", certs, identity=client(certs))
    assert said(trace) == ("0", AnswerMeaning.ADMITTED)
    assert trace.causes[0].code == "not-mutual"


@pytest.mark.parametrize(("user", "length"), [("", 29), ("alice", 36), ("a" * 300, 331)])
def test_the_packet(user: str, length: int) -> None:
    conversation = SPEAKERS[Application.MQTT](ApplicationRequest(authority="x", user=user))
    packet = next(conversation)
    digits = 1 if length < 128 else 2
    assert packet[0] == 0x10 and len(packet) == 1 + digits + length
    assert user.encode() in packet
