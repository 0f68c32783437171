"""Conversations without a connection: whatever a server sends, they stay in their bounds."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.tls.application_protocol import Application, ApplicationAnswer
from lab.tracing.applications.choice import SPEAKERS
from lab.tracing.applications.conversation import (
    MOST_LINE,
    ApplicationRequest,
    Conversation,
    ExchangeError,
)
from tests.support.application_traces import said, traced
from tests.support.serving import PATIENCE

REQUEST = ApplicationRequest(authority="localhost:1", path="/x", user="alice")

# What servers of each protocol send, in pieces: so that what is generated gets beyond the start.
PIECES = (
    b"R\0\0\0\x08\0\0\0\0",
    b"Z\0\0\0\x05I",
    b"E\0\0\0\x10C28000\0Mno\0\0",
    b"S\0\0\0\x04",
    b"\x07\0\0\x03\0\0\0\2\0\0\0",
    b"\x09\0\0\x03\xff\x15\x04#28000",
    b"\x01\0\0\x03\xfe",
    b"220 mail ready\r\n",
    b"250-mail\r\n250 AUTH EXTERNAL\r\n",
    b"235 in\r\n",
    b"* OK ready\r\n",
    b"* CAPABILITY IMAP4rev1 AUTH=EXTERNAL\r\na1 OK done\r\n",
    b"+ \r\n",
    b"a-external NO refused\r\n",
    b"a-plain OK in\r\n",
    b"a1 \r\n",
    b"a-external \r\n",
    b"E\0\0\0\x05\0",
    b"+OK ready\r\n",
    b"SASL EXTERNAL PLAIN\r\n.\r\n",
    b"-ERR no\r\n",
    b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00",
    b"\x30\x0c\x02\x01\x02\x78\x07\x0a\x01\x00\x04\x00\x04\x00",
    b"\x20\x02\0\5",
    b"+PONG\r\n",
    b"-NOAUTH Authentication required.\r\n",
    b"\0\0\0\x04\0\0\0\0\0",  # an empty SETTINGS of HTTP/2
    b"\0\0\x01\x01\x05\0\0\0\x01\x88",  # HEADERS: status 200
    b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0d",  # GOAWAY: HTTP_1_1_REQUIRED
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
)


def held(conversation: Conversation, came: Iterable[bytes]) -> ApplicationAnswer | None:
    """Return the answer once ``came`` has led to one, None where it does not."""
    next(conversation)
    try:
        for data in came:
            conversation.send(data)
    except StopIteration as ended:
        answer, farewell = ended.value
        assert isinstance(answer, ApplicationAnswer) and isinstance(farewell, bytes)
        return answer
    conversation.close()
    return None


hostile = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(min_size=1, max_size=40)))


@pytest.mark.parametrize("application", SPEAKERS, ids=lambda application: application.value)
@given(came=hostile, greeted=st.booleans())
def test_whatever_comes_is_an_answer_or_an_error_of_ours(
    application: Application, came: list[bytes], greeted: bool
) -> None:
    request = ApplicationRequest(authority="localhost:1", path="/", greeted=greeted)
    try:
        answer = held(SPEAKERS[application](request), came)
    except ExchangeError:
        return
    if answer is not None:
        assert answer.application in (application, Application.HTTP2)
        assert answer.code and answer.asked


@pytest.mark.parametrize(
    ("path", "named"),
    [("/", ""), ("/my%20db?sslmode=require", "my db"), ("/a%40b.example", "a@b.example")],
)
def test_a_path_names_a_database_or_a_recipient(path: str, named: str) -> None:
    assert ApplicationRequest(authority="x", path=path).named == named


def test_a_name_begins_no_other_command() -> None:
    with pytest.raises(ExchangeError, match="control characters"):
        _ = ApplicationRequest(authority="x", path="/a%0d%0aRSET").named


# HTTP/2 is left to its library, which forgets what came before an error in the same bytes.
OWN = [each for each in SPEAKERS if each not in (Application.HTTP2, Application.GRPC)]


@pytest.mark.parametrize("application", OWN, ids=lambda application: application.value)
@given(came=hostile)
def test_bytes_mean_the_same_one_by_one(application: Application, came: list[bytes]) -> None:
    def result(pieces: Iterable[bytes]) -> object:
        try:
            return held(SPEAKERS[application](REQUEST), pieces)
        except ExchangeError as error:
            return type(error)

    data = b"".join(came)
    whole = result([data] if data else [])
    assert result(bytes((byte,)) for byte in data) == whole


@pytest.mark.parametrize(
    "application",
    [Application.SMTP, Application.IMAP, Application.POP3, Application.REDIS],
    ids=lambda application: application.value,
)
def test_a_line_without_end_is_refused(application: Application) -> None:
    request = ApplicationRequest(authority="localhost:1")
    with pytest.raises(ExchangeError, match="a line of more than"):
        held(SPEAKERS[application](request), [b"2" * 1000] * (MOST_LINE // 1000 + 2))


def test_lines_without_end_are_refused() -> None:
    request = ApplicationRequest(authority="localhost:1")
    with pytest.raises(ExchangeError, match="lines"):
        held(SPEAKERS[Application.SMTP](request), [b"220-more\r\n"] * 1000)


def test_a_message_of_a_great_length_is_not_waited_for() -> None:
    for application, came in (
        (Application.POSTGRES, b"R\x7f\xff\xff\xff"),
        (Application.MYSQL, b"\xff\xff\xff\x03"),
        (Application.LDAP, b"\x30\x84\x7f\xff\xff\xff"),
    ):
        with pytest.raises(ExchangeError):
            held(SPEAKERS[application](REQUEST), [came])


@pytest.mark.parametrize(
    ("application", "came", "code"),
    [
        ("postgres", b"R\0\0\0\x08\0\0\0\0", "AuthenticationOk"),
        ("postgres", b"R\0\0\0", ""),
        ("redis", b"* OK imap\r\n", ""),
    ],
)
def test_an_answer_stands_whose_rest_does_not_come(
    certs: Path, application: str, came: bytes, code: str
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs / "server.crt", certs / "server.key")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)

        def serve() -> None:
            connection, _ = listener.accept()
            with contextlib.suppress(OSError):
                connection.settimeout(PATIENCE)
                with context.wrap_socket(connection, server_side=True) as end:
                    end.recv(4096)
                    end.sendall(came)
                    while end.recv(4096):
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        address = f"https://127.0.0.1:{listener.getsockname()[1]}"
        trace = traced(address, certs, version="1.2", after=application, timeout=0.3)
        thread.join(PATIENCE)
    assert said(trace)[0] == code
    if not code:
        assert trace.outcome.answer is not None
        assert "another protocol" not in trace.outcome.answer.words
