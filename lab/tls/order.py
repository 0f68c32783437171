"""The legal order of messages, as tables.

Rules: each endpoint has a table for each family of versions; it names what the endpoint may send
in a state, and what it may receive that changes what it may send. What it sends and the table does
not name is out of order; what it receives and the table does not name changes nothing. The messages
of both ends come here in the order in which they arrived.

This module must not know records, keys or fields; see RFC 9846 section 2 and appendix A, and
RFC 5246 section 7.3.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from lab.tls import messages as msg
from lab.tls.code_points import HandshakeType
from lab.tls.events import Endpoint
from lab.tls.extensions import SelectedPsk


class Step(enum.Enum):
    """A message, as far as the order of messages depends on it."""

    __hash__ = object.__hash__  # that of Enum is Python code, and slow

    HELLO_REQUEST = "HelloRequest"
    CLIENT_HELLO = "ClientHello"
    SERVER_HELLO = "ServerHello"
    SERVER_HELLO_WITH_PSK = "ServerHello with pre_shared_key"
    HELLO_RETRY_REQUEST = "HelloRetryRequest"
    ENCRYPTED_EXTENSIONS = "EncryptedExtensions"
    CERTIFICATE_REQUEST = "CertificateRequest"
    CERTIFICATE = "Certificate"
    EMPTY_CERTIFICATE = "empty Certificate"
    CERTIFICATE_STATUS = "CertificateStatus"
    SERVER_KEY_EXCHANGE = "ServerKeyExchange"
    SERVER_HELLO_DONE = "ServerHelloDone"
    CLIENT_KEY_EXCHANGE = "ClientKeyExchange"
    CERTIFICATE_VERIFY = "CertificateVerify"
    CHANGE_CIPHER_SPEC = "ChangeCipherSpec"
    END_OF_EARLY_DATA = "EndOfEarlyData"
    FINISHED = "Finished"
    NEW_SESSION_TICKET = "NewSessionTicket"
    KEY_UPDATE = "KeyUpdate"
    OTHER = "another message"


class State(enum.Enum):
    """Where an endpoint stands; the value says what has happened last."""

    __hash__ = object.__hash__  # that of Enum is Python code, and slow

    START = "nothing sent"
    HELLO = "ClientHello"
    RETRY = "HelloRetryRequest"
    HELLO_AGAIN = "second ClientHello"
    NEGOTIATED = "ServerHello"
    RESUMED = "ServerHello that resumes"
    EXTENSIONS = "EncryptedExtensions"
    RESUMED_EXTENSIONS = "EncryptedExtensions of a resumption"
    ASKED = "CertificateRequest"
    MAY_FINISH = "the server's Finished"
    MUST_CERTIFY = "the server's Finished after a CertificateRequest"
    EARLY_DATA_ENDED = "EndOfEarlyData"
    CERTIFIED = "Certificate"
    CERTIFIED_EMPTY = "empty Certificate"
    VERIFIED = "CertificateVerify"
    FINISHED = "Finished, the client's awaited"
    CONNECTED = "handshake complete"
    ASKED_AGAIN = "CertificateRequest after the handshake"
    CERTIFIED_AGAIN = "Certificate after the handshake"
    CERTIFIED_EMPTY_AGAIN = "empty Certificate after the handshake"
    VERIFIED_AGAIN = "CertificateVerify after the handshake"
    STATUS = "CertificateStatus"
    KEY_EXCHANGE = "ServerKeyExchange"
    DONE = "ServerHelloDone"
    DONE_AFTER_REQUEST = "ServerHelloDone after a CertificateRequest"
    EXCHANGED = "ClientKeyExchange"
    EXCHANGED_CERTIFIED = "ClientKeyExchange after a Certificate"
    ANSWERED = "the client's Finished"
    TICKET = "NewSessionTicket"
    CIPHER = "ChangeCipherSpec"


class Move(enum.Enum):
    """Whether an endpoint sends a message or receives one."""

    SENDS = "sends"
    RECEIVES = "receives"


class Transition(NamedTuple):
    """In ``state``, an endpoint may send or receive ``step``, and is ``following`` then."""

    state: State
    move: Move
    step: Step
    following: State


Table = tuple[Transition, ...]
SENDS, RECEIVES = Move.SENDS, Move.RECEIVES

TLS13_CLIENT: Table = (
    Transition(State.START, SENDS, Step.CLIENT_HELLO, State.HELLO),
    Transition(State.HELLO, RECEIVES, Step.HELLO_RETRY_REQUEST, State.RETRY),
    Transition(State.HELLO, RECEIVES, Step.SERVER_HELLO, State.NEGOTIATED),
    Transition(State.HELLO, RECEIVES, Step.SERVER_HELLO_WITH_PSK, State.NEGOTIATED),
    Transition(State.RETRY, SENDS, Step.CLIENT_HELLO, State.HELLO_AGAIN),
    Transition(State.HELLO_AGAIN, RECEIVES, Step.SERVER_HELLO, State.NEGOTIATED),
    Transition(State.HELLO_AGAIN, RECEIVES, Step.SERVER_HELLO_WITH_PSK, State.NEGOTIATED),
    Transition(State.NEGOTIATED, RECEIVES, Step.CERTIFICATE_REQUEST, State.ASKED),
    Transition(State.NEGOTIATED, RECEIVES, Step.FINISHED, State.MAY_FINISH),
    Transition(State.ASKED, RECEIVES, Step.FINISHED, State.MUST_CERTIFY),
    Transition(State.MAY_FINISH, SENDS, Step.END_OF_EARLY_DATA, State.EARLY_DATA_ENDED),
    Transition(State.MAY_FINISH, SENDS, Step.FINISHED, State.CONNECTED),
    Transition(State.EARLY_DATA_ENDED, SENDS, Step.FINISHED, State.CONNECTED),
    Transition(State.MUST_CERTIFY, SENDS, Step.CERTIFICATE, State.CERTIFIED),
    Transition(State.MUST_CERTIFY, SENDS, Step.EMPTY_CERTIFICATE, State.CERTIFIED_EMPTY),
    Transition(State.CERTIFIED, SENDS, Step.CERTIFICATE_VERIFY, State.VERIFIED),
    Transition(State.CERTIFIED_EMPTY, SENDS, Step.FINISHED, State.CONNECTED),
    Transition(State.VERIFIED, SENDS, Step.FINISHED, State.CONNECTED),
    Transition(State.CONNECTED, SENDS, Step.KEY_UPDATE, State.CONNECTED),
    Transition(State.CONNECTED, RECEIVES, Step.CERTIFICATE_REQUEST, State.ASKED_AGAIN),
    Transition(State.ASKED_AGAIN, SENDS, Step.KEY_UPDATE, State.ASKED_AGAIN),
    Transition(State.ASKED_AGAIN, SENDS, Step.CERTIFICATE, State.CERTIFIED_AGAIN),
    Transition(State.ASKED_AGAIN, SENDS, Step.EMPTY_CERTIFICATE, State.CERTIFIED_EMPTY_AGAIN),
    Transition(State.CERTIFIED_AGAIN, SENDS, Step.CERTIFICATE_VERIFY, State.VERIFIED_AGAIN),
    Transition(State.CERTIFIED_EMPTY_AGAIN, SENDS, Step.FINISHED, State.CONNECTED),
    Transition(State.VERIFIED_AGAIN, SENDS, Step.FINISHED, State.CONNECTED),
)

TLS13_SERVER: Table = (
    Transition(State.START, RECEIVES, Step.CLIENT_HELLO, State.HELLO),
    Transition(State.HELLO, SENDS, Step.HELLO_RETRY_REQUEST, State.RETRY),
    Transition(State.HELLO, SENDS, Step.SERVER_HELLO, State.NEGOTIATED),
    Transition(State.HELLO, SENDS, Step.SERVER_HELLO_WITH_PSK, State.RESUMED),
    Transition(State.RETRY, RECEIVES, Step.CLIENT_HELLO, State.HELLO_AGAIN),
    Transition(State.HELLO_AGAIN, SENDS, Step.SERVER_HELLO, State.NEGOTIATED),
    Transition(State.HELLO_AGAIN, SENDS, Step.SERVER_HELLO_WITH_PSK, State.RESUMED),
    Transition(State.NEGOTIATED, SENDS, Step.ENCRYPTED_EXTENSIONS, State.EXTENSIONS),
    Transition(State.RESUMED, SENDS, Step.ENCRYPTED_EXTENSIONS, State.RESUMED_EXTENSIONS),
    Transition(State.EXTENSIONS, SENDS, Step.CERTIFICATE_REQUEST, State.ASKED),
    Transition(State.EXTENSIONS, SENDS, Step.CERTIFICATE, State.CERTIFIED),
    # RFC 9846 section 4.4.2: no CertificateRequest where a PSK authenticates the server.
    Transition(State.RESUMED_EXTENSIONS, SENDS, Step.FINISHED, State.FINISHED),
    Transition(State.ASKED, SENDS, Step.CERTIFICATE, State.CERTIFIED),
    Transition(State.CERTIFIED, SENDS, Step.CERTIFICATE_VERIFY, State.VERIFIED),
    Transition(State.VERIFIED, SENDS, Step.FINISHED, State.FINISHED),
    # RFC 9846 section 4.7.1 lets a server send tickets before the client has finished.
    Transition(State.FINISHED, SENDS, Step.NEW_SESSION_TICKET, State.FINISHED),
    Transition(State.FINISHED, SENDS, Step.KEY_UPDATE, State.FINISHED),
    Transition(State.FINISHED, RECEIVES, Step.FINISHED, State.CONNECTED),
    Transition(State.CONNECTED, SENDS, Step.NEW_SESSION_TICKET, State.CONNECTED),
    Transition(State.CONNECTED, SENDS, Step.KEY_UPDATE, State.CONNECTED),
    Transition(State.CONNECTED, SENDS, Step.CERTIFICATE_REQUEST, State.CONNECTED),
)

# RFC 9846 section 5: an endpoint may send ChangeCipherSpec from the first ClientHello to its own
# Finished, and it changes nothing.
TLS13_CLIENT += tuple(
    Transition(state, SENDS, Step.CHANGE_CIPHER_SPEC, state)
    for state in (
        State.HELLO,
        State.RETRY,
        State.HELLO_AGAIN,
        State.NEGOTIATED,
        State.ASKED,
        State.MAY_FINISH,
        State.EARLY_DATA_ENDED,
        State.MUST_CERTIFY,
        State.CERTIFIED,
        State.CERTIFIED_EMPTY,
        State.VERIFIED,
    )
)
TLS13_SERVER += tuple(
    Transition(state, SENDS, Step.CHANGE_CIPHER_SPEC, state)
    for state in (
        State.HELLO,
        State.RETRY,
        State.HELLO_AGAIN,
        State.NEGOTIATED,
        State.RESUMED,
        State.EXTENSIONS,
        State.RESUMED_EXTENSIONS,
        State.ASKED,
        State.CERTIFIED,
        State.VERIFIED,
    )
)

TLS12_CLIENT: Table = (
    Transition(State.START, SENDS, Step.CLIENT_HELLO, State.HELLO),
    Transition(State.HELLO, RECEIVES, Step.SERVER_HELLO, State.NEGOTIATED),
    Transition(State.NEGOTIATED, RECEIVES, Step.CERTIFICATE_REQUEST, State.ASKED),
    Transition(State.NEGOTIATED, RECEIVES, Step.SERVER_HELLO_DONE, State.DONE),
    # RFC 5246 section 7.3: a resumed session exchanges no keys.
    Transition(State.NEGOTIATED, RECEIVES, Step.FINISHED, State.EXCHANGED),
    Transition(State.ASKED, RECEIVES, Step.SERVER_HELLO_DONE, State.DONE_AFTER_REQUEST),
    Transition(State.DONE, SENDS, Step.CLIENT_KEY_EXCHANGE, State.EXCHANGED),
    Transition(State.DONE_AFTER_REQUEST, SENDS, Step.CERTIFICATE, State.CERTIFIED),
    Transition(State.DONE_AFTER_REQUEST, SENDS, Step.EMPTY_CERTIFICATE, State.CERTIFIED_EMPTY),
    Transition(State.CERTIFIED, SENDS, Step.CLIENT_KEY_EXCHANGE, State.EXCHANGED_CERTIFIED),
    Transition(State.CERTIFIED_EMPTY, SENDS, Step.CLIENT_KEY_EXCHANGE, State.EXCHANGED),
    Transition(State.EXCHANGED_CERTIFIED, SENDS, Step.CERTIFICATE_VERIFY, State.VERIFIED),
    # RFC 5246 section 7.4.8: a certificate for fixed Diffie-Hellman signs nothing.
    Transition(State.EXCHANGED_CERTIFIED, SENDS, Step.CHANGE_CIPHER_SPEC, State.CIPHER),
    Transition(State.VERIFIED, SENDS, Step.CHANGE_CIPHER_SPEC, State.CIPHER),
    Transition(State.EXCHANGED, SENDS, Step.CHANGE_CIPHER_SPEC, State.CIPHER),
    Transition(State.CIPHER, SENDS, Step.FINISHED, State.CONNECTED),
    Transition(State.CONNECTED, SENDS, Step.CLIENT_HELLO, State.HELLO),
)

TLS12_SERVER: Table = (
    Transition(State.START, SENDS, Step.HELLO_REQUEST, State.START),
    Transition(State.START, RECEIVES, Step.CLIENT_HELLO, State.HELLO),
    Transition(State.HELLO, SENDS, Step.HELLO_REQUEST, State.HELLO),
    Transition(State.HELLO, SENDS, Step.SERVER_HELLO, State.NEGOTIATED),
    Transition(State.NEGOTIATED, SENDS, Step.CERTIFICATE, State.CERTIFIED),
    Transition(State.NEGOTIATED, SENDS, Step.SERVER_KEY_EXCHANGE, State.KEY_EXCHANGE),
    Transition(State.NEGOTIATED, SENDS, Step.SERVER_HELLO_DONE, State.DONE),
    Transition(State.NEGOTIATED, SENDS, Step.NEW_SESSION_TICKET, State.TICKET),
    Transition(State.NEGOTIATED, SENDS, Step.CHANGE_CIPHER_SPEC, State.CIPHER),
    Transition(State.CERTIFIED, SENDS, Step.CERTIFICATE_STATUS, State.STATUS),
    Transition(State.CERTIFIED, SENDS, Step.SERVER_KEY_EXCHANGE, State.KEY_EXCHANGE),
    Transition(State.CERTIFIED, SENDS, Step.CERTIFICATE_REQUEST, State.ASKED),
    Transition(State.CERTIFIED, SENDS, Step.SERVER_HELLO_DONE, State.DONE),
    Transition(State.STATUS, SENDS, Step.SERVER_KEY_EXCHANGE, State.KEY_EXCHANGE),
    Transition(State.STATUS, SENDS, Step.CERTIFICATE_REQUEST, State.ASKED),
    Transition(State.STATUS, SENDS, Step.SERVER_HELLO_DONE, State.DONE),
    Transition(State.KEY_EXCHANGE, SENDS, Step.CERTIFICATE_REQUEST, State.ASKED),
    Transition(State.KEY_EXCHANGE, SENDS, Step.SERVER_HELLO_DONE, State.DONE),
    Transition(State.ASKED, SENDS, Step.SERVER_HELLO_DONE, State.DONE),
    Transition(State.DONE, RECEIVES, Step.FINISHED, State.ANSWERED),
    Transition(State.ANSWERED, SENDS, Step.NEW_SESSION_TICKET, State.TICKET),
    Transition(State.ANSWERED, SENDS, Step.CHANGE_CIPHER_SPEC, State.CIPHER),
    Transition(State.TICKET, SENDS, Step.CHANGE_CIPHER_SPEC, State.CIPHER),
    Transition(State.CIPHER, SENDS, Step.FINISHED, State.CONNECTED),
    Transition(State.CONNECTED, SENDS, Step.HELLO_REQUEST, State.CONNECTED),
    Transition(State.CONNECTED, RECEIVES, Step.CLIENT_HELLO, State.HELLO),
)

_STEPS: dict[type[msg.HandshakeMessage], Step] = {
    msg.HelloRequest: Step.HELLO_REQUEST,
    msg.ClientHello: Step.CLIENT_HELLO,
    msg.HelloRetryRequest: Step.HELLO_RETRY_REQUEST,
    msg.EncryptedExtensions: Step.ENCRYPTED_EXTENSIONS,
    msg.CertificateRequest: Step.CERTIFICATE_REQUEST,
    msg.CertificateStatus: Step.CERTIFICATE_STATUS,
    msg.ServerKeyExchange: Step.SERVER_KEY_EXCHANGE,
    msg.ServerHelloDone: Step.SERVER_HELLO_DONE,
    msg.ClientKeyExchange: Step.CLIENT_KEY_EXCHANGE,
    msg.CertificateVerify: Step.CERTIFICATE_VERIFY,
    msg.EndOfEarlyData: Step.END_OF_EARLY_DATA,
    msg.Finished: Step.FINISHED,
    msg.NewSessionTicket: Step.NEW_SESSION_TICKET,
    msg.KeyUpdate: Step.KEY_UPDATE,
}


def step_of(message: msg.HandshakeMessage) -> Step:
    """Return the step that ``message`` is."""
    step = _STEPS.get(type(message))
    if step is not None:
        return step
    if isinstance(message, msg.ServerHello):
        psk = message.find(SelectedPsk) is not None
        return Step.SERVER_HELLO_WITH_PSK if psk else Step.SERVER_HELLO
    if message.msg_type == HandshakeType.HELLO_RETRY_REQUEST:  # of TLS 1.3's drafts up to 21
        return Step.HELLO_RETRY_REQUEST
    empty = False
    if isinstance(message, msg.Certificate):
        empty = message.is_empty
    elif isinstance(message, msg.CompressedCertificate):
        empty = message.certificate is not None and message.certificate.is_empty
    else:
        return Step.OTHER
    return Step.EMPTY_CERTIFICATE if empty else Step.CERTIFICATE


class _Rules:
    """A table to look up by state and step the state that follows."""

    def __init__(self, table: Table) -> None:
        self.sends: dict[State, dict[Step, State]] = {state: {} for state in State}
        self.receives: dict[State, dict[Step, State]] = {state: {} for state in State}
        self._targets: dict[Step, set[State]] = {step: set() for step in Step}
        for state, move, step, following in table:
            (self.sends if move is SENDS else self.receives)[state][step] = following
            if move is SENDS:
                self._targets[step].add(following)

    def after_disorder(self, state: State, step: Step) -> State:
        """Return the state after ``step`` was sent in ``state``, which does not allow it."""
        targets = self._targets[step]
        return next(iter(targets)) if len(targets) == 1 else state


class Order:
    """Follows both endpoints of one connection through the tables."""

    __slots__ = ("_client", "_rules", "_server", "_suspended")

    def __init__(self) -> None:
        self._rules = _TLS13
        self._client = self._server = State.START
        self._suspended = False

    def choose(self, *, tls13: bool) -> None:
        """Use the tables of the version that the server has chosen; until then, TLS 1.3's."""
        self._rules = _TLS13 if tls13 else _TLS12

    def suspend(self) -> None:
        """Judge nothing from here on: a message may have passed unread."""
        self._suspended = True

    @property
    def is_suspended(self) -> bool:
        """Whether a message may have passed unread."""
        return self._suspended

    def take(self, sender: Endpoint, step: Step) -> bool:
        """Return whether ``sender`` may send ``step`` now; both endpoints' states follow it.

        After a step out of order the sender goes to where that step leads from anywhere else,
        so that each message out of order is reported once.
        """
        if self._suspended:
            return True
        client, server = self._rules
        if sender is _CLIENT:
            following = client.sends[self._client].get(step)
            if received := server.receives[self._server].get(step):
                self._server = received
            self._client = following or client.after_disorder(self._client, step)
        else:
            following = server.sends[self._server].get(step)
            if received := client.receives[self._client].get(step):
                self._client = received
            self._server = following or server.after_disorder(self._server, step)
        return following is not None


_TLS13 = _Rules(TLS13_CLIENT), _Rules(TLS13_SERVER)
_TLS12 = _Rules(TLS12_CLIENT), _Rules(TLS12_SERVER)
# As a name of its own, since CPython 3.11 takes a tenth of a microsecond to find it in its Enum.
_CLIENT = Endpoint.CLIENT
