"""Results of the diagnosis: how a connection ended, and one cause that fits it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from lab.tls.application_protocol import ApplicationAnswer
from lab.tls.events import AlertSeen, Endpoint, Event


class Result(enum.Enum):
    """How it ended, in one word."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FAILED = "failed"
    UNKNOWN = "cannot be told"


class Signal(enum.Enum):
    """By what an endpoint ended the connection, or the attempt to have one."""

    ALERT = "alert"
    FIN = "FIN"
    RST = "RST"
    CLOSE_NOTIFY = "close_notify"
    HTTP_STATUS = "HTTP status"
    APPLICATION = "the application's answer"
    TIME_OUT = "time-out"
    NOT_TLS = "bytes that are not TLS"
    MALFORMED = "malformed bytes"
    UNREAD_ALERT = "an alert that cannot be read"


class AnswerMeaning(enum.Enum):
    """What an application's answer says of the client, once TLS has let it in."""

    ADMITTED = "let in"
    REFUSED = "refused"
    ASKS = "asked for another login"
    NEITHER = "neither let in nor refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a connection ended, as far as its events tell.

    * ``by`` is the end that rejected the other or broke off; None where neither did.
    * ``signal`` is how it did that, ``alert`` the alert and ``http_status`` the status where it
      was one. Where TLS came to its end in order, ``signal`` may be CLOSE_NOTIFY or None.
    * ``http_text`` is what the body of an HTTP refusal says, on one line, escaped; "" if nothing.
    * ``answer`` is what an application other than HTTP answered, its texts on one line, escaped,
      ``answer_meaning`` what that says of the client; None where it was not asked, or not heard.
    * ``handshake_accepted`` tells that the server is known to have accepted the client's last
      flight.
    * ``after`` names the last handshake message of the other end that lies before the signal,
      ``sealed`` tells that it was encrypted and could not be read.
    * ``client_handshake_returned`` and ``server_handshake_returned`` tell of each end's own
      handshake call; None where that end was not watched.
    * ``exception`` is the wording of the watched client's library, or the server's, "" if none.
    * ``echoes`` are alerts that were written after the connection was already over, ``warnings``
      alerts that end nothing; the first of each.
    * ``decided_by`` is the event that decided; None where it was that nothing more came.
    * ``ground`` is why the result holds, in a sentence without its full stop, where it was inferred
      from what cannot be read, or why it cannot be told; "" where it was seen.
    """

    result: Result
    by: Endpoint | None = None
    signal: Signal | None = None
    alert: AlertSeen | None = None
    http_status: int | None = None
    http_text: str = ""
    answer: ApplicationAnswer | None = None
    answer_meaning: AnswerMeaning | None = None
    handshake_accepted: bool = False
    after: str = ""
    sealed: bool = False
    client_handshake_returned: bool | None = None
    server_handshake_returned: bool | None = None
    exception: str = ""
    echoes: tuple[AlertSeen, ...] = ()
    warnings: tuple[AlertSeen, ...] = ()
    decided_by: Event | None = None
    ground: str = ""

    @property
    def accepted(self) -> bool:
        """Whether neither end rejected the other or broke off."""
        return self.result is Result.ACCEPTED

    @property
    def rejected(self) -> bool:
        """Whether one end rejected the other; ``by`` names it."""
        return self.result is Result.REJECTED

    @property
    def after_whose(self) -> str:
        """Behind which of the other end's messages ``by`` ended it: "the client's Finished".

        "" where neither end did, or behind none.
        """
        if self.by is None or not self.after:
            return ""
        article = next((word for word in ("a ", "an ") if self.after.startswith(word)), "")
        return f"the {self.by.other.value}'s {self.after.removeprefix(article)}"

    @property
    def hung_up_on_hello(self) -> bool:
        """Whether the server ended TCP right after the ClientHello, without any TLS of its own.

        It may not speak TLS there. A server that is watched tells itself what it did.
        """
        ended = self.signal in (Signal.FIN, Signal.RST) and self.by is Endpoint.SERVER
        unwatched = self.server_handshake_returned is None
        at_hello = self.after == "ClientHello" and self.result is Result.FAILED
        return ended and at_hello and unwatched


class Judge(Protocol):
    """Judges one connection, event by event: ``lab.diagnosis.outcome.OutcomeJudge``."""

    def take(self, event: Event) -> None:
        """Take the next event."""
        ...

    @property
    def outcome(self) -> Outcome:
        """The outcome as far as the events tell."""
        ...


ONE_OF_SEVERAL = "one of several causes that fit: which one it is cannot be told from the wire"
"""Evidence of a cause that others share."""

THEIR_FILES = "whether the server uses these files is not visible on the wire"
"""Evidence of a cause that OpenSSL found here, by the files that the server is said to trust."""


class LaterAnswer(enum.Enum):
    """Whether a client answers a server that asks for its certificate after the handshake."""

    YES = "yes"
    IF_TOLD = "only where it is told to"
    NO = "no"
    UNKNOWN = "not known here"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterClient:
    """A kind of clients, and how it takes a request for its certificate after the handshake.

    ``post_handshake`` is about TLS 1.3 (RFC 9846 section 4.7.2), ``renegotiation`` about a server
    that renegotiates in TLS 1.2; ``setting`` is what tells it to where that is needed. ``measured``
    names what it was seen with, "" where it is only cited; ``source`` who else says it, "" for
    nobody.
    """

    name: str
    post_handshake: LaterAnswer
    renegotiation: LaterAnswer
    setting: str = ""
    measured: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One cause that fits.

    ``code`` is a stable name for machines, ``summary`` the cause in a sentence without its full
    stop, ``evidence`` what was seen that speaks for it, ``reference`` the section that the case is
    about, ``fix`` what to do, "" where nothing is wrong. ``clients`` are kinds of clients that it
    concerns, and how they take it.
    """

    code: str
    summary: str
    evidence: tuple[str, ...]
    reference: str
    fix: str
    clients: tuple[LaterClient, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustVerdict:
    """What OpenSSL, asked here, says of the client's chain by what the server is said to trust.

    ``code`` is its X509_V_ERR_… number, 0 where it accepts the chain; ``reason`` its wording, ""
    then. ``files`` names what it was asked with, such as "ca.crt and crl.pem".
    """

    code: int
    reason: str
    files: str

    @property
    def accepted(self) -> bool:
        """Whether OpenSSL accepts the chain."""
        return self.code == 0
