"""Who may ask lab.web for something: the token, the Host field, and where an action comes from.

Rules: lab.web listens on loopback, where every web page of this user's browser can send requests
to. So the Host field must name this server (a name that is made to point here, DNS rebinding, does
not), nothing is shown without the token, and what acts must come from a page of its own besides.

This module must not know any page.
"""

from __future__ import annotations

import hmac
import re
import secrets

from lab.http.message import RequestHead
from lab.stream.wire import address_text
from lab.webapp.multipart import FormError
from lab.webapp.web_request import query_of

HOST = "127.0.0.1"
TOKEN_HEADER = b"x-lab-token"
_HTTP_PORT = 80
_READING = ("GET", "HEAD")
_COOKIE = re.compile(rb"(?:^|;)\s*([\w-]+)=([^;]*)")

SECURITY_HEADERS = (
    (
        b"Content-Security-Policy",
        b"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        b"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Referrer-Policy", b"no-referrer"),
    (b"Cache-Control", b"no-store"),
    (b"Cross-Origin-Resource-Policy", b"same-origin"),
)
"""What goes with every answer: nothing runs, loads or frames that is not this server's."""


class Access:
    """The rules for the server at ``port`` of loopback, and its token."""

    def __init__(self, port: int) -> None:
        self._token = secrets.token_urlsafe(32)
        self._port = port
        # Cookies are shared by all ports of a host.
        self._cookie = f"lab_token_{port}".encode("ascii")
        names = ("localhost", HOST)
        self._hosts = {address_text(name, port).encode("ascii") for name in names}
        if port == _HTTP_PORT:
            self._hosts |= {name.encode("ascii") for name in names}

    @property
    def address(self) -> str:
        """The address to open, with the token in it."""
        return f"http://{address_text(HOST, self._port)}/?token={self._token}"

    @property
    def cookie(self) -> tuple[bytes, bytes]:
        """The header that keeps the token in the browser, for requests of its own pages only."""
        value = b"%s=%s; Path=/; HttpOnly; SameSite=Strict" % (self._cookie, self._token.encode())
        return b"Set-Cookie", value

    def names_this_server(self, head: RequestHead) -> bool:
        """Tell whether the Host field (RFC 9110 section 7.2) is that of this server."""
        return head.headers.get(b"host", b"").lower() in self._hosts

    def has_token(self, head: RequestHead) -> bool:
        """Tell whether the request has the token, in its cookie or its header."""
        given = head.headers.get(TOKEN_HEADER)
        if given is None:
            given = dict(_COOKIE.findall(head.headers.get(b"cookie", b""))).get(self._cookie, b"")
        return self._is_token(given)

    def has_token_in_address(self, head: RequestHead) -> bool:
        """Tell whether it is in the query, as in the address that the command prints."""
        try:
            token = query_of(head.query).get("token", "")
        except FormError:
            return False
        return self._is_token(token.encode("utf-8", "replace"))

    def may_act(self, head: RequestHead) -> bool:
        """Tell whether a request that acts comes from a page of this server, or of no page.

        Browsers say where a request comes from in Sec-Fetch-Site (Fetch Metadata), or in Origin
        (RFC 6454 section 7), which is "null" for a form of a page without referrer. A program that
        says neither must give the token in its header, which no page of another origin can set.
        """
        headers = head.headers
        origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site")
        if origin is not None and not self._is_own(origin):
            return origin == b"null" and site == b"same-origin"
        if site is not None:
            return site == b"same-origin"
        return origin is not None or TOKEN_HEADER in headers

    def is_loaded_elsewhere(self, head: RequestHead) -> bool:
        """Tell whether a page of another origin loads this, as a part of it or by its script.

        It could read nothing, but it would keep the lab busy: pages of other ports of this host
        send the cookie along. A link that leads here is in order.
        """
        site, place = (head.headers.get(b"sec-fetch-" + name) for name in (b"site", b"dest"))
        return site in (b"same-site", b"cross-site") and place != b"document"

    def is_action(self, head: RequestHead) -> bool:
        """Tell whether a request may change or start something: GET and HEAD never do."""
        return head.method not in _READING

    def _is_own(self, origin: bytes) -> bool:
        scheme, _, host = origin.lower().partition(b"://")
        return scheme == b"http" and host in self._hosts

    def _is_token(self, given: bytes) -> bool:
        return hmac.compare_digest(given, self._token.encode("ascii"))
