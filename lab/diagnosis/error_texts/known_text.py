"""What a row of the tables is: a text that a program prints, and what it says.

Rules: a phrase is matched word by word, whatever the case, quotes, dashes and line ends between
its words; other punctuation must be there as written. ``#`` stands for a number, ``*`` for one
to twelve words, ``$`` for a hexadecimal number of eight digits, ``@`` for the name of an alert,
``%`` for OpenSSL's words for a verify code, ``^`` for those of a reason of libssl. A phrase is the
constant part of a message.

This module must not know how phrases are looked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lab.diagnosis.error_texts.results import AlertDirection, ErrorPhase, SpeakerRole

RECEIVED, SENT = AlertDirection.RECEIVED, AlertDirection.SENT
HANDSHAKE, AFTER = ErrorPhase.HANDSHAKE, ErrorPhase.AFTER_HANDSHAKE
CLIENT, SERVER = SpeakerRole.CLIENT, SpeakerRole.SERVER


class KnownText(NamedTuple):
    """One row.

    * ``speaker`` is a key of ``speakers.SPEAKERS``, "" for nobody in particular.
    * ``says`` is what the text says; "" where the alert or the verify code says it.
    * ``alert``, ``direction``, ``phase``, ``role``: as in ``ErrorFinding``, as far as the text
      alone tells; ``verify`` is OpenSSL's verify code where it is one.
    * ``causes`` are codes of causes, best first: ``peer:`` before a code stands for the end that
      the speaker talks to, ``own:`` for the speaker's own end. Without any, those of the alert or
      of the verify code.
    * ``numbers`` are what it is known by: a kind of numbers, and the number.
    * ``captured`` is the kind of the number at the first of these signs but ``*``: such a row
      takes the rest from what that number means.
    * ``general``: dropped where something more exact is found beside it in the same entry of a
      log; with ``announces`` in the next ones too, where a program logs the reason on its own.
    * ``in_context``: found only where its line is about TLS, or is nearly the whole text.
    * ``alone``: found only where it is nearly the whole text.
    * ``needs``: found only where its line has these words too.
    * ``mark``: it only shows who speaks, or when.
    * ``source`` is where the text is from.
    """

    phrase: str
    speaker: str = ""
    says: str = ""
    alert: int | None = None
    direction: AlertDirection = AlertDirection.UNKNOWN
    phase: ErrorPhase = ErrorPhase.UNKNOWN
    role: SpeakerRole = SpeakerRole.UNKNOWN
    verify: int | None = None
    causes: tuple[str, ...] = ()
    numbers: tuple[tuple[str, int], ...] = ()
    captured: str = ""
    general: bool = False
    announces: bool = False
    in_context: bool = False
    alone: bool = False
    needs: str = ""
    mark: bool = False
    source: str = ""


def from_source(source: str, speaker: str, rows: Iterable[KnownText]) -> tuple[KnownText, ...]:
    """Return the rows with their source, and the speaker where they name none."""
    return tuple(row._replace(source=source, speaker=row.speaker or speaker) for row in rows)


def each(row: KnownText, *phrases: str) -> tuple[KnownText, ...]:
    """Return the row once for each phrase."""
    return tuple(row._replace(phrase=phrase) for phrase in phrases)
