"""What a message names, and whether a Certificate is empty, as rows and log lines need it.

It is apart from the details of messages, which take long to load.
"""

from __future__ import annotations

from lab.show.text.peer_text import latin_text
from lab.tls import extensions as ext
from lab.tls import messages as msg


def offered_names(hello: msg.ClientHello) -> tuple[list[str], list[str]]:
    """Return the hosts (RFC 6066 section 3) and protocols (RFC 7301) that a ClientHello names."""
    hosts = hello.find(ext.ServerNameList)
    protocols = hello.find(ext.ApplicationLayerProtocols)
    return (
        [latin_text(host.name) for host in hosts.server_name_list] if hosts else [],
        [latin_text(name) for name in protocols.protocol_name_list] if protocols else [],
    )


def is_empty_certificate(message: msg.HandshakeMessage) -> bool:
    """Return whether a message is a Certificate, compressed or not, without a certificate."""
    if isinstance(message, msg.CompressedCertificate) and message.certificate is not None:
        message = message.certificate
    return isinstance(message, msg.Certificate) and message.is_empty
