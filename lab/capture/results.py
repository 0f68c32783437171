"""What a capture is read into: connections, what each end sent, and what the capture lacks.

Rules: what the capture lacks is never an end's doing. Times are seconds since the epoch, as the
capture has them. ``flow`` numbers the connections of one capture from 1, in the order in which
their first packets come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from lab.tls.events import Endpoint, Gap, StreamEnd


class CaptureError(Exception):
    """What was given is no capture that can be read; the message is one line for the user."""


class Address(NamedTuple):
    """One end of a connection: an IP address as text, without brackets, and a TCP port."""

    host: str
    port: int

    @property
    def authority(self) -> str:
        """``host:port``, with the brackets that RFC 3986 section 3.2.2 wants around IPv6."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """Bytes of ``sender`` that the capture lacks; ``octets`` is None where nobody can tell."""

    sender: Endpoint
    gap: Gap
    octets: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One TCP connection of a capture, as a whole.

    * ``number`` is its place in the capture, from 1.
    * ``first`` and ``last`` are the times of its first and its last packet.
    * ``packets`` is their number, 0 where they are not seen (by a tap).
    * ``prelude`` names what was spoken before TLS, such as "SMTP STARTTLS"; "" for nothing.
    * ``lacks`` is what the capture lacks of it, the first of each kind and sender with the sum of
      the octets.
    """

    number: int
    client: Address
    server: Address
    first: float
    last: float
    packets: int
    prelude: str = ""
    lacks: tuple[Lack, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowBytes:
    """The next bytes of TLS that ``sender`` sent, what came before TLS left out."""

    flow: int
    sender: Endpoint
    data: bytes
    time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowGap:
    """The capture lacks bytes of ``sender`` at this point of its stream; see ``Lack``."""

    flow: int
    sender: Endpoint
    gap: Gap
    octets: int | None
    time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowEnd:
    """TCP ended for what ``sender`` sends."""

    flow: int
    sender: Endpoint
    end: StreamEnd
    time: float


CUT_SHORT = "data cut by the snap length"
"""What a connection is called that may be TLS: too little of its packets was captured to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowClosed:
    """Nothing more will be told of this connection: it ended, or the capture did.

    ``tls`` tells whether a TLS record was seen in it, ``other`` what it is otherwise, such as
    "plain HTTP", or ``CUT_SHORT``; "" where nothing can be said.
    """

    flow: Flow
    tls: bool
    other: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsFound:
    """Text in the NSS key log format that the capture itself holds (pcapng, a DSB)."""

    key_log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotDecoded:
    """Packets that hold something else: ``what`` names it ("QUIC", "DTLS 1.2"), once per flow."""

    what: str
    client: Address
    server: Address
    time: float


CaptureItem = FlowBytes | FlowGap | FlowEnd | FlowClosed | SecretsFound | NotDecoded
