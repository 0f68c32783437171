"""A TLS server that sends a CertificateRequest of our making, and tells what a client answers.

OpenSSL's servers can vary CA names and signature algorithms; signature_algorithms_cert and the
certificate types of TLS 1.2 they choose themselves, so all messages are made here. The server goes
no further than the client's last flight, and closes.

This module must not know pytest: scripts/measure_clients.py uses it too.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import hmac
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lab.pki.identity import Identity
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import ContentType, HandshakeType, ProtocolVersion
from lab.tls.key_derivation import expand_label
from lab.tls.protection import TrafficOpener
from lab.tls.record_suites import suite_of
from lab.tls.records import RecordReader
from lab.x509.certificates import der_of
from tests.diagnosis.certificate_selection.requests import Request
from tests.tls.sealing import Sealer13
from tests.tls.wire import (
    Wire,
    extension,
    extensions,
    handshake,
    opaque,
    raw,
    record,
    u8,
    u16,
    vector,
)

_SUITE_NUMBER12, _SUITE_NUMBER13 = 0xC02F, 0x1301
_SUITE = suite_of(CipherSuite["TLS_AES_128_GCM_SHA256"])
_RSA_PKCS1_SHA256, _RSA_PSS_RSAE_SHA256 = 0x0401, 0x0804
_P256, _X25519 = 23, 29
_ALPN, _VERSIONS, _KEY_SHARE, _RENEGOTIATION = 16, 43, 51, 0xFF01
_SILENCE = 10.0  # seconds
_EMPTY_HASH = hashlib.sha256().digest()


class Answer(enum.Enum):
    """What a client did."""

    SENT = "sends"
    EMPTY = "sends empty"
    BROKE_OFF = "breaks off"
    NO_TLS13 = "no TLS 1.3"


@dataclass
class Seen:
    """What a client did with the request.

    ``answer`` is None where it sent no ClientHello; ``chain`` is in DER, ``alert`` the one that it
    broke off with, None for none.
    """

    answer: Answer | None = None
    chain: tuple[bytes, ...] = ()
    alert: int | None = None


class _Ended(Exception):
    """The client ended the connection, by an alert or without."""

    def __init__(self, alert: int | None = None) -> None:
        super().__init__(f"alert {alert}")
        self.alert = alert


class _FlightEnded(Exception):
    """What follows in TLS 1.2 is sealed."""


class _NoShare(Exception):
    """The client does not offer TLS 1.3, or no share of X25519."""


class _Messages:
    """The client's handshake messages, opened where they are sealed."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = RecordReader()
        self._records = iter(self._reader.records())
        self._pending = b""
        self.opener: TrafficOpener | None = None
        self.is_tls13 = False

    def next(self) -> tuple[int, bytes, bytes]:
        """Return type, body and the whole of the next message."""
        while len(self._pending) < 4 or len(self._pending) < self._end():
            self._pending += self._fragment()
        whole, self._pending = self._pending[: self._end()], self._pending[self._end() :]
        return whole[0], whole[4:], whole

    def _end(self) -> int:
        return 4 + int.from_bytes(self._pending[1:4], "big")

    def _fragment(self) -> bytes:
        found = next(self._records, None)
        while found is None:
            try:
                data = self._connection.recv(65536)
            except OSError:
                data = b""
            if not data:
                raise _Ended
            self._reader.feed(data)
            self._records = iter(self._reader.records())
            found = next(self._records, None)
        kind, content = found.content_type, found.fragment
        if kind is ContentType.APPLICATION_DATA and self.opener is not None:
            kind, content = self.opener.open(found)
        if kind is ContentType.ALERT:
            raise _Ended(content[1])
        if kind is ContentType.CHANGE_CIPHER_SPEC:
            if not self.is_tls13:
                raise _FlightEnded
            return b""
        return content


class _Connection:
    """One handshake, as far as the client's last flight."""

    def __init__(self, connection: socket.socket, identity: Identity, request: Request) -> None:
        self._connection = connection
        self._identity = identity
        self._request = request
        self._messages = _Messages(connection)
        self._transcript = b""

    def serve(self, version: ProtocolVersion, seen: Seen) -> None:
        """Fill in what the client does."""
        self._messages.is_tls13 = version is ProtocolVersion.TLS_1_3
        try:
            _, body, whole = self._messages.next()
        except _Ended:
            return
        self._transcript = whole
        hello = _Hello.parsed(body)
        try:
            flight = self._tls13 if self._messages.is_tls13 else self._tls12
            flight(hello)
            self._answer(seen)
        except _Ended as end:
            seen.answer, seen.alert = Answer.BROKE_OFF, end.alert
        except _NoShare:
            seen.answer = Answer.NO_TLS13
        except _FlightEnded:
            pass

    def _answer(self, seen: Seen) -> None:
        last = HandshakeType.FINISHED
        while True:
            kind, body, _ = self._messages.next()
            if kind == HandshakeType.CERTIFICATE:
                seen.chain = _certificates(body, tls13=self._messages.is_tls13)
                if not seen.chain:
                    seen.answer = Answer.EMPTY
            elif kind == HandshakeType.CERTIFICATE_VERIFY:
                seen.answer = Answer.SENT
            elif kind == last:
                return

    def _tls12(self, hello: _Hello) -> None:
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        random = bytes(range(32))
        parts = [extension(_RENEGOTIATION, opaque(1, b"")), *hello.chosen_protocol()]
        body = raw(b"\3\3" + random) + opaque(1, b"") + u16(_SUITE_NUMBER12) + u8(0)
        parameters = (u8(3) + u16(_P256) + opaque(1, point)).data
        signature = self._key.sign(
            hello.random + random + parameters, padding.PKCS1v15(), hashes.SHA256()
        )
        exchange = raw(parameters) + u16(_RSA_PKCS1_SHA256) + opaque(2, signature)
        chain = vector(3, *(opaque(3, der_of(one)) for one in self._identity.chain))
        flight = (
            handshake(HandshakeType.SERVER_HELLO, (body + extensions(*parts)).data)
            + handshake(HandshakeType.CERTIFICATE, chain.data)
            + handshake(HandshakeType.SERVER_KEY_EXCHANGE, exchange.data)
            + handshake(
                HandshakeType.CERTIFICATE_REQUEST, self._request.body(ProtocolVersion.TLS_1_2)
            )
            + handshake(HandshakeType.SERVER_HELLO_DONE, b"")
        )
        self._send(record(ContentType.HANDSHAKE, flight))

    def _tls13(self, hello: _Hello) -> None:
        key = x25519.X25519PrivateKey.generate()
        share = key.public_key().public_bytes_raw()
        parts = [
            extension(_VERSIONS, u16(ProtocolVersion.TLS_1_3)),
            extension(_KEY_SHARE, u16(_X25519), opaque(2, share)),
        ]
        body = raw(b"\3\3" + bytes(range(32))) + opaque(1, hello.session_id)
        body += u16(_SUITE_NUMBER13) + u8(0) + extensions(*parts)
        server_hello = handshake(HandshakeType.SERVER_HELLO, body.data)
        self._transcript += server_hello
        shared = key.exchange(x25519.X25519PublicKey.from_public_bytes(hello.key_share()))
        early = hmac.digest(bytes(32), bytes(32), "sha256")
        derived = _expand(early, "derived", _EMPTY_HASH)
        secret = hmac.digest(derived, shared, "sha256")
        until_hello = hashlib.sha256(self._transcript).digest()
        client, server = (_expand(secret, f"{who} hs traffic", until_hello) for who in "cs")
        flight = self._sealed_flight(hello, server)
        self._messages.opener = TrafficOpener(_SUITE, client)
        clear = record(ContentType.HANDSHAKE, server_hello)
        clear += record(ContentType.CHANGE_CIPHER_SPEC, b"\1")
        self._send(clear + Sealer13(_SUITE, server).seal(ContentType.HANDSHAKE, flight))

    def _sealed_flight(self, hello: _Hello, secret: bytes) -> bytes:
        start = len(self._transcript)
        protocols = extensions(*hello.chosen_protocol())
        chain = vector(3, *(opaque(3, der_of(one)) + u16(0) for one in self._identity.chain))
        self._transcript += (
            handshake(HandshakeType.ENCRYPTED_EXTENSIONS, protocols.data)
            + handshake(
                HandshakeType.CERTIFICATE_REQUEST, self._request.body(ProtocolVersion.TLS_1_3)
            )
            + handshake(HandshakeType.CERTIFICATE, (opaque(1, b"") + chain).data)
        )
        context = b" " * 64 + b"TLS 1.3, server CertificateVerify\0"
        signed = context + hashlib.sha256(self._transcript).digest()
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        signature = self._key.sign(signed, pss, hashes.SHA256())
        verify = u16(_RSA_PSS_RSAE_SHA256) + opaque(2, signature)
        self._transcript += handshake(HandshakeType.CERTIFICATE_VERIFY, verify.data)
        finished_key = expand_label(secret, "finished", 32, "sha256")
        until_verify = hashlib.sha256(self._transcript).digest()
        finished = hmac.digest(finished_key, until_verify, "sha256")
        self._transcript += handshake(HandshakeType.FINISHED, finished)
        return self._transcript[start:]

    @property
    def _key(self) -> rsa.RSAPrivateKey:
        assert isinstance(self._identity.key, rsa.RSAPrivateKey)
        return self._identity.key

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # what the client said before it left is still read
            self._connection.sendall(data)


@dataclass
class _Hello:
    """What the server needs of a ClientHello."""

    random: bytes
    session_id: bytes
    extensions: dict[int, bytes]

    @classmethod
    def parsed(cls, body: bytes) -> _Hello:
        random, rest = body[2:34], body[34:]
        session_id, rest = _cut(rest, 1)
        _, rest = _cut(rest, 2)
        _, rest = _cut(rest, 1)
        block, _ = _cut(rest, 2)
        found = {}
        while block:
            number = int.from_bytes(block[:2], "big")
            found[number], block = _cut(block[2:], 2)
        return cls(random, session_id, found)

    def key_share(self) -> bytes:
        """Return the client's share of X25519."""
        shares, _ = _cut(self.extensions.get(_KEY_SHARE, b"\0\0"), 2)
        while shares:
            group = int.from_bytes(shares[:2], "big")
            share, shares = _cut(shares[2:], 2)
            if group == _X25519:
                return share
        raise _NoShare

    def chosen_protocol(self) -> list[Wire]:
        """Return ALPN with the first protocol that the client offers, nothing where it has none."""
        if _ALPN not in self.extensions:
            return []
        protocols, _ = _cut(self.extensions[_ALPN], 2)
        first, _ = _cut(protocols, 1)
        return [extension(_ALPN, vector(2, opaque(1, first)))]


def _cut(data: bytes, size: int) -> tuple[bytes, bytes]:
    """Return a field behind its length of ``size`` bytes, and the rest."""
    end = size + int.from_bytes(data[:size], "big")
    return data[size:end], data[end:]


def _certificates(body: bytes, *, tls13: bool) -> tuple[bytes, ...]:
    """Return the certificates of a Certificate message."""
    if tls13:
        _, body = _cut(body, 1)
    entries, _ = _cut(body, 3)
    found = []
    while entries:
        certificate, entries = _cut(entries, 3)
        found.append(certificate)
        if tls13:
            _, entries = _cut(entries, 2)
    return tuple(found)


def _expand(secret: bytes, label: str, context: bytes) -> bytes:
    """Compute HKDF-Expand-Label with a context, for one block (RFC 9846 section 7.1)."""
    info = u16(32) + opaque(1, b"tls13 " + label.encode()) + opaque(1, context)
    return hmac.digest(secret, info.data + b"\1", "sha256")


@dataclass
class RequestServer:
    """A listening server; ``seen`` has an entry for each connection, in order."""

    port: int
    seen: list[Seen] = field(default_factory=list)


@contextlib.contextmanager
def request_server(
    identity: Identity, request: Request, version: ProtocolVersion
) -> Iterator[RequestServer]:
    """Serve on a free port of loopback, one connection at a time; wait for it at the end.

    ``identity`` has an RSA key. Every client is answered in ``version``.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = RequestServer(listener.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(_SILENCE)
                    seen = Seen()
                    _Connection(connection, identity, request).serve(version, seen)
                    server.seen.append(seen)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()
