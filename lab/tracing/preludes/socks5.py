"""A way through a SOCKS 5 proxy (RFC 1928), with a user name and a password where given (RFC 1929).

The proxy resolves the server's name.
"""

from __future__ import annotations

import ipaddress

from lab.tls.escape import escaped
from lab.tracing.preludes.prelude_stream import PreludeError, PreludeStream
from lab.tracing.route import Proxy

_VERSION, _CONNECT = 5, 1
_NOBODY, _PASSWORD, _NONE = 0, 2, 255
_IPV4, _NAME, _IPV6 = 1, 3, 4
_REPLIES = {
    1: ("general failure", "read the proxy's log"),
    2: ("not allowed by its rules", "let the proxy allow this host and port"),
    3: ("network unreachable", "check the server's address from the proxy"),
    4: ("host unreachable", "check the server's name and address from the proxy"),
    5: ("connection refused", "check that the server listens at that port"),
    6: ("TTL expired", "check the server's address from the proxy"),
    7: ("command not supported", "use a proxy that knows CONNECT"),
    8: ("address type not supported", "name the server by another kind of address"),
}


async def connect_by_socks5(stream: PreludeStream, proxy: Proxy, host: str, port: int) -> None:
    """Ask the proxy for a connection to ``host``: a name in ASCII of up to 255, or an address."""
    methods = bytes((_NOBODY, _PASSWORD)) if proxy.user else bytes((_NOBODY,))
    await stream.send(bytes((_VERSION, len(methods))) + methods)
    version, method = await _two(stream, "choice of a method")
    if version != _VERSION:
        raise _no_socks(stream, bytes((version, method)))
    if method == _PASSWORD and proxy.user:
        await _log_in(stream, proxy)
    elif method != _NOBODY:
        remedy = (
            "use another proxy: this client has no other method"
            if proxy.user or method != _NONE
            else "it may want a password: --proxy socks5://USER:PASSWORD@HOST:PORT"
        )
        raise PreludeError(stream.step, "the proxy takes no method that was offered", remedy)
    await stream.send(bytes((_VERSION, _CONNECT, 0)) + _address(host) + port.to_bytes(2, "big"))
    version, reply = await _two(stream, "answer to CONNECT")
    if version != _VERSION:
        raise _no_socks(stream, bytes((version, reply)))
    if reply:
        words, remedy = _REPLIES.get(reply, ("a reply that has no name", "read the proxy's log"))
        raise PreludeError(stream.step, f"the proxy answers: {words} ({reply})", remedy)
    await _bound_address(stream)


async def _two(stream: PreludeStream, what: str) -> bytes:
    return await stream.exactly(2, what)


async def _log_in(stream: PreludeStream, proxy: Proxy) -> None:
    user, password = proxy.user.encode(), proxy.password.encode()
    login = bytes((1, len(user))) + user + bytes((len(password),)) + password
    await stream.send(login, password)
    if (await _two(stream, "answer to the password"))[1]:
        raise PreludeError(
            stream.step,
            f"the proxy does not take the password of {escaped(proxy.user)}",
            "check the user name and the password",
        )


def _address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return bytes((_NAME, len(host))) + host.encode("ascii")
    return bytes((_IPV4 if address.version == 4 else _IPV6,)) + address.packed


async def _bound_address(stream: PreludeStream) -> None:
    """Pass over the address that the proxy connects from."""
    what = "rest of its answer"
    _, kind = await _two(stream, what)
    lengths = {_IPV4: 4, _IPV6: 16}
    if kind == _NAME:
        length = (await stream.exactly(1, what))[0]
    elif kind in lengths:
        length = lengths[kind]
    else:
        raise _no_socks(stream, bytes((kind,)))
    await stream.exactly(length + 2, what)


def _no_socks(stream: PreludeStream, said: bytes) -> PreludeError:
    shown = escaped((said + stream.take_held())[:64].decode("latin-1"))
    return PreludeError(
        stream.step,
        f'no SOCKS 5: "{shown}"',
        "check that this is a SOCKS proxy; http:// is for one of HTTP",
    )
