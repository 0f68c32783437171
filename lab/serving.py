"""One server process, from its settings to its end: what ``lab.server`` runs."""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from lab.service import journal
from lab.service.access import Policy
from lab.service.limits import Limits
from lab.service.owner import own_exceptions
from lab.service.stopping import stop_signals
from lab.service.todo_server import TodoServer
from lab.show.stages import StageLog
from lab.stream.allowance import Allowance
from lab.stream.contexts import ClientAuth, ServerTls
from lab.stream.wire import address_text
from lab.workers import Crew, Member, held_port

_ASKS = {
    ClientAuth.REQUIRED: "Requiring client cert signed by: {ca}",
    ClientAuth.OPTIONAL: "Accepting clients without a cert; verifying those with one by: {ca}",
    ClientAuth.NONE: "Asking for no client cert: this is not mutual TLS",
}
_STOPPING = "Stopping: no new connections; finishing what is in flight ..."
_STOPPED = "Stopped."


class CannotServe(Exception):
    """The server cannot start. Its message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What a server is to be. ``decode_share`` is None where every handshake is decoded."""

    host: str
    port: int
    tls: ServerTls
    policy: Policy | None
    limits: Limits
    decode_share: float | None


async def serve(settings: Serving, member: Member | None = None) -> None:
    """Serve until a signal says stop. Raises CannotServe.

    As a ``member`` of a crew, on a port that is shared, and no longer than the parent lives; what
    is to be said of the server as a whole is then the parent's to say.
    """
    loop = asyncio.get_running_loop()
    own_exceptions(loop)
    server = _server(settings)
    try:
        address = await server.open(settings.host, settings.port, shared=member is not None)
    except OSError as error:
        raise CannotServe(_cannot_listen(error, settings.host, settings.port)) from error
    with stop_signals() as stop:
        if member is None:
            announce(settings, *address)
            await stop.wait()
            _say(_STOPPING)
            await server.close()
            _say(_STOPPED)
        else:
            loop.add_reader(member.lifeline, stop.set)
            member.report()
            await stop.wait()
            await server.close()


def serve_by_workers(
    settings: Serving, workers: int, work: Callable[[Serving, Member], int]
) -> int:
    """Let ``workers`` processes do ``work``, which is to call ``serve``; the exit code of the last.

    Raises CannotServe.
    """
    if not hasattr(os, "fork"):
        raise CannotServe("--workers needs a system that can fork; leave it out here")
    grace = settings.limits.shutdown_timeout + 2 * settings.limits.discard_timeout
    try:
        with held_port(settings.host, settings.port) as port:
            shared = replace(settings, port=port)
            crew = Crew(workers, lambda member: work(shared, member), grace=grace)
            code = crew.run(
                lambda: announce(shared, settings.host, port, workers=workers),
                lambda: _say(_STOPPING),
            )
    except OSError as error:
        raise CannotServe(_cannot_listen(error, settings.host, settings.port)) from error
    _say(_STOPPED)
    return code


def announce(settings: Serving, host: str, port: int, *, workers: int = 1) -> None:
    """Say where the server listens, and whom it asks for what."""
    by = f" with {workers} workers" if workers > 1 else ""
    _say(f"mTLS server listening on https://{address_text(host, port)}{by}")
    _say(_ASKS[settings.tls.client_auth].format(ca=settings.tls.client_ca.name))
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


def _server(settings: Serving) -> TodoServer:
    share = settings.decode_share
    try:
        return TodoServer(
            settings.tls,
            limits=settings.limits,
            sink=lambda peer: StageLog(peer, journal.LOGGER),
            policy=settings.policy,
            allowance=None if share is None else Allowance(share),
        )
    except (ssl.SSLError, OSError) as error:
        folder = settings.tls.client_ca.parent
        raise CannotServe(
            f"OpenSSL cannot use the certificates in {folder}: {error}; "
            f"python -m lab.certs --dir {folder} --force makes new ones"
        ) from error


def _say(message: str) -> None:
    journal.LOGGER.info(message)


def _cannot_listen(error: OSError, host: str, port: int) -> str:
    address = address_text(host, port)
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use; stop what listens there, or choose another --port"
    if error.errno == errno.EACCES:
        return f"no permission to listen on {address}; choose a --port above 1023"
    return f"cannot listen on {address}: {error.strerror or error}; choose another --host"
