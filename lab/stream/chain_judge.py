"""OpenSSL's verdict on a chain of certificates, without the private key of its leaf.

The chain is handed to a TLS 1.2 ``SSLObject`` in a Certificate message, as its peer would send it.
OpenSSL verifies the chain there, before the peer has to prove that it has the key.
"""

from __future__ import annotations

import functools
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lab.stream.contexts import file_with

_HANDSHAKE, _CERTIFICATE = 22, 11
_MAX_FRAGMENT = 1 << 14
# A client may hold a verified chain against the cipher suite that another server chose.
_VERIFIED = frozenset({"WRONG_CERTIFICATE_TYPE"})
# What Python puts around the words of OpenSSL: the library, and the line of its own source.
_LOCATION = re.compile(r"^\[\w+\] | \(_ssl\.c:\d+\)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainVerdict:
    """What OpenSSL makes of a chain, at its security level 2.

    ``verify_code`` is X509_V_ERR_… of the first problem that it comes to, 0 for none, and
    ``verify_message`` its words. A chain that is in order and cannot be used in TLS all the same
    (it is too long, or its key is of another kind) is not accepted, with the code 0 and the words
    of the TLS library.
    """

    accepted: bool
    verify_code: int = 0
    verify_message: str = ""

    def __str__(self) -> str:
        """Return OpenSSL's words, with the code where there is one."""
        return (
            f"{self.verify_message} ({self.verify_code})"
            if self.verify_code
            else self.verify_message
        )


def judge_chain(
    chain_der: Sequence[bytes],
    *,
    trust: Sequence[bytes],
    crls: Sequence[bytes] = (),
    purpose: ssl.Purpose,
    strict: bool = False,
    partial: bool = False,
) -> ChainVerdict:
    """Return what OpenSSL makes of a chain, as a peer would send it, leaf first, in DER.

    * ``trust`` are the certificates of the trust store, ``crls`` its revocation lists, in DER.
      With lists, each CA of the chain must have one.
    * ``purpose`` is CLIENT_AUTH for the chain of a client, SERVER_AUTH for that of a server, whose
      name is not compared with any.
    * ``strict`` sets VERIFY_X509_STRICT, ``partial`` VERIFY_X509_PARTIAL_CHAIN, which lets a chain
      end at a certificate of ``trust`` that is no root.

    It takes a few milliseconds, and blocks. Raises ``ssl.SSLError`` where OpenSSL cannot load
    ``trust`` or ``crls``.
    """
    judges_server = purpose is ssl.Purpose.SERVER_AUTH
    flags = ssl.VERIFY_X509_TRUSTED_FIRST
    flags |= ssl.VERIFY_X509_STRICT if strict else ssl.VERIFY_DEFAULT
    flags |= ssl.VERIFY_X509_PARTIAL_CHAIN if partial else ssl.VERIFY_DEFAULT
    # OpenSSL takes long to load many CAs of one name; CRLs are too large to be kept.
    verifying = _verifying if crls else _verifying_kept
    context = verifying(judges_server, flags, tuple(trust), tuple(crls))
    judge, received = _client(context) if judges_server else _server(context)
    received.write(_certificate_message(chain_der))
    try:
        judge.do_handshake()
    except ssl.SSLCertVerificationError as error:
        return ChainVerdict(
            accepted=False, verify_code=error.verify_code, verify_message=error.verify_message
        )
    except ssl.SSLWantReadError:
        return ChainVerdict(accepted=True)
    except ssl.SSLError as error:
        if error.reason in _VERIFIED:
            return ChainVerdict(accepted=True)
        words = (error.reason or _LOCATION.sub("", error.args[-1])).lower().replace("_", " ")
        return ChainVerdict(accepted=False, verify_message=words)
    raise AssertionError("a handshake that is over after a Certificate message")


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DEFAULT:@SECLEVEL=2")
    if protocol == ssl.PROTOCOL_TLS_CLIENT:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        with file_with(_server_identity()) as path:
            context.load_cert_chain(path)
    return context


def _verifying(
    judges_server: bool, flags: ssl.VerifyFlags, trust: tuple[bytes, ...], crls: tuple[bytes, ...]
) -> ssl.SSLContext:
    """Return a context that verifies by these certificates and lists."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT if judges_server else ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags = flags
    _load_trust(context, trust, crls)
    return context


_verifying_kept = functools.lru_cache(maxsize=4)(_verifying)


def _load_trust(context: ssl.SSLContext, trust: Sequence[bytes], crls: Sequence[bytes]) -> None:
    if trust:
        context.load_verify_locations(cadata=b"".join(dict.fromkeys(trust)))
    if crls:
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
        pem = "".join(_pem("X509 CRL", crl) for crl in crls)
        with file_with(pem.encode()) as path:
            context.load_verify_locations(cafile=path)


def _server(context: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.MemoryBIO]:
    """Return a server that waits for a client's Certificate, and where to write that."""
    client, to_server = _started(_context(ssl.PROTOCOL_TLS_CLIENT), ssl.MemoryBIO())
    del client
    received = ssl.MemoryBIO()
    received.write(to_server.read())
    server, _ = _started(context, received, server_side=True)
    return server, received


def _client(context: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.MemoryBIO]:
    """Return a client that waits for a server's Certificate, and where to write that."""
    received, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client, hello = _started(context, received)
    to_server.write(hello.read())
    _, answer = _started(_context(ssl.PROTOCOL_TLS_SERVER), to_server, server_side=True)
    received.write(_first_message(answer.read()))
    _continue(client)
    return client, received


def _started(
    context: ssl.SSLContext, received: ssl.MemoryBIO, *, server_side: bool = False
) -> tuple[ssl.SSLObject, ssl.MemoryBIO]:
    """Return one end that has done what it can with what it has received, and what it sends."""
    sent = ssl.MemoryBIO()
    end = context.wrap_bio(received, sent, server_side=server_side)
    _continue(end)
    return end, sent


def _continue(end: ssl.SSLObject) -> None:
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return
    raise AssertionError("a handshake that is over without its peer")


def _first_message(records: bytes) -> bytes:
    """Return the first handshake message of ``records``, which is a short one, in a record."""
    length = 4 + int.from_bytes(records[6:9], "big")
    return _records(records[5 : 5 + length])


def _certificate_message(chain: Sequence[bytes]) -> bytes:
    """Return the records of a Certificate message (RFC 5246 section 7.4.2)."""
    certificates = b"".join(_vector(certificate) for certificate in chain)
    return _records(bytes((_CERTIFICATE,)) + _vector(_vector(certificates)))


def _vector(content: bytes) -> bytes:
    return len(content).to_bytes(3, "big") + content


def _records(message: bytes) -> bytes:
    fragments = (
        message[start : start + _MAX_FRAGMENT] for start in range(0, len(message), _MAX_FRAGMENT)
    )
    return b"".join(
        bytes((_HANDSHAKE, 3, 3)) + len(fragment).to_bytes(2, "big") + fragment
        for fragment in fragments
    )


def _pem(label: str, data: bytes) -> str:
    return ssl.DER_cert_to_PEM_cert(data).replace("CERTIFICATE", label)


@functools.cache
def _server_identity() -> bytes:
    """Return a certificate and its key in PEM, for a server that only has to go as far as hello."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "chain judge")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=36500))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
