"""One server process, from its settings to its end: what ``lab.server`` runs."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lab.http import log_entries
from lab.http.limits import Limits
from lab.serving import monitoring
from lab.serving.expirations import Expiration
from lab.serving.lab_server import SinkFactory, TodoServer
from lab.serving.last_good_files import LastGoodFiles
from lab.serving.loop_errors import log_loop_errors
from lab.serving.metrics.monitor_http import HEALTH, METRICS
from lab.serving.metrics.monitor_http import HOST as MONITOR_HOST
from lab.serving.reload import Reloader, in_use
from lab.serving.server_files import Loaded, ServerFiles
from lab.serving.signals import hangup_signal, stop_signals
from lab.serving.workers import (
    CannotStart,
    Crew,
    Member,
    held_port,
)
from lab.stream.allowance import Allowance
from lab.stream.contexts import ClientAuth
from lab.stream.wire import address_text
from lab.todo.access import Policy
from lab.todo.sqlite_file import StoreFile
from lab.todo.store import StoreUnavailable, TodoStore
from lab.todo.store_urls import StoreChoice, claimed_store, open_store

if TYPE_CHECKING:
    from lab.serving.metrics.recorder import Metrics

_ASKS = {
    ClientAuth.REQUIRED: "Requiring client cert signed by: {ca}",
    ClientAuth.OPTIONAL: "Client cert is optional; if sent, it must be signed by: {ca}",
    ClientAuth.NONE: "Not requesting client certs: this is not mutual TLS",
}
_STOPPING = "Stopping: no new connections; finishing requests in progress ..."
_STOPPED = "Stopped."


class CannotServe(Exception):
    """The server cannot start. Its message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What a server is to be.

    ``decode_share`` is None where every handshake is decoded, ``handshake_log`` None where none is
    even looked at (to measure what looking costs), ``monitor_port`` None where there is no monitor;
    ``shares`` is what the workers of a server share that has one. ``kept`` is what their parent has
    of the files, for a worker that finds them broken, ``store_file`` the file of ``store``, which
    it has claimed for them.
    """

    host: str
    port: int
    files: ServerFiles
    policy: Policy | None
    limits: Limits
    decode_share: float | None
    store: StoreChoice
    handshake_log: SinkFactory | None
    monitor_port: int | None = None
    shares: monitoring.Shared | None = None
    store_file: StoreFile | None = None
    kept: Loaded | None = None


async def serve(settings: Serving) -> None:
    """Serve until a signal says stop. Raises CannotServe, and PkiError for what a file is."""
    log_loop_errors(asyncio.get_running_loop())
    metrics = None if settings.monitor_port is None else monitoring.metrics_of_server()
    renewal = Reloader(settings.files)
    loaded = _load(renewal)
    with _claimed(settings) as settings:
        await _serve(settings, metrics, renewal, loaded)
    _say(_STOPPED)


async def _serve(
    settings: Serving, metrics: Metrics | None, renewal: Reloader, loaded: Loaded
) -> None:
    async with (
        _server(settings, loaded, metrics) as server,
        _monitored(settings, server, metrics, loaded) as monitor,
    ):
        address = await _open(server, settings)
        with (
            stop_signals() as stop,
            hangup_signal(renewal.ask, stop),
            renewal.running(partial(_renew, server, monitor.use)),
        ):
            announce(settings, *address, monitor=monitor.address)
            await stop.wait()
            _say(_STOPPING)
            await server.close()


async def serve_as_member(settings: Serving, member: Member) -> None:
    """Serve as one of a crew, until a signal says stop or the parent is gone. Raises as ``serve``.

    The port is shared. What is to be said of the server as a whole is the parent's to say.
    """
    shares = settings.shares
    if shares is not None and member.number == shares.number:
        assert settings.monitor_port is not None
        await monitoring.serve_workers_monitor(
            shares,
            member,
            settings.monitor_port,
            settings.files,
            settings.kept,
            grace=settings.limits.shutdown_timeout,
            opening=_listening_errors(MONITOR_HOST, settings.monitor_port, "--monitor-port"),
        )
        return
    loop = asyncio.get_running_loop()
    log_loop_errors(loop)
    metrics = monitoring.metrics_of_worker(shares, member) if shares else None
    renewal = Reloader(settings.files)
    loaded = _load(renewal, kept=settings.kept, tell=member.number == 1)
    async with _server(settings, loaded, metrics) as server:
        await _open(server, settings, shared=True)
        notes = monitoring.noted(server, shares, member) if shares else contextlib.nullcontext()
        with (
            stop_signals() as stop,
            hangup_signal(renewal.ask, stop),
            renewal.running(partial(_renew, server, _nowhere)),
        ):
            async with notes:
                loop.add_reader(member.lifeline, stop.set)
                member.report()
                await stop.wait()
                await server.close()


def serve_by_workers(
    settings: Serving, workers: int, work: Callable[[Serving, Member], int]
) -> int:
    """Let ``workers`` processes do ``work``: to ``serve_as_member``; the exit code of the last.

    Raises CannotServe, and PkiError for what a file is.
    """
    if not hasattr(os, "fork"):
        raise CannotServe("--workers needs a system that can fork; leave it out here")
    if settings.store.path is None:
        raise CannotServe(
            "--workers needs items that all of them can reach; add --store sqlite:PATH"
        )
    grace = settings.limits.shutdown_timeout + 2 * settings.limits.discard_timeout
    keepsake = LastGoodFiles(settings.files)
    with contextlib.ExitStack() as stack:
        with _listening_errors(settings.host, settings.port, "--port"):
            port = stack.enter_context(held_port(settings.host, settings.port))
        claimed = stack.enter_context(_claimed(replace(settings, port=port)))
        held = stack.enter_context(_shared(claimed, workers))
        shares = held.shares
        names = [*map(str, range(1, workers + 1)), *(["the monitor"] if shares else [])]
        try:
            crew = Crew(
                names,
                lambda member: work(replace(held, kept=keepsake.loaded), member),
                grace=grace,
                tend=lambda asked: keepsake.look(asked=asked),
                ended=shares.forget if shares else None,
            )
            monitor = None if held.monitor_port is None else (MONITOR_HOST, held.monitor_port)
            code = crew.run(
                lambda: announce(held, settings.host, port, workers=workers, monitor=monitor),
                lambda: _say(_STOPPING),
            )
        except CannotStart as error:
            raise CannotServe(str(error)) from error
    if code == 0:
        _say(_STOPPED)
    return code


def announce(
    settings: Serving,
    host: str,
    port: int,
    *,
    workers: int = 1,
    monitor: tuple[str, int] | None = None,
) -> None:
    """Say where the server listens and its monitor, and whom it asks for what."""
    by = f" with {workers} workers" if workers > 1 else ""
    _say(f"mTLS server listening on https://{address_text(host, port)}{by}")
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


def _load(renewal: Reloader, *, kept: Loaded | None = None, tell: bool = True) -> Loaded:
    """The files, for the first time. What revocation lists do is to be told. Raises PkiError."""
    loaded = renewal.load(kept)
    if loaded.revocation is not None and tell:
        log_entries.write(in_use(loaded))
    return loaded


def _renew(
    server: TodoServer, monitor: Callable[[Iterable[Expiration]], None], loaded: Loaded
) -> None:
    monitor(loaded.expiries)
    server.renew(loaded.context)


def _nowhere(certificates: Iterable[Expiration]) -> None:
    """The monitor of a server that has none, told of its certificates."""


async def _open(server: TodoServer, settings: Serving, *, shared: bool = False) -> tuple[str, int]:
    with _listening_errors(settings.host, settings.port, "--port"):
        return await server.open(settings.host, settings.port, shared=shared)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Monitor:
    """Where a monitor listens, if there is one, and how it is told of certificates."""

    address: tuple[str, int] | None = None
    use: Callable[[Iterable[Expiration]], None] = _nowhere


@contextlib.asynccontextmanager
async def _monitored(
    settings: Serving, server: TodoServer, metrics: Metrics | None, loaded: Loaded
) -> AsyncIterator[_Monitor]:
    """The monitor that runs inside the block, if there is to be one."""
    if settings.monitor_port is None or metrics is None:
        yield _Monitor()
        return
    async with monitoring.beside_server(server, metrics, loaded.expiries) as made:
        with _listening_errors(MONITOR_HOST, settings.monitor_port, "--monitor-port"):
            address = await made.open(settings.monitor_port)
        yield _Monitor(address=address, use=made.use)


@contextlib.contextmanager
def _shared(settings: Serving, workers: int) -> Iterator[Serving]:
    """The settings of workers; with a monitor, its port is held and what they share is there."""
    if settings.monitor_port is None:
        yield settings
        return
    with contextlib.ExitStack() as stack:
        with _listening_errors(MONITOR_HOST, settings.monitor_port, "--monitor-port"):
            port = stack.enter_context(held_port(MONITOR_HOST, settings.monitor_port))
        try:
            shares = stack.enter_context(monitoring.shared(workers))
        except OSError as error:
            raise CannotServe(
                "there is no memory in which workers count for the monitor: "
                f"{error.strerror or error}; leave --monitor-port out"
            ) from error
        yield replace(settings, monitor_port=port, shares=shares)


@contextlib.contextmanager
def _claimed(settings: Serving) -> Iterator[Serving]:
    """The settings with the store's file, which is this server's inside the block."""
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(claimed_store(settings.store))
        except StoreUnavailable as error:
            raise CannotServe(str(error)) from error
        yield replace(settings, store_file=file)


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
        store = await open_store(settings.store_file)
    except StoreUnavailable as error:
        raise CannotServe(str(error)) from error
    try:
        yield _todo_server(settings, loaded, store, metrics)
    finally:
        await store.close()  # its thread would keep the process


def _todo_server(
    settings: Serving, loaded: Loaded, store: TodoStore, metrics: Metrics | None
) -> TodoServer:
    share = settings.decode_share
    try:
        return TodoServer(
            loaded.tls,
            context=loaded.context,
            limits=settings.limits,
            store=store,
            sink=settings.handshake_log,
            policy=settings.policy,
            allowance=None if share is None else Allowance(share),
            live=share is None,
            observer=metrics,
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
