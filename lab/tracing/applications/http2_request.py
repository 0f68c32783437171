"""HTTP/2 by the library h2: one GET (RFC 9113), or one call of gRPC's health check over it."""

from __future__ import annotations

import struct
from collections.abc import Generator, Sequence

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from lab.tls.application_protocol import Application, ApplicationAnswer
from lab.tracing.applications.conversation import ApplicationRequest, Conversation, ExchangeError

_MOST_BODY = 8192
_FRAME_HEADER, _GOAWAY = 9, 7
_MOST_FRAME = 1 << 14  # SETTINGS_MAX_FRAME_SIZE, as it is unless we say otherwise
_Headers = Sequence[tuple[str, str]]
_HEALTH_CHECK = "/grpc.health.v1.Health/Check"
# A message of no bytes (HealthCheckRequest without a service), neither compressed nor long.
_EMPTY_MESSAGE = b"\0\0\0\0\0"
_SERVING_STATES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
GRPC_STATUSES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)


class _Response:
    """What came of the one stream so far."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.broken = ""
        self.ended = False

    def take(self, event: object) -> None:
        """Take the next event of the library."""
        if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
            for name, value in event.headers or ():
                self.headers.setdefault(_text(name), _text(value))
            self.status = self.headers.get(":status", "")
        elif isinstance(event, h2.events.DataReceived):
            self.body += (event.data or b"")[: _MOST_BODY - len(self.body)]
        elif isinstance(event, h2.events.StreamReset):
            self.broken = f"RST_STREAM {_error(event.error_code)}"
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.broken = f"GOAWAY {_error(event.error_code)}"
        elif isinstance(event, h2.events.StreamEnded):
            self.ended = True

    @property
    def over(self) -> bool:
        """Whether more of it would change nothing."""
        return self.ended or bool(self.broken) or len(self.body) >= _MOST_BODY


def get(request: ApplicationRequest) -> Conversation:
    """GET the path, and read the status and what a refusal says."""
    headers = [(":method", "GET"), (":path", request.path), ("accept", "application/json")]
    response, farewell = yield from _exchange(request, headers, b"")
    return _http_answer(f"GET {request.path}", response), farewell


def check_health(request: ApplicationRequest) -> Conversation:
    """Call ``grpc.health.v1.Health/Check`` (gRPC's documents: health-checking, PROTOCOL-HTTP2)."""
    headers = [
        (":method", "POST"),
        (":path", _HEALTH_CHECK),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", "grpc-mtls-lab"),
    ]
    response, farewell = yield from _exchange(request, headers, _EMPTY_MESSAGE)
    asked = f"POST {_HEALTH_CHECK}"
    status = response.headers.get("grpc-status")
    if status is None or not (status.isascii() and status.isdigit()):
        return _http_answer(asked, response), farewell
    number = int(status[:4])
    name = GRPC_STATUSES[number] if number < len(GRPC_STATUSES) else ""
    words = response.headers.get("grpc-message", "")
    if number == 0 and len(response.body) >= 7 and response.body[5] == 0x08:
        state = response.body[6]
        words = _SERVING_STATES[state] if state < len(_SERVING_STATES) else str(state)
    code = f"{number} {name}".strip()
    answer = ApplicationAnswer(application=Application.GRPC, asked=asked, code=code, words=words)
    return answer, farewell


def _http_answer(asked: str, response: _Response) -> ApplicationAnswer:
    code = response.status or response.broken
    return ApplicationAnswer(
        application=Application.HTTP2,
        asked=asked,
        code=code,
        words=response.body.decode("utf-8", "replace") if response.status else "",
    )


def _exchange(
    request: ApplicationRequest, headers: _Headers, body: bytes
) -> Generator[bytes, bytes, tuple[_Response, bytes]]:
    """Send one request, and return what came of it and the frames to leave with."""
    config = h2.config.H2Configuration(client_side=True, header_encoding=None)
    connection = h2.connection.H2Connection(config)
    connection.initiate_connection()
    host = (":authority", request.authority), (":scheme", "https")
    method, *others = headers
    connection.send_headers(1, [method, *host, *others], end_stream=not body)
    if body:
        connection.send_data(1, body, end_stream=True)
    response, frames = _Response(), _Frames()
    while not response.over:
        try:
            came = yield connection.data_to_send()
        except ExchangeError:
            if not response.status:
                raise
            return response, b""
        try:
            for event in connection.receive_data(frames.taken(came)):
                response.take(event)
        except (h2.exceptions.ProtocolError, UnicodeError) as error:
            raise ExchangeError(f"no HTTP/2: {error}") from error
    if not response.broken.startswith("GOAWAY"):
        connection.close_connection()
    return response, connection.data_to_send()


class _Frames:
    """Takes GOAWAY out where the server answers the request all the same (RFC 9113 section 6.8).

    nginx announces so before its answer that the connection will end; the library takes no frame
    behind a GOAWAY.
    """

    def __init__(self) -> None:
        self._held = b""

    def taken(self, came: bytes) -> bytes:
        """Return the frames that are whole by now; what cannot be one, as it is."""
        self._held += came
        kept = []
        while len(self._held) >= _FRAME_HEADER:
            length = int.from_bytes(self._held[:3], "big")
            if length > _MOST_FRAME:
                kept.append(self._held)
                self._held = b""
                break
            end = _FRAME_HEADER + length
            if len(self._held) < end:
                break
            frame, self._held = self._held[:end], self._held[end:]
            if not _still_answers(frame):
                kept.append(frame)
        return b"".join(kept)


def _still_answers(frame: bytes) -> bool:
    """Tell whether a frame is a GOAWAY without an error that leaves our stream, number 1, alone."""
    if frame[3] != _GOAWAY or len(frame) < _FRAME_HEADER + 8:
        return False
    last, error = struct.unpack_from("!II", frame, _FRAME_HEADER)
    return bool(error == 0 and last & 0x7FFFFFFF)


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _error(code: object) -> str:
    name = getattr(code, "name", "")
    return name or str(code)
