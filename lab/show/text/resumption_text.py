"""The words for what became of a session: whether it was resumed, and whom the server sees then.

This module must not know how the words are laid out.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.show.text.peer_text import subject
from lab.tracing.results import IdentitySource, Resumption, SessionUse

_REQUESTED = {
    True: "asked for",
    False: "not asked for",
    None: "whether it was asked for is not known",
}


def resumption_pairs(resumption: Resumption) -> Iterator[tuple[str, str]]:
    """Yield what is to be said of a session, as labels and values."""
    if resumption.use is SessionUse.NOT_ISSUED:
        yield "session", "the server issued none, so there is nothing to resume"
        return
    yield "session", f"{_offered(resumption)}: {_became(resumption.use)}"
    yield "certificate", _REQUESTED[resumption.certificate_requested]
    if resumption.use is SessionUse.RESUMED:
        yield "identity", _seen(resumption)


def _offered(resumption: Resumption) -> str:
    kind = resumption.kind.value if resumption.kind else "session"
    if resumption.lifetime is None:
        return f"{kind} of the first connection"
    return f"{kind} of the first connection, good for {resumption.lifetime} s by the server's word"


def _became(use: SessionUse) -> str:
    return {
        SessionUse.RESUMED: "resumed",
        SessionUse.NOT_RESUMED: "not resumed, the server made a full handshake",
    }.get(use, "whether it was resumed cannot be told")


def _seen(resumption: Resumption) -> str:
    if resumption.source is IdentitySource.UNKNOWN:
        return "whom the server takes the client for cannot be told by what it answered"
    if resumption.identity is None:
        return "none: the server knows no certificate of the client (its own facts)"
    name = subject(resumption.identity)
    if resumption.source is IdentitySource.SERVER and resumption.certificate_requested:
        return f"{name}, by the certificate that the server asked for (its own facts)"
    if resumption.source is IdentitySource.SERVER:
        return f"{name}, which the server has from the session (its own facts)"
    return f"{name}, whom the server's answer names"
