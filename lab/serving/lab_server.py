"""The lab's server, whole: TLS settings, the TODO application and a listener, put together.

Used by the door that serves, and by those that need a server of their own for a while.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from lab.http.limits import Limits, ShutdownSignal
from lab.http.message import RETRY_AFTER, Response, error_response
from lab.http.server_connection import serve_http
from lab.serving.listener import Listener
from lab.serving.metrics.handshake_counts import ServerHooks, in_turn
from lab.serving.on_demand import OnDemand
from lab.stream.contexts import ClientAuth, ServerContexts, ServerTls, server_contexts
from lab.stream.key_log_source import KeyLogSource
from lab.stream.observed_wire import EventSink, ObserverFeed, Recorder
from lab.stream.tls_stream import TlsStream
from lab.stream.wire import within
from lab.tls.events import Endpoint, Event
from lab.tls.reader import SERVER_BUDGET
from lab.todo.application import (
    Policy,
    TodoApp,
    anyone,
    certificate_required,
    unless_expired,
    unless_unknown,
)
from lab.todo.home import HomeApp
from lab.todo.results import CertificateCheck, CompletedHandshake, PageRenderer
from lab.todo.store import MemoryStore, StoreUnavailable, TodoStore
from lab.x509.client_identity import ClientIdentity, UnreadableCertificate

SinkFactory = Callable[[str], EventSink]
"""Makes the event sink of a new connection from the peer's address, ``host:port``."""


class Watcher(Recorder, Protocol):
    """Takes the events of a connection, and what passes over it."""

    def __call__(self, event: Event) -> None:
        """Take the next event."""
        ...


WatcherFactory = Callable[[str], Watcher]
"""Makes the watcher of a new connection from the peer's address, ``host:port``."""

_HELD = 0.03  # seconds until a watcher sees a handshake that is not complete
_SHOWN = 300  # characters of what is wrong with a certificate
_STORE_PATIENCE = 2.0  # seconds, after which a store that has not answered counts as failed
_FULL = error_response(
    503, "the server is at its connection limit; try again later", headers=(RETRY_AFTER,), last=True
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a server is: ``status`` is ``ok`` or another word, ``message`` a sentence."""

    status: str
    message: str


class TodoServer:
    """A TODO server over mutual TLS.

    Raises ``ssl.SSLError`` or ``OSError`` where OpenSSL cannot use one of the files of ``tls``;
    they are not touched where there are ``contexts`` that were made of them before. With ``sink``,
    every connection is watched and its events go to a sink of its own: all of them, or with
    ``failures_only``, of an accepted handshake its facts (see ``ObserverFeed``); as they come where
    ``live``. With ``watcher`` each has one that sees them within moments, and what passes.
    ``policy`` says whom HTTP serves; without one it is everyone whom TLS lets in, and where a
    certificate is optional, everyone with one. ``hooks`` are told what the server does. ``page``
    makes the home page of browsers; without it, they get JSON.
    ``clock`` gives Unix time in seconds.

    OpenSSL judges a certificate in a full handshake only: one that has expired since comes in by
    resumption, and in TLS 1.3 gets a new ticket each time; another expires while its connection is
    open. No alert can be sent once the handshake is complete, so each request of such a client gets
    a 401 that says why, and the end of the connection.
    """

    def __init__(
        self,
        tls: ServerTls,
        *,
        contexts: ServerContexts | None = None,
        limits: Limits | None = None,
        store: TodoStore | None = None,
        sink: SinkFactory | None = None,
        policy: Policy | None = None,
        failures_only: bool = False,
        live: bool = False,
        hooks: ServerHooks | None = None,
        watcher: WatcherFactory | None = None,
        page: PageRenderer | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._contexts = contexts = contexts or server_contexts(tls)
        self._on_demand = tls.client_auth is ClientAuth.ON_DEMAND
        self._limits = limits = limits or Limits()
        idle = min(limits.idle_timeout, limits.surplus_timeout)
        self._surplus_limits = replace(limits, idle_timeout=idle)
        self._sink = sink
        self._failures_only = failures_only
        self._live = live
        self._hooks = hooks
        self._watcher = watcher
        self._page = page
        self._stopping = False
        watched = sink is not None or hooks is not None or watcher is not None
        self._key_log = KeyLogSource(contexts.usual) if watched else None
        self._log_keys(contexts)
        default = anyone if tls.client_auth is ClientAuth.NONE else certificate_required
        policy = policy or default
        if self._on_demand:
            policy = unless_unknown(policy)
        self._store = store or MemoryStore(max_items=limits.max_items)
        self._app = TodoApp(store=self._store, policy=unless_expired(policy, clock))
        self._listener = Listener(
            contexts,
            self._converse,
            limits=self._limits,
            watch=self._watch if watched else None,
            hooks=hooks,
        )

    def renew(self, contexts: ServerContexts) -> None:
        """Take ``contexts`` for connections from now on; those there are keep theirs.

        A certificate that is asked for on one of those is judged by the new ones all the same.
        Raises OSError where their key log cannot be had, and then everything stays as it was.
        """
        self._log_keys(contexts)
        self._contexts = contexts
        self._listener.use(contexts)

    def _log_keys(self, contexts: ServerContexts) -> None:
        for context in (contexts.usual, contexts.asking):
            if self._key_log is not None and context is not None:
                self._key_log.attach(context)

    async def open(self, host: str, port: int, *, reuse_port: bool = False) -> tuple[str, int]:
        """Listen, as ``Listener.open`` does. Returns the address bound. Raises OSError."""
        return await self._listener.open(host, port, reuse_port=reuse_port)

    @property
    def connections(self) -> int:
        """How many are open, those in their handshake included."""
        return self._listener.connections

    async def health(self) -> Health:
        """Whether connections are accepted and the store answers, within a few seconds."""
        if self._stopping:
            return Health(status="stopping", message="the server is stopping")
        if not self._listener.accepting:
            return Health(status="not_accepting", message="the server is not listening")
        try:
            await within(_STORE_PATIENCE, self._store.list())
            await within(_STORE_PATIENCE, self._store.check())
        except StoreUnavailable as error:
            return Health(status="store_unavailable", message=str(error))
        except TimeoutError:
            message = f"the store did not respond within {_STORE_PATIENCE:g} s"
            return Health(status="store_unavailable", message=message)
        return Health(status="ok", message="accepting connections, and the store responds")

    async def close(self) -> None:
        """Stop accepting, finish what is in flight within the limits, and let go of everything."""
        self._stopping = True
        await self._listener.close(self._limits.shutdown_timeout)
        await self._store.close()
        if self._key_log is not None:
            self._key_log.close()

    def _watch(self, peer: str) -> ObserverFeed:
        watcher = self._watcher(peer) if self._watcher else None
        sinks: list[EventSink] = [self._sink(peer)] if self._sink else []
        if self._hooks is not None:
            sinks.append(self._hooks.handshake_sink())
        if watcher is not None:
            sinks.append(watcher)
        feed = ObserverFeed(
            Endpoint.SERVER,
            sinks[0] if len(sinks) == 1 else in_turn(*sinks),
            key_log=self._key_log,
            live=self._live,
            failures_only=self._failures_only,
            budget=None if self._live else SERVER_BUDGET,
            recorder=watcher,
        )
        if watcher is not None:
            # Most handshakes are complete by then, and were decoded in one go, which is cheaper.
            asyncio.get_running_loop().call_later(_HELD, feed.release)
        return feed

    async def _converse(
        self, stream: TlsStream, peer: str, surplus: bool, closing: ShutdownSignal
    ) -> None:
        client, on_demand = None, None
        try:
            client = _client_of(stream)
            app = _refusing(_FULL) if surplus else self._app
            if self._on_demand and app is self._app:
                limits = self._limits
                on_demand = OnDemand(
                    stream,
                    contexts=lambda: self._contexts,
                    most=limits.max_header + limits.max_body,
                )
        except UnreadableCertificate as error:
            # OpenSSL reads more than we can; who the client is stays unknown.
            app = _refusing(error_response(403, str(error)[:_SHOWN], last=True))
        await serve_http(
            stream,
            client=client,
            peer=peer,
            app=HomeApp(
                app,
                handshake=partial(_handshake_of, stream.ssl_object, on_demand),
                render=self._page,
                max_body=self._limits.max_body,
                on_demand=on_demand is not None,
            ),
            limits=self._surplus_limits if surplus else self._limits,
            closing=closing,
            hooks=self._hooks,
            later=on_demand.authentication if on_demand else None,
        )


def _refusing(response: Response) -> TodoApp:
    """Return an app that refuses every request with one answer."""
    return TodoApp(store=MemoryStore(()), policy=lambda client: response)


def _client_of(stream: TlsStream) -> ClientIdentity | None:
    """Who is at the other end. Apart, so that no connection holds a copy of the certificate."""
    certificate = stream.peer_certificate
    return None if certificate is None else ClientIdentity.from_der(certificate)


def _handshake_of(tls: ssl.SSLObject, on_demand: OnDemand | None) -> CompletedHandshake:
    """What OpenSSL knows of a handshake that is complete, and of what followed."""
    context, resumed = tls.context, bool(tls.session_reused)
    if on_demand is not None and on_demand.check is not None:
        check = on_demand.check
    elif tls.getpeercert(binary_form=True) is not None:
        check = CertificateCheck.VERIFIED_BEFORE if resumed else CertificateCheck.VERIFIED
    elif on_demand is not None:
        check = CertificateCheck.NOT_YET_REQUESTED
    elif context.verify_mode is ssl.CERT_NONE:
        check = CertificateCheck.NOT_REQUESTED
    else:
        check = CertificateCheck.NOT_IN_SESSION if resumed else CertificateCheck.NOT_PRESENTED
    cipher = tls.cipher()
    return CompletedHandshake(
        version=tls.version() or "",
        cipher_suite=cipher[0] if cipher else "",
        resumed=resumed,
        check=check,
        revocation_checked=bool(context.verify_flags & ssl.VERIFY_CRL_CHECK_LEAF),
    )
