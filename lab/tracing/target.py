"""What to connect to, as a user writes it: a URL, HOST:PORT, HOST or PORT."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from lab.stream.wire import address_text

LOOPBACK = "127.0.0.1"
LAB_PORT = 8443
_HTTPS_PORT = 443
_FORMS = "write HOST:PORT, PORT or https://HOST:PORT"
_PORT = re.compile(r":?([0-9]+)")
# Letters of all scripts stay: the resolver judges names.
_NO_HOST = re.compile(r"[\s/\\?#@<>\[\]{}|^\"'`%,;=&*!$()~+]|^-|^\.*$")
_WILDCARDS = {"0.0.0.0": LOOPBACK, "::": "::1"}


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


def parse_target(text: str) -> Target:
    """Read what a user names a server by. Raises TargetError.

    ``https://host[:port]`` (port 443 where none is given, as in any URL); ``host:port``,
    ``[address]:port``, ``host`` or an IPv6 address (port 8443 where none is given, the lab's);
    ``port`` or ``:port`` (of 127.0.0.1). A path may follow.
    """
    if found := _PORT.fullmatch(text):
        return Target(host=LOOPBACK, port=_port(found[1], text))
    if _is_ipv6(text):
        return Target(host=text, port=LAB_PORT)
    scheme, separator, _ = text.partition("://")
    if separator and scheme.lower() != "https":
        raise TargetError(f"{text!r} is not an https URL; the lab speaks TLS only; {_FORMS}")
    try:
        parts = _split(text)
        host = parts.hostname or ""
    except ValueError as error:
        raise TargetError(f"{text!r} is no address ({error}); {_FORMS}") from None
    if parts.username is not None:
        raise TargetError(
            f"{text!r} carries a user name; a client is known by its certificate here; {_FORMS}"
        )
    # urlsplit forgives what stands between a bracket and the port, and drops line ends.
    before, _, port = parts.netloc.rpartition("]")[2].partition(":")
    if not _is_host(host) or not text.isprintable() or (before and "]" in parts.netloc):
        raise TargetError(f"{text!r} names no host; {_FORMS}")
    if parts.path.startswith("//"):
        raise TargetError(f"{text!r} is no address; {_FORMS}")
    if port:
        return Target(host=host, port=_port(port, text))
    return Target(host=host, port=_HTTPS_PORT if separator else LAB_PORT)


def requested_path(text: str) -> str:
    """Return the path and query in what :func:`parse_target` takes, "" where it has none."""
    if _PORT.fullmatch(text) or _is_ipv6(text):
        return ""
    parts = _split(text)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path


def default_target(environment: Mapping[str, str]) -> Target:
    """Return where the lab's server listens by ``environment``. Raises TargetError.

    MTLS_SERVER_HOST and MTLS_SERVER_PORT mean what they mean to the server; a server that listens
    on all addresses (0.0.0.0, ::) is reached by that of loopback.
    """
    host = environment.get("MTLS_SERVER_HOST") or LOOPBACK
    port = environment.get("MTLS_SERVER_PORT") or str(LAB_PORT)
    if not _is_host(host):
        raise TargetError(f"MTLS_SERVER_HOST is no host: {host!r}; set it to a name or an address")
    if port == "0":
        raise TargetError(
            "MTLS_SERVER_PORT is 0: the server takes any free port; name the one that it tells"
        )
    if not _is_port(port):
        raise TargetError(
            f"MTLS_SERVER_PORT is no port: {port!r}; set it to a number from 1 to 65535"
        )
    return Target(host=_WILDCARDS.get(host, host), port=int(port))


def _split(text: str) -> SplitResult:
    return urlsplit(text if "://" in text else f"https://{text}")


def _is_port(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and len(digits) <= 5 and 0 < int(digits) < 65536


def _port(digits: str, text: str) -> int:
    if not _is_port(digits):
        raise TargetError(f"{text!r} has no port from 1 to 65535; {_FORMS}")
    return int(digits)


def _is_host(text: str) -> bool:
    """Tell whether the resolver may be asked for it: a name, or an address."""
    return _is_ipv6(text) or not _NO_HOST.search(text)


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 6
    except ValueError:
        return False
