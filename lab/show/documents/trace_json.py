"""The JSON document of traces.

Rules: the document is complete, the sequence diagram is not: every field of every message is in
it, under its RFC's name. Bytes are hexadecimal; a code point is its number with the registry's
name; host and protocol names are text, each byte one character. Times are seconds since the start
of the trace. The outcome's ``decided_by`` is the index of an event. Absent values are null. Of
application data there is only the length, the first bytes and, of HTTP, the first line. Text is as
the peers sent it, escaped as JSON requires.

This module must not know who prints the document, nor how.
"""

from __future__ import annotations

import dataclasses
import json
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timezone

from lab.capture.results import Flow
from lab.show.documents.json_values import alert_json, certificate_json, fields_of, json_value
from lab.show.text.event_text import start_line
from lab.tls.code_point import CodePoint
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    Event,
    LocalFact,
    MessageSeen,
    WireEvent,
)
from lab.tracing.results import CaptureSummary, Resumption, Trace

SCHEMA_VERSION = 1
"""The version of the schema: raised when a key goes or changes its meaning, not for a new one."""
FIRST_BYTES = 64
"""How many bytes of application data are in a document."""

_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


def document(traces: Sequence[Trace]) -> dict[str, object]:
    """Return the traces as one JSON value that is valid under the schema "trace"."""
    values = [_trace(trace) for trace in traces]
    return {"schema_version": SCHEMA_VERSION, "traces": values, "capture": None}


def written_document(
    traces: Iterable[Trace], summary: Callable[[], CaptureSummary]
) -> Iterator[str]:
    """Yield the text of the document of a capture piece by piece, each trace as it comes.

    ``summary`` is asked behind the last of them.
    """
    yield f'{{\n  "schema_version": {SCHEMA_VERSION},\n  "traces": ['
    separator = "\n"
    for trace in traces:
        yield separator + _indented(_trace(trace), 4)
        separator = ",\n"
    end = "\n  " if separator != "\n" else ""
    yield f'{end}],\n  "capture": {_indented(_capture(summary()), 2).lstrip()}\n}}\n'


def _indented(value: object, depth: int) -> str:
    # No line end is inside a string of JSON.
    return textwrap.indent(json.dumps(value, indent=2), " " * depth)


def _capture(summary: CaptureSummary) -> dict[str, object]:
    return fields_of(summary) | {
        "others": [{"what": what or None, "count": count} for what, count in summary.others]
    }


def _trace(trace: Trace) -> dict[str, object]:
    certificate = trace.client_certificate
    return {
        "target": trace.target,
        "route": list(trace.route),
        "requested_version": _name(trace.requested_version),
        "negotiated_version": _name(trace.negotiated_version),
        "client_certificate": None if certificate is None else certificate_json(certificate),
        "events": [_event(event, trace.start) for event in trace.events],
        "outcome": _outcome(trace),
        "diagnosis": [fields_of(cause) for cause in trace.causes],
        "flow": None if trace.flow is None else _flow(trace.flow),
        "resumption": None if trace.resumption is None else _resumption(trace.resumption),
    }


def _resumption(resumption: Resumption) -> dict[str, object]:
    identity = resumption.identity
    return fields_of(resumption) | {
        "identity": None if identity is None else certificate_json(identity)
    }


def _flow(flow: Flow) -> dict[str, object]:
    return {
        "number": flow.number,
        "client": flow.client._asdict(),
        "server": flow.server._asdict(),
        "first_packet": _moment(flow.first),
        "last_packet": _moment(flow.last),
        "packets": flow.packets,
        "prelude": flow.prelude or None,
        "gaps": [
            {"from": lack.sender.value, "gap": lack.gap.value, "octets": lack.octets}
            for lack in flow.lacks
        ],
    }


def _moment(time: float) -> str:
    """Return a time (seconds since the epoch) in ISO 8601, UTC, to the microsecond."""
    return f"{datetime.fromtimestamp(time, timezone.utc):%Y-%m-%dT%H:%M:%S.%fZ}"


def _outcome(trace: Trace) -> dict[str, object]:
    outcome = trace.outcome
    places = (at for at, event in enumerate(trace.events) if event is outcome.decided_by)
    return fields_of(dataclasses.replace(outcome, decided_by=None)) | {
        "alert": None if outcome.alert is None else alert_json(outcome.alert),
        "echoes": [alert_json(alert) for alert in outcome.echoes],
        "warnings": [alert_json(alert) for alert in outcome.warnings],
        "decided_by": next(places, None),
    }


def _event(event: Event, start: float) -> dict[str, object]:
    whose = "endpoint" if isinstance(event, LocalFact) else "from"
    common: dict[str, object] = {
        "type": _WORD.sub("_", type(event).__name__).lower(),
        "time": round(event.time - start, 6),
        whose: event.endpoint.value,
    }
    if isinstance(event, WireEvent):
        common["records"] = [span._asdict() for span in event.records]
        common["encrypted"] = event.encrypted
    match event:
        case MessageSeen():
            return common | {
                "out_of_order": event.out_of_order,
                "length": len(event.raw),
                "message": json_value(event.message),
            }
        case AlertSeen():
            return common | {"alert": alert_json(event)}
        case ApplicationDataSeen():
            return common | {
                "length": len(event.data),
                "first_bytes": event.data[:FIRST_BYTES].hex(),
                "start_line": start_line(event.data),
            }
    shared = {field.name for field in dataclasses.fields(WireEvent)}
    return common | {name: value for name, value in fields_of(event).items() if name not in shared}


def _name(code_point: CodePoint | None) -> str | None:
    return None if code_point is None else str(code_point)
