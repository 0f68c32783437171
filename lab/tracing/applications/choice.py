"""Which protocol is spoken inside TLS: as asked, by ALPN, by what was spoken before, by the URL.

This module must not know how any of them is spoken.
"""

from __future__ import annotations

from lab.tls.application_protocol import Application
from lab.tracing.applications.conversation import Speaker
from lab.tracing.applications.http2_request import check_health, get
from lab.tracing.applications.ldap_bind import bind
from lab.tracing.applications.mailbox_login import imap_login, pop3_login
from lab.tracing.applications.mqtt_connect import connect
from lab.tracing.applications.mysql_login import log_in
from lab.tracing.applications.postgres_startup import start_up
from lab.tracing.applications.redis_ping import ping
from lab.tracing.applications.smtp_session import session

SPEAKERS: dict[Application, Speaker] = {
    Application.HTTP2: get,
    Application.GRPC: check_health,
    Application.POSTGRES: start_up,
    Application.MYSQL: log_in,
    Application.SMTP: session(Application.SMTP),
    Application.LMTP: session(Application.LMTP),
    Application.IMAP: imap_login,
    Application.POP3: pop3_login,
    Application.LDAP: bind,
    Application.MQTT: connect,
    Application.REDIS: ping,
}
"""Who speaks what, but for HTTP/1.1, which the observer reads itself."""

# The names of IANA's registry of ALPN protocol IDs.
_BY_ALPN = {
    "h2": Application.HTTP2,
    "http/1.1": Application.HTTP1,
    "http/1.0": Application.HTTP1,
    "grpc-exp": Application.GRPC,
    "postgresql": Application.POSTGRES,
    "imap": Application.IMAP,
    "pop3": Application.POP3,
    "mqtt": Application.MQTT,
}
# Schemes, and the protocols that change to TLS by a command of theirs: ``lab.tracing.schemes``.
_BY_NAME = {
    "https": None,  # by ALPN
    "grpcs": Application.GRPC,
    "postgres": Application.POSTGRES,
    "postgresql": Application.POSTGRES,
    "mysql": Application.MYSQL,
    "mariadb": Application.MYSQL,
    "smtp": Application.SMTP,
    "smtps": Application.SMTP,
    "lmtp": Application.LMTP,
    "imap": Application.IMAP,
    "imaps": Application.IMAP,
    "pop3": Application.POP3,
    "pop3s": Application.POP3,
    "ldap": Application.LDAP,
    "ldaps": Application.LDAP,
    "mqtts": Application.MQTT,
    "rediss": Application.REDIS,
}


def by_name(name: str) -> Application | None:
    """Return what a URL's scheme, or a protocol that was spoken before TLS, goes on with.

    None: with HTTP, in the version that ALPN agrees on, where ``name`` is "" or "https"; a name
    that is not known here goes on with nothing.
    """
    return _BY_NAME.get(name, Application.NONE) if name else None


def spoken(wanted: Application | None, alpn: str | None) -> Application:
    """Return what to speak where ``wanted`` is asked for and the server chose ``alpn``.

    None as ``wanted`` leaves it to ALPN: HTTP/1.1 where none was agreed on, and nothing where a
    protocol was that is not spoken here.
    """
    if wanted is not None:
        return wanted
    return Application.HTTP1 if alpn is None else _BY_ALPN.get(alpn, Application.NONE)


def offered(wanted: Application | None, alpn: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ALPN protocols to offer: HTTP/2 cannot be had without (RFC 9113 section 3.2)."""
    over_h2 = wanted in (Application.HTTP2, Application.GRPC)
    return ("h2",) if over_h2 and not alpn else alpn
