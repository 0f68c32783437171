"""Two TLS peers in memory, and what passed between them.

The peers are OpenSSL's, through ``ssl.SSLObject`` over memory BIOs: no sockets. A ``EventBuffer``
holds every piece that each side sent, in order, and the client's key log.
"""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.tls.events import Endpoint, Event
from lab.tls.observer import Observer

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER
NO_ENCRYPT_THEN_MAC = 1 << 19  # SSL_OP_NO_ENCRYPT_THEN_MAC, which the ssl module does not name


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, as PEM files; ``chain`` holds the certificate alone."""

    chain: Path
    key: Path
    der: bytes


@dataclass(frozen=True)
class Identities:
    """The files of the authorities and identities that tests use."""

    ca: Path
    other_ca: Path
    server: Identity
    client: Identity
    rsa_server: Identity
    rsa_client: Identity
    client_of_other_ca: Identity


def make_identities(directory: Path) -> Identities:
    """Two authorities, a server and a client of the first, a client of the second."""
    ca, ca_key = _authority(directory / "ca.pem", "Test CA")
    other, other_key = _authority(directory / "other.pem", "Other CA")

    def issue(name: str, key: PrivateKey, purpose: x509.ObjectIdentifier) -> Identity:
        return _issue(directory, name, key, purpose, ca, ca_key)

    server, client = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
    return Identities(
        ca=directory / "ca.pem",
        other_ca=directory / "other.pem",
        server=issue("server", _ec_key(), server),
        client=issue("client", _ec_key(), client),
        rsa_server=issue("rsa-server", _rsa_key(), server),
        rsa_client=issue("rsa-client", _rsa_key(), client),
        client_of_other_ca=_issue(
            directory, "client-of-other-ca", _ec_key(), client, other, other_key
        ),
    )


def _ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _builder(subject: x509.Name, issuer: x509.Name, key: PrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )


def _authority(path: Path, name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = _ec_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        _builder(subject, subject, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def _issue(
    directory: Path,
    name: str,
    key: PrivateKey,
    purpose: x509.ObjectIdentifier,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
) -> Identity:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    addresses = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    certificate = (
        _builder(subject, ca.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(usage, True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), False)
        .add_extension(x509.SubjectAlternativeName(addresses), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False
        )
        .sign(ca_key, hashes.SHA256())
    )
    identity = Identity(
        chain=directory / f"{name}.pem",
        key=directory / f"{name}-key.pem",
        der=certificate.public_bytes(serialization.Encoding.DER),
    )
    identity.chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    identity.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return identity


@dataclass
class EventBuffer:
    """One connection: what each side sent, piece by piece, and the secrets."""

    pieces: list[tuple[Endpoint, bytes]] = field(default_factory=list)
    key_log: str = ""
    client_error: ssl.SSLError | None = None
    server_error: ssl.SSLError | None = None
    session: ssl.SSLSession | None = None

    def replay(self, observer: Observer, size: int | None = None) -> list[Event]:
        """Feed all pieces, each cut into parts of ``size`` bytes, one second apart."""
        events: list[Event] = []
        for number, (sender, data) in enumerate(self.pieces):
            step = size or len(data)
            for start in range(0, len(data), step):
                events += observer.feed(sender, data[start : start + step], float(number))
        return events

    def observe(self) -> list[Event]:
        """All events, with the key log known before."""
        observer = Observer()
        return [*observer.learn(self.key_log), *self.replay(observer), *observer.finish()]


class Pair:
    """A client and a server in memory, joined by ``pump``."""

    def __init__(
        self,
        client: ssl.SSLContext,
        server: ssl.SSLContext,
        key_log: Path,
        session: ssl.SSLSession | None = None,
    ) -> None:
        key_log.unlink(missing_ok=True)
        client.keylog_filename = str(key_log)
        self._key_log = key_log
        self.recording = EventBuffer()
        self._client_in, self._client_out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._server_in, self._server_out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client.wrap_bio(
            self._client_in, self._client_out, server_hostname="localhost", session=session
        )
        self.server = server.wrap_bio(self._server_in, self._server_out, server_side=True)

    def pump(self) -> bool:
        """Carry what either side has to send to the other; tell whether there was anything."""
        moved = False
        for sender, source, sink in (
            (CLIENT, self._client_out, self._server_in),
            (SERVER, self._server_out, self._client_in),
        ):
            data = source.read()
            if data:
                self.recording.pieces.append((sender, data))
                sink.write(data)
                moved = True
        self.recording.key_log = self._key_log.read_text() if self._key_log.exists() else ""
        return moved

    def step(self, sender: Endpoint, action: Callable[[], object]) -> bool:
        """Call ``action`` of ``sender``'s object; False where it wants more bytes or failed."""
        try:
            action()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            if sender is CLIENT:
                self.recording.client_error = error
            else:
                self.recording.server_error = error
            return False
        return True

    def handshake(self) -> bool:
        """Shake hands; tell whether both ends are content."""
        done = {CLIENT: False, SERVER: False}
        peers = {CLIENT: self.client, SERVER: self.server}
        while True:
            for sender, peer in peers.items():
                failed = self.recording.client_error or self.recording.server_error
                if not done[sender] and not failed:
                    done[sender] = self.step(sender, peer.do_handshake)
            if not self.pump():
                return all(done.values())

    def exchange(self, request: bytes = b"ping", answer: bytes = b"pong") -> None:
        """Carry application data both ways; each side reads all it can."""
        self.step(CLIENT, lambda: self.client.write(request))
        self.pump()
        self.step(SERVER, lambda: self.server.read(65536))
        self.step(SERVER, lambda: self.server.write(answer))
        self.pump()
        self.step(CLIENT, lambda: self.client.read(65536))

    def close(self) -> EventBuffer:
        """Say close_notify both ways."""
        self.step(CLIENT, self.client.unwrap)
        self.pump()
        self.step(SERVER, self.server.unwrap)
        self.pump()
        self.recording.session = self.client.session
        return self.recording


def client_context(
    identities: Identities,
    identity: Identity | None = None,
    *,
    version: ssl.TLSVersion | None = None,
    ciphers: str | None = None,
) -> ssl.SSLContext:
    """A client that trusts the test CA and shows ``identity``, if any."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(identities.ca)
    if identity is not None:
        context.load_cert_chain(identity.chain, identity.key)
    _limit(context, version, ciphers)
    return context


def server_context(
    identities: Identities,
    identity: Identity | None = None,
    *,
    ask: bool = True,
    version: ssl.TLSVersion | None = None,
    ciphers: str | None = None,
) -> ssl.SSLContext:
    """A server that, where it is to ``ask``, requires a certificate of the test CA."""
    identity = identity or identities.server
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.chain, identity.key)
    if ask:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(identities.ca)
    _limit(context, version, ciphers)
    return context


def _limit(context: ssl.SSLContext, version: ssl.TLSVersion | None, ciphers: str | None) -> None:
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if ciphers is not None:
        context.set_ciphers(ciphers)


def splits(data: bytes, size: int) -> Iterator[bytes]:
    """``data`` in parts of ``size`` bytes."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
