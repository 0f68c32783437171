"""Results of certificate selection: what each client's program does with one request."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Decision(enum.Enum):
    """What a client does when a server asks it for a certificate."""

    SENDS = "sends a certificate"
    SENDS_EMPTY = "sends an empty Certificate"
    BREAKS_OFF = "breaks off"
    UNKNOWN = "cannot be told"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateAtHand:
    """A certificate that the client has the key of.

    ``name`` is for people, such as the file; ``chain`` is in DER, the client's own certificate
    first, then those that the client has with it, each the issuer of the one before.
    """

    name: str
    chain: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientProgram:
    """A kind of client that selects in one way.

    ``code`` is a stable name for machines, ``name`` one for people, ``versions`` the programs that
    were measured, with their versions; "" where none was.
    """

    code: str
    name: str
    versions: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSelection:
    """What one kind of client does with a request, and why.

    ``certificate`` is the one that it sends, None where it sends none or that cannot be told.
    ``rule`` is the client's rule in one sentence, ``reason`` what of this request and these
    certificates decided, without a full stop. ``source`` says where the rule is from: the programs
    that were run, or a citation. ``measured`` tells the two apart.
    """

    client: ClientProgram
    decision: Decision
    certificate: CertificateAtHand | None
    rule: str
    reason: str
    source: str
    measured: bool
