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
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lab.http import log_entries
from lab.http.limits import Limits
from lab.serving.lab_server import SinkFactory, TodoServer
from lab.serving.metrics.monitor_http import HEALTH, METRICS, Monitor
from lab.serving.metrics.monitor_http import HOST as MONITOR_HOST
from lab.serving.reload import Reloader, log_in_use
from lab.serving.server_files import Loaded, ServerFiles
from lab.stream.contexts import ClientAuth
from lab.stream.wire import address_text
from lab.todo.application import Policy
from lab.todo.store import StoreUnavailable, TodoStore
from lab.todo.store_urls import StoreChoice

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:
    from lab.serving.metrics.recorder import Metrics

_ASKS = {
    ClientAuth.REQUIRED: "Requiring client cert signed by: {ca}",
    ClientAuth.OPTIONAL: "Client cert is optional; if sent, it must be signed by: {ca}",
    ClientAuth.NONE: "Not requesting client certs: this is not mutual TLS",
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
    accepted handshakes are not decoded. ``monitor_port`` is None where there is no monitor.
    With ``reuse_port``, other processes of this user may listen on the same port.
    """

    host: str
    port: int
    files: ServerFiles
    policy: Policy | None
    limits: Limits
    store: StoreChoice
    handshake_log: SinkFactory
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
    loaded = _load(reloader)
    metrics = None if settings.monitor_port is None else _metrics(loaded)
    await _serve(settings, metrics, reloader, loaded)
    _say(_STOPPED)


def _check_sharing(store: StoreChoice) -> None:
    """Raise CannotServe where processes cannot share a port, or would not share the items."""
    if not hasattr(socket, "SO_REUSEPORT"):
        raise CannotServe("--reuse-port needs SO_REUSEPORT, which this system lacks; leave it out")
    if not store.kind.shared:
        raise CannotServe(
            "--reuse-port needs items that all processes can reach; add --store sqlite:PATH"
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


async def _serve(
    settings: Serving, metrics: Metrics | None, reloader: Reloader, loaded: Loaded
) -> None:
    async with (
        _server(settings, loaded, metrics) as server,
        _monitored(settings, server, metrics) as monitor,
    ):
        address = await _open(server, settings)
        with (
            stop_signals() as stop,
            hangup_signal(reloader.ask, stop),
            reloader.running(partial(_renew, server, metrics)),
        ):
            announce(settings, *address, monitor=monitor)
            # What is here now stays; to search it for garbage again and again takes time.
            gc.collect()
            gc.freeze()
            await stop.wait()
            _say(_STOPPING)
            await server.close()


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


def _load(reloader: Reloader) -> Loaded:
    """The files, for the first time. What revocation lists do is to be told. Raises PkiError."""
    loaded = reloader.load()
    if loaded.revocation is not None:
        log_in_use(loaded)
    return loaded


def _renew(server: TodoServer, metrics: Metrics | None, loaded: Loaded) -> None:
    server.renew(loaded.context)
    if metrics is not None:
        metrics.use_certificates(loaded.expiries)


async def _open(server: TodoServer, settings: Serving) -> tuple[str, int]:
    with _listening_errors(settings.host, settings.port, "--port"):
        return await server.open(settings.host, settings.port, reuse_port=settings.reuse_port)


@contextlib.asynccontextmanager
async def _monitored(
    settings: Serving, server: TodoServer, metrics: Metrics | None
) -> AsyncIterator[tuple[str, int] | None]:
    """Run the monitor, if there is to be one, inside the block, which gets its address."""
    if settings.monitor_port is None or metrics is None:
        yield None
        return
    metrics.watch(connections=lambda: server.connections, tasks=lambda: len(asyncio.all_tasks()))
    monitor = Monitor(health=server.health, metrics=metrics.text)
    try:
        with _listening_errors(MONITOR_HOST, settings.monitor_port, "--monitor-port"):
            address = await monitor.open(settings.monitor_port)
        yield address
    finally:
        await monitor.close()


@contextlib.contextmanager
def _listening_errors(host: str, port: int, option: str) -> Iterator[None]:
    """What keeps a server from its port, as CannotServe."""
    try:
        yield
    except OSError as error:
        raise CannotServe(_cannot_listen(error, host, port, option)) from error


@contextlib.asynccontextmanager
async def _server(
    settings: Serving, loaded: Loaded, metrics: Metrics | None
) -> AsyncIterator[TodoServer]:
    """A server with its store open. The store is closed at the end, however that comes about."""
    try:
        store = await settings.store.open()
    except StoreUnavailable as error:
        raise CannotServe(str(error)) from error
    try:
        yield _todo_server(settings, loaded, store, metrics)
    finally:
        await store.close()  # its thread would keep the process


def _todo_server(
    settings: Serving, loaded: Loaded, store: TodoStore, metrics: Metrics | None
) -> TodoServer:
    try:
        return TodoServer(
            loaded.tls,
            context=loaded.context,
            limits=settings.limits,
            store=store,
            sink=settings.handshake_log,
            policy=settings.policy,
            failures_only=settings.failures_only,
            live=settings.verbose,
            hooks=metrics,
        )
    except OSError as error:  # the files were found in order just now
        raise CannotServe(f"TLS cannot be set up: {error}; try again") from error


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
