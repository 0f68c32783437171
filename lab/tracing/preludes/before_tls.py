"""All that is spoken before TLS, in its order: the proxy, the PROXY protocol, STARTTLS.

Rules: bytes that a server sends in the clear behind its go-ahead for TLS are no TLS, and may be
somebody else's (CVE-2021-23222): they end the connection. What comes through a proxy before the
client has sent anything is the server's own first word, and is left for whoever reads next.
"""

from __future__ import annotations

from lab.capture.results import Address
from lab.stream.observed_wire import Recorder
from lab.stream.wire import Wire, address_text, within
from lab.tracing.preludes.http_connect import connect_by_http
from lab.tracing.preludes.prelude_stream import PreludeError, PreludeStream
from lab.tracing.preludes.proxy_header import proxy_header
from lab.tracing.preludes.results import PreludeResult
from lab.tracing.preludes.socks5 import connect_by_socks5
from lab.tracing.preludes.starttls_databases import upgrade_mysql, upgrade_postgres
from lab.tracing.preludes.starttls_ldap import upgrade_ldap
from lab.tracing.preludes.starttls_mailbox import upgrade_imap, upgrade_pop3, upgrade_sieve
from lab.tracing.preludes.starttls_rdp import upgrade_rdp
from lab.tracing.preludes.starttls_replies import (
    upgrade_ftp,
    upgrade_lmtp,
    upgrade_nntp,
    upgrade_smtp,
)
from lab.tracing.preludes.starttls_xmpp import upgrade_xmpp
from lab.tracing.route import Proxy, ProxyKind, Route
from lab.tracing.schemes import StartTls
from lab.tracing.target import Target, in_ascii

_MOST_NAME = 255  # characters, of any name (RFC 1035 section 2.3.4)
_SIMPLE = {
    StartTls.POSTGRES: upgrade_postgres,
    StartTls.IMAP: upgrade_imap,
    StartTls.POP3: upgrade_pop3,
    StartTls.SIEVE: upgrade_sieve,
    StartTls.FTP: upgrade_ftp,
    StartTls.NNTP: upgrade_nntp,
    StartTls.LDAP: upgrade_ldap,
    StartTls.RDP: upgrade_rdp,
}


async def speak_before_tls(
    wire: Wire,
    route: Route,
    target: Target,
    *,
    name: str,
    ends: tuple[Address, Address] | None,
    limit: float,
    recorder: Recorder | None = None,
) -> tuple[PreludeResult, bytes]:
    """Do what ``route`` asks for on ``wire``, with ``limit`` seconds for each step.

    ``name`` is the server's, as TLS will ask for it; ``ends`` are this end of the connection and
    the other, None where they have no IP addresses. Returns what was learnt, and bytes of the
    server that are to be read first. Raises PreludeError.
    """
    stream = PreludeStream(wire, recorder)
    result = PreludeResult()
    try:
        if route.proxy is not None:
            await within(limit, _through(stream, route.proxy, target))
        if route.proxy_protocol is not None:
            stream.step = f"PROXY protocol {route.proxy_protocol.value}"
            await within(limit, stream.send(proxy_header(route.proxy_protocol, ends)))
            stream.header_sent = True
        if route.starttls is not None:
            stream.step, stream.waits_for = f"STARTTLS ({route.starttls.value})", ""
            own_name = _own_name(ends)
            result = await within(limit, _upgraded(stream, route.starttls, name, own_name))
            if injected := stream.take_held():
                raise _injected(stream, injected)
    except TimeoutError:
        raise stream.timed_out(limit) from None
    finally:
        stream.record()
    return result, stream.take_held()


async def _through(stream: PreludeStream, proxy: Proxy, target: Target) -> None:
    stream.step, stream.peer = f"proxy {proxy.authority}", "proxy"
    host = _name_for_proxy(stream, target.host)
    if proxy.kind is ProxyKind.HTTP:
        await connect_by_http(stream, proxy, address_text(host, target.port))
    else:
        await connect_by_socks5(stream, proxy, host, target.port)
    stream.reach_server()


def _name_for_proxy(stream: PreludeStream, host: str) -> str:
    try:
        name = in_ascii(host)
    except UnicodeError:
        name = ""
    if not 0 < len(name) <= _MOST_NAME:
        raise PreludeError(stream.step, f"{host[:80]!r} is no host name", "check the target")
    return name


async def _upgraded(
    stream: PreludeStream, protocol: StartTls, name: str, own_name: str
) -> PreludeResult:
    if protocol is StartTls.MYSQL:
        return await upgrade_mysql(stream)
    if protocol is StartTls.XMPP:
        await upgrade_xmpp(stream, name)
    elif protocol is StartTls.SMTP:
        await upgrade_smtp(stream, own_name)
    elif protocol is StartTls.LMTP:
        await upgrade_lmtp(stream, own_name)
    else:
        await _SIMPLE[protocol](stream)
    return PreludeResult()


def _own_name(ends: tuple[Address, Address] | None) -> str:
    """Return what this client calls itself: its address (RFC 5321 section 4.1.3), or localhost."""
    if ends is None:
        return "localhost"
    host = ends[0].host.partition("%")[0]
    return f"[IPv6:{host}]" if ":" in host else f"[{host}]"


def _injected(stream: PreludeStream, data: bytes) -> PreludeError:
    error = stream.unexpected(data, f"{len(data)} bytes came in the clear behind its go-ahead")
    remedy = (
        "they are no part of TLS, and somebody in between may have put them there: a client that "
        "read them would take them for the server's"
    )
    return PreludeError(stream.step, error.problem, remedy)
