"""Settings in, ``ssl.SSLContext`` out: the two ends of the lab, spelled out.

Nothing here leans on ``ssl.create_default_context``: its choices change from one Python to the
next, and a lab must behave the same on all of them.
"""

from __future__ import annotations

import contextlib
import enum
import os
import ssl
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path


class ClientAuth(enum.Enum):
    """What the server makes of client certificates, in the handshake.

    With ON_DEMAND it asks for none there, and may ask after it.
    """

    REQUIRED = "required"
    OPTIONAL = "optional"
    NONE = "none"
    ON_DEMAND = "on-demand"

    @property
    def verify_mode(self) -> ssl.VerifyMode:
        """The same in the terms of the ``ssl`` module."""
        return {
            ClientAuth.REQUIRED: ssl.CERT_REQUIRED,
            ClientAuth.OPTIONAL: ssl.CERT_OPTIONAL,
            ClientAuth.NONE: ssl.CERT_NONE,
            ClientAuth.ON_DEMAND: ssl.CERT_NONE,
        }[self]


class TlsVersion(enum.Enum):
    """The versions that the lab speaks; TLS 1.0 and 1.1 are deprecated by RFC 8996."""

    TLS12 = "1.2"
    TLS13 = "1.3"

    @property
    def of_ssl(self) -> ssl.TLSVersion:
        """The same in the terms of the ``ssl`` module."""
        return ssl.TLSVersion.TLSv1_2 if self is TlsVersion.TLS12 else ssl.TLSVersion.TLSv1_3


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityFiles:
    """A certificate chain and its private key, as PEM files. One file may hold both."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls:
    """The TLS side of a server: who it is, whom it trusts, what it asks for.

    ``chain``, where it is not empty, is what to send: PEM, instead of the certificates in the file
    of ``identity``. With the leaf alone, OpenSSL looks for its issuers in every handshake anew.
    ``crl`` is a PEM file of revocation lists. With one, a client is refused unless there is a
    current list of every CA in its chain, and it is on none of them.
    """

    identity: IdentityFiles
    client_ca: Path
    chain: bytes = b""
    crl: Path | None = None
    client_auth: ClientAuth = ClientAuth.REQUIRED
    minimum: TlsVersion = TlsVersion.TLS12
    maximum: TlsVersion = TlsVersion.TLS13


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTls:
    """The TLS side of a client.

    ``server_ca`` is a file of CAs that it trusts, ``system_trust`` adds the system's. With neither
    it trusts nobody; without ``verify_server`` it does not ask. ``security_level`` is OpenSSL's,
    None for what Python and the system have set; at 0 OpenSSL presents any key and certificate,
    however weak, and leaves the verdict to the server. ``post_handshake_auth`` lets a server ask
    for the certificate only after a TLS 1.3 handshake, as few other clients do.
    """

    server_ca: Path | None = None
    system_trust: bool = False
    verify_server: bool = True
    security_level: int | None = None
    identity: IdentityFiles | None = None
    minimum: TlsVersion = TlsVersion.TLS12
    maximum: TlsVersion = TlsVersion.TLS13
    alpn: tuple[str, ...] = ()
    post_handshake_auth: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerContexts:
    """The contexts of a server: ``usual``, and ``asking`` for who can be asked after the handshake.

    ``asking`` is None where the server asks nobody then. Each has session tickets of its own.
    """

    usual: ssl.SSLContext
    asking: ssl.SSLContext | None = None


def server_contexts(tls: ServerTls) -> ServerContexts:
    """The contexts for the accepting end. Raises as ``server_context`` does.

    OpenSSL asks after the handshake only where a connection was made to verify, and the same
    setting would make it ask in the handshake of TLS 1.2: hence two contexts.
    """
    usual = server_context(tls)
    if tls.client_auth is not ClientAuth.ON_DEMAND or tls.maximum is TlsVersion.TLS12:
        return ServerContexts(usual=usual)
    # Optional: to a client that then sends none, HTTP can give the reason.
    later = replace(tls, client_auth=ClientAuth.OPTIONAL, minimum=TlsVersion.TLS13)
    asking = server_context(later)
    asking.post_handshake_auth = True
    return ServerContexts(usual=usual, asking=asking)


def server_context(tls: ServerTls) -> ssl.SSLContext:
    """A context for the accepting end.

    Raises ``ssl.SSLError`` or ``OSError`` where OpenSSL cannot use one of the files.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Whatever the order of these two calls, OpenSSL completes the chain that it sends from the
    # trust store: a file with the leaf alone goes out together with its CA, if that is trusted.
    _load_identity(context, tls)
    context.load_verify_locations(cafile=tls.client_ca)
    if tls.crl is not None:
        context.load_verify_locations(cafile=tls.crl)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    context.verify_mode = tls.client_auth.verify_mode
    context.minimum_version = tls.minimum.of_ssl
    context.maximum_version = tls.maximum.of_ssl
    context.set_alpn_protocols(["http/1.1"])
    # RFC 5746 makes renegotiation safe, not cheap: a client could ask for it without end.
    context.options |= ssl.OP_NO_RENEGOTIATION
    # OpenSSL hands out two tickets (RFC 9846 section 4.7.1). A client needs one to come back, gets
    # a new one when it does, and each has the client's whole certificate in it.
    context.num_tickets = 1
    return context


def _load_identity(context: ssl.SSLContext, tls: ServerTls) -> None:
    if not tls.chain:
        context.load_cert_chain(tls.identity.certificate, tls.identity.key)
        return
    with file_with(tls.chain) as chain:
        context.load_cert_chain(chain, tls.identity.key)


@contextlib.contextmanager
def file_with(data: bytes) -> Iterator[Path]:
    """Yield a file with ``data`` in it, which is on no disk where the system can do that."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
        with open(descriptor, "wb") as memory:
            memory.write(data)
            memory.flush()
            yield Path(f"/proc/self/fd/{descriptor}")
    else:
        with tempfile.TemporaryDirectory(prefix="mtls-lab-") as folder:
            path = Path(folder) / "chain.pem"
            path.write_bytes(data)
            yield path


def client_context(tls: ClientTls) -> ssl.SSLContext:
    """A context for the dialling end.

    Raises ``ssl.SSLError`` or ``OSError`` where OpenSSL cannot use one of the files.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if tls.security_level is not None:
        # First of all, because OpenSSL judges a certificate when it is loaded, too.
        context.set_ciphers(f"DEFAULT:@SECLEVEL={tls.security_level}")
    if tls.identity is not None:
        context.load_cert_chain(tls.identity.certificate, tls.identity.key)
    if not tls.verify_server:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.server_ca is not None:
        context.load_verify_locations(cafile=tls.server_ca)
    if tls.system_trust:
        context.load_default_certs()
    context.minimum_version = tls.minimum.of_ssl
    context.maximum_version = tls.maximum.of_ssl
    # A server may ask for the certificate only once it knows what the client wants (RFC 9846
    # section 4.7.2), if the client says that it can be asked then.
    context.post_handshake_auth = tls.post_handshake_auth
    if tls.alpn:
        context.set_alpn_protocols(list(tls.alpn))
    return context
