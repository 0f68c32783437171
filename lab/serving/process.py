"""One server process, from its settings to its end: what ``lab.server`` runs."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lab.http import log_entries
from lab.http.limits import Limits
from lab.serving.lab_server import Health, SinkFactory, TodoServer
from lab.serving.metrics.monitor_http import HEALTH, METRICS, Monitor
from lab.serving.metrics.monitor_http import HOST as MONITOR_HOST
from lab.serving.reload import Reloader, log_in_use
from lab.serving.server_files import Loaded, ServerFiles
from lab.stream.contexts import ClientAuth
from lab.stream.wire import address_text
from lab.todo.application import Policy
from lab.todo.results import PageRenderer
from lab.todo.store import StoreUnavailable
from lab.todo.store_urls import MEMORY, open_store

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:
    from lab.serving.metrics.recorder import Metrics

_ASKS = {
    ClientAuth.REQUIRED: "Requiring client cert signed by: {ca}",
    ClientAuth.OPTIONAL: "Client cert is optional; if sent, it must be signed by: {ca}",
    ClientAuth.NONE: "Not requesting client certs: this is not mutual TLS",
    ClientAuth.ON_DEMAND: "Requesting client certs signed by {ca} after the handshake, for /todo",
}
_STOPPING = "Stopping: no new connections; finishing requests in progress ..."
_STOPPED = "Stopped."
# Descriptors for all but counted connections: the store, files, the monitor and its clients, and
# connections that have just been accepted, or are just being closed.
_RESERVED = 128
# Of the whole system, or of memory: the limit of this process is not reached, see ``_RESERVED``.
_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class CannotServe(Exception):
    """The server cannot start. Its message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What a server is to be.

    With ``verbose``, each event of a connection is logged as it comes; with ``failures_only``,
    accepted handshakes are not decoded. ``page`` makes the home page of browsers. ``monitor_port``
    is None where there is no monitor.
    With ``reuse_port``, other processes of this user may listen on the same port.
    """

    host: str
    port: int
    files: ServerFiles
    policy: Policy | None
    limits: Limits
    store: str
    handshake_log: SinkFactory
    page: PageRenderer
    verbose: bool = False
    failures_only: bool = False
    monitor_port: int | None = None
    reuse_port: bool = False


async def serve(settings: Serving) -> None:
    """Serve until a signal says stop. Raises CannotServe, and PkiError for what a file is."""
    asyncio.get_running_loop().set_exception_handler(log_loop_error)
    if settings.reuse_port:
        _check_sharing(settings.store)
    settings = replace(settings, limits=_within_descriptors(settings.limits))
    reloader = Reloader(settings.files)
    loaded = reloader.load()
    if loaded.revocation is not None:
        log_in_use(loaded)
    metrics = None if settings.monitor_port is None else _metrics(loaded)
    async with contextlib.AsyncExitStack() as stack:
        server = await _server(stack, settings, loaded, metrics)
        health = partial(server_health, server, reloader)
        monitor = await _open_monitor(stack, settings, server, metrics, health)
        opening = server.open(settings.host, settings.port, reuse_port=settings.reuse_port)
        address = await _bound(opening, settings.host, settings.port, "--port")
        stop = stack.enter_context(stop_signals())
        stack.enter_context(hangup_signal(reloader.ask, stop))
        stack.enter_context(reloader.running(partial(_renew, server, metrics)))
        announce(settings, *address, monitor=monitor)
        # What is here now stays; to search it for garbage again and again takes time.
        gc.collect()
        gc.freeze()
        await stop.wait()
        _say(_STOPPING)
        await server.close()
    _say(_STOPPED)


def _check_sharing(store: str) -> None:
    """Raise CannotServe where processes cannot share a port, or would not share the items."""
    if not hasattr(socket, "SO_REUSEPORT"):
        raise CannotServe("--reuse-port needs SO_REUSEPORT, which this system lacks; leave it out")
    if store == MEMORY:
        raise CannotServe(
            "--reuse-port needs items that all processes can reach; add --store sqlite:PATH, or "
            "postgresql://..."
        )


def _within_descriptors(limits: Limits) -> Limits:
    """Return ``limits``, with fewer connections where the system allows fewer descriptors.

    Running out of descriptors must not happen: asyncio could accept nobody, and not load a file.
    Raises CannotServe where hardly any are left.
    """
    if sys.platform == "win32":
        return limits
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = soft - _RESERVED - limits.max_surplus
    if soft == resource.RLIM_INFINITY or limits.max_connections <= allowed:
        return limits
    if allowed < 1:
        raise CannotServe(
            f"the limit of open files is {soft}, and a server needs "
            f"{_RESERVED + limits.max_surplus + 1} or more; raise it (ulimit -n)"
        )
    _say(
        f"Limiting connections to {allowed} instead of {limits.max_connections}: the limit of "
        f"open files is {soft} (ulimit -n)"
    )
    return replace(limits, max_connections=allowed)


def _metrics(loaded: Loaded) -> Metrics:
    """Return new metrics. Imported only here: their library takes time to load, and memory."""
    for name in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"):
        os.environ.pop(name, None)  # with another program's variable it would count in files
    from lab.serving.metrics.recorder import Metrics

    metrics = Metrics()
    metrics.use_certificates(loaded.expiries)
    return metrics


def announce(
    settings: Serving, host: str, port: int, *, monitor: tuple[str, int] | None = None
) -> None:
    """Say where the server listens and its monitor, and whom it asks for what."""
    shared = " (shared port)" if settings.reuse_port else ""
    _say(f"mTLS server listening on https://{address_text(host, port)}{shared}")
    files = settings.files
    _say(_ASKS[files.client_auth].format(ca=files.client_ca.name))
    if files.crl is not None:
        _say(f"Rejecting clients revoked by: {files.crl.name}")
    if monitor is not None:
        _say(f"Monitor: http://{address_text(*monitor)}{METRICS} and {HEALTH}")
    _say("Press Ctrl+C to stop.")


Runner = Callable[[Coroutine[Any, Any, None]], None]
"""Runs a coroutine on an event loop of its own."""


def runner(loop: str) -> Runner:
    """What runs a coroutine on ``loop``, asyncio or uvloop. Raises CannotServe without uvloop."""
    if loop == "asyncio":
        return asyncio.run
    try:
        import uvloop
    except ImportError:
        raise CannotServe(
            "--loop uvloop needs uvloop, which is not installed; pip install 'mtls-lab[uvloop]', "
            "or leave --loop out"
        ) from None
    return uvloop.run


def _renew(server: TodoServer, metrics: Metrics | None, loaded: Loaded) -> None:
    server.renew(loaded.contexts)
    if metrics is not None:
        metrics.use_certificates(loaded.expiries)


async def _server(
    stack: contextlib.AsyncExitStack, settings: Serving, loaded: Loaded, metrics: Metrics | None
) -> TodoServer:
    """Return a server with its store open, which ``stack`` closes: its thread keeps the process."""
    try:
        store = await open_store(settings.store, max_items=settings.limits.max_items)
    except StoreUnavailable as error:
        raise CannotServe(str(error)) from error
    stack.push_async_callback(store.close)
    if store.notice:
        _say(store.notice)
    return TodoServer(
        loaded.tls,
        contexts=loaded.contexts,
        limits=settings.limits,
        store=store,
        sink=settings.handshake_log,
        policy=settings.policy,
        failures_only=settings.failures_only,
        live=settings.verbose,
        hooks=metrics,
        page=settings.page,
    )


async def server_health(server: TodoServer, reloader: Reloader) -> Health:
    """Return how the server is, and whether its certificate still counts."""
    health, end = await server.health(), reloader.expired_at()
    if health.status == "ok" and end is not None:
        message = f"the server's certificate expired at {end:%Y-%m-%d %H:%M:%S} UTC"
        return Health(status="certificate_expired", message=message)
    return health


async def _open_monitor(
    stack: contextlib.AsyncExitStack,
    settings: Serving,
    server: TodoServer,
    metrics: Metrics | None,
    health: Callable[[], Awaitable[Health]],
) -> tuple[str, int] | None:
    """Open the monitor, if there is to be one, which ``stack`` closes; return its address."""
    port = settings.monitor_port
    if port is None or metrics is None:
        return None
    metrics.watch(connections=lambda: server.connections, tasks=lambda: len(asyncio.all_tasks()))
    monitor = Monitor(health=health, metrics=metrics.text)
    stack.push_async_callback(monitor.close)
    return await _bound(monitor.open(port), MONITOR_HOST, port, "--monitor-port")


async def _bound(
    opening: Awaitable[tuple[str, int]], host: str, port: int, option: str
) -> tuple[str, int]:
    """Return the address of what is being opened. Raises CannotServe."""
    try:
        return await opening
    except OSError as error:
        raise CannotServe(_cannot_listen(error, host, port, option)) from error


def _say(message: str) -> None:
    log_entries.LOGGER.info(message)


def _cannot_listen(error: OSError, host: str, port: int, option: str) -> str:
    address = address_text(host, port)
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use; stop what listens there, or choose another {option}"
        )
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return f"cannot listen on {address}: {error.strerror}; raise the limit (ulimit -n)"
    if error.errno == errno.EACCES:
        return f"no permission to listen on {address}; choose a {option} above 1023"
    return f"cannot listen on {address}: {error.strerror or error}; choose another --host"


def log_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what reaches the loop's exception handler: a shortage, or a bug with its traceback."""
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in _SHORTAGES and "socket" in context:
        reason = error.strerror or str(error)
        log_entries.write(
            "NOT ACCEPTING",
            reason,
            "new connections wait until others are closed; "
            "raise the limit (ulimit -n) or lower --max-connections",
            level=logging.ERROR,
            event="not_accepting",
            reason=reason,
        )
        return
    what = str(context.get("message"))
    log_entries.write(
        log_entries.INTERNAL_ERROR,
        what,
        level=logging.ERROR,
        error=error,
        event="internal_error",
        what=what,
    )


@contextlib.contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set, instead of ending the process.

    Windows' event loop has no ``add_signal_handler``; there, Python's own handler wakes the loop.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    by_loop = True
    for number in numbers:
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:
            by_loop = False
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    try:
        yield stop
    finally:
        for number in numbers:
            if by_loop:
                loop.remove_signal_handler(number)
            signal.signal(number, before[number])


@contextlib.contextmanager
def hangup_signal(reload: Callable[[], None], stop: asyncio.Event) -> Iterator[None]:
    """SIGHUP calls ``reload``, where the system has it (Windows has not).

    It also comes when a terminal is closed. A server that was started from that terminal would go
    on with nobody to see it, so then ``stop`` is set instead.
    """
    if sys.platform == "win32":
        yield
        return
    loop = asyncio.get_running_loop()
    terminals = [number for number in (0, 1, 2) if os.isatty(number)]

    def heed() -> None:
        # Of a terminal that is gone, no descriptor is a terminal's any more.
        if terminals and not any(map(os.isatty, terminals)):
            stop.set()
        else:
            reload()

    before = signal.getsignal(signal.SIGHUP)
    loop.add_signal_handler(signal.SIGHUP, heed)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, before)
