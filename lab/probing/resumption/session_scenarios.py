"""The scenarios of sessions: a session that began in one way is offered in another.

Rules: a scenario is data. A client whose session is resumed sends no certificate, so whoever a full
handshake would refuse now must not get in by a session; that the client of a certificate that is
still good comes back by one is what sessions are for.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from lab.probing.results import Norm, ScenarioDescription, ScenarioFamily


class Change(enum.Enum):
    """What is different when the session is offered."""

    NOTHING = enum.auto()
    OTHER_CERTIFICATE = enum.auto()
    NO_CERTIFICATE = enum.auto()
    EXPIRED = enum.auto()
    REVOKED = enum.auto()
    OTHER_CA = enum.auto()
    PLACE = enum.auto()


class Place(enum.Enum):
    """Where a client connects: what is probed, another name there, or another address."""

    HERE = enum.auto()
    OTHER_NAME = enum.auto()
    OTHER_ADDRESS = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionScenario(ScenarioDescription):
    """A session begins at ``begins``, and is offered at ``offered`` after ``change``."""

    change: Change
    begins: Place = Place.HERE
    offered: Place = Place.HERE


_SAME_KEYS = (
    "let what trusts other CAs have ticket keys and a session cache of its own (in HAProxy: a bind "
    "line of its own), or resume no sessions there (HAProxy: no-tls-tickets and tune.ssl.cachesize "
    "0); updates of nginx (CVE-2025-23419), Apache (CVE-2025-23048) and Go (CVE-2025-68121) refuse "
    "such sessions by themselves"
)
_SHARED_NAMES = (
    "the names share ticket keys or a session cache, and trust different CAs. When tried, sessions "
    "passed so between names of HAProxy 2.6 (crt-list), Node.js 20 (addContext), Python's ssl "
    "(sni_callback) and Go 1.24.11 (GetConfigForClient; not of 1.27.3)"
)
_RELOAD = (
    "let a reload make new ticket keys and forget cached sessions (in nginx: neither "
    "ssl_session_ticket_key nor a shared ssl_session_cache)"
)


def _scenario(
    name: str,
    change: Change,
    *,
    sentence: str,
    made: str,
    cause: str,
    fix: str = "none needed",
    norm: Norm = Norm.REFUSE,
    needs: str = "",
    begins: Place = Place.HERE,
    offered: Place = Place.HERE,
) -> SessionScenario:
    return SessionScenario(
        name=name,
        family=ScenarioFamily.SESSION,
        sentence=sentence,
        made=made,
        cause=cause,
        fix=fix,
        norm=norm,
        command="",
        needs=needs,
        change=change,
        begins=begins,
        offered=offered,
    )


SESSION_SCENARIOS = (
    _scenario(
        "session-resumed",
        Change.NOTHING,
        sentence="The client comes back with its session",
        made="a connection with a good certificate, then one with the session that it left",
        cause="where it is resumed, the server goes by the certificate of the first connection; a "
        "full handshake is in order, too. A server that refuses has issued a session that it does "
        "not take (OpenSSL: a server that verifies clients needs SSL_CTX_set_session_id_context)",
        fix="let the server take its own sessions, or issue none",
        norm=Norm.ACCEPT,
    ),
    _scenario(
        "session-with-another-certificate",
        Change.OTHER_CERTIFICATE,
        sentence="The client comes back with its session, and has another certificate by now",
        made="a second certificate, of another name, is loaded before the session is offered",
        cause="where the session is resumed, the new certificate is never asked for, and the "
        "server still takes the client for the one of the first connection",
        fix="let a client forget its sessions when its certificate changes",
        norm=Norm.EITHER,
    ),
    _scenario(
        "session-without-certificate",
        Change.NO_CERTIFICATE,
        sentence="The client comes back with its session, and has no certificate any more",
        made="no certificate is loaded when the session is offered",
        cause="a session is as good as the certificate while it lives: who has its secret is in",
        fix="let a client keep its sessions as secret as its key",
        norm=Norm.EITHER,
    ),
    _scenario(
        "session-after-expiry",
        Change.EXPIRED,
        sentence="The client's certificate has expired since the session began",
        made="a certificate of a few seconds; the session is offered when they are over",
        cause="most TLS libraries look at a certificate's dates in a full handshake only. RFC 9846 "
        "section 4.7.1 recommends to bound how long a session outlives it. A lifetime of sessions "
        "may do that in TLS 1.2 only: of nginx 1.22, each resumption in TLS 1.3 brought a new "
        "ticket with a lifetime of its own",
        fix="issue no sessions (in nginx: ssl_session_tickets off and ssl_session_cache off), or "
        "look at the certificate's end in the application",
    ),
    _scenario(
        "session-after-revocation",
        Change.REVOKED,
        sentence="The client's certificate was revoked since the session began",
        made="a good certificate; the server loads a revocation list with it before the session is "
        "offered",
        cause="tickets are opened by keys that outlived the loading of the list, or the session "
        "cache did",
        fix=_RELOAD,
        needs="loaded a revocation list between the two connections",
    ),
    _scenario(
        "session-after-ca-change",
        Change.OTHER_CA,
        sentence="The server trusts another CA since the session began",
        made="a good certificate; the server takes another CA in place of its own before the "
        "session is offered",
        cause="tickets are opened by keys that outlived the change of CA, or the session cache did",
        fix=_RELOAD,
        needs="taken another CA between the two connections",
    ),
    _scenario(
        "session-to-other-name",
        Change.PLACE,
        sentence="A session of this name is offered under the other name",
        made="the session begins under the name that is probed (SNI), and is offered under that of "
        "--also-sni",
        cause=_SHARED_NAMES,
        fix=_SAME_KEYS,
        offered=Place.OTHER_NAME,
    ),
    _scenario(
        "session-from-other-name",
        Change.PLACE,
        sentence="A session of the other name is offered under this name",
        made="a client that is refused under the name that is probed gets a session under that of "
        "--also-sni",
        cause=_SHARED_NAMES,
        fix=_SAME_KEYS,
        begins=Place.OTHER_NAME,
    ),
    _scenario(
        "session-to-other-address",
        Change.PLACE,
        sentence="A session of this address is offered at the other address",
        made="the session begins at the address that is probed, and is offered at that of --also",
        cause="the servers share ticket keys or a session cache, and trust different CAs",
        fix=_SAME_KEYS,
        offered=Place.OTHER_ADDRESS,
    ),
    _scenario(
        "session-from-other-address",
        Change.PLACE,
        sentence="A session of the other address is offered at this address",
        made="a client that is refused at the address that is probed gets a session at that of "
        "--also",
        cause="the servers share ticket keys or a session cache, and trust different CAs",
        fix=_SAME_KEYS,
        begins=Place.OTHER_ADDRESS,
    ),
)

SESSION_NAMES = frozenset(scenario.name for scenario in SESSION_SCENARIOS)
