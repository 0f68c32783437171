"""Causes of a refused ClientHello."""

from __future__ import annotations

from lab.tls.code_points import (
    AlertDescription,
)
from tests.support.events import (
    SERVER,
    alert,
    both,
    hello,
)


def test_before_any_server_hello_it_is_about_what_the_ends_have_in_common() -> None:
    for description, first in (
        (AlertDescription.PROTOCOL_VERSION, "no-common-version"),
        (AlertDescription.HANDSHAKE_FAILURE, "no-common-cipher-suite"),
        (AlertDescription.UNRECOGNIZED_NAME, "unknown-server-name"),
    ):
        _, causes = both([hello(), alert(SERVER, description)])
        assert causes[0].code == first
        assert any("client certificates are not the cause" in line for line in causes[0].evidence)


def test_an_unknown_alert_at_the_hello_explains_nothing() -> None:
    for number in (50, 200):
        _, causes = both([hello(), alert(SERVER, AlertDescription(number))])
        assert [cause.code for cause in causes] == ["refused-at-hello"]
