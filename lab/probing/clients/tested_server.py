"""What a server for a client under test is: data, from which the server is run and judged.

Rules: each server differs from a good one in nothing but what its sentence says. What it does is
here, what a client should make of it is the ``norm``.
"""

from __future__ import annotations

import enum
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from lab.pki import catalogue
from lab.pki.catalogue import Recipe
from lab.pki.lab_ca import LabAuthority
from lab.probing.clients.results import ServerDescription
from lab.probing.scenarios.scenario import TrustRecipe, lab_root
from lab.stream.contexts import ClientAuth, TlsVersion

BY_NAME, BY_ADDRESS = "localhost", "127.0.0.1"
"""What a client is told to connect to."""


class Behind(enum.Enum):
    """What a server does when its handshake is complete."""

    ANSWER = "answer each request"
    ASK_LATER = "ask for a certificate, then answer"
    NO_GOODBYE = "answer, and end TCP without close_notify"
    CUT_OFF = "announce more than it sends, and end TCP without close_notify"
    SEND_ELSEWHERE = "send the client to another page, on a new connection"


class Told(enum.Enum):
    """By what it is told whether a client accepted a server."""

    BY_REQUEST = "it went through the handshake and sent something, or was content with that"
    BY_OFFER = "it offered what the server wants, or did not"
    BY_KEY_EXCHANGE = "it went on with the handshake"
    BY_EXIT_CODE = "its exit code, once the handshake is over"
    BY_ANSWER = "its exit code, once it was answered"
    BY_RETURN = "what it did when it came again"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSslServer:
    """A server by OpenSSL, which asks for a client certificate and can do without.

    ``weak`` lets OpenSSL use keys, signatures and versions that it would refuse; ``ciphers`` are
    the only ones that it takes, "" for the usual. ``returning`` is the identity for who
    connects when a handshake is complete, under another ticket key. ``spoils_signature`` has one
    bit of the signature over its key exchange flipped on the way, in TLS 1.2.
    """

    identity: Recipe = catalogue.good_server
    trusts: TrustRecipe = lab_root
    client_auth: ClientAuth = ClientAuth.OPTIONAL
    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    weak: bool = False
    ciphers: str = ""
    behind: Behind = Behind.ANSWER
    returning: Recipe | None = None
    spoils_signature: bool = False


class Spoilt(enum.Enum):
    """What is wrong in a handshake of TLS 1.3 that no library would send."""

    NOTHING = "nothing"
    VERIFY_KEY = "CertificateVerify is by another key than the certificate's"
    FINISHED = "the last byte of Finished is wrong"


AuthorityNames = Callable[[LabAuthority], tuple[bytes, ...]]
"""Which names of CAs, in DER, a CertificateRequest has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandmadeServer:
    """A server of TLS 1.3 that is written here, for what no library can be told to send.

    ``alpn`` is the protocol that it chooses whatever was offered, b"" for HTTP/1.1 where it was;
    ``schemes`` are the signature algorithms that it takes from the client, by their numbers.
    """

    spoilt: Spoilt = Spoilt.NOTHING
    alpn: bytes = b""
    authorities: AuthorityNames = field(default=lambda _: ())
    schemes: tuple[int, ...] = (0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0807, 0x0401)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearServer:
    """A server that answers in plain HTTP whatever it is sent, a ClientHello included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUnderTest(ServerDescription):
    """A server, as it is described, run and judged.

    ``host`` is what the client is told to connect to. ``only`` is the one version that it can be
    tried in, None for any.
    """

    server: OpenSslServer | HandmadeServer | ClearServer
    host: str = BY_NAME
    only: TlsVersion | None = None
    told: Told = Told.BY_REQUEST
