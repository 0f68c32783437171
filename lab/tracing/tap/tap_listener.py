"""The tap: whoever connects to it is connected to the target, connection, and told of at the end.

Rules: connections are explained in a thread of their own, so that neither decoding nor a slow
reader of the output keeps another one waiting. Where that falls behind, connections are relayed and
counted, and not explained. ``close`` leaves no task and no socket behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from lab.capture.results import Address
from lab.tls.escape import printable
from lab.tls.sessions import Sessions
from lab.tracing.connection import reason_of
from lab.tracing.packet_file import PacketFile
from lab.tracing.preludes.prelude_stream import PreludeError
from lab.tracing.results import Trace
from lab.tracing.route import DIRECT, Route
from lab.tracing.tap.tap_connection import Allowance, TapConnection
from lab.tracing.tap.tap_key_log import KeyLogFollower
from lab.tracing.tap.tap_proxy import ProxyRefusal, answer_connect
from lab.tracing.tap.tap_relay import Relay, prepare, reset
from lab.tracing.tap.tap_upstream import DIAL_LIMIT, open_upstream
from lab.tracing.target import Target

if sys.platform != "win32":
    import resource

T = TypeVar("T")

MOST_CONNECTIONS = 400
"""The default: with two descriptors each, it fits into the usual limit of 1,024."""
_RESERVED = 64  # descriptors for all but relayed connections: files, the resolver, a command

_QUEUE = 1024  # who may wait to be accepted; beyond it, Linux drops connections silently
_PAUSE = 0.5  # after the system had no descriptor or memory left
_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_MOST_WAITING = 1000
_MOST_KEPT = 2**27  # bytes of connections that last, or wait to be explained
_SECRETS_LIMIT = 0.5  # how long secrets may come later than the end of their connection
_SECRETS_STEP = 0.05


class CannotTap(Exception):
    """The tap cannot listen. Its message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TapSettings:
    """Where to listen (port 0: any free one), what to connect to, and within which limits.

    ``route`` leads there: a proxy, a header of the PROXY protocol; TLS begins as the clients like.
    With ``proxy_name`` it is also an HTTP proxy for that host name: who asks for it by CONNECT is
    connected to the target. ``packets`` takes all that passes. ``on_connection`` is called on the
    event loop when a connection has both its ends; with ``keep_records`` traces have the records.
    """

    listen: Target
    target: Target
    route: Route = DIRECT
    key_log: KeyLogFollower | None = None
    packets: PacketFile | None = None
    proxy_name: str = ""
    max_connections: int = MOST_CONNECTIONS
    on_connection: Callable[[TapConnection], None] | None = None
    keep_records: bool = False


class Tap:
    """Relays connections. Use ``open``, then ``close``.

    ``on_trace`` gets the trace of each connection that has ended, ``on_notice`` a line on what is
    no connection between two ends; both are called in the tap's thread. The first exception of
    either is in ``failure`` once ``failed`` is set.
    """

    def __init__(
        self,
        settings: TapSettings,
        on_trace: Callable[[Trace], None],
        on_notice: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._on_trace = on_trace
        self._on_notice = on_notice
        self._epoch = time.time() - time.monotonic()
        self._listening: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._relaying: set[asyncio.Task[None]] = set()
        self._thread = ThreadPoolExecutor(1, "tap")
        self._allowance = Allowance(_MOST_KEPT)
        self._number = self._waiting = self._skipped = 0
        self._sessions = Sessions()  # used in the thread alone
        self._packets_failed = self._is_busy = False
        self._most = settings.max_connections
        self.failure: BaseException | None = None
        self.failed = asyncio.Event()

    async def open(self) -> Address:
        """Listen; return the first address bound. Raises CannotTap."""
        if self._settings.target.unix_socket:
            named = self._settings.target.address
            raise CannotTap(f"{named} is a Unix socket, and a tap relays TCP: name HOST:PORT")
        self._most = self._within_descriptors()
        host, port = self._settings.listen.host, self._settings.listen.port
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            for family, _, _, _, address in dict.fromkeys(found):  # some resolvers repeat one
                # Where a name has several addresses, the port is the same at all of them.
                bound = (address[0], port or self._port, *address[2:])
                self._listening.append(_listening(family, bound))
        except (OSError, UnicodeError) as error:
            self._stop_listening()
            raise CannotTap(_why_not(error, self._settings.listen)) from error
        if await self._is_own_target():
            self._stop_listening()
            target = self._settings.target.authority
            raise CannotTap(f"{target} is the tap itself; name the server as TARGET")
        self._accepting = [
            loop.create_task(self._accept(listening)) for listening in self._listening
        ]
        return Address(*self._listening[0].getsockname()[:2])

    def _within_descriptors(self) -> int:
        """Return how many connections there may be, with two descriptors each. Raises CannotTap."""
        most = self._settings.max_connections
        if sys.platform == "win32":
            return most
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        allowed = (soft - _RESERVED) // 2
        if soft == resource.RLIM_INFINITY or most <= allowed:
            return most
        if allowed < 1:
            raise CannotTap(
                f"the limit of open files is {soft}, and a tap needs {_RESERVED + 2} or more; "
                "raise it (ulimit -n)"
            )
        self._on_notice(
            f"limiting connections to {allowed} instead of {most}: the limit of open files is "
            f"{soft} (ulimit -n)"
        )
        return allowed

    @property
    def is_stuck(self) -> bool:
        """Whether the thread is still at work, after ``close``: nobody reads its output."""
        return self._is_busy

    @property
    def _port(self) -> int:
        return int(self._listening[0].getsockname()[1]) if self._listening else 0

    async def _is_own_target(self) -> bool:
        target = self._settings.target
        if target.port != self._port or self._settings.route.proxy is not None:
            return False
        try:
            found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port)
        except (OSError, UnicodeError):
            return False  # each connection will be told why
        own = {listening.getsockname()[0] for listening in self._listening}
        everywhere = bool(own & {"0.0.0.0", "::"})
        return any(
            address[0] in own or (everywhere and _is_of_this_machine(family, address))
            for family, *_, address in found
        )

    def _stop_listening(self) -> None:
        for listening in self._listening:
            listening.close()

    async def close(self, grace: float) -> None:
        """Stop accepting, let what is in flight end within ``grace`` seconds, cut, tell the rest.

        Cancelled meanwhile, it cuts at once, and returns when it has told. What cannot be explained
        within as long again is not.
        """
        for accepting in self._accepting:
            accepting.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        self._stop_listening()
        if self._relaying:
            many = len(self._relaying)
            self._report(f"stopping; open connections have {grace:g} s to end: {many}")
            with contextlib.suppress(asyncio.CancelledError):  # whoever waits wants an end of it
                await asyncio.wait(self._relaying, timeout=grace)
        for task in self._relaying:
            task.cancel()
        end = time.monotonic() + grace + 1
        # What ends may have something to say, in a task of its own.
        while self._tasks and (left := end - time.monotonic()) > 0:
            await asyncio.wait(self._tasks, timeout=left)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._skipped:
            await self._in_thread(self._on_notice, _skipped(self._skipped))
        self._thread.shutdown(wait=not self._is_busy, cancel_futures=True)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        full = False
        while True:
            try:
                client, address = await loop.sock_accept(listening)
            except OSError as error:
                if error.errno in _SHORTAGES:  # else who came has gone already
                    self._report(f"cannot accept connections: {error.strerror}; trying again")
                    await asyncio.sleep(_PAUSE)
                continue
            if len(self._relaying) >= self._most:
                if not full:
                    self._report(f"too many connections (limit {self._most}): new ones are reset")
                full = True
                reset(client)
                await asyncio.sleep(0)  # those that have a place have their turn
                continue
            full = False
            self._number += 1
            task = loop.create_task(self._serve(client, Address(*address[:2]), self._number))
            self._tasks.add(task)
            self._relaying.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: socket.socket, address: Address, number: int) -> None:
        """Relay a connection, then tell of it; it has a place until its sockets are closed."""
        task = asyncio.current_task()
        assert task is not None
        try:
            connection = await self._connect(client, address, number)
        finally:
            self._relaying.discard(task)
        if connection is not None:
            await self._explain_soon(connection)

    async def _connect(
        self, client: socket.socket, address: Address, number: int
    ) -> TapConnection | None:
        """Relay to the target; return what was connection, None where there was nothing."""
        first = b""
        try:
            prepare(client)
            if self._settings.proxy_name:
                first = await answer_connect(client, self._settings.proxy_name)
            opening = open_upstream(self._settings.target, self._settings.route, client, address)
            server, server_address, said = await opening
        except ProxyRefusal as refusal:
            client.close()
            self._report(f"{address.authority}: {refusal}")
        except TimeoutError:
            self._reset(client, address, f"no answer within {DIAL_LIMIT:g} s")
        except PreludeError as error:
            self._reset(client, address, str(error))
        except OSError as error:
            self._reset(client, address, reason_of(error))
        except asyncio.CancelledError:
            self._reset(client, address, "the tap was stopped")
        else:
            ends = address, server_address
            return await self._relay(Relay(client, server, first, said), ends, number)
        return None

    def _reset(self, client: socket.socket, address: Address, reason: str) -> None:
        reset(client)
        target = self._settings.target.authority
        self._report(f"{address.authority}: reset, no connection to {target}: {reason}")

    async def _relay(
        self, relay: Relay, ends: tuple[Address, Address], number: int
    ) -> TapConnection:
        key_log, packets = self._settings.key_log, self._settings.packets
        connection = TapConnection(
            number,
            *ends,
            epoch=self._epoch,
            allowance=self._allowance,
            secrets=None if key_log is None else key_log.find,
            sessions=self._sessions,
            packets=packets.connection(*ends, time.monotonic()) if packets else None,
            keep_records=self._settings.keep_records,
        )
        if self._settings.on_connection is not None:
            self._settings.on_connection(connection)
        try:
            await relay.run(connection)
        except asyncio.CancelledError:
            connection.cut()
        return connection

    async def _explain_soon(self, connection: TapConnection) -> None:
        end = time.monotonic() + _SECRETS_LIMIT
        while connection.awaits_secrets and time.monotonic() < end:
            await asyncio.sleep(_SECRETS_STEP)
        connection.closed()
        packets = self._settings.packets
        if packets is not None and packets.error is not None and not self._packets_failed:
            self._packets_failed = True
            self._report(f"{packets.error.filename}: {packets.error.strerror}; no more is written")
        if connection.dropped or self._waiting >= _MOST_WAITING:
            self._skipped += 1
        else:
            await self._in_thread(self._explain, connection)
            self._report_skipped()
        connection.forget()

    def _explain(self, connection: TapConnection) -> None:
        trace = connection.trace()
        if trace is not None:
            self._on_trace(trace)

    def _report_skipped(self) -> None:
        if self._skipped and self._waiting < _MOST_WAITING // 2:
            count, self._skipped = self._skipped, 0
            self._report(_skipped(count))

    def _report(self, line: str) -> None:
        """Have a line said; it may contain what a peer chose."""
        if self._waiting >= _MOST_WAITING:
            return
        task = asyncio.get_running_loop().create_task(
            self._in_thread(self._on_notice, printable(line))
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _in_thread(self, function: Callable[[T], None], argument: T) -> None:
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._call, function, argument)
        except Exception as error:  # of the output, as a rule: whoever runs the tap is to know
            self.failure = self.failure or error
            self.failed.set()
        finally:
            self._waiting -= 1

    def _call(self, function: Callable[[T], None], argument: T) -> None:
        self._is_busy = True
        try:
            function(argument)
        finally:
            self._is_busy = False


def _skipped(count: int) -> str:
    return f"{count} connections were relayed and not explained: more came than can be explained"


def _listening(family: int, address: tuple[object, ...]) -> socket.socket:
    """Return a socket that listens. Raises OSError."""
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(address)
        listening.listen(_QUEUE)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


def _is_of_this_machine(family: int, address: tuple[object, ...]) -> bool:
    """Tell whether an address is one of this machine's: only those can be bound."""
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        try:
            trial.bind((address[0], 0, *address[2:]))
        except OSError:
            return False
    return True


def _why_not(error: Exception, listen: Target) -> str:
    if not isinstance(error, OSError):  # the resolver's, for what cannot be a host name
        return f"{listen.host!r} is no host name; give LISTEN as PORT or HOST:PORT"
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {listen.port} on {listen.host} is in use; stop what listens there, or choose "
            "another LISTEN (0: any free port)"
        )
    if error.errno == errno.EACCES:
        return f"no permission to listen on {listen.authority}; choose a port above 1023"
    return f"cannot listen on {listen.authority}: {error.strerror or error}; choose another LISTEN"
