"""What a connection of the known truth is composed of, as data: both ends of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from lab.pki.identity import KeyKind
from tests.diagnosis.truth.certificates import ClientCertificate, Root, ServerCertificate

KNOWN_HOST = "known.example"
UNKNOWN_HOST = "unknown.example"
HOSTS = (KNOWN_HOST, "localhost")


class Engine(enum.Enum):
    """Which server runs: Python's ``ssl`` in a thread, or ``openssl s_server``."""

    PYTHON = "python"
    S_SERVER = "s_server"


class Asks(enum.Enum):
    """When a server asks for a client certificate, and what it makes of it.

    UNVERIFIED takes any; AFTER_REQUEST asks after the handshake, and requires one then; OTHER_HOST
    requires one of whoever names a host by SNI.
    """

    NEVER = "never"
    OTHER_HOST = "of clients that name a host"
    OPTIONAL = "optional"
    REQUIRED = "required"
    UNVERIFIED = "unverified"
    AFTER_REQUEST = "after the request"


class Names(enum.Enum):
    """The CA names in CertificateRequest."""

    NONE = "none"
    TRUSTED = "those that are trusted"
    OTHER = "another CA than those that are trusted"


class Lists(enum.Enum):
    """The CRLs of a server; with any but NONE every CA of a chain needs a current one."""

    NONE = "no check"
    FRESH = "fresh"
    MISSING = "missing"
    EXPIRED = "expired"
    ROOT_ONLY = "the root's only"


class Clock(enum.Enum):
    """The clock by which a server verifies; the distance is in days."""

    RIGHT = 0
    BEHIND = -100
    AHEAD = 500


class Refusal(enum.Enum):
    """How a server ends a handshake that its TLS refused."""

    ALERT = "alert"
    FIN = "FIN"
    RST = "RST"


class HostRule(enum.Enum):
    """The alert for an SNI that is missing or unknown; NONE: any host will do."""

    NONE = 0
    HANDSHAKE_FAILURE = 40
    INTERNAL_ERROR = 80
    UNRECOGNIZED_NAME = 112


class Given(enum.Enum):
    """What the tracer's user gives as the CAs and CRLs that the server is said to trust."""

    NOTHING = "nothing"
    RIGHT = "what it trusts"
    OTHER = "another CA"


class Reason(enum.Enum):
    """Why an application refuses a request; NONE: it does not."""

    NONE = "none"
    NO_CERTIFICATE = "no certificate"
    BAD_CERTIFICATE = "the certificate does not verify"
    SUBJECT = "the subject is not allowed"
    HOST = "no or another host name"
    REQUEST = "the request itself"
    PROTOCOL = "no h2 was agreed on"
    LATE = "a certificate cannot be asked for after the handshake"
    CRASH = "a fault of its own"


class Ending(enum.Enum):
    """How an application ends a connection: with an answer, or by one of these without."""

    ANSWER = "answer"
    CLOSE_NOTIFY = "close_notify"
    FIN = "FIN"
    RST = "RST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What happens after the handshake. ``early`` ends it before a request is read."""

    reason: Reason = Reason.NONE
    ending: Ending = Ending.ANSWER
    status: int = 200
    says_why: bool = False
    early: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One connection. The defaults are a good client and a good server over mutual TLS."""

    version: str
    presents: bool = True
    certificate: ClientCertificate = field(default_factory=ClientCertificate)
    sni: str | None = KNOWN_HOST
    client_alpn: tuple[str, ...] = ()
    writes_first: bool = False
    given: Given = Given.NOTHING
    engine: Engine = Engine.PYTHON
    server_certificate: ServerCertificate = ServerCertificate.GOOD
    server_key: KeyKind = KeyKind.EC_P256
    server_versions: tuple[str, ...] = ("1.2", "1.3")
    suites: str = ""
    group: str = ""
    server_alpn: tuple[str, ...] = ()
    host_rule: HostRule = HostRule.NONE
    asks: Asks = Asks.REQUIRED
    trusted: tuple[Root, ...] = (Root.TRUSTED,)
    trusts_intermediate_only: bool = False
    names: Names = Names.NONE
    lists: Lists = Lists.NONE
    clock: Clock = Clock.RIGHT
    client_signatures: str = ""
    refusal: Refusal = Refusal.ALERT
    tickets: int = 2
    application: Application = field(default_factory=Application)

    @property
    def is_judged(self) -> bool:
        """Whether the server verifies a certificate that it gets."""
        return self.sends and self.asks is not Asks.UNVERIFIED

    @property
    def withholds(self) -> bool:
        """Whether the client has a certificate and finds no algorithm to sign with."""
        return self.presents and bool(self.client_signatures)

    @property
    def sends(self) -> bool:
        """Whether the client sends a certificate if it comes to that."""
        return self.is_asked and self.presents and not self.withholds

    @property
    def is_asked(self) -> bool:
        """Whether the server asks this client for a certificate."""
        late = self.asks is Asks.AFTER_REQUEST and self.application.reason is Reason.LATE
        return self.asks not in (Asks.NEVER, Asks.OTHER_HOST) and not late

    @property
    def is_weak(self) -> bool:
        """Whether the client's key is one that OpenSSL loads at security level 0 only."""
        return self.certificate.kind is KeyKind.RSA_1024

    @property
    def agreed_alpn(self) -> str | None:
        """The protocol that ALPN agrees on, None for none."""
        common = [name for name in self.server_alpn if name in self.client_alpn]
        return common[0] if common else None
