"""The words for a connection between two others, as a capture or a tap has it.

Rules: what was not seen is not denied. A certificate that may have passed in records that stayed
closed, or in bytes that were not captured, is not known.

This module must not know how the words are laid out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

from lab.capture.results import Flow, Lack
from lab.diagnosis.results import Outcome, Result
from lab.show.text.message_names import is_empty_certificate, offered_names
from lab.show.text.outcome_text import ground_words, or_others, result_words, signal_words
from lab.show.text.peer_text import bounded, key_words, shortened, subject
from lab.tls.code_points import ExtensionType
from lab.tls.events import Endpoint, Event, Gap, MessageSeen, NotCaptured, SealedSeen, Undecoded
from lab.tls.messages import (
    Certificate,
    CertificateRequest,
    ClientHello,
    CompressedCertificate,
    Finished,
    HandshakeMessage,
    HelloRetryRequest,
    ServerHello,
    ServerHelloDone,
)
from lab.tracing.results import Trace

NO_CERTIFICATE = "none"
NOT_ASKED = "not asked"
RESUMED = "that of an earlier session"
UNKNOWN = "not known"
_BY_SIZE = ", by the size of its first encrypted record"
MOST_OF_NAME = 64
"""How many characters of a name are in a table."""
_EMPTY_CERTIFICATE = 8
"""The content of a record with an empty Certificate of TLS 1.3 alone (RFC 9846 section 4.5.1)."""


def flow_name(flow: Flow) -> str:
    """Return the number of a connection and its ends."""
    return f"Connection {flow.number}: {flow.client.authority} to {flow.server.authority}"


def about_flow(trace: Trace, flow: Flow) -> Iterator[tuple[str, str]]:
    """Yield what is to be said of a connection as a whole, as labels and values."""
    packets = f"{flow.packets:,} packet{'s' * (flow.packets != 1)} in " if flow.packets else ""
    yield "began", f"{utc(flow.first)} UTC, {packets or 'took '}{flow.last - flow.first:.3f} s"
    if flow.prelude:
        yield "before TLS", bounded(flow.prelude)
    yield "version", version_seen(trace)
    yield "certificate", f"of the client: {client_certificate_words(trace)}"
    if trace.client_certificate is not None:
        yield "", "(certificates are judged by the time of the connection)"
    for lack in flow.lacks:
        yield "lacking", lack_words(lack)


def version_seen(trace: Trace) -> str:
    """Return the version that was agreed on; where none was seen, it may have been all the same."""
    return str(trace.negotiated_version or "no version seen")


def outcome_words(outcome: Outcome) -> str:
    """Return how a connection ended, by what, and whether that was inferred, in a few words."""
    words = result_words(outcome)
    if outcome.result is Result.REJECTED and outcome.signal is not None:
        words += f", {signal_words(outcome)}"
    inferred = outcome.ground and outcome.result is not Result.UNKNOWN
    return f"{words} (inferred)" if inferred else words


def on_one_line_of_a_log(trace: Trace, flow: Flow) -> str:
    """Return all of a connection, its parts separated by two spaces, always in the same order.

    When it began (UTC), who the client is, what it asked for, the version, its certificate, how it
    ended, the first cause, and the fix.
    """
    outcome, cause = trace.outcome, trace.causes[0]
    ground = f"; {ground_words(outcome)}" if outcome.ground else ""
    parts = (
        utc(flow.first),
        flow.client.authority,
        bounded(server_name(trace.events)) or "no name",
        *([f"before TLS: {bounded(flow.prelude)}"] if flow.prelude else []),
        version_seen(trace),
        f"client certificate: {client_certificate_words(trace)}",
        f"{outcome_words(outcome).removesuffix(' (inferred)')}{ground}",
        f"cause: {shortened(cause.summary)} [{cause.code}]{or_others(trace.causes)}",
        f"fix: {cause.fix or 'nothing to fix'}",
    )
    return "  ".join(parts)


def lack_words(lack: Lack) -> str:
    """Return what a capture lacks of what one end sent."""
    whose = f"the {lack.sender.value}"
    if lack.gap is Gap.DIRECTION:
        return f"all that {whose} sent"
    if lack.gap is Gap.END:
        return f"what {whose} sent after the end of the capture, if anything"
    many = "bytes" if lack.octets is None else f"{lack.octets:,} bytes"
    return f"{many} that {whose} sent: {lack.gap.value}"


def utc(time: float) -> str:
    """Return a time of a capture (seconds since the epoch) in UTC, to the microsecond."""
    try:
        return f"{datetime.fromtimestamp(time, timezone.utc):%Y-%m-%d %H:%M:%S.%f}"
    except (OverflowError, ValueError, OSError):
        return f"{time:.6f} s since 1970"


def server_name(events: Sequence[Event]) -> str:
    """Return the host that the client asked for, as it came; "" where it named none."""
    for event in events:
        if isinstance(event, MessageSeen) and isinstance(event.message, ClientHello):
            hosts, _ = offered_names(event.message)
            return hosts[0] if hosts else ""
    return ""


def client_certificate_words(trace: Trace) -> str:
    """Return the subject of what the client presented, or what is known of it instead."""
    if trace.client_certificate is not None:
        return subject(trace.client_certificate)
    of_client = [event for event in trace.events if event.endpoint is Endpoint.CLIENT]
    for event in of_client:
        if isinstance(event, MessageSeen) and _is_certificate(event.message):
            return _unnamed_certificate(event.message)
    sealed = next((event for event in of_client if isinstance(event, SealedSeen)), None)
    if sealed is not None and sealed.inner_length == _EMPTY_CERTIFICATE:
        return f"{NO_CERTIFICATE}{_BY_SIZE}"
    if _is_resumed(trace.events):
        return RESUMED
    return NOT_ASKED if _was_not_asked(trace.events) else UNKNOWN


def _is_resumed(events: Sequence[Event]) -> bool:
    """Return whether the server took up an earlier session, whose certificate counts."""
    session_id = b""
    for event in events:
        if not isinstance(event, MessageSeen):
            continue
        message = event.message
        if isinstance(message, ClientHello):
            session_id = message.legacy_session_id
        elif isinstance(message, ServerHello) and not isinstance(message, HelloRetryRequest):
            if message.is_tls13:
                return message.has(ExtensionType.PRE_SHARED_KEY)  # RFC 9846 section 4.3.11
            return session_id != b"" and session_id == message.legacy_session_id_echo
    return False


def short_certificate_words(trace: Trace) -> str:
    """Return ``client_certificate_words`` short enough for a table."""
    words = client_certificate_words(trace).replace(_BY_SIZE, " (inferred)")
    return words if len(words) <= MOST_OF_NAME else f"{words[:MOST_OF_NAME]}..."


def _was_not_asked(events: Sequence[Event]) -> bool:
    """Return whether all of the server's flight was seen, and no CertificateRequest in it."""
    for event in events:
        if isinstance(event, MessageSeen) and event.endpoint is Endpoint.SERVER:
            if isinstance(event.message, CertificateRequest):
                return False
            if isinstance(event.message, ServerHelloDone | Finished):
                return True
        elif isinstance(event, SealedSeen | NotCaptured | Undecoded):
            return False
    return False


def _unnamed_certificate(message: HandshakeMessage) -> str:
    """Return what is known of a Certificate that has no certificate, or none that is read."""
    if is_empty_certificate(message):
        return NO_CERTIFICATE
    if isinstance(message, CompressedCertificate):
        if message.certificate is None:
            return f"not read: compressed with {message.algorithm}"
        message = message.certificate
    key = message.raw_public_key if isinstance(message, Certificate) else None
    return UNKNOWN if key is None else f"a raw public key, {key_words(key)}"


def _is_certificate(message: HandshakeMessage) -> bool:
    return isinstance(message, Certificate | CompressedCertificate)
