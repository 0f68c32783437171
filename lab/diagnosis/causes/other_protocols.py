"""Causes where an end may speak another protocol than TLS, or another one first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lab.diagnosis.results import Cause
from lab.tls.code_points import AlertDescription
from lab.tls.escape import escaped
from lab.tls.events import Endpoint, Event, NotTls, Protocol

_UPGRADES = "begins in the clear and changes to TLS by a command (STARTTLS)"
# Ports where TLS does not come first, by IANA's registry or by common use: the protocol, how it
# gets to TLS, and what --starttls calls it.
_PORTS = {
    21: ("FTP", _UPGRADES, "ftp"),
    24: ("LMTP", _UPGRADES, "lmtp"),
    25: ("SMTP", _UPGRADES, "smtp"),
    80: ("HTTP", "has no TLS on this port; HTTPS has 443", ""),
    110: ("POP3", _UPGRADES, "pop3"),
    119: ("NNTP", _UPGRADES, "nntp"),
    143: ("IMAP", _UPGRADES, "imap"),
    389: ("LDAP", _UPGRADES, "ldap"),
    587: ("SMTP", _UPGRADES, "smtp"),
    1883: ("MQTT", "has no TLS on this port; MQTT over TLS has 8883", ""),
    3306: ("MySQL", _UPGRADES, "mysql"),
    3389: ("RDP", _UPGRADES, "rdp"),
    4190: ("ManageSieve", _UPGRADES, "sieve"),
    5222: ("XMPP", _UPGRADES, "xmpp"),
    5432: ("PostgreSQL", _UPGRADES, "postgres"),
    5672: ("AMQP", "has no TLS on this port; AMQP over TLS has 5671", ""),
    6379: ("Redis", "has no TLS on this port as a rule", ""),
    8080: ("HTTP", "has no TLS on this port as a rule", ""),
}
_STARTTLS = {
    Protocol.POP3: "pop3",
    Protocol.IMAP: "imap",
    Protocol.MYSQL: "mysql",
    Protocol.LDAP: "ldap",
    Protocol.SIEVE: "sieve",
    Protocol.NNTP: "nntp",
    Protocol.XMPP: "xmpp",
}
# What greets with 220 says, as a rule, what it is.
_OF_220 = ((b"ftp", "ftp"), (b"lmtp", "lmtp"), (b"smtp", "smtp"), (b"mail", "smtp"))
_FIXES = {
    Protocol.PROXY: "a proxy in front sends this header: turn it off there, or let the server "
    "expect it (proxy_protocol in listen of nginx, accept-proxy in HAProxy)",
    Protocol.SSLV2: "let both ends speak TLS 1.2 or later: SSL 2 is prohibited (RFC 6176)",
    Protocol.HTTP: "use the port that serves HTTPS, or let this one serve TLS",
}
_HEADER = "PROXY protocol"
_STEP = "STARTTLS"
_PROXIES = ("CONNECT by", "SOCKS 5 by")
_MAY_BE_THE_PROXY = "some proxies say that they have connected before they have"
# What servers answer to bytes that are no record: GnuTLS the first; most close without an alert.
_NO_RECORD = frozenset(
    {
        AlertDescription.UNEXPECTED_MESSAGE,
        AlertDescription.DECODE_ERROR,
        AlertDescription.RECORD_OVERFLOW,
    }
)
_WITHOUT_TLS = frozenset({"no-tls", "refused-without-alert", "closed-at-once", "silence"})


def port_hint(port: int | None) -> tuple[str, ...]:
    """Return a line of evidence where ``port`` is known for a protocol that begins otherwise."""
    if port not in _PORTS:
        return ()
    name, how, _ = _PORTS[port]
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
        fix=_fix(alien, port),
    )


def _fix(alien: NotTls, port: int | None) -> str:
    if alien.protocol in _FIXES:
        return _FIXES[alien.protocol]
    name = _starttls_of(alien, port)
    if not name:
        return "check the port, and whether the protocol changes to TLS by a command (STARTTLS)"
    return (
        "let the client change to TLS by the protocol's command first (STARTTLS): lab.trace and "
        f"lab.probe do with --starttls {name}"
    )


def _starttls_of(alien: NotTls, port: int | None) -> str:
    """Return what --starttls calls the protocol of these bytes, "" where none is known."""
    if alien.protocol is Protocol.SMTP_OR_FTP:
        greeting = alien.sample.lower()
        told = next((name for word, name in _OF_220 if word in greeting), "")
        by_port = _PORTS[port][2] if port in _PORTS else ""
        return told or (by_port if by_port in ("ftp", "smtp", "lmtp") else "smtp, lmtp or ftp")
    return _STARTTLS.get(alien.protocol, "")


def closed_after_hello(ending: str, port: int | None) -> Cause:
    """The server ended the connection right after the ClientHello, without a byte."""
    return Cause(
        code="refused-without-alert",
        summary="the server closed the connection right after the ClientHello, without a word: "
        "whether it speaks TLS there cannot be told",
        evidence=(ending, "the server sent no TLS message", *port_hint(port)),
        reference="RFC 9846 section 6.2",
        fix="check that this port serves TLS, and at once: some servers expect a command "
        f"({_try_starttls(port)}) or the PROXY protocol's header first "
        "(--proxy-protocol); else read the server's log: it may refuse the host name (SNI) or the "
        "offer",
    )


def _try_starttls(port: int | None) -> str:
    if port in _PORTS and _PORTS[port][2]:
        return f"STARTTLS: --starttls {_PORTS[port][2]} here"
    return "STARTTLS: SMTP, IMAP, LDAP, PostgreSQL, MySQL; --starttls here"


def behind_prelude(
    causes: Sequence[Cause], spoken: Sequence[str], alert: AlertDescription | None
) -> tuple[Cause, ...]:
    """Return the causes of a server that sent no ServerHello, for a client that had spoken.

    ``spoken`` is what it had said before TLS, such as "PROXY protocol v1"; ``alert`` is what the
    server answered, if anything.
    """
    first = causes[0]
    line = f"before TLS, the client spoke: {', '.join(spoken)}"
    header = next((step for step in spoken if step.startswith(_HEADER)), "")
    if header:
        unexpected = Cause(
            code="proxy-header",
            summary=f"the server answers no ClientHello behind the header of the {header}: it may "
            "not expect one, or not that version",
            evidence=(line, *first.evidence[:1]),
            reference='HAProxy, "The PROXY protocol", section 2',
            fix="leave the header out (--proxy-protocol), or let the server expect it: "
            "proxy_protocol in listen of nginx, accept-proxy in HAProxy",
        )
        if alert is None or alert in _NO_RECORD:
            return (unexpected, *causes)
        return (*causes, unexpected)
    agreed = any(step.startswith(_STEP) for step in spoken)
    by_proxy = not agreed and any(step.startswith(_PROXIES) for step in spoken)
    evidence = (line, _MAY_BE_THE_PROXY) if by_proxy else (line,)
    fix = "read the server's log: it had agreed to TLS" if agreed else ""
    return tuple(
        replace(
            cause,
            summary=f"{cause.summary}; it may have been the proxy" if by_proxy else cause.summary,
            evidence=(*cause.evidence, *evidence),
            fix=fix or (f"read the proxy's log; {cause.fix}" if by_proxy else cause.fix),
        )
        if cause.code in _WITHOUT_TLS
        else cause
        for cause in causes
    )
