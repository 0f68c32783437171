"""The lab's server for tests: on a free port of loopback, in a thread of this process.

An event loop in a thread of its own serves callers that block, and leaves the caller's loop alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from lab.api.lab_identities import (
    ArgumentError,
    FilePath,
    LabCA,
    LabIdentity,
    Trust,
    authorities_pem,
    bounds_of,
    library_errors,
)
from lab.http.limits import Limits
from lab.pki.files import pem
from lab.pki.files.crl_files import LISTS, lists_in
from lab.serving.temporary_server import HOST, TemporaryServer, temporary_server, write_server_tls
from lab.stream.contexts import ClientAuth
from lab.tls.events import Event
from lab.todo.allow_list import AllowList
from lab.tracing.target import Target

P = ParamSpec("P")
T = TypeVar("T")


class LoopThread:
    """A running event loop. ``stop`` cancels what still runs on it, and ends the thread."""

    def __init__(self) -> None:
        self._started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=self._run, name="lab.api", daemon=True)
        self._thread.start()
        self._loop, self._stopping = self._started.result()

    def call(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run ``work`` on the loop; cancelling the future cancels it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self) -> None:
        """Cancel what runs, and wait until the thread has ended."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._hold())
        except Exception as error:
            if self._started.done():
                raise
            self._started.set_exception(error)  # no descriptors left for a loop

    async def _hold(self) -> None:
        stopping = asyncio.Event()
        self._started.set_result((asyncio.get_running_loop(), stopping))
        await stopping.wait()


def blocking(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Return the blocking form of ``function``, a coroutine function named ``…_async``."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        thread = LoopThread()
        try:
            return thread.call(function(*args, **kwargs)).result()
        finally:
            thread.stop()

    call.__name__ = function.__name__.removesuffix("_async")
    call.__qualname__ = call.__name__
    return call


@dataclass(kw_only=True, eq=False, repr=False)
class LabServer:
    """A server over mutual TLS that runs inside a ``with`` or an ``async with`` block.

    It runs on an event loop in a thread of its own, in both forms: a client may block, or be async
    on the caller's loop. It serves a TODO list at ``/todo``.

    * ``trust`` is the CA of its clients: a ``LabCA`` or a PEM file.
    * ``identity`` is its certificate and key; by default ``trust`` issues it, for localhost,
      127.0.0.1 and ::1.
    * ``client_auth`` is "required", "optional" or "none".
    * ``crl`` are CRLs as PEM, or a file of them; with them, each CA of a client's chain needs one.
    * ``versions`` are "1.2" and "1.3", or one of them.
    * ``allow_cn`` and ``allow_san`` name the clients that HTTP serves, as for ``lab.server``
      (``DNS:name``, ``URI:...``); all others get 403. Without them every client is served.
    * ``limits`` are its limits, in seconds and bytes.

    Arguments are checked when the block is entered, which raises ``ArgumentError`` or
    ``FileError``. An object runs once at a time, and may run again.
    """

    trust: Trust
    identity: LabIdentity | None = None
    client_auth: str = "required"
    crl: bytes | FilePath | None = None
    versions: Sequence[str] = ("1.2", "1.3")
    allow_cn: Sequence[str] = ()
    allow_san: Sequence[str] = ()
    limits: Limits | None = None
    _thread: LoopThread | None = field(default=None, init=False)
    _opening: asyncio.Task[Any] | None = field(default=None, init=False)
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack, init=False)
    _server: TemporaryServer = field(default_factory=TemporaryServer, init=False)

    @property
    def address(self) -> str:
        """``host:port``, while the server runs. Raises ``RuntimeError`` otherwise."""
        if self._thread is None or not self._server.port:
            raise RuntimeError("the server does not run: use it as a context manager")
        return Target(host=HOST, port=self._server.port).authority

    @property
    def authorities_pem(self) -> bytes:
        """The CA that issued the server's certificate (PEM), b"" where it is not known."""
        if self.identity is not None:
            return self.identity.authorities_pem
        return self.trust.certificate_pem if isinstance(self.trust, LabCA) else b""

    def __enter__(self) -> LabServer:
        thread = self._start_thread()
        try:
            thread.call(self._open()).result()
        except BaseException:
            self._close(thread)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._close(self._thread)

    async def __aenter__(self) -> LabServer:
        thread = self._start_thread()
        try:
            await asyncio.wrap_future(thread.call(self._open()))
        except BaseException:
            self._close(thread)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        # The caller's loop goes on meanwhile: clients on it may have connections to close.
        if self._thread is not None:
            await asyncio.to_thread(self._close, self._thread)

    async def events_of(self, peer: str) -> Sequence[Event]:
        """Return what the server saw of the connection from ``peer``, the client's ``host:port``.

        Waits until the server has closed its end, for at most a few seconds.
        """
        if self._thread is None:
            raise RuntimeError("the server does not run: use it as a context manager")
        return await asyncio.wrap_future(self._thread.call(self._server.events_of(peer)))

    def _start_thread(self) -> LoopThread:
        if self._thread is not None:
            raise RuntimeError("the server runs already")
        with library_errors():
            self._thread = LoopThread()
        return self._thread

    def _close(self, thread: LoopThread) -> None:
        try:
            thread.call(self._shut()).result()
        finally:
            thread.stop()
            self._thread = None

    async def _shut(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            # It may have been cancelled; the thread's end would interrupt what it has to close.
            await asyncio.wait((opening,))
        await self._stack.aclose()

    async def _open(self) -> None:
        self._opening = asyncio.current_task()
        with library_errors():
            self._server = await self._stack.enter_async_context(self._running())

    @contextlib.asynccontextmanager
    async def _running(self) -> AsyncIterator[TemporaryServer]:
        minimum, maximum = bounds_of(self.versions)
        client_ca = authorities_pem(self.trust)
        with tempfile.TemporaryDirectory(prefix="mtls-lab-") as folder:
            tls = write_server_tls(
                Path(folder),
                self._own_identity().identity,
                client_ca=client_ca,
                crl=self._crl_pem(),
                client_auth=self._client_auth_mode(),
                minimum=minimum,
                maximum=maximum,
            )
            policy = None
            if self.allow_cn or self.allow_san:
                policy = AllowList.of(common_names=self.allow_cn, alternative_names=self.allow_san)
            async with temporary_server(tls, limits=self.limits, policy=policy) as server:
                yield server

    def _own_identity(self) -> LabIdentity:
        if self.identity is not None:
            return self.identity
        if isinstance(self.trust, LabCA):
            return self.trust.server()
        raise ArgumentError("a server whose clients' CA is a file needs an identity of its own")

    def _client_auth_mode(self) -> ClientAuth:
        try:
            return ClientAuth(self.client_auth)
        except ValueError:
            raise ArgumentError(
                f"client_auth is {self.client_auth!r}; give required, optional or none"
            ) from None

    def _crl_pem(self) -> bytes | None:
        if self.crl is None or isinstance(self.crl, bytes):
            return self.crl
        path = Path(self.crl)
        remedy = "Name a file with CRLs in it"
        data = pem.read_file(path, remedy=remedy, bound=LISTS)
        lists_in(data, path)
        return data
