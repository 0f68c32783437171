"""Post-handshake authentication: a server that asks for a certificate only for one of its paths.

In TLS 1.3 the server sends CertificateRequest after the handshake, to a client that has said that
it can be asked then (RFC 9846 section 4.7.2). TLS 1.2 has no such message: the same settings of
OpenSSL make it ask in the handshake there.
"""

from __future__ import annotations

import functools
import ssl

from lab.pki.identity import Identity
from lab.stream.contexts import TlsVersion, server_context
from lab.stream.tls_stream import TlsStream
from lab.tracing.applications.http_client import HttpClient
from lab.tracing.results import Trace
from lab.tracing.trace_server import Plan, presenting
from lab.webapp.learn.loopback_run import RunFiles, own_server, plan_for, run_files, traced
from lab.webapp.learn.results import Comparison, LearnRun

PRIVATE = "/private"
_HEAD_END = b"\r\n\r\n"
_MOST_HEAD = 8192
_ANSWER = "HTTP/1.1 {}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{}\n"


async def authenticate_later() -> LearnRun:
    """Ask for a path that needs a certificate: by a client that has one, and by two others."""
    with run_files() as files:
        client = files.authority.client().identity
        traces = [await _ask(files, version, client) for version in TlsVersion]
        unable = await _ask(files, TlsVersion.TLS13, client, can_be_asked=False)
        without = await _ask(files, TlsVersion.TLS13, None)
    return LearnRun(
        traces=tuple(traces),
        comparisons=(
            Comparison(
                title="A client that cannot be asked later",
                words="The same certificate and TLS 1.3, but the ClientHello has no "
                "post_handshake_auth extension, as that of browsers and of most libraries.",
                traces=(unable,),
            ),
            Comparison(
                title="A client that can be asked, and has no certificate",
                words="TLS 1.3, and the client answers the late request with an empty Certificate.",
                traces=(without,),
            ),
        ),
    )


async def _ask(
    files: RunFiles, version: TlsVersion, client: Identity | None, *, can_be_asked: bool = True
) -> Trace:
    context = server_context(files.server)
    context.post_handshake_auth = True
    async with own_server(context, _serve) as server:
        plan = plan_for(server.port, version, files, client, PRIVATE)
        own = presenting(plan.tls, client)
        own.post_handshake_auth = can_be_asked
        return await traced(plan, own, functools.partial(get, plan), server.events_of)


async def get(plan: Plan, stream: TlsStream) -> None:
    """Send the request of ``plan``, and read the response."""
    await HttpClient(stream, plan.target.authority).request("GET", plan.request)


async def _serve(stream: TlsStream) -> None:
    """Answer one request; ask for the certificate before, where none has come and one is needed."""
    head = b""
    while _HEAD_END not in head and len(head) < _MOST_HEAD:
        part = await stream.read()
        if not part:
            return
        head += part
    tls = stream.ssl_object
    if stream.peer_certificate is None:
        try:
            tls.verify_client_post_handshake()
            tls.do_handshake()
        except ssl.SSLError:  # the client has not said that it can be asked
            await _answer(stream, "403 Forbidden", "this path needs a client certificate")
            return
    while stream.peer_certificate is None:
        await stream.hear()
    await _answer(stream, "200 OK", "you are known")


async def _answer(stream: TlsStream, status: str, text: str) -> None:
    await stream.write(_ANSWER.format(status, len(text) + 1, text).encode("ascii"))
