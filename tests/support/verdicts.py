"""What OpenSSL itself says of a certificate, in a handshake in memory."""

from __future__ import annotations

import ssl
from collections.abc import Iterable

from cryptography import x509

from lab.pki.files.secret_files import temporary_pem
from lab.pki.files.verify_set import handshake
from lab.pki.identity import Identity, certificates_pem


def verdict(
    client: Identity,
    server: Identity,
    trusted: Iterable[x509.Certificate],
    *,
    strict: bool = False,
    judge: ssl.Purpose = ssl.Purpose.CLIENT_AUTH,
) -> int:
    """X509_V_OK (0) or X509_V_ERR_...; the server judges the client unless ``judge`` is
    SERVER_AUTH, which is the purpose of a context that judges servers.
    """
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_side.check_hostname = False
    client_side.verify_mode = ssl.CERT_NONE
    judging = server_side if judge is ssl.Purpose.CLIENT_AUTH else client_side
    judging.verify_mode = ssl.CERT_REQUIRED
    if strict:
        judging.verify_flags |= ssl.VERIFY_X509_STRICT
    judging.load_verify_locations(cadata=certificates_pem(trusted).decode())
    for side, identity in ((server_side, server), (client_side, client)):
        with temporary_pem(identity) as path:
            side.load_cert_chain(path)
    try:
        handshake(server_side, client_side, None)
    except ssl.SSLCertVerificationError as error:
        return error.verify_code
    return 0
