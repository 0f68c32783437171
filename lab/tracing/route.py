"""How a server is reached before TLS: through a proxy, with a PROXY protocol header, by STARTTLS.

The order is fixed: TCP or a Unix socket, the proxy, the PROXY protocol, STARTTLS, then TLS.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from lab.stream.wire import address_text
from lab.tracing.schemes import SCHEMES, StartTls
from lab.tracing.target import Target, TargetError, parse_target, without_password

_MOST_CREDENTIAL = 255  # bytes, of SOCKS (RFC 1929 section 2)
_PROXY_FORMS = "write http://[USER:PASSWORD@]HOST:PORT or socks5://[USER:PASSWORD@]HOST:PORT"


class RouteError(TargetError):
    """There is no such way to a server. Its message is for the user."""


class ProxyKind(enum.Enum):
    """What a proxy speaks: CONNECT of HTTP (RFC 9110 section 9.3.6), or SOCKS 5 (RFC 1928)."""

    HTTP = "http"
    SOCKS5 = "socks5"


class ProxyProtocol(enum.Enum):
    """A version of the PROXY protocol's header."""

    V1 = "v1"
    V2 = "v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy to go through; it resolves the server's name. ``user`` is "" for nobody.

    ``password`` is never shown.
    """

    kind: ProxyKind
    host: str
    port: int
    user: str = ""
    password: str = ""

    @property
    def authority(self) -> str:
        """``host:port``."""
        return address_text(self.host, self.port)

    def __repr__(self) -> str:
        return f"Proxy({self.kind.value}://{self.authority})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What is done between dialling and TLS; None: nothing of that kind."""

    proxy: Proxy | None = None
    proxy_protocol: ProxyProtocol | None = None
    starttls: StartTls | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """What is spoken before TLS, in order, for a face."""
        said = []
        if self.proxy is not None:
            how = "CONNECT" if self.proxy.kind is ProxyKind.HTTP else "SOCKS 5"
            said.append(f"{how} by {self.proxy.authority}")
        if self.proxy_protocol is not None:
            said.append(f"PROXY protocol {self.proxy_protocol.value}")
        if self.starttls is not None:
            said.append(f"STARTTLS ({self.starttls.value})")
        return tuple(said)


DIRECT = Route()
"""TLS at once."""


def parse_proxy(text: str, password_elsewhere: str | None = None) -> Proxy:
    """Read what a user names a proxy by. Raises RouteError.

    ``password_elsewhere`` is used where the URL has a user name alone.
    """
    shown = repr(without_password(text))
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise RouteError(f"{shown} is no proxy ({error}); {_PROXY_FORMS}") from None
    # socks5h is curl's word for a proxy that resolves names, as this client always lets it.
    kinds = {"http": ProxyKind.HTTP, "socks5": ProxyKind.SOCKS5, "socks5h": ProxyKind.SOCKS5}
    if parts.scheme not in kinds:
        raise RouteError(f"{shown} is no proxy that can be used here; {_PROXY_FORMS}")
    if not host or not port or not text.isprintable() or parts.path.strip("/"):
        raise RouteError(f"{shown} names no host and port; {_PROXY_FORMS}")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if user and parts.password is None:
        password = password_elsewhere or ""
    too_long = max(len(user.encode()), len(password.encode())) > _MOST_CREDENTIAL
    if too_long or ":" in user or (password and not user):
        raise RouteError(
            f"{shown}: a user name has no colon, and neither it nor the password has more than "
            f"{_MOST_CREDENTIAL} bytes; {_PROXY_FORMS}"
        )
    return Proxy(kind=kinds[parts.scheme], host=host, port=port, user=user, password=password)


def route_of(
    *,
    starttls: str | None = None,
    proxy: str | None = None,
    proxy_password: str | None = None,
    proxy_protocol: str | None = None,
) -> Route:
    """Return the route that a user names: a ``StartTls``, a proxy's URL, a ``ProxyProtocol``.

    ``proxy_password`` is used where the URL has a user name alone. Raises RouteError.
    """
    return Route(
        proxy=None if proxy is None else parse_proxy(proxy, proxy_password),
        proxy_protocol=None
        if proxy_protocol is None
        else _one_of(ProxyProtocol, proxy_protocol, "version of the PROXY protocol"),
        starttls=None if starttls is None else _one_of(StartTls, starttls, "protocol of STARTTLS"),
    )


def way_to(server: str, route: Route = DIRECT) -> tuple[Target, Route]:
    """Return the target that a user names, and the whole route to it. Raises TargetError.

    The scheme of a URL says whether TLS begins by STARTTLS; ``route`` says it where there is none.
    """
    target = parse_target(server, route.starttls)
    if target.scheme:
        by_scheme = SCHEMES[target.scheme].starttls
        if route.starttls not in (None, by_scheme):
            raise RouteError(
                f"{server!r} and STARTTLS of {route.starttls.value} do not go together: write "
                "HOST:PORT"
            )
        route = replace(route, starttls=by_scheme)
    if route.proxy is not None and target.unix_socket:
        raise RouteError(f"no proxy leads to {target.address}: a Unix socket is of this machine")
    return target, route


_E = TypeVar("_E", StartTls, ProxyProtocol)


def _one_of(kind: type[_E], name: str, what: str) -> _E:
    try:
        return kind(name)
    except ValueError:
        known = ", ".join(str(each.value) for each in kind)
        raise RouteError(f"{name!r} is no {what}: there are {known}") from None
