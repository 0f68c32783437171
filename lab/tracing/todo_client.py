"""The TODO client: create an item and fetch the list; or check that no certificate means no access.

The check does not depend on the alert's number: servers differ. It looks at whether the server
asked for a certificate, who ended the connection, and when.
"""

from __future__ import annotations

import enum
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

from lab.diagnosis.evidence import summarize
from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Outcome, Result
from lab.stream.tls_stream import StreamError
from lab.stream.wire import within
from lab.tls.code_points import ProtocolVersion
from lab.tls.events import Endpoint
from lab.tracing.applications.conversation import ExchangeError
from lab.tracing.applications.http_client import ClientResponse, HttpClient
from lab.tracing.connection import connected
from lab.tracing.event_buffer import EventBuffer
from lab.tracing.target import Target

_PATH = "/todo"


async def post_then_get(
    target: Target, context: ssl.SSLContext, task: str, *, limit: float
) -> AsyncIterator[ClientResponse]:
    """Yield the response to POST, then that to GET, each as soon as it is there.

    Both go over one connection, unless the server ends it after the first. ``limit`` bounds each
    step, in seconds. Raises NoConnection, StreamError, ExchangeError, and TimeoutError.
    """
    body = json.dumps({"task": task, "done": False}, ensure_ascii=False).encode()
    requests: list[tuple[str, bytes | None]] = [("POST", body), ("GET", None)]
    while requests:
        async with connected(target, context, EventBuffer(), limit=limit) as stream:
            await stream.handshake(limit)
            http = HttpClient(stream, target.authority)
            while requests and http.reusable:
                method, content = requests.pop(0)
                yield await within(limit, http.request(method, _PATH, content))


class Admission(enum.Enum):
    """What became of the client."""

    REFUSED = "refused"
    ADMITTED = "admitted"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnauthenticatedAttempt:
    """A client's attempt without a certificate.

    ``outcome`` is how the connection ended; ``error`` is what the client's own library said, ""
    where it said nothing; ``response`` is what HTTP answered, where TLS let the client in;
    ``version`` is None where none was agreed on.
    """

    admission: Admission
    outcome: Outcome
    version: ProtocolVersion | None
    error: str = ""
    response: ClientResponse | None = None


async def attempt_without_certificate(
    target: Target, context: ssl.SSLContext, *, limit: float
) -> UnauthenticatedAttempt:
    """Connect, do the handshake without a certificate, and ask for the TODO list at once.

    ``limit`` bounds each of the three, in seconds. Raises NoConnection.
    """
    buffer = EventBuffer()
    error: Exception | None = None
    response: ClientResponse | None = None
    async with connected(target, context, buffer, limit=limit) as stream:
        try:
            await stream.handshake(limit)
            # Written before anything is read: in TLS 1.3 the verdict may still be on its way.
            request = HttpClient(stream, target.authority).request("GET", _PATH)
            response = await within(limit, request)
        except (StreamError, ExchangeError, TimeoutError) as caught:
            error = caught
    outcome, summary = judge(buffer.events), summarize(buffer.events)
    by_server = outcome.result is Result.REJECTED and outcome.by is Endpoint.SERVER
    if error is None:
        admission = Admission.ADMITTED
    elif by_server and summary.request is not None:
        admission = Admission.REFUSED
    else:
        # Among others: refused before it asked. That was about something else.
        admission = Admission.UNKNOWN
    return UnauthenticatedAttempt(
        admission=admission,
        outcome=outcome,
        version=summary.version,
        error=_wording(error),
        response=response,
    )


def _wording(error: Exception | None) -> str:
    if error is None:
        return ""
    return str(error) if isinstance(error, StreamError | ExchangeError) else "no answer in time"
