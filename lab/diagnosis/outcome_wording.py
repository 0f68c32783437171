"""An outcome in words: who ended the connection, by what, after which message."""

from __future__ import annotations

from lab.diagnosis.ending import Handshake
from lab.diagnosis.results import Outcome, Signal
from lab.tls.events import AlertSeen, MessageSeen, Undecoded


def name_of(event: Handshake | None) -> tuple[str, bool]:
    """Return the name of a handshake message, and whether it was sealed."""
    if event is None:
        return "", False
    if isinstance(event, MessageSeen):
        return event.message.name, False
    if isinstance(event, Undecoded):
        return event.name if event.message is not None else "bytes, not decoded here", False
    named = event.inference.startswith(("a ", "an "))
    sealed = f"an encrypted record of {event.length} bytes"
    return event.inference if named else sealed, True


def alert_in_words(alert: AlertSeen) -> str:
    """Return an alert in a sentence: who sent it, and which."""
    description = alert.description
    return f"the {alert.endpoint.value} sent the alert {description} ({description.value})"


def what_was_seen(outcome: Outcome) -> str:
    """Return the signal in a sentence: who ended the connection, by what, after which message."""
    assert outcome.by is not None
    if outcome.alert is not None:
        alert = outcome.alert
        did = f"sent the alert {alert.description} ({alert.description.value})"
    elif outcome.signal is None:
        did = f"reported that it rejected the {outcome.by.other.value}'s certificate"
    elif outcome.signal is Signal.UNREAD_ALERT:
        did = f"ended the connection with {outcome.signal.value}"
    else:
        did = f"ended the connection with {outcome.signal.value} and no alert"
    after = f" after {outcome.after_whose}" if outcome.after else ""
    return f"the {outcome.by.value} {did}{after}"
