"""A server's handshake of TLS 1.3, written here, for what no library can be told to send.

What is sent is RFC 9846's, with one thing wrong or out of the ordinary, as the server's description
says. Nothing but clients under test is served by it: it judges neither the client's certificate nor
its signature. It takes X25519 and P-256, and asks for no other key share.

This module must not know sockets, nor what a client's conduct is worth.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.x509 import Certificate as X509Certificate

from lab.pki import catalogue
from lab.pki.identity import Identity
from lab.pki.lab_ca import LabAuthority
from lab.probing.clients.handmade_records import SUITE_CODE, ClientLeft, HandmadeRecords
from lab.probing.clients.tested_server import HandmadeServer, Spoilt
from lab.tls.code_points import (
    AlertDescription,
    ContentType,
    ExtensionType,
    HandshakeType,
    NamedGroup,
    ProtocolVersion,
)
from lab.tls.events import Fact
from lab.tls.extensions import ApplicationLayerProtocols, KeyShareClientHello
from lab.tls.key_derivation import hmac
from lab.tls.key_log import SecretLabel
from lab.tls.message_parsing import parse_message
from lab.tls.messages import ClientHello, offered_versions
from lab.tls.parsing_context import ParsingContext
from lab.tls.reader import MAX_MESSAGE, BeyondLimit, WireError

_HASH = "sha256"
_HTTP = b"http/1.1"
_HEADER = 4
_MOST_MESSAGES = 8
"""How many messages a client may send up to its Finished: three are due."""
_ECDSA_P256 = 0x0403
_GROUPS = (NamedGroup.X25519, NamedGroup.SECP256R1)
_TITLE = b" " * 64 + b"TLS 1.3, server CertificateVerify\0"


class NotAgreed(Exception):
    """The client does not offer what this server needs. The message says what."""


@dataclass(slots=True)
class _Schedule:
    """The key schedule (RFC 9846 section 7.1), and the transcript that it depends on."""

    transcript: bytes = b""
    secret: bytes = field(default_factory=lambda: hmac(bytes(32), bytes(32), _HASH))

    def advance(self, key: bytes = bytes(32)) -> None:
        """Mix in a key: go to the handshake secret, then to the master secret."""
        derived = expand(self.secret, "derived", hashlib.sha256().digest())
        self.secret = hmac(derived, key, _HASH)

    def traffic(self, label: str) -> bytes:
        """Return the traffic secret of this stage."""
        return expand(self.secret, label, self.digest)

    @property
    def digest(self) -> bytes:
        """The hash of all messages so far."""
        return hashlib.sha256(self.transcript).digest()


def expand(secret: bytes, label: str, context: bytes) -> bytes:
    """Compute HKDF-Expand-Label for 32 bytes (RFC 9846 section 7.1)."""
    name = b"tls13 " + label.encode("ascii")
    return hmac(secret, b"\0\x20" + vector(name, 1) + vector(context, 1) + b"\1", _HASH)


def vector(data: bytes, size: int) -> bytes:
    """Return data behind its length, which takes ``size`` bytes (RFC 9846 section 3.4)."""
    return len(data).to_bytes(size, "big") + data


def _u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def _extension(kind: ExtensionType, data: bytes) -> bytes:
    return _u16(kind.value) + vector(data, 2)


def _message(kind: HandshakeType, body: bytes) -> bytes:
    return bytes([kind.value]) + vector(body, 3)


class HandmadeHandshake:
    """One handshake as ``server`` says, with a good identity of ``ca``, whose key is EC P-256."""

    def __init__(self, server: HandmadeServer, ca: LabAuthority, records: HandmadeRecords) -> None:
        self._server = server
        self._identity: Identity = catalogue.good_server(ca)
        self._names = server.authorities(ca)
        self._records = records
        self._schedule = _Schedule()
        self._unread = b""
        self._protocol = b""

    async def run(self) -> None:
        """Shake hands. Raises ClientLeft, and NotAgreed where the client cannot be served."""
        hello, raw = await self._client_hello()
        share = _key_share(hello)
        self._protocol = self._server.alpn or _usual_protocol(hello)
        self._schedule.transcript += raw
        shared, own = _agree(*share)
        server_hello = self._server_hello(hello, share[0], own)
        self._schedule.transcript += server_hello
        await self._records.send(ContentType.HANDSHAKE, server_hello)
        await self._records.send(ContentType.CHANGE_CIPHER_SPEC, b"\1")
        self._schedule.advance(shared)
        client, server = (self._schedule.traffic(f"{end} hs traffic") for end in ("c", "s"))
        learn, random = self._records.learn, hello.random
        learn(SecretLabel.CLIENT_HANDSHAKE_TRAFFIC_SECRET, random, client)
        learn(SecretLabel.SERVER_HANDSHAKE_TRAFFIC_SECRET, random, server)
        self._records.protect(server)
        self._records.expect(client)
        await self._records.send(ContentType.HANDSHAKE, self._flight(server))
        self._schedule.advance()
        read, write = (self._schedule.traffic(f"{end} ap traffic") for end in ("c", "s"))
        learn(SecretLabel.CLIENT_TRAFFIC_SECRET_0, random, read)
        learn(SecretLabel.SERVER_TRAFFIC_SECRET_0, random, write)
        self._records.protect(write)
        await self._client_finished(client)
        self._records.expect(read)
        self._records.fact(Fact.HANDSHAKE_RETURNED)

    async def _client_hello(self) -> tuple[ClientHello, bytes]:
        raw = await self._next_message()
        try:
            message, _ = parse_message(HandshakeType(raw[0]), raw[4:], ParsingContext())
        except (WireError, BeyondLimit, ValueError) as error:
            raise ClientLeft from error
        if not isinstance(message, ClientHello):
            raise ClientLeft
        if ProtocolVersion.TLS_1_3 not in offered_versions(message):
            raise NotAgreed("TLS 1.3")
        if SUITE_CODE not in message.cipher_suites:
            raise NotAgreed(str(SUITE_CODE))
        return message, raw

    def _server_hello(self, hello: ClientHello, group: NamedGroup, share: bytes) -> bytes:
        extensions = _extension(
            ExtensionType.SUPPORTED_VERSIONS, _u16(ProtocolVersion.TLS_1_3.value)
        ) + _extension(ExtensionType.KEY_SHARE, _u16(group.value) + vector(share, 2))
        body = b"\x03\x03" + os.urandom(32) + vector(hello.legacy_session_id, 1)
        body += _u16(SUITE_CODE.value) + b"\0" + vector(extensions, 2)
        return _message(HandshakeType.SERVER_HELLO, body)

    def _flight(self, secret: bytes) -> bytes:
        """Return EncryptedExtensions to Finished; they go into the transcript."""
        before = len(self._schedule.transcript)
        for message in (self._encrypted_extensions(), self._request(), self._certificate()):
            self._schedule.transcript += message
        self._schedule.transcript += self._certificate_verify()
        finished = bytearray(
            _message(HandshakeType.FINISHED, _verify_data(secret, self._schedule.digest))
        )
        if self._server.spoilt is Spoilt.FINISHED:
            finished[-1] ^= 1
        self._schedule.transcript += finished
        return self._schedule.transcript[before:]

    def _encrypted_extensions(self) -> bytes:
        extensions = b""
        if self._protocol:
            names = vector(vector(self._protocol, 1), 2)
            extensions = _extension(ExtensionType.APPLICATION_LAYER_PROTOCOL_NEGOTIATION, names)
        return _message(HandshakeType.ENCRYPTED_EXTENSIONS, vector(extensions, 2))

    def _request(self) -> bytes:
        schemes = b"".join(map(_u16, self._server.schemes))
        extensions = _extension(ExtensionType.SIGNATURE_ALGORITHMS, vector(schemes, 2))
        if self._names:
            names = b"".join(vector(name, 2) for name in self._names)
            extensions += _extension(ExtensionType.CERTIFICATE_AUTHORITIES, vector(names, 2))
        return _message(HandshakeType.CERTIFICATE_REQUEST, b"\0" + vector(extensions, 2))

    def _certificate(self) -> bytes:
        entries = b"".join(vector(_der(each), 3) + b"\0\0" for each in self._identity.chain)
        return _message(HandshakeType.CERTIFICATE, b"\0" + vector(entries, 3))

    def _certificate_verify(self) -> bytes:
        key = self._identity.key
        if self._server.spoilt is Spoilt.VERIFY_KEY:
            key = ec.generate_private_key(ec.SECP256R1())
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        signature = key.sign(_TITLE + self._schedule.digest, ec.ECDSA(hashes.SHA256()))
        return _message(HandshakeType.CERTIFICATE_VERIFY, _u16(_ECDSA_P256) + vector(signature, 2))

    async def _client_finished(self, secret: bytes) -> None:
        """Read the client's flight to its Finished. Raises ClientLeft."""
        for _ in range(_MOST_MESSAGES):
            raw = await self._next_message()
            expected = _verify_data(secret, self._schedule.digest)
            self._schedule.transcript += raw
            if raw[0] == HandshakeType.FINISHED.value:
                if raw[4:] != expected:
                    self._records.fact(Fact.HANDSHAKE_FAILED, "the client's Finished is wrong")
                    await self.alert(AlertDescription.DECRYPT_ERROR)
                    raise ClientLeft
                return
        raise ClientLeft

    async def _next_message(self) -> bytes:
        """Return the next handshake message, with its header. Raises ClientLeft."""
        while len(self._unread) < (end := _end_of_message(self._unread)):
            kind, part = await self._records.receive()
            if kind is not ContentType.HANDSHAKE or len(self._unread) > MAX_MESSAGE:
                raise ClientLeft  # an alert, as a rule, which the observer has seen
            self._unread += part
        raw, self._unread = self._unread[:end], self._unread[end:]
        return raw

    async def alert(self, description: AlertDescription) -> None:
        """Send a fatal alert. Raises ClientLeft."""
        await self._records.send(ContentType.ALERT, bytes([2, description.value]))


def _end_of_message(data: bytes) -> int:
    """Where the first message ends, or at least its header."""
    return _HEADER + (int.from_bytes(data[1:_HEADER], "big") if len(data) >= _HEADER else 0)


def _verify_data(secret: bytes, digest: bytes) -> bytes:
    """Compute what Finished holds (RFC 9846 section 4.5.3)."""
    return hmac(expand(secret, "finished", b""), digest, _HASH)


def _der(certificate: X509Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _usual_protocol(hello: ClientHello) -> bytes:
    """Return what any server of the lab's chooses, b"" where the client does not offer it."""
    offered = hello.find(ApplicationLayerProtocols)
    return _HTTP if offered and _HTTP in offered.protocol_name_list else b""


def _key_share(hello: ClientHello) -> tuple[NamedGroup, bytes]:
    """Return the first share of a group that is taken here. Raises NotAgreed."""
    shares = hello.find(KeyShareClientHello)
    for share in shares.client_shares if shares else ():
        if share.group in _GROUPS:
            return share.group, share.key_exchange
    raise NotAgreed("a key share for X25519 or P-256")


def _agree(group: NamedGroup, share: bytes) -> tuple[bytes, bytes]:
    """Return the shared secret and the server's own share. Raises ClientLeft."""
    try:
        if group is NamedGroup.X25519:
            own = x25519.X25519PrivateKey.generate()
            shared = own.exchange(x25519.X25519PublicKey.from_public_bytes(share))
            return shared, own.public_key().public_bytes_raw()
        key = ec.generate_private_key(ec.SECP256R1())
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), share)
        point = key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return key.exchange(ec.ECDH(), theirs), point
    except ValueError as error:
        raise ClientLeft from error
