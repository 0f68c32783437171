"""An observer that fails: the server serves as if there were none, and says so once."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

import pytest

from lab.http import log_entries
from lab.http.connection_hooks import AnsweredRequest
from lab.http.limits import Limit, Limits
from lab.serving.lab_server import TodoServer
from lab.stream.observed_wire import EventSink
from lab.tls.events import Event
from tests.support.serving import (
    blocking,
    client_tls,
    get,
    in_thread,
    server_tls,
)


class Broken:
    """An observer that counts nothing."""

    def __init__(self, *, late: bool = False) -> None:
        self.told: set[str] = set()
        self._late = late

    def handshake_sink(self) -> EventSink:
        self.told.add("handshake")
        if not self._late:
            raise FileNotFoundError("counter.db")
        return self._event

    def request_answered(self, request: AnsweredRequest) -> None:
        self.told.add("request")
        raise OSError("no space left")

    def limit_struck(self, limit: Limit) -> None:
        self.told.add("limit")
        raise KeyError(limit)

    def _event(self, event: Event) -> None:
        self.told.add("event")
        raise ValueError("odd")


def ask_at_length(port: int, context: ssl.SSLContext) -> bytes:
    """The answer to a head that is too long."""
    with blocking(port, context) as tls:
        tls.do_handshake()
        tls.sendall(b"GET /todo HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 600 + b"\r\n\r\n")
        return tls.recv(65536)


@pytest.mark.parametrize(
    ("late", "told"),
    [
        (False, {"handshake", "request", "limit"}),
        (True, {"handshake", "event", "request", "limit"}),
    ],
)
async def test_clients_are_served_whatever_becomes_of_the_counts(
    certs: Path, caplog: pytest.LogCaptureFixture, late: bool, told: set[str]
) -> None:
    observer = Broken(late=late)
    limits = Limits(max_header=600)
    server = TodoServer(server_tls(certs), limits=limits, observer=observer)
    with caplog.at_level(logging.INFO, logger=log_entries.LOGGER.name):
        _, port = await server.open("127.0.0.1", 0)
        for _ in range(3):
            answer = await in_thread(lambda: get(port, client_tls(certs)))
            assert answer.startswith(b"HTTP/1.1 200 ")
        answer = await in_thread(lambda: ask_at_length(port, client_tls(certs)))
        assert answer.startswith(b"HTTP/1.1 431 ")
        await server.close()
    assert observer.told == told
    faults = [
        record for record in caplog.records if record.getMessage().startswith("INTERNAL ERROR")
    ]
    assert [record.getMessage() for record in faults] == [
        "INTERNAL ERROR | updating the metrics failed; they may be inaccurate"
    ]
    assert faults[0].exc_info is not None
