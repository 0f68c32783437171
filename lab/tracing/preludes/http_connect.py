"""A way through an HTTP proxy by CONNECT (RFC 9110 sections 9.3.6 and 11.7; Basic: RFC 7617)."""

from __future__ import annotations

import base64
import re

import h11

from lab.tls.escape import escaped
from lab.tls.records import looks_like_tls
from lab.tracing.preludes.prelude_stream import (
    PROXY_WANTS_TLS,
    PreludeError,
    PreludeStream,
)
from lab.tracing.route import Proxy

_MOST_HEAD = 1 << 14
_SHOWN = 80
# One field may list several challenges (RFC 9110 section 11.6.1), each after a comma.
_BASIC = re.compile(rb"(?:^|,)[ \t]*basic(?:[ \t,]|$)", re.IGNORECASE)


async def connect_by_http(stream: PreludeStream, proxy: Proxy, authority: str) -> None:
    """Ask the proxy for ``authority`` (``host:port``); it answers with 2xx."""
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_HEAD)
    headers = [("Host", authority)]
    secret = b""
    if proxy.user:
        secret = base64.b64encode(f"{proxy.user}:{proxy.password}".encode())
        headers.append(("Proxy-Authorization", f"Basic {secret.decode()}"))
    request = h11.Request(method="CONNECT", target=authority, headers=headers)
    parts = http.send(request), http.send(h11.EndOfMessage())
    await stream.send(b"".join(part or b"" for part in parts), secret)
    head = await _head(stream, http)
    if not 200 <= head.status_code < 300:
        raise _refused(stream, head, proxy, authority)
    stream.unread(http.trailing_data[0])


async def _head(stream: PreludeStream, http: h11.Connection) -> h11.Response:
    """Return the head of the proxy's answer."""
    said = b""
    while True:
        data = await stream.some("answer to CONNECT")
        said += data
        http.receive_data(data)
        try:
            event = http.next_event()
            while isinstance(event, h11.InformationalResponse):
                event = http.next_event()
        except h11.RemoteProtocolError:
            remedy = (
                PROXY_WANTS_TLS
                if looks_like_tls(said)
                else "check that this is an HTTP proxy; socks5:// is for one of SOCKS"
            )
            raise PreludeError(stream.step, f"no HTTP: {_text(said)}", remedy) from None
        if isinstance(event, h11.Response):
            return event


def _refused(
    stream: PreludeStream, head: h11.Response, proxy: Proxy, authority: str
) -> PreludeError:
    status = f"{head.status_code} {_text(head.reason)}".strip()
    problem = f"the proxy answers {status} to CONNECT {authority}"
    if head.status_code == 407:
        wanted = [value for name, value in head.headers if name == b"proxy-authenticate"]
        if wanted and not any(_BASIC.search(value) for value in wanted):
            names = ", ".join(_text(value) for value in wanted[:4])
            remedy = f"it takes {names}, and this client has Basic only: use another proxy"
        elif proxy.user:
            who = escaped(proxy.user)
            remedy = f"it does not take the password of {who}: check both, and what {who} may reach"
        else:
            remedy = "it wants a name and a password: --proxy http://USER:PASSWORD@HOST:PORT"
    elif head.status_code == 511 or 300 <= head.status_code < 400:
        remedy = "the network may want a login first (a captive portal): open a page in a browser"
    elif head.status_code >= 500 and head.status_code not in (501, 505):
        remedy = "as a rule it does not reach the server: check the name and the port from there"
    elif head.status_code in (400, 404, 405, 501, 505):
        remedy = "it may be no proxy for CONNECT, but a web server: check its address"
    else:
        remedy = "let the proxy allow CONNECT to this host and port, or use another"
    return PreludeError(stream.step, problem, remedy)


def _text(said: bytes) -> str:
    return escaped(said[:_SHOWN].decode("latin-1"))
