"""The server of the known truth by Python's ``ssl``: one connection, on a socket of loopback.

TLS runs over memory BIOs, so that a refusal can be sent as an alert, or be kept back.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from tests.diagnosis.truth.files import Files
from tests.diagnosis.truth.responses import response
from tests.diagnosis.truth.setup import (
    HOSTS,
    Asks,
    Ending,
    HostRule,
    Lists,
    Reason,
    Refusal,
    Setup,
)
from tests.support.http2_answers import Http2Answers

PATIENCE = 20.0
_VERIFY_MODES = {
    Asks.NEVER: ssl.CERT_NONE,
    Asks.OTHER_HOST: ssl.CERT_NONE,
    Asks.OPTIONAL: ssl.CERT_OPTIONAL,
    Asks.REQUIRED: ssl.CERT_REQUIRED,
    Asks.AFTER_REQUEST: ssl.CERT_REQUIRED,
}

T = TypeVar("T")
_ServerNameCallback = Callable[[Any, str | None, Any], int | None]


def context_of(setup: Setup, files: Files) -> ssl.SSLContext:
    """Return the server's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.identity)
    context.load_verify_locations(files.trusted)
    if setup.lists is not Lists.NONE:
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    context.verify_mode = _VERIFY_MODES[setup.asks]
    context.post_handshake_auth = setup.asks is Asks.AFTER_REQUEST
    if setup.server_versions == ("1.2",):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if setup.server_versions == ("1.3",):
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    if setup.server_alpn:
        context.set_alpn_protocols(list(setup.server_alpn))
    context.num_tickets = setup.tickets
    if setup.host_rule is not HostRule.NONE:
        context.sni_callback = _only_known_hosts(setup.host_rule)
    elif setup.asks is Asks.OTHER_HOST:
        context.sni_callback = _asking_known_hosts(
            context_of(replace(setup, asks=Asks.REQUIRED), files)
        )
    return context


def _only_known_hosts(rule: HostRule) -> _ServerNameCallback:
    return lambda _, name, __: None if name in HOSTS else rule.value


def _asking_known_hosts(asking: ssl.SSLContext) -> _ServerNameCallback:
    def choose(tls: Any, name: str | None, _: Any) -> None:
        if name in HOSTS:
            tls.context = asking

    return choose


def serve_one(listener: socket.socket, setup: Setup, context: ssl.SSLContext) -> int | None:
    """Serve one connection to its end; return the verify code of a certificate that was refused."""
    listener.settimeout(PATIENCE)
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(PATIENCE)
        server = _Server(connection, setup, context)
        try:
            server.run()
        except ssl.SSLCertVerificationError as error:
            server.refuse()
            return error.verify_code
        except ssl.SSLError:
            server.refuse()
        except OSError:  # the tracer has gone
            pass
    return None


class _Server:
    """One connection of a server."""

    def __init__(self, connection: socket.socket, setup: Setup, context: ssl.SSLContext) -> None:
        self._connection = connection
        self._setup = setup
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def run(self) -> None:
        """Do the handshake, read a request, and end as the setup says."""
        self._step(self._tls.do_handshake)
        if self._setup.agreed_alpn == "h2":
            self._answer_in_http2()
            return
        application = self._setup.application
        if not application.early:
            request = b""
            while b"\r\n\r\n" not in request:
                data = self._step(lambda: self._tls.read(65536))
                if not data:
                    return
                request += data
            if self._setup.asks is Asks.AFTER_REQUEST and application.reason is not Reason.LATE:
                self._ask()
        if application.ending is Ending.ANSWER:
            self._step(lambda: self._tls.write(response(self._setup)))
        if application.ending in (Ending.ANSWER, Ending.CLOSE_NOTIFY):
            with contextlib.suppress(ssl.SSLWantReadError):
                self._tls.unwrap()
            self._flush()
        self._leave(reset=application.ending is Ending.RST)

    def _answer_in_http2(self) -> None:
        """Answer the first request, which is the only one, and leave the client to close."""
        answers = Http2Answers()
        self._step(lambda: self._tls.write(answers.first))
        while not answers.answered:
            data = self._step(lambda: self._tls.read(65536))
            if not data:
                return
            if reply := answers.receive(data):
                self._send(reply)
        self._drain()

    def _send(self, data: bytes) -> None:
        self._step(lambda: self._tls.write(data))

    def refuse(self) -> None:
        """End a handshake that TLS has refused."""
        with contextlib.suppress(OSError):
            if self._setup.refusal is Refusal.ALERT:
                self._flush()
            self._leave(reset=self._setup.refusal is Refusal.RST)

    def _ask(self) -> None:
        """Ask for a certificate after the handshake (RFC 9846 section 4.7.2), and wait for it.

        OpenSSL counts an empty Certificate as an answer only when it is refused.
        """
        self._tls.verify_client_post_handshake()
        self._step(self._tls.do_handshake)
        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                self._tls.read(65536)
            if self._tls.getpeercert(binary_form=True):
                return
            self._receive()

    def _step(self, action: Callable[[], T]) -> T:
        """Do ``action``, as often as it wants more bytes."""
        while True:
            try:
                result = action()
            except ssl.SSLWantReadError:
                self._flush()
                self._receive()
            else:
                self._flush()
                return result

    def _receive(self) -> None:
        data = self._connection.recv(65536)
        if data:
            self._incoming.write(data)
        elif self._incoming.eof:
            raise ConnectionError("the tracer has gone")
        else:
            self._incoming.write_eof()

    def _flush(self) -> None:
        if data := self._outgoing.read():
            self._connection.sendall(data)

    def _drain(self) -> None:
        while self._connection.recv(65536):
            pass

    def _leave(self, *, reset: bool) -> None:
        if reset:
            linger = struct.pack("ii", 1, 0)
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return
        self._connection.shutdown(socket.SHUT_WR)
        self._drain()
