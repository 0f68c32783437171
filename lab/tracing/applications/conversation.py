"""What a client says inside TLS and hears there, as a generator without I/O, and what drives it.

Rules: a conversation is bounded in bytes, whatever the server sends. It asks once who the client
is, sends no password, and changes nothing at the server.

This module must not know any protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from urllib.parse import unquote

from lab.stream.tls_stream import StreamError, TlsStream
from lab.tls.application_protocol import Application, ApplicationAnswer

MOST_BYTES = 1 << 18
"""How much of a server's answer is read at most."""
MOST_LINE = 4096
_MOST_LINES = 200


class ExchangeError(Exception):
    """The server's answer is none that we take. Its message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationRequest:
    """What a client asks with, beyond its certificate.

    ``authority`` is the server's ``host:port`` as it is to be named; ``path`` is what is asked for,
    as in a URL; ``user`` who the client says it is, "" for the protocol's usual one, or nobody.
    ``greeted`` tells that the server has greeted the client before TLS, and waits for it inside.
    """

    authority: str
    path: str = "/"
    user: str = ""
    greeted: bool = False

    @property
    def named(self) -> str:
        """What the path names, a database or a recipient, as text; "" for nothing.

        Raises ExchangeError where a control character is in it, which could begin another command.
        """
        text = unquote(self.path.partition("?")[0]).strip("/")
        if not text.isprintable():
            raise ExchangeError(f"a name with control characters: {text!r}")
        return text


Ended = tuple[ApplicationAnswer, bytes]
"""The answer, and what the client sends behind it to leave in order; b"" for nothing."""

Conversation = Generator[bytes, bytes, Ended]
"""Yields what to send (b"": nothing), takes what came then, never b"", and returns the answer.

It raises ExchangeError where what came is not of its protocol. Where the connection ends first,
that is thrown into it, and it may still return an answer that it had before.
"""

Speaker = Callable[[ApplicationRequest], Conversation]
"""Begins a conversation in one protocol."""


class Talk:
    """What is to be sent, and the bytes that came and are not read yet.

    What is said is sent when something is waited for, which is when all that came is read.
    """

    def __init__(self) -> None:
        self._data = bytearray()
        self._unsent = b""

    def say(self, data: bytes) -> None:
        """Send ``data`` before the next bytes are waited for."""
        self._unsent += data

    def _more(self) -> Generator[bytes, bytes, None]:
        unsent, self._unsent = self._unsent, b""
        self._data += yield unsent

    def exactly(self, count: int) -> Generator[bytes, bytes, bytes]:
        """Return the next ``count`` bytes."""
        if count > MOST_BYTES:
            raise ExchangeError(f"{count} bytes announced")
        while len(self._data) < count:
            yield from self._more()
        data = bytes(self._data[:count])
        del self._data[:count]
        return data

    def line(self) -> Generator[bytes, bytes, str]:
        """Return the next line without its end, each byte one character."""
        searched = 0
        while (end := self._data.find(b"\n", searched)) < 0:
            searched = len(self._data)
            if searched > MOST_LINE:
                raise ExchangeError(f"a line of more than {MOST_LINE} bytes")
            yield from self._more()
        data = bytes(self._data[: end + 1])
        del self._data[: end + 1]
        if len(data) > MOST_LINE:
            raise ExchangeError(f"a line of more than {MOST_LINE} bytes")
        return data.rstrip(b"\r\n").decode("latin-1")

    def lines(self, is_last: Callable[[str], bool]) -> Generator[bytes, bytes, list[str]]:
        """Return the next lines, up to the one of which ``is_last`` is true."""
        found: list[str] = []
        while not found or not is_last(found[-1]):
            if len(found) == _MOST_LINES:
                raise ExchangeError(f"more than {_MOST_LINES} lines")
            found.append((yield from self.line()))
        return found


def no_answer(application: Application, why: str) -> ApplicationAnswer:
    """Return what stands for an answer that was none of the protocol, or that did not come."""
    return ApplicationAnswer(application=application, asked="", code="", words=why)


async def converse(
    stream: TlsStream, application: Application, conversation: Conversation
) -> Ended:
    """Hold a conversation over a stream, and return how it ended.

    An answer that is not of the protocol is one without a code. Raises ExchangeError where the
    server closes without an answer, and the stream's StreamError.
    """
    total, data = 0, next(conversation)
    while True:
        try:
            if data:
                await stream.write(data)
            came = await stream.read()
            if not came:
                raise ExchangeError("the server closed the connection without an answer")
        except (StreamError, ExchangeError):
            if (ended := cut_short(conversation)) is not None:
                return ended
            raise
        total += len(came)
        try:
            if total > MOST_BYTES:
                raise ExchangeError(f"more than {MOST_BYTES} bytes")
            data = conversation.send(came)
        except ExchangeError as error:
            return no_answer(application, f"the answer was not understood: {error}"), b""
        except StopIteration as finished:
            result: Ended = finished.value
            return result


def cut_short(conversation: Conversation) -> Ended | None:
    """Tell a conversation that nothing more comes; return the answer that it has by then."""
    try:
        conversation.throw(ExchangeError("the connection ended"))
    except StopIteration as finished:
        ended: Ended = finished.value
        return ended[0], b""
    except ExchangeError:
        pass
    return None
