"""What to connect to, as a user writes it: a URL, HOST:PORT, HOST, PORT or unix:PATH."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from lab.stream.wire import address_text
from lab.tracing.schemes import PORTS, SCHEMES, StartTls, nearest_scheme

LOOPBACK = "127.0.0.1"
LAB_PORT = 8443
_FORMS = "write HOST:PORT, PORT or https://HOST:PORT"
_UNIX = "unix:"
_UNIX_NAME = "localhost"  # what is asked for (SNI) and sent as Host, where no name is given
_MOST_PATH = 107  # bytes of a Unix socket's path, on Linux
_PORT = re.compile(r":?([0-9]+)")
# Letters of all scripts stay: the resolver judges names.
_NO_HOST = re.compile(r"[\s/\\?#@<>\[\]{}|^\"'`%,;=&*!$()~+]|^-|^\.*$")
_WILDCARDS = {"0.0.0.0": LOOPBACK, "::": "::1"}
_PASSWORD = re.compile(r"(^|//)([^/:@]*):[^/]*@")


class TargetError(ValueError):
    """The text names no TLS server. Its message is for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An address to dial, and the name of the server there.

    ``host`` is a name or an IP address, an IPv6 one without brackets. ``scheme`` is that of the
    URL, in lower case, and ``user`` the name in it, "" where there is none. ``unix_socket`` is the
    path of the socket to dial instead: ``host`` is then only the name to ask for, and ``port`` 0.
    """

    host: str
    port: int
    scheme: str = ""
    user: str = ""
    unix_socket: str = ""

    @property
    def authority(self) -> str:
        """What an HTTP Host field says, as RFC 3986 section 3.2 writes it: ``host:port``."""
        return self.host if self.unix_socket else address_text(self.host, self.port)

    @property
    def address(self) -> str:
        """What is dialled, for the user to read: ``host:port``, or ``unix:`` and the path."""
        return f"{_UNIX}{self.unix_socket}" if self.unix_socket else self.authority

    @property
    def url(self) -> str:
        """The server's root as a URL, without a slash at its end."""
        return f"https://{self.authority}"


def parse_target(text: str, starttls: StartTls | None = None) -> Target:
    """Read what a user names a server by. Raises TargetError.

    ``scheme://[user@]host[:port]``, with the scheme's port where none is given; ``host:port``,
    ``[address]:port``, ``host`` or an IPv6 address (where none is given, the port of ``starttls``,
    or 8443, the lab's); ``port`` or ``:port`` (of 127.0.0.1); ``unix:/path`` of a Unix socket. A
    path may follow a host.
    """
    if text.startswith(_UNIX):
        return _unix_target(text)
    port_elsewhere = LAB_PORT if starttls is None else PORTS[starttls]
    if found := _PORT.fullmatch(text):
        return Target(host=LOOPBACK, port=_port(found[1], text))
    if _is_ipv6(text):
        return Target(host=text, port=port_elsewhere)
    scheme, separator, _ = text.partition("://")
    scheme = scheme.lower() if separator else ""
    if separator and scheme not in SCHEMES:
        raise TargetError(_unknown_scheme(text, scheme))
    parts = _checked_parts(text, scheme)
    host, user = parts.hostname or "", unquote(parts.username or "")
    # urlsplit forgives what stands between a bracket and the port, and drops line ends.
    before, _, port = parts.netloc.rpartition("@")[2].rpartition("]")[2].partition(":")
    bracketed = before and "]" in parts.netloc
    if not _is_host(host) or not text.isprintable() or bracketed or not user.isprintable():
        raise TargetError(f"{text!r} names no host; {_FORMS}")
    default = SCHEMES[scheme].port if scheme else port_elsewhere
    number = _port(port, text) if port else default
    return Target(host=host, port=number, scheme=scheme, user=user)


def _checked_parts(text: str, scheme: str) -> SplitResult:
    """Return the parts of a URL that names a host, and no more than that. Raises TargetError."""
    shown = repr(without_password(text))
    try:
        parts = _split(text)
        _ = parts.hostname
    except ValueError as error:
        raise TargetError(f"{shown} is no address ({error}); {_FORMS}") from None
    if parts.username is not None and scheme in ("", "https"):
        raise TargetError(
            f"{shown} carries a user name; a client is known by its certificate here; {_FORMS}"
        )
    if parts.password is not None:
        raise TargetError(f"{shown} carries a password, which is not used here: leave it out")
    if parts.path.startswith("//"):
        raise TargetError(f"{shown} is no address; {_FORMS}")
    return parts


def _unknown_scheme(text: str, scheme: str) -> str:
    shown = repr(without_password(text))
    near = nearest_scheme(scheme)
    meant = f" (did you mean {near}://?)" if near else f": there are {', '.join(SCHEMES)}"
    return f"{shown} has a scheme that does not lead to TLS{meant}; {_FORMS}"


def _unix_target(text: str) -> Target:
    path = text.removeprefix(_UNIX)
    if path.startswith("//"):  # as in a URL: unix:///path
        path = path[2:]
    if not path.startswith("/") or not path.isprintable() or len(os.fsencode(path)) > _MOST_PATH:
        raise TargetError(
            f"{text!r} names no Unix socket; write unix:/PATH, in full and of up to {_MOST_PATH} "
            "bytes"
        )
    return Target(host=_UNIX_NAME, port=0, unix_socket=path)


def in_ascii(host: str) -> str:
    """Return a host as it goes over the wire (A-labels: RFC 5890 section 2.3.2.1).

    Raises UnicodeError for what can be no name of a host.
    """
    return host if host.isascii() else host.encode("idna").decode("ascii")


def without_password(text: str) -> str:
    """Return the text of a URL to be shown: without the password that it may carry."""
    return _PASSWORD.sub(r"\1\2:...@", text)


def requested_path(text: str) -> str:
    """Return the path and query in what :func:`parse_target` takes, "" where it has none."""
    if _PORT.fullmatch(text) or _is_ipv6(text) or text.startswith(_UNIX):
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
