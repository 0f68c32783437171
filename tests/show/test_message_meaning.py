"""Each message says what it is for, in its version and from its sender."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.show.message_meaning import event_meaning
from lab.tls import messages as msg
from lab.tls.code_points import AlertDescription
from lab.tls.events import Endpoint
from tests.support.traces import CLIENT, MESSAGES, SERVER, EventBuilder, sample


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("sender", [CLIENT, SERVER])
def test_every_message_has_a_meaning(kind: type[msg.HandshakeMessage], sender: Endpoint) -> None:
    event = EventBuilder().message(sender, sample(kind))
    for tls13 in (False, True):
        found = event_meaning(event, tls13=tls13)
        assert (found is None) == (kind is msg.UnknownMessage)
        assert found is None or found[1].startswith("RFC ")


def test_what_differs_between_the_versions_is_told_apart() -> None:
    event = EventBuilder().message(CLIENT, msg.Finished(verify_data=b""))
    new, old = event_meaning(event, tls13=True), event_meaning(event, tls13=False)
    assert new is not None and old is not None
    assert "a refusal is met later, where the client reads" in new[0]
    assert old[1] == "RFC 5246 section 7.4.9"


def test_an_empty_certificate_and_an_alert_have_their_own() -> None:
    make = EventBuilder()
    empty = event_meaning(make.message(CLIENT, msg.Certificate(certificate_list=())), tls13=True)
    assert empty is not None and "no certificate to show" in empty[0]
    alert = event_meaning(make.alert(SERVER, AlertDescription.CERTIFICATE_REQUIRED), tls13=True)
    assert alert is not None
    assert alert[0] == "A client certificate was wanted, and the client sent none."
    assert event_meaning(make.ended(SERVER), tls13=True) is None


def test_what_a_sender_did_not_do_is_not_said() -> None:
    make = EventBuilder()
    hello = event_meaning(make.message(CLIENT, sample(msg.ClientHello)), tls13=False)
    assert hello is not None and "may name" in hello[0]
    again = event_meaning(make.message(SERVER, sample(msg.ServerHello)), tls13=False)
    assert again is not None and "encrypted" not in again[0], "it may renegotiate"
    status = event_meaning(make.message(SERVER, sample(msg.CertificateStatus)), tls13=False)
    assert status is not None and "whether the certificate was revoked" in status[0]


def test_a_raw_public_key_is_no_certificate() -> None:
    key = msg.Certificate(certificate_list=(), raw_public_key=b"key")
    for sender in (CLIENT, SERVER):
        found = event_meaning(EventBuilder().message(sender, key), tls13=True)
        assert found is not None and found[1] == "RFC 7250 section 3"


def test_a_record_that_is_not_opened_for_another_reason_is_not_said_to_lack_a_secret() -> None:
    event = EventBuilder().sealed(SERVER)
    lacking = event_meaning(event, tls13=True)
    limited = event_meaning(replace(event, limit="a cipher that is not opened here"), tls13=True)
    assert lacking is not None and limited is not None
    assert "SSLKEYLOGFILE" in lacking[0] and "SSLKEYLOGFILE" not in limited[0]
