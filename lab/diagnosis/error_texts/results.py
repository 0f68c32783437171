"""Results of explaining error texts: what was found in a text, and what was not understood."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class AlertDirection(enum.Enum):
    """Whether whoever printed the text received the refusal or made it."""

    RECEIVED = "received"
    SENT = "sent"
    UNKNOWN = "unknown"


class ErrorPhase(enum.Enum):
    """When it happened, as seen by whoever printed the text.

    AFTER_HANDSHAKE: its handshake call had returned. In TLS 1.3 the server judges the client's
    certificate only then, so that its refusal arrives at the client's first read.
    """

    HANDSHAKE = "handshake"
    AFTER_HANDSHAKE = "after-handshake"
    UNKNOWN = "unknown"


class SpeakerRole(enum.Enum):
    """Which end of the connection printed the text."""

    CLIENT = "client"
    SERVER = "server"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedAlert:
    """A TLS alert: its number, and the registry's name for it."""

    number: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PossibleCause:
    """One cause that fits a text.

    ``code`` is that of the diagnosis where it has one, ``summary`` a sentence without its full
    stop, ``how_to_tell`` what decides whether it is this one, ``fix`` what to do.
    """

    code: str
    summary: str
    how_to_tell: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFinding:
    """One error that was found in a text.

    * ``text`` is the first line that has it, cut around it; ``line`` is its number, from 1, and
      ``count`` how often the error was found.
    * ``speaker`` names the programs and libraries that speak, the outermost first, "" if that
      cannot be told; ``role`` is the end that they are.
    * ``says`` is what the text itself says, in a sentence without its full stop.
    * ``alert`` is the alert that it is about; None where it names none.
    * ``causes`` are all that fit, the likeliest first; empty where the text is no error.
    * ``scenarios`` are the names of the lab's scenarios that show one of the causes.
    """

    text: str
    line: int
    count: int
    speaker: str
    role: SpeakerRole
    says: str
    alert: NamedAlert | None
    direction: AlertDirection
    phase: ErrorPhase
    causes: tuple[PossibleCause, ...]
    scenarios: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownText:
    """A line that looks like an error of TLS, and is not known.

    ``recognised`` names the programs that it seems to come from, ``nearest`` are known texts that
    share words with it: neither is a finding.
    """

    text: str
    line: int
    recognised: tuple[str, ...]
    nearest: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorExplanation:
    """What was found in a text, in its order, and what was not understood.

    ``left_out`` is the number of further lines that were not understood either.
    """

    found: tuple[ErrorFinding, ...]
    unknown: tuple[UnknownText, ...]
    left_out: int = 0
