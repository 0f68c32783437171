"""What is spoken inside TLS: as asked, else by the scheme, else by ALPN."""

from __future__ import annotations

import pytest

from lab.tls.application_protocol import Application
from lab.tracing.applications.choice import SPEAKERS, by_name, offered, spoken


@pytest.mark.parametrize(
    ("wanted", "alpn", "expected"),
    [
        (None, None, Application.HTTP1),
        (None, "http/1.1", Application.HTTP1),
        (None, "h2", Application.HTTP2),
        (None, "postgresql", Application.POSTGRES),
        (None, "mqtt", Application.MQTT),
        (None, "acme-tls/1", Application.NONE),
        (Application.GRPC, "h2", Application.GRPC),
        (Application.HTTP1, "h2", Application.HTTP1),
        (Application.NONE, None, Application.NONE),
    ],
)
def test_what_is_spoken(
    wanted: Application | None, alpn: str | None, expected: Application
) -> None:
    assert spoken(wanted, alpn) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", None),
        ("https", None),
        ("postgres", Application.POSTGRES),
        ("mqtts", Application.MQTT),
        ("rediss", Application.REDIS),
        ("smtps", Application.SMTP),
        ("imaps", Application.IMAP),
        ("ldaps", Application.LDAP),
        ("grpcs", Application.GRPC),
        ("lmtp", Application.LMTP),
        ("ftp", Application.NONE),
        ("xmpp", Application.NONE),
    ],
)
def test_what_a_scheme_goes_on_with(name: str, expected: Application | None) -> None:
    assert by_name(name) is expected


def test_http2_is_offered_where_it_is_asked_for() -> None:
    assert offered(Application.GRPC, ()) == offered(Application.HTTP2, ()) == ("h2",)
    assert offered(Application.HTTP2, ("h2", "http/1.1")) == ("h2", "http/1.1")
    assert offered(None, ()) == offered(Application.POSTGRES, ()) == ()


def test_each_protocol_is_spoken() -> None:
    assert set(Application) - set(SPEAKERS) == {Application.HTTP1, Application.NONE}
