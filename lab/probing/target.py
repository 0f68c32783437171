"""What to connect to, as a user writes it: a URL or HOST:PORT."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from lab.stream.wire import address_text


class TargetError(ValueError):
    """The text names no HTTPS server. Its message is for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A TCP address to dial. ``host`` is a name or an address, an IPv6 one without brackets."""

    host: str
    port: int

    @property
    def authority(self) -> str:
        """``host:port`` as RFC 3986 section 3.2 writes it, and as an HTTP Host field wants it."""
        return address_text(self.host, self.port)

    @property
    def url(self) -> str:
        """The server's root as a URL, without a slash at its end."""
        return f"https://{self.authority}"


def parse_target(text: str, default_port: int = 8443) -> Target:
    """Read ``https://host[:port][/…]``, ``host:port`` or ``host``. Raises TargetError."""
    url = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise TargetError(f"{text!r} is not HOST:PORT or a URL ({error})") from None
    if parts.scheme != "https":
        raise TargetError(f"{text!r} is not an https URL; the lab speaks TLS only")
    if not parts.hostname:
        raise TargetError(f"{text!r} names no host; write HOST:PORT or https://HOST:PORT")
    if parts.username is not None:
        raise TargetError(
            f"{text!r} carries a user name; a client is known by its certificate here"
        )
    return Target(host=parts.hostname, port=default_port if port is None else port)
