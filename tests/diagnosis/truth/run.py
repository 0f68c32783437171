"""Connections of the known truth, run over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from lab.api import LabIdentity, NoTlsError, Trace, trace_server_async
from tests.diagnosis.truth.certificates import client_identity
from tests.diagnosis.truth.files import Files, FileStore
from tests.diagnosis.truth.python_server import context_of, serve_one
from tests.diagnosis.truth.responses import PATH
from tests.diagnosis.truth.s_server import s_server
from tests.diagnosis.truth.setup import Engine, Reason, Setup

TIMEOUT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A connection that was traced. ``trace`` is None where that said ``error`` instead."""

    setup: Setup
    trace: Trace | None
    error: str
    verify_code: int | None


async def run(setup: Setup, store: FileStore) -> Run:
    """Start the server of ``setup``, trace it, and end it."""
    files = store.of(setup)
    if setup.engine is Engine.S_SERVER:
        with s_server(setup, files, store) as server:
            port = await asyncio.to_thread(server.port)
            trace, error = await _traced(setup, store, port)
            code = await asyncio.to_thread(server.verify_code)
    else:
        with _listening(setup, files) as (port, found):
            trace, error = await _traced(setup, store, port)
            code = await asyncio.wrap_future(found)
    return Run(setup=setup, trace=trace, error=error, verify_code=code)


@contextlib.contextmanager
def _listening(setup: Setup, files: Files) -> Iterator[tuple[int, Future[int | None]]]:
    """Run Python's server in a thread; yield its port, and what it found."""
    context = context_of(setup, files)
    found: Future[int | None] = Future()

    def serve(listener: socket.socket) -> None:
        try:
            found.set_result(serve_one(listener, setup, context))
        except BaseException as error:
            found.set_exception(error)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield int(listener.getsockname()[1]), found
        finally:
            thread.join()


async def _traced(setup: Setup, store: FileStore, port: int) -> tuple[Trace | None, str]:
    identity = LabIdentity(identity=client_identity(setup.certificate))
    try:
        traces = await trace_server_async(
            f"127.0.0.1:{port}",
            identity=identity if setup.presents else None,
            trust=store.server_ca,
            versions=[setup.version],
            sni=setup.sni,
            alpn=setup.client_alpn,
            request=PATH,
            write_first=setup.writes_first,
            post_handshake_auth=setup.application.reason is not Reason.LATE,
            security_level=0 if setup.is_weak else None,
            client_ca=store.given_authorities(setup),
            client_crl=store.given_lists(setup),
            timeout=TIMEOUT,
        )
    except NoTlsError as error:
        return None, str(error)
    return traces[0], ""
