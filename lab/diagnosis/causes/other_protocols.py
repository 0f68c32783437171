"""Causes where an end may speak another protocol than TLS, or another one first."""

from __future__ import annotations

from collections.abc import Sequence

from lab.diagnosis.results import Cause
from lab.tls.escape import escaped
from lab.tls.events import Endpoint, Event, NotTls, Protocol

_UPGRADES = "begins in the clear and changes to TLS by a command (STARTTLS)"
# Ports where TLS does not come first, by IANA's registry or by common use.
_PORTS = {
    21: ("FTP", _UPGRADES),
    25: ("SMTP", _UPGRADES),
    80: ("HTTP", "has no TLS on this port; HTTPS has 443"),
    110: ("POP3", _UPGRADES),
    143: ("IMAP", _UPGRADES),
    389: ("LDAP", _UPGRADES),
    587: ("SMTP", _UPGRADES),
    1883: ("MQTT", "has no TLS on this port; MQTT over TLS has 8883"),
    3306: ("MySQL", _UPGRADES),
    5222: ("XMPP", _UPGRADES),
    5432: ("PostgreSQL", _UPGRADES),
    5672: ("AMQP", "has no TLS on this port; AMQP over TLS has 5671"),
    6379: ("Redis", "has no TLS on this port as a rule"),
    8080: ("HTTP", "has no TLS on this port as a rule"),
}
_STARTTLS = (
    "let the client upgrade to TLS by the protocol's command first (STARTTLS); "
    "openssl s_client -starttls {name} does"
)
_FIXES = {
    Protocol.SMTP_OR_FTP: _STARTTLS.format(name="smtp or ftp"),
    Protocol.POP3: _STARTTLS.format(name="pop3"),
    Protocol.IMAP: _STARTTLS.format(name="imap"),
    Protocol.MYSQL: _STARTTLS.format(name="mysql"),
    Protocol.LDAP: _STARTTLS.format(name="ldap"),
    Protocol.PROXY: "a proxy in front sends this header: turn it off there, or let the server "
    "expect it (proxy_protocol in listen of nginx, accept-proxy in HAProxy)",
    Protocol.SSLV2: "let both ends speak TLS 1.2 or later: SSL 2 is prohibited (RFC 6176)",
    Protocol.HTTP: "use the port that serves HTTPS, or let this one serve TLS",
}


def port_hint(port: int | None) -> tuple[str, ...]:
    """Return a line of evidence where ``port`` is known for a protocol that begins otherwise."""
    if port not in _PORTS:
        return ()
    name, how = _PORTS[port]
    return (f"port {port} is in use for {name}, which {how}",)


def no_tls(events: Sequence[Event], whose: str, port: int | None) -> Cause:
    """The first bytes of an end are not TLS."""
    alien = next(event for event in events if isinstance(event, NotTls))
    sample = escaped(alien.sample[:32].decode("latin-1"))
    known = alien.protocol is not Protocol.UNKNOWN
    what = f"they look like {alien.protocol.value}" if known else "the protocol is not recognized"
    server = alien.endpoint is Endpoint.SERVER
    return Cause(
        code="no-tls",
        summary=f"the {whose}'s first bytes are not TLS: {what}",
        evidence=(f'its first bytes are "{sample}"', *(port_hint(port) if server else ())),
        reference="RFC 9846 section 5.1",
        fix=_FIXES.get(
            alien.protocol,
            "check the port, and whether the protocol upgrades to TLS by a command (STARTTLS)",
        ),
    )


def closed_after_hello(ending: str, port: int | None) -> Cause:
    """The server ended the connection right after the ClientHello, without a byte."""
    return Cause(
        code="refused-without-alert",
        summary="the server closed the connection right after the ClientHello, without a word: "
        "whether it speaks TLS there cannot be told",
        evidence=(ending, "the server sent no TLS message", *port_hint(port)),
        reference="RFC 9846 section 6.2",
        fix="check that this port serves TLS, and at once: some servers expect a command "
        "(STARTTLS: SMTP, IMAP, LDAP, PostgreSQL, MySQL) or the PROXY protocol's header first; "
        "else read the server's log: it may refuse the host name (SNI) or the offer",
    )
