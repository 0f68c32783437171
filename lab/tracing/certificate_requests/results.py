"""Results of explaining certificate requests: what servers ask for, and what clients would send."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from lab.diagnosis.certificate_selection.results import CertificateAtHand, ClientSelection
from lab.diagnosis.results import LaterClient
from lab.tls.code_points import ProtocolVersion
from lab.tls.messages import CertificateRequest


class RequestTime(enum.Enum):
    """When a server asks."""

    IN_HANDSHAKE = "in the handshake"
    AFTER_HANDSHAKE = "after the handshake"
    RENEGOTIATION = "in a renegotiation"


class ClientAnswer(enum.Enum):
    """What the client of a connection did with a request, as far as it can be seen."""

    CERTIFICATE = "sent a certificate"
    EMPTY = "sent an empty Certificate"
    RAW_KEY = "sent a raw public key"
    UNSEEN = "cannot be told"


class NoRequest(enum.Enum):
    """Why no request was seen on a connection."""

    NOT_ASKED = "the server asked for no certificate in the handshake"
    RESUMED = "the session was resumed, in which no certificate is asked for in the handshake"
    SEALED = "its handshake is encrypted, and no secret opens it"
    NOT_CAPTURED = "its handshake was not captured, or not all of it"
    NOT_DECODED = "its CertificateRequest is not decoded here"
    ENDED_BEFORE = "it ended before the server could ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRequest:
    """One request as it was seen, when it came, and what the client did."""

    request: CertificateRequest
    time: RequestTime
    answer: ClientAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedConnection:
    """A connection and the requests in it.

    * ``server`` is its address; ``number`` its number in the capture or document, None where it was
      dialled here.
    * ``version`` is the one that was agreed on, or the only one that the client offered; None where
      neither is known. ``began`` (aware) is when it was.
    * ``requests`` are in their order. ``lack`` says why there is none, ``detail`` what else is
      known of that, "" if nothing.
    """

    server: str
    number: int | None
    version: ProtocolVersion | None
    began: datetime
    requests: tuple[SeenRequest, ...] = ()
    lack: NoRequest | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTerms:
    """What a request asks for.

    * ``names`` are the CAs named, in the form of RFC 4514, as they stand; no more than are shown.
      ``names_left_out`` is how many more there are.
    * ``keys`` are the kinds of key that the client can sign with here, ``unknown_schemes`` how many
      signature algorithms are not known here. ``signatures`` are the algorithms themselves.
    * ``chain_signatures`` are those for certificates where they are asked for apart
      (signature_algorithms_cert), else None.
    * ``types`` are the certificate types of TLS 1.2. ``filters`` is how many extensions the
      certificate must have by oid_filters (RFC 9846 section 4.3.5).
    """

    names: tuple[str, ...]
    names_left_out: int
    keys: tuple[str, ...]
    unknown_schemes: int
    signatures: tuple[str, ...]
    chain_signatures: tuple[str, ...] | None
    types: tuple[str, ...]
    filters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFit:
    """How a certificate at hand compares with a request.

    ``named`` is the named CA that issued it or one of its chain, "" where none did; None where the
    request names none. ``key_fits`` tells whether its key is of a kind that is asked for; None
    where that cannot be told.
    """

    certificate: CertificateAtHand
    named: str | None
    key_fits: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedRequest:
    """One request, and what each kind of client would do with it.

    * ``server``, ``version`` and ``time`` say whose it is. ``numbers`` are those of the connections
      in which it was seen, the first ones, ``connections`` how many these are in all.
    * ``answers`` are what their clients did, each with how often; the most frequent first.
    * ``selections`` and ``fits`` are empty where no certificate is at hand.
    """

    server: str
    version: ProtocolVersion
    time: RequestTime
    request: CertificateRequest
    numbers: tuple[int, ...]
    connections: int
    answers: tuple[tuple[ClientAnswer, int], ...]
    terms: RequestTerms
    fits: tuple[CertificateFit, ...]
    selections: tuple[ClientSelection, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnaskedConnections:
    """Connections in which no request was seen, for one reason: fields are as above."""

    server: str
    version: ProtocolVersion | None
    lack: NoRequest
    detail: str
    numbers: tuple[int, ...]
    connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReport:
    """What is said of a source.

    ``source`` is its name. ``dialled`` tells that it is a server that was connected to, as a client
    without a certificate. ``left_out`` is how many connections have requests, or reasons for none,
    that are more than are kept. ``later_clients`` tell who can be asked then, where a request did
    not come in the handshake.
    """

    source: str
    dialled: bool
    certificates: tuple[CertificateAtHand, ...]
    requests: tuple[ExplainedRequest, ...]
    unasked: tuple[UnaskedConnections, ...]
    left_out: int = 0
    later_clients: tuple[LaterClient, ...] = ()

    @property
    def tells(self) -> bool:
        """Whether anything is known: what is asked for, or that nothing was."""
        known = (NoRequest.NOT_ASKED, NoRequest.RESUMED)
        return bool(self.requests) or any(each.lack in known for each in self.unasked)
