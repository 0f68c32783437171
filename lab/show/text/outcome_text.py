"""The verdict on one trace in words: its title, its outcome, and the causes that fit.

Rules: the outcome and the diagnosis are the core's; here they are only put into sentences.

This module must not know how the events themselves are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from lab.diagnosis.results import Cause, Outcome, Result, Signal
from lab.show.text.details import bounded, subject
from lab.show.text.event_text import headline
from lab.show.text.paper import Paper
from lab.tls.events import AlertSeen
from lab.tracing.results import Trace

STYLES = {Result.ACCEPTED: "bold green", Result.REJECTED: "bold red", Result.FAILED: "bold red"}
_LONGEST = 600
_DEEDS = {
    Signal.FIN: "ended the connection",
    Signal.RST: "reset the connection",
    Signal.CLOSE_NOTIFY: "closed the TLS connection",
    Signal.TIME_OUT: "did not finish in time",
    Signal.NOT_TLS: "sent bytes that are not TLS",
    Signal.MALFORMED: "sent malformed bytes",
}


def title(trace: Trace, paper: Paper) -> Iterator[Text]:
    """Whom the client called, and as what."""
    yield paper.rule(f"{bounded(trace.target)}: {setting(trace)}")


def setting(trace: Trace) -> str:
    """What the client came with: "TLS 1.3, no client certificate"."""
    version = version_words(trace)
    if trace.client_certificate is None:
        return f"{version}, no client certificate"
    return f"{version}, client certificate {subject(trace.client_certificate)}"


def version_words(trace: Trace) -> str:
    """What version the client offered: "TLS 1.3", or "any version"."""
    return str(trace.requested_version or "any version")


def verdict(trace: Trace, paper: Paper) -> Iterator[Text]:
    """The outcome, and the diagnosis."""
    yield paper.rule("Outcome")
    yield from _outcome(trace, paper)
    yield Text()
    yield paper.rule("Diagnosis")
    numbered = len(trace.causes) > 1
    for number, cause in enumerate(trace.causes, start=1):
        if number > 1:
            yield Text()
        yield from _cause(cause, f"{number}." if numbered else "", paper)


def result_words(outcome: Outcome) -> str:
    """How it ended, and by whom: "rejected by the server"."""
    if outcome.result is Result.ACCEPTED:
        return "accepted"
    if outcome.result is Result.REJECTED and outcome.by is not None:
        return f"rejected by the {outcome.by.value}"
    if outcome.by is None or outcome.signal is None:
        return f"{outcome.result.value}: the handshake was not completed"
    return f"failed: the {outcome.by.value} {_DEEDS[outcome.signal]}"


def signal_words(outcome: Outcome) -> str:
    """By what it ended: "alert certificate_required (116)"."""
    if outcome.alert is not None:
        alert = outcome.alert
        return f"alert {alert.description} ({alert.description.value})"
    if outcome.signal is Signal.HTTP_STATUS:
        return f"HTTP status {outcome.http_status}"
    if outcome.signal in (Signal.FIN, Signal.RST):
        return f"TCP {outcome.signal.value}, no alert"
    return outcome.signal.value if outcome.signal else "none"


def returned_words(returned: bool | None) -> str:
    """Whether an endpoint's handshake call had returned."""
    if returned is None:
        return "not observed"
    return "its handshake call had returned" if returned else "its handshake call never returned"


def _outcome(trace: Trace, paper: Paper) -> Iterator[Text]:
    outcome = trace.outcome
    fine = outcome.result is Result.ACCEPTED
    mark = paper.glyphs.fine if fine else paper.glyphs.broken
    words = result_words(outcome)
    for number, line in enumerate(paper.wrapped(words, paper.width - 2)):
        first = f"{mark} " if number == 0 else "  "
        yield Text.assemble((first, STYLES[outcome.result]), (line, STYLES[outcome.result]))
    for label, value in _facts(trace):
        yield from paper.entry(label, value, indent=2)


def _facts(trace: Trace) -> Iterator[tuple[str, str]]:
    outcome = trace.outcome
    if trace.negotiated_version is not None:
        yield "version", str(trace.negotiated_version)
    else:
        yield "version", "not negotiated"
    if outcome.signal is not None:
        yield "signal", signal_words(outcome) + _manner(outcome.alert)
    elif outcome.http_status is not None:
        yield "HTTP status", str(outcome.http_status)
    if outcome.by is not None and outcome.after:
        sealed = "an encrypted record, " if outcome.sealed else ""
        yield "after", f"the {outcome.by.other.value}'s {sealed}{bounded(outcome.after)}"
    yield "client", returned_words(outcome.client_handshake_returned)
    yield "server", returned_words(outcome.server_handshake_returned)
    if outcome.exception:
        yield "exception", bounded(outcome.exception)
    for echo in outcome.echoes:
        yield "echo", f"{_whose(echo)}, after the end"
    for warning in outcome.warnings:
        yield "warning", f"{_whose(warning)}, not fatal"


def _manner(alert: AlertSeen | None) -> str:
    if alert is None:
        return ""
    return f", {alert.level}, {'encrypted' if alert.encrypted else 'in the clear'}"


def _whose(alert: AlertSeen) -> str:
    return f"the {alert.endpoint.value}'s {headline(alert)}"


def _cut(sentence: str) -> str:
    """A sentence of the diagnosis: escaped already, and as long as a peer's names made it."""
    return sentence if len(sentence) <= _LONGEST else f"{sentence[:_LONGEST]}..."


def _cause(cause: Cause, number: str, paper: Paper) -> Iterator[Text]:
    for line in paper.wrapped(_cut(cause.summary), paper.width - 3):
        yield Text.assemble((f"{number:<3}", "bold"), (line, "bold"))
        number = ""
    label = "seen"
    for each in cause.evidence:
        yield from paper.entry(label, _cut(each), indent=3)
        label = ""
    yield from paper.entry("see", cause.reference, indent=3)
    if cause.fix:
        yield from paper.entry("fix", cause.fix, indent=3, style="green")
