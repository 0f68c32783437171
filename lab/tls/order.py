"""The legal order of messages, as tables.

Rules: each endpoint has a table for each family of versions; a row names what the endpoint may
send in a state, and what it may hear that changes what it may send. What it sends and the row
does not name is out of order; what it hears and the row does not name changes nothing. Who reads
the tables gets the messages in the order in which they arrived.

This module must not know records, keys or fields; see RFC 8446 section 2 and appendix A, and
RFC 5246 section 7.3.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from lab.tls import messages as msg
from lab.tls.events import Endpoint
from lab.tls.extensions import SelectedPsk

_CLIENT, _SERVER = Endpoint.CLIENT, Endpoint.SERVER


class Step(enum.Enum):
    """A message, as far as the order of messages depends on it."""

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


Row = Mapping[tuple[Endpoint, Step], State]
Table = Mapping[State, Row]

TLS13_CLIENT: Table = {
    State.START: {(_CLIENT, Step.CLIENT_HELLO): State.HELLO},
    State.HELLO: {
        (_SERVER, Step.HELLO_RETRY_REQUEST): State.RETRY,
        (_SERVER, Step.SERVER_HELLO): State.NEGOTIATED,
        (_SERVER, Step.SERVER_HELLO_WITH_PSK): State.NEGOTIATED,
    },
    State.RETRY: {(_CLIENT, Step.CLIENT_HELLO): State.HELLO_AGAIN},
    State.HELLO_AGAIN: {
        (_SERVER, Step.SERVER_HELLO): State.NEGOTIATED,
        (_SERVER, Step.SERVER_HELLO_WITH_PSK): State.NEGOTIATED,
    },
    State.NEGOTIATED: {
        (_SERVER, Step.CERTIFICATE_REQUEST): State.ASKED,
        (_SERVER, Step.FINISHED): State.MAY_FINISH,
    },
    State.ASKED: {(_SERVER, Step.FINISHED): State.MUST_CERTIFY},
    State.MAY_FINISH: {
        (_CLIENT, Step.END_OF_EARLY_DATA): State.EARLY_DATA_ENDED,
        (_CLIENT, Step.FINISHED): State.CONNECTED,
    },
    State.EARLY_DATA_ENDED: {(_CLIENT, Step.FINISHED): State.CONNECTED},
    State.MUST_CERTIFY: {
        (_CLIENT, Step.CERTIFICATE): State.CERTIFIED,
        (_CLIENT, Step.EMPTY_CERTIFICATE): State.CERTIFIED_EMPTY,
    },
    State.CERTIFIED: {(_CLIENT, Step.CERTIFICATE_VERIFY): State.VERIFIED},
    State.CERTIFIED_EMPTY: {(_CLIENT, Step.FINISHED): State.CONNECTED},
    State.VERIFIED: {(_CLIENT, Step.FINISHED): State.CONNECTED},
    State.CONNECTED: {
        (_CLIENT, Step.KEY_UPDATE): State.CONNECTED,
        (_SERVER, Step.CERTIFICATE_REQUEST): State.ASKED_AGAIN,
    },
    State.ASKED_AGAIN: {
        (_CLIENT, Step.KEY_UPDATE): State.ASKED_AGAIN,
        (_CLIENT, Step.CERTIFICATE): State.CERTIFIED_AGAIN,
        (_CLIENT, Step.EMPTY_CERTIFICATE): State.CERTIFIED_EMPTY_AGAIN,
    },
    State.CERTIFIED_AGAIN: {(_CLIENT, Step.CERTIFICATE_VERIFY): State.VERIFIED_AGAIN},
    State.CERTIFIED_EMPTY_AGAIN: {(_CLIENT, Step.FINISHED): State.CONNECTED},
    State.VERIFIED_AGAIN: {(_CLIENT, Step.FINISHED): State.CONNECTED},
}

TLS13_SERVER: Table = {
    State.START: {(_CLIENT, Step.CLIENT_HELLO): State.HELLO},
    State.HELLO: {
        (_SERVER, Step.HELLO_RETRY_REQUEST): State.RETRY,
        (_SERVER, Step.SERVER_HELLO): State.NEGOTIATED,
        (_SERVER, Step.SERVER_HELLO_WITH_PSK): State.RESUMED,
    },
    State.RETRY: {(_CLIENT, Step.CLIENT_HELLO): State.HELLO_AGAIN},
    State.HELLO_AGAIN: {
        (_SERVER, Step.SERVER_HELLO): State.NEGOTIATED,
        (_SERVER, Step.SERVER_HELLO_WITH_PSK): State.RESUMED,
    },
    State.NEGOTIATED: {(_SERVER, Step.ENCRYPTED_EXTENSIONS): State.EXTENSIONS},
    State.RESUMED: {(_SERVER, Step.ENCRYPTED_EXTENSIONS): State.RESUMED_EXTENSIONS},
    State.EXTENSIONS: {
        (_SERVER, Step.CERTIFICATE_REQUEST): State.ASKED,
        (_SERVER, Step.CERTIFICATE): State.CERTIFIED,
    },
    # RFC 8446 section 4.3.2: no CertificateRequest where a PSK authenticates the server.
    State.RESUMED_EXTENSIONS: {(_SERVER, Step.FINISHED): State.FINISHED},
    State.ASKED: {(_SERVER, Step.CERTIFICATE): State.CERTIFIED},
    State.CERTIFIED: {(_SERVER, Step.CERTIFICATE_VERIFY): State.VERIFIED},
    State.VERIFIED: {(_SERVER, Step.FINISHED): State.FINISHED},
    # RFC 8446 section 4.6.1 lets a server send tickets before the client has finished.
    State.FINISHED: {
        (_SERVER, Step.NEW_SESSION_TICKET): State.FINISHED,
        (_SERVER, Step.KEY_UPDATE): State.FINISHED,
        (_CLIENT, Step.FINISHED): State.CONNECTED,
    },
    State.CONNECTED: {
        (_SERVER, Step.NEW_SESSION_TICKET): State.CONNECTED,
        (_SERVER, Step.KEY_UPDATE): State.CONNECTED,
        (_SERVER, Step.CERTIFICATE_REQUEST): State.CONNECTED,
    },
}

TLS12_CLIENT: Table = {
    State.START: {(_CLIENT, Step.CLIENT_HELLO): State.HELLO},
    State.HELLO: {(_SERVER, Step.SERVER_HELLO): State.NEGOTIATED},
    State.NEGOTIATED: {
        (_SERVER, Step.CERTIFICATE_REQUEST): State.ASKED,
        (_SERVER, Step.SERVER_HELLO_DONE): State.DONE,
        (_SERVER, Step.FINISHED): State.EXCHANGED,  # a resumed session exchanges no keys
    },
    State.ASKED: {(_SERVER, Step.SERVER_HELLO_DONE): State.DONE_AFTER_REQUEST},
    State.DONE: {(_CLIENT, Step.CLIENT_KEY_EXCHANGE): State.EXCHANGED},
    State.DONE_AFTER_REQUEST: {
        (_CLIENT, Step.CERTIFICATE): State.CERTIFIED,
        (_CLIENT, Step.EMPTY_CERTIFICATE): State.CERTIFIED_EMPTY,
    },
    State.CERTIFIED: {(_CLIENT, Step.CLIENT_KEY_EXCHANGE): State.EXCHANGED_CERTIFIED},
    State.CERTIFIED_EMPTY: {(_CLIENT, Step.CLIENT_KEY_EXCHANGE): State.EXCHANGED},
    State.EXCHANGED_CERTIFIED: {
        (_CLIENT, Step.CERTIFICATE_VERIFY): State.VERIFIED,
        # RFC 5246 section 7.4.8: a certificate for fixed Diffie-Hellman signs nothing.
        (_CLIENT, Step.CHANGE_CIPHER_SPEC): State.CIPHER,
    },
    State.VERIFIED: {(_CLIENT, Step.CHANGE_CIPHER_SPEC): State.CIPHER},
    State.EXCHANGED: {(_CLIENT, Step.CHANGE_CIPHER_SPEC): State.CIPHER},
    State.CIPHER: {(_CLIENT, Step.FINISHED): State.CONNECTED},
    State.CONNECTED: {(_CLIENT, Step.CLIENT_HELLO): State.HELLO},
}

TLS12_SERVER: Table = {
    State.START: {
        (_SERVER, Step.HELLO_REQUEST): State.START,
        (_CLIENT, Step.CLIENT_HELLO): State.HELLO,
    },
    State.HELLO: {
        (_SERVER, Step.HELLO_REQUEST): State.HELLO,
        (_SERVER, Step.SERVER_HELLO): State.NEGOTIATED,
    },
    State.NEGOTIATED: {
        (_SERVER, Step.CERTIFICATE): State.CERTIFIED,
        (_SERVER, Step.SERVER_KEY_EXCHANGE): State.KEY_EXCHANGE,
        (_SERVER, Step.SERVER_HELLO_DONE): State.DONE,
        (_SERVER, Step.NEW_SESSION_TICKET): State.TICKET,
        (_SERVER, Step.CHANGE_CIPHER_SPEC): State.CIPHER,
    },
    State.CERTIFIED: {
        (_SERVER, Step.CERTIFICATE_STATUS): State.STATUS,
        (_SERVER, Step.SERVER_KEY_EXCHANGE): State.KEY_EXCHANGE,
        (_SERVER, Step.CERTIFICATE_REQUEST): State.ASKED,
        (_SERVER, Step.SERVER_HELLO_DONE): State.DONE,
    },
    State.STATUS: {
        (_SERVER, Step.SERVER_KEY_EXCHANGE): State.KEY_EXCHANGE,
        (_SERVER, Step.CERTIFICATE_REQUEST): State.ASKED,
        (_SERVER, Step.SERVER_HELLO_DONE): State.DONE,
    },
    State.KEY_EXCHANGE: {
        (_SERVER, Step.CERTIFICATE_REQUEST): State.ASKED,
        (_SERVER, Step.SERVER_HELLO_DONE): State.DONE,
    },
    State.ASKED: {(_SERVER, Step.SERVER_HELLO_DONE): State.DONE},
    State.DONE: {(_CLIENT, Step.FINISHED): State.ANSWERED},
    State.ANSWERED: {
        (_SERVER, Step.NEW_SESSION_TICKET): State.TICKET,
        (_SERVER, Step.CHANGE_CIPHER_SPEC): State.CIPHER,
    },
    State.TICKET: {(_SERVER, Step.CHANGE_CIPHER_SPEC): State.CIPHER},
    State.CIPHER: {(_SERVER, Step.FINISHED): State.CONNECTED},
    State.CONNECTED: {
        (_SERVER, Step.HELLO_REQUEST): State.CONNECTED,
        (_CLIENT, Step.CLIENT_HELLO): State.HELLO,
    },
}

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
    """The step that ``message`` is."""
    if isinstance(message, msg.CompressedCertificate):
        empty = message.certificate is not None and not message.certificate.certificate_list
        return Step.EMPTY_CERTIFICATE if empty else Step.CERTIFICATE
    if isinstance(message, msg.Certificate):
        return Step.CERTIFICATE if message.certificate_list else Step.EMPTY_CERTIFICATE
    if type(message) is msg.ServerHello:
        psk = message.find(SelectedPsk) is not None
        return Step.SERVER_HELLO_WITH_PSK if psk else Step.SERVER_HELLO
    return _STEPS.get(type(message), Step.OTHER)


class Order:
    """Follows both endpoints of one connection through the tables."""

    def __init__(self) -> None:
        self._tls13 = True
        self._states = {_CLIENT: State.START, _SERVER: State.START}
        self._suspended = False

    def choose(self, *, tls13: bool) -> None:
        """Take the tables of the version that the server has chosen."""
        self._tls13 = tls13

    def suspend(self) -> None:
        """Judge nothing from here on: a message may have passed unread."""
        self._suspended = True

    def take(self, sender: Endpoint, step: Step) -> bool:
        """Whether ``sender`` may send ``step`` now; both endpoints' states follow it.

        After a step out of order the sender goes to where that step leads from anywhere else,
        so that one fault is told once.
        """
        if self._suspended:
            return True
        legal = self._follow(sender, (sender, step), _tables(self._tls13)[sender])
        other = sender.other
        row = _tables(self._tls13)[other].get(self._states[other], {})
        self._states[other] = row.get((sender, step), self._states[other])
        return legal

    def _follow(self, sender: Endpoint, move: tuple[Endpoint, Step], table: Table) -> bool:
        state = self._states[sender]
        if self._tls13 and move[1] is Step.CHANGE_CIPHER_SPEC:
            # RFC 8446 section 5: from the first ClientHello to the sender's Finished.
            return state not in (State.START, State.FINISHED, State.CONNECTED)
        following = table.get(state, {}).get(move)
        if following is not None:
            self._states[sender] = following
            return True
        targets = {row[move] for row in table.values() if move in row}
        if len(targets) == 1:
            self._states[sender] = targets.pop()
        return False


def _tables(tls13: bool) -> dict[Endpoint, Table]:
    return _TLS13 if tls13 else _TLS12


_TLS13 = {_CLIENT: TLS13_CLIENT, _SERVER: TLS13_SERVER}
_TLS12 = {_CLIENT: TLS12_CLIENT, _SERVER: TLS12_SERVER}
