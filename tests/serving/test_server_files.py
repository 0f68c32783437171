from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from cryptography import x509

from lab.serving.server_files import ServerFiles
from lab.serving.temporary_server import temporary_server
from lab.stream.contexts import ServerTls
from lab.tls.events import Endpoint, MessageSeen
from lab.tls.messages import Certificate
from tests.support.serving import client_tls, get, in_thread


async def sent(tls: ServerTls, certs: Path) -> list[bytes]:
    """The certificates that a server sends, in DER."""
    async with temporary_server(tls) as server:
        await in_thread(lambda: get(server.port, client_tls(certs)))
    (message,) = [
        event.message
        for event in server.events[0]
        if isinstance(event, MessageSeen)
        and isinstance(event.message, Certificate)
        and event.endpoint is Endpoint.SERVER
    ]
    return [entry.cert_data for entry in message.certificate_list]


async def test_what_is_sent_is_what_openssl_would_send(certs: Path) -> None:
    """The chain is looked for once, and not in every handshake; nobody can tell."""
    tls = ServerFiles(directory=certs).load(now=datetime.now(timezone.utc)).tls
    chain = [certificate.subject for certificate in x509.load_pem_x509_certificates(tls.chain)]
    assert len(chain) == 2
    by_openssl = await sent(replace(tls, chain=b""), certs)
    assert await sent(tls, certs) == by_openssl
    assert [x509.load_der_x509_certificate(each).subject for each in by_openssl] == chain
