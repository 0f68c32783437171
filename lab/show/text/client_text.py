"""What the TODO client and its negative test print, line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lab.diagnosis.results import Outcome
from lab.tls.code_points import ProtocolVersion
from lab.tls.escape import escaped


def heading(url: str, certificate: str, ca: str) -> Iterator[str]:
    """What the client is about to do."""
    yield f"[CLIENT] Connecting to {url}/todo"
    yield f"[CLIENT] Client cert: {escaped(certificate)}"
    yield f"[CLIENT] CA trust:    {escaped(ca)}"
    yield ""
    yield "[CLIENT] Creating new TODO with POST /todo ..."


def created(status: int, body: bytes) -> Iterator[str]:
    """The response to POST."""
    yield f"[CLIENT] POST response (HTTP {status}):"
    yield ""
    yield body_text(body)
    yield ""


def listed(status: int, body: bytes) -> Iterator[str]:
    """The response to GET, which names the client as the server knows it."""
    yield "[CLIENT] Fetching TODO list with GET /todo ..."
    known_as = _field(body, "client")
    if known_as is not None:
        yield f'[CLIENT] Authenticated as: "{escaped(known_as)}"'
    yield f"[CLIENT] Response (HTTP {status}):"
    yield ""
    yield body_text(body)


def body_text(body: bytes) -> str:
    """A JSON body as a person reads it; any other body escaped, its first 2,000 characters."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return escaped(body.decode("utf-8", "replace")[:2000])


def _field(body: bytes, name: str) -> str | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    value = document.get(name) if isinstance(document, dict) else None
    return value if isinstance(value, str) else None


def negative_heading(url: str) -> Iterator[str]:
    """What the negative test is about to do."""
    yield "[NEGATIVE TEST] Attempting connection WITHOUT client certificate..."
    yield f"[NEGATIVE TEST] Target: {url}/todo"
    yield ""


def moment(outcome: Outcome, version: ProtocolVersion | None) -> str:
    """How the server's refusal came, and when, as the client saw it."""
    alert = outcome.alert
    if alert is None:
        how = "no alert before the end of the connection"
    else:
        how = f"{alert.description} ({alert.description.value})"
    if outcome.client_handshake_returned:
        when = "at the first read, after the handshake call had returned"
    else:
        when = "inside the handshake call"
    return f"{how}, {when} ({version})" if version else f"{how}, {when}"


def refused(error: str, how: str) -> Iterator[str]:
    """The server refused, as it should."""
    yield "[NEGATIVE TEST] Connection rejected as expected."
    yield f"[NEGATIVE TEST] Error: {escaped(error)}"
    yield f"[NEGATIVE TEST] Alert: {how}"
    yield ""
    yield "[NEGATIVE TEST] PASS: Server correctly refused unauthenticated client."


def admitted(status: int, body: bytes) -> Iterator[str]:
    """The server let the client in, as far as TLS goes."""
    yield "[NEGATIVE TEST] The TLS handshake succeeded without a client certificate."
    yield f"[NEGATIVE TEST] Response (HTTP {status}):"
    yield ""
    yield body_text(body)
    yield ""
    if status in (400, 401, 403):
        yield (
            "[NEGATIVE TEST] FAIL: the server did not reject the client in the TLS handshake, only "
            f"in HTTP ({status})."
        )
    else:
        yield "[NEGATIVE TEST] FAIL: Server served an unauthenticated client."
