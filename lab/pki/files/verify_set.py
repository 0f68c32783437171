"""Verifying a set on disk: OpenSSL reads it and completes handshakes with itself, in memory.

Rules: what is verified is what lies on disk. Both ends check as
strictly as Python 3.13's ``ssl.create_default_context`` does, on every Python. Time is judged by
the caller's ``now``, so OpenSSL is told to leave its own clock out.

This module must not know how the set was made. It opens no socket.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from lab.pki.errors import SetFaultyError
from lab.pki.files.lab_set import (
    LabSet,
    Role,
    SetPaths,
    load_set,
)

NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL and LibreSSL, for which ``ssl`` has no name."""

_MAX_ROUNDS = 20


def load_verified_set(paths: SetPaths, *, now: datetime, pfx_password: str) -> LabSet:
    """Load the set and verify it by handshakes; the server is reached by each of its names.

    Raises :class:`~lab.pki.errors.PkiError` where anything is wrong with it.
    """
    loaded = load_set(paths.directory, now=now)
    _verify_pfx(paths, loaded, pfx_password)
    try:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            server = _context(paths, Role.SERVER, version)
            client = _context(paths, Role.CLIENT, version)
            for name in _names(loaded.server.certificate):
                handshake(server, client, name)
    except ssl.SSLError as error:
        raise SetFaultyError(
            f"the new set fails a handshake with itself: {error}",
            remedy=f"Report this, with the versions of Python and {ssl.OPENSSL_VERSION}",
            path=paths.directory,
        ) from error
    return loaded


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, server_name: str | None) -> None:
    """Complete a handshake in memory; raise the :class:`ssl.SSLError` of the side that fails.

    After it the server has judged the client's certificate too, which in TLS 1.3 happens when the
    client is done already.
    """
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    unfinished = [
        client.wrap_bio(to_client, to_server, server_hostname=server_name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(_MAX_ROUNDS):
        for side in tuple(unfinished):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            unfinished.remove(side)
        if not unfinished:
            return
    raise ssl.SSLError(f"no end after {_MAX_ROUNDS} rounds")


def _context(paths: SetPaths, role: Role, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(
        ssl.PROTOCOL_TLS_SERVER if role is Role.SERVER else ssl.PROTOCOL_TLS_CLIENT
    )
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = version
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VerifyFlags(NO_CHECK_TIME)
    context.load_verify_locations(cafile=paths.certificate(Role.CA))
    context.load_cert_chain(paths.certificate(role), paths.key(role))
    return context


def _names(certificate: x509.Certificate) -> Sequence[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]


def _verify_pfx(paths: SetPaths, loaded: LabSet, password: str) -> None:
    path = paths.client_pfx
    try:
        content = pkcs12.load_pkcs12(path.read_bytes(), password.encode())
    except ValueError as error:
        raise _faulty_pfx(path, "does not open with its password") from error
    whole = (
        content.cert is not None
        and content.cert.certificate == loaded.client.certificate
        and content.key is not None
        and [each.certificate for each in content.additional_certs] == [loaded.ca.certificate]
    )
    if not whole:
        raise _faulty_pfx(path, "lacks the client's certificate, its key, or the CA's certificate")


def _faulty_pfx(path: Path, problem: str) -> SetFaultyError:
    return SetFaultyError(
        problem, remedy="Report this, with the version of cryptography", path=path
    )
