"""What each message is for, in a sentence or two: what a reader wants to know who sees it first.

Source: RFC 9846 section 4, RFC 5246 section 7.4, and the RFCs of the extensions named.
"""

from __future__ import annotations

from lab.show.alert_meaning import alert_meaning
from lab.show.text.message_names import is_empty_certificate
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    ChangeCipherSpecSeen,
    Endpoint,
    Event,
    HeartbeatSeen,
    MessageSeen,
    SealedSeen,
)
from lab.tls.messages import Certificate

_Meaning = tuple[str, str]

# By the name of the message, and of who sends it where that matters: the meaning in TLS 1.3, and
# in TLS 1.2; a single one holds for both.
_MESSAGES: dict[str, tuple[_Meaning, ...]] = {
    "ClientHello": (
        (
            "What the client offers: versions, cipher suites and groups. It may name the server "
            "that it wants (SNI), and as a rule sends its half of the key exchange along "
            "(key_share).",
            "RFC 9846 section 4.2.2",
        ),
        (
            "What the client offers: versions and cipher suites, as a rule groups too. It may name "
            "the server that it wants (SNI).",
            "RFC 5246 section 7.4.1.2",
        ),
    ),
    "ServerHello": (
        (
            "The server chooses version and cipher suite, and as a rule sends its half of the key "
            "exchange. Both ends have the handshake keys from here on: the messages that follow "
            "are encrypted.",
            "RFC 9846 section 4.2.3",
        ),
        (
            "The server chooses version and cipher suite.",
            "RFC 5246 section 7.4.1.3",
        ),
    ),
    "HelloRetryRequest": (
        (
            "The server wants a second ClientHello, with a key share of another group or with its "
            "cookie.",
            "RFC 9846 section 4.2.4",
        ),
    ),
    "EncryptedExtensions": (
        (
            "Answers to the client's extensions that need not be read by others, such as ALPN.",
            "RFC 9846 section 4.4.1",
        ),
    ),
    "CertificateRequest": (
        (
            "The server asks for a client certificate: this makes the TLS mutual. It names the "
            "signatures that it accepts, and perhaps the CAs; whether a client without a "
            "certificate is refused, it does not say.",
            "RFC 9846 section 4.4.2",
        ),
        (
            "The server asks for a client certificate: this makes the TLS mutual. It names types "
            "and CAs that it accepts, and since TLS 1.2 signatures; an empty list of CAs means "
            "any. Whether a client without a certificate is refused, it does not say.",
            "RFC 5246 section 7.4.4",
        ),
    ),
    "Certificate server": (
        (
            "The server shows who it is: its certificate, then those of the CAs above it.",
            "RFC 9846 section 4.5.1",
        ),
        (
            "The server shows who it is: its certificate, then those of the CAs above it. In the "
            "first handshake everybody on the way can read it.",
            "RFC 5246 section 7.4.2",
        ),
    ),
    "Certificate client": (
        (
            "The client shows who it is, as the server asked: its certificate, then those of the "
            "CAs above it.",
            "RFC 9846 section 4.5.1",
        ),
        (
            "The client shows who it is, as the server asked: its certificate, then those of the "
            "CAs above it. In the first handshake everybody on the way can read it.",
            "RFC 5246 section 7.4.6",
        ),
    ),
    "Certificate empty": (
        (
            "The client answers that it has no certificate to show, or none that fits. That is in "
            "order: the server decides whether it goes on.",
            "RFC 9846 section 4.5.1.3",
        ),
        (
            "The client answers that it has no certificate to show, or none that fits. That is in "
            "order: the server decides whether it goes on.",
            "RFC 5246 section 7.4.6",
        ),
    ),
    "Certificate raw key": (
        (
            "The sender shows who it is: by its public key alone, in the place of a certificate.",
            "RFC 7250 section 3",
        ),
    ),
    "CompressedCertificate": (("A Certificate message, compressed.", "RFC 8879 section 4"),),
    "CertificateStatus": (
        ("An OCSP response: whether the certificate was revoked.", "RFC 6066 section 8"),
    ),
    "CertificateVerify": (
        (
            "A signature over the handshake so far: it proves that the sender has the private key "
            "of its certificate, which anybody may have a copy of.",
            "RFC 9846 section 4.5.2",
        ),
        (
            "A signature over the handshake so far: it proves that the client has the private key "
            "of its certificate, which anybody may have a copy of.",
            "RFC 5246 section 7.4.8",
        ),
    ),
    "ServerKeyExchange": (
        (
            "The server's half of the key exchange, signed with the key of its certificate where "
            "it has one.",
            "RFC 5246 section 7.4.3",
        ),
    ),
    "ServerHelloDone": (
        ("The server has said all, and waits for the client.", "RFC 5246 section 7.4.5"),
    ),
    "ClientKeyExchange": (
        (
            "The client's half of the key exchange: both ends can compute the keys from here on.",
            "RFC 5246 section 7.4.7",
        ),
    ),
    "Finished server": (
        (
            "A checksum over the whole handshake, by its keys: nobody changed anything. The server "
            "may send data from here on, though it has not seen the client's certificate yet.",
            "RFC 9846 section 4.5.3",
        ),
        (
            "A checksum over the whole handshake, by its keys: nobody changed anything. In a full "
            "handshake of TLS 1.2 it also tells the client that the server accepted what it sent, "
            "its certificate too where it sent one.",
            "RFC 5246 section 7.4.9",
        ),
    ),
    "Finished client": (
        (
            "A checksum over the whole handshake, by its keys. The client waits for no answer: in "
            "the handshake its call returns with this. The server judges the client's certificate "
            "only when this flight has come, so a refusal is met later, where the client reads.",
            "RFC 9846 section 4.5.3",
        ),
        (
            "A checksum over the whole handshake, by its keys: nobody changed anything. In a full "
            "handshake the client then waits for the server's.",
            "RFC 5246 section 7.4.9",
        ),
    ),
    "EndOfEarlyData": (("The client has sent all of its early data.", "RFC 9846 section 4.6"),),
    "NewSessionTicket": (
        (
            "A ticket for the next connection, which may then go on without certificates. It comes "
            "behind the handshake.",
            "RFC 9846 section 4.7.1",
        ),
        (
            "A ticket for the next connection, which may then go on without certificates.",
            "RFC 5077 section 3.3",
        ),
    ),
    "KeyUpdate": (("The sender changes its keys.", "RFC 9846 section 4.7.3"),),
    "HelloRequest": (
        ("The server asks for a new handshake on this connection.", "RFC 5246 section 7.4.1.1"),
    ),
}
_CHANGE_CIPHER_SPEC = (
    (
        "It means nothing in TLS 1.3, and is sent for the sake of old equipment on the way.",
        "RFC 9846 appendix E.4",
    ),
    (
        "All that the sender sends from here on is protected by the keys of this handshake.",
        "RFC 5246 section 7.1",
    ),
)
_OTHERS: dict[type[Event], _Meaning] = {
    ApplicationDataSeen: ("What the connection is for: data of the application.", "RFC 9846"),
    HeartbeatSeen: ("A question whether the other end is still there, or its answer.", "RFC 6520"),
}
_SEALED = (
    "A record that can be opened only with the secrets of one of the ends (SSLKEYLOGFILE), which "
    "are not at hand.",
    "RFC 9846 section 5.2",
)
_SEALED_FOR_GOOD = ("A protected record that is not opened here.", "RFC 9846 section 5.2")


def event_meaning(event: Event, *, tls13: bool) -> _Meaning | None:
    """Return what an event is for or means, in sentences, and where that stands; None: unknown.

    ``tls13`` says that the connection agreed on TLS 1.3.
    """
    if isinstance(event, AlertSeen):
        sentence, reference = alert_meaning(event.description)
        return f"{sentence[0].upper()}{sentence[1:]}.", reference
    if isinstance(event, ChangeCipherSpecSeen):
        return _CHANGE_CIPHER_SPEC[0 if tls13 else 1]
    if isinstance(event, SealedSeen):
        return _SEALED_FOR_GOOD if event.limit else _SEALED
    if not isinstance(event, MessageSeen):
        return _OTHERS.get(type(event))
    name = event.message.name
    if is_empty_certificate(event.message) and event.endpoint is Endpoint.CLIENT:
        meanings = _MESSAGES["Certificate empty"]
    elif isinstance(event.message, Certificate) and event.message.raw_public_key is not None:
        meanings = _MESSAGES["Certificate raw key"]
    else:
        meanings = _MESSAGES.get(f"{name} {event.endpoint.value}") or _MESSAGES.get(name, ())
    return meanings[0 if tls13 else -1] if meanings else None
