"""The ``ssl`` contexts of servers for clients under test: weak, one-sided or old where that is due.

Rules: a context is made for one run of one server; its tickets are good for no other.
"""

from __future__ import annotations

import ssl
import warnings
from dataclasses import replace

from lab.pki.files.secret_files import temporary_pem
from lab.pki.identity import Identity, certificates_pem
from lab.pki.lab_ca import LabAuthority
from lab.probing.clients.tested_server import Behind, OpenSslServer
from lab.stream.contexts import TlsVersion


class NotAvailable(Exception):
    """OpenSSL cannot be such a server here. Its message says why."""


def held_to(server: OpenSslServer, version: TlsVersion | None) -> OpenSslServer:
    """Return the server, speaking ``version`` only where that is one of the versions it speaks."""
    if version is None or not server.minimum <= version.of_ssl <= server.maximum:
        return server
    return replace(server, minimum=version.of_ssl, maximum=version.of_ssl)


def context_of(server: OpenSslServer, identity: Identity, ca: LabAuthority) -> ssl.SSLContext:
    """Return a context for ``server`` that presents ``identity``. Raises NotAvailable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        if server.weak or server.ciphers:
            # First of all, because OpenSSL judges a certificate when it is loaded, too.
            context.set_ciphers(f"{server.ciphers or 'DEFAULT'}:@SECLEVEL=0")
        with temporary_pem(identity) as path:
            context.load_cert_chain(path)
        context.load_verify_locations(cadata=certificates_pem(server.trusts(ca)).decode("ascii"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of TLS 1.0 and 1.1, rightly
            context.minimum_version = server.minimum
            context.maximum_version = server.maximum
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error.args[-1]  # not all of OpenSSL's have one
        raise NotAvailable(f"OpenSSL cannot be this server here: {reason}") from error
    context.verify_mode = server.client_auth.verify_mode
    context.set_alpn_protocols(["http/1.1"])
    context.post_handshake_auth = server.behind is Behind.ASK_LATER
    # RFC 5746 makes renegotiation safe, not cheap: a client could ask for it without end.
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context
