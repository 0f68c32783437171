"""The words for an event, for all faces: a headline, what a log line adds, and labelled details.

Rules: all text of a peer's is escaped and bounded; a long list ends in "and n more", and is
complete in the JSON document. GREASE values (RFC 8701) are left out.

This module must not know how the words are laid out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from lab.show.text.message_names import is_empty_certificate, offered_names
from lab.show.text.message_text import Pairs, message_pairs
from lab.show.text.peer_text import bounded, listed, quoted
from lab.tls import messages as msg
from lab.tls.escape import escaped
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    ChangeCipherSpecSeen,
    Event,
    Gap,
    HeartbeatSeen,
    LeftOut,
    LocalFact,
    Malformed,
    MessageSeen,
    NotCaptured,
    NotTls,
    Protocol,
    SealedSeen,
    StreamEnded,
    Undecoded,
    Unfinished,
    WireEvent,
)

_MOST_SPANS = 4
# Gaps of which the size tells nothing more.
_WHOLE_GAPS = (Gap.START, Gap.DIRECTION, Gap.END, Gap.STOPPED)
_START_LINE = re.compile(
    rb"(?:[A-Z]{1,16} [!-~]{1,2000} HTTP/1\.[01]|HTTP/1\.[01] [ -~]{3,200})\r?\n"
)
_TRUNCATED = " inside a record or a handshake message"
_NOTABLE = frozenset(
    {"contains", "first bytes", "in", "limit", "order", "over limit", "problem", "received"}
    | {"truncated"}
)


class Detail(NamedTuple):
    """One detail of an event. ``notable`` ones are highlighted."""

    label: str
    value: str
    notable: bool = False


def headline(event: Event) -> str:
    """Return the event in a few words, such as "ClientHello" or "alert fatal unknown_ca (48)"."""
    return _words(event)[0]


def on_one_line(event: Event) -> str:
    """Return the headline, and behind it what the event says besides."""
    return "".join(_words(event))


def _words(event: Event) -> tuple[str, str]:
    """Return the headline, and what a log line adds to it."""
    match event:
        case MessageSeen():
            empty = " (empty)" if is_empty_certificate(event.message) else ""
            return event.message.name + empty, _asked_for(event.message) + _order(event)
        case LocalFact():
            said = event.answer.sentence if event.answer else event.reason
            return event.fact.value, f": {escaped(said)}" if said else ""
        case AlertSeen():
            name, number = event.description, event.description.value
            return f"alert {event.level} {name} ({number})", ""
        case ChangeCipherSpecSeen():
            return "ChangeCipherSpec", _order(event)
        case ApplicationDataSeen():
            return "application data", f", {len(event.data)} bytes"
        case HeartbeatSeen():
            return _heartbeat(event)
        case SealedSeen():
            more = f": {event.inference}" if event.inference else f", {event.length} bytes"
            return f"undecrypted record ({event.content_type})", more
        case StreamEnded():
            return f"TCP {event.end.value}", _TRUNCATED if event.truncated else ""
        case _:
            return _words_of_unread(event)


def _words_of_unread(event: Event) -> tuple[str, str]:
    match event:
        case NotTls():
            unknown = event.protocol is Protocol.UNKNOWN
            return "not TLS" if unknown else f"not TLS: {event.protocol.value}", ""
        case Unfinished():
            return f"unfinished {event.part.value}", f": {_extent(event)}"
        case LeftOut():
            return f"{event.count} more, not kept", ""
        case NotCaptured():
            return _words_of_gap(event)
        case Undecoded():
            return f"{event.name} not decoded", f": {event.where}: {event.limit}"
    assert isinstance(event, Malformed)
    return "malformed bytes", f": {event.where}: {event.problem}"


def _words_of_gap(event: NotCaptured) -> tuple[str, str]:
    if event.gap in _WHOLE_GAPS:
        return event.gap.value, ""
    many = "bytes" if event.octets is None else f"{event.octets:,} bytes"
    return f"{many} not captured", f": {event.gap.value}"


def _asked_for(message: msg.HandshakeMessage) -> str:
    """Return the host and the protocols that a ClientHello names: " (SNI localhost, ALPN h2)".

    And whether it came in the form of SSL 2, which cannot name them.
    """
    if not isinstance(message, msg.ClientHello):
        return ""
    named = zip(("SNI", "ALPN"), offered_names(message), strict=True)
    words = ["in the form of SSL 2"] if message.in_sslv2_form else []
    words += [f"{label} {listed(names)}" for label, names in named if names]
    return f" ({', '.join(words)})" if words else ""


def _heartbeat(event: HeartbeatSeen) -> tuple[str, str]:
    name = "heartbeat" if event.message_type is None else str(event.message_type)
    told = f", which tells of {event.payload_length}" if event.exceeds else ""
    return name.replace("_", " "), f", {event.length} bytes{told}{_order(event)}"


def _order(event: MessageSeen | ChangeCipherSpecSeen | HeartbeatSeen) -> str:
    return " (out of order)" if event.out_of_order else ""


def _extent(event: Unfinished) -> str:
    whole = "header incomplete" if event.expected is None else f"of {event.expected}"
    return f"{event.came} bytes, {whole}"


def details(event: Event) -> Iterator[Detail]:
    """Yield the details of the event, in the order in which they are shown."""
    for label, value in _pairs(event):
        if value is not None and value is not False:
            yield Detail(label, str(value), label in _NOTABLE)


def _pairs(event: Event) -> Pairs:
    yield from message_pairs(event.message) if isinstance(event, MessageSeen) else _of_event(event)
    if isinstance(event, MessageSeen | ChangeCipherSpecSeen):
        yield "order", event.out_of_order and "not allowed at this point of the handshake"
    elif isinstance(event, HeartbeatSeen):
        told = f"{event.payload_length} bytes, which is more than the record has"
        yield "length", f"{event.length} bytes"
        yield "payload", event.exceeds and told
        yield "order", event.out_of_order and "not agreed to, or not protected as it must be"
    if isinstance(event, WireEvent) and len(event.records) > 1:
        lengths = [str(span.length) for span in event.records]
        yield "records", f"{len(lengths)}, of {listed(lengths, _MOST_SPANS)} bytes"


def _of_event(event: Event) -> Pairs:
    """Yield the details of an event that is no message."""
    match event:
        case ApplicationDataSeen():
            line = start_line(event.data)
            yield ("data", quoted(event.data)) if line is None else ("HTTP", bounded(line))
            yield "length", f"{len(event.data)} bytes"
        case SealedSeen():
            why = event.limit or "no known secret fits"
            yield "content", f"{event.length} bytes, not decrypted: {why}"
            yield "likely", bounded(event.inference) or None
        case StreamEnded():
            yield "truncated", event.truncated and _TRUNCATED.lstrip()
        case NotTls():
            yield "first bytes", quoted(event.sample)
        case Unfinished():
            yield "received", _extent(event)
        case LeftOut():
            yield "over limit", f"{event.octets} bytes"
        case NotCaptured():
            yield "reason", event.gap not in _WHOLE_GAPS and event.gap.value
        case Undecoded():
            yield "in", bounded(event.where)
            yield "limit", f"{bounded(event.limit)}: a limit of this program"
        case Malformed():
            yield "in", bounded(event.where)
            yield "problem", bounded(event.problem)
            yield "at", f"byte {event.offset} of what the {event.endpoint.value} sent"


def start_line(data: bytes) -> str | None:
    """The first line of an HTTP/1.1 request or response (RFC 9112 section 2.1), or None."""
    found = _START_LINE.match(data)
    return found.group().decode("ascii").rstrip("\r\n") if found else None


def reason(event: LocalFact) -> str:
    """Return the message of the endpoint's library with its code, or what the application answered.

    "" if there is none.
    """
    if event.answer is not None:
        return bounded(event.answer.sentence)
    code = "" if event.code is None else f"code {event.code}"
    if event.reason and code:
        return f"{bounded(event.reason)} ({code})"
    return bounded(event.reason) or code
