"""The client's side of HTTP/1.1, by h11 over a TLS stream: one request, one response, again."""

from __future__ import annotations

from dataclasses import dataclass

import h11

from lab.stream.tls_stream import TlsStream
from lab.tracing.applications.conversation import ExchangeError

# In bytes: a hostile server must not fill our memory.
MAX_BODY = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientResponse:
    """A whole response. ``headers`` have their names in lower case."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class HttpClient:
    """Requests in turn over one connection. ``authority`` is sent as Host."""

    def __init__(self, stream: TlsStream, authority: str) -> None:
        self._stream = stream
        self._authority = authority
        self._http = h11.Connection(our_role=h11.CLIENT)

    @property
    def reusable(self) -> bool:
        """Whether the connection can carry another request (RFC 9112 section 9.3)."""
        return self._http.our_state is h11.IDLE

    async def request(self, method: str, target: str, body: bytes | None = None) -> ClientResponse:
        """Send a request, its body as JSON if it has one, and read the response.

        Raises ExchangeError for an answer that is no HTTP, and the stream's StreamError.
        """
        headers = [("Host", self._authority), ("Accept", "application/json")]
        if body is not None:
            headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        parts = [self._http.send(h11.Request(method=method, target=target, headers=headers))]
        if body:
            parts.append(self._http.send(h11.Data(data=body)))
        parts.append(self._http.send(h11.EndOfMessage()))
        await self._stream.write(b"".join(part for part in parts if part))
        try:
            return await self._response()
        except h11.RemoteProtocolError as error:
            raise ExchangeError(f"no HTTP/1.1 response: {error}") from error

    async def _response(self) -> ClientResponse:
        head: h11.Response | None = None
        body = bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                data = await self._stream.read()
                if not data and head is None:
                    raise ExchangeError("the server closed the connection without a response")
                self._http.receive_data(data)
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > MAX_BODY:
                    raise ExchangeError(f"a response body of more than {MAX_BODY} bytes")
            elif isinstance(event, h11.EndOfMessage):
                break
        assert head is not None
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        return ClientResponse(
            status=head.status_code,
            reason=head.reason.decode("latin-1"),
            headers=tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in head.headers),
            body=bytes(body),
        )
