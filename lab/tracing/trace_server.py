"""Tracing: one connection to a server, observed from its first byte to its end, and explained.

Rules: whatever the server does becomes events; only a server that cannot be reached, or that sends
no TLS, makes no trace. A TLS 1.3 client counts as accepted only once the server has answered it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import unquote

from cryptography.hazmat.primitives.serialization import Encoding

from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.evidence import summarize
from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Result, TrustVerdict
from lab.pki.files.secret_files import temporary_pem
from lab.pki.identity import Identity
from lab.stream.chain_judge import judge_chain
from lab.stream.contexts import ClientTls, TlsVersion, client_context
from lab.stream.tls_stream import StreamError, TlsStream
from lab.stream.wire import address_text, within
from lab.tls.application_protocol import Application
from lab.tls.code_points import ProtocolVersion
from lab.tls.events import Endpoint, Event, Fact, LocalFact, Unfinished, WireEvent
from lab.tls.record_log import ObservedRecord, RecordLog
from lab.tracing.applications.choice import SPEAKERS, by_name, spoken
from lab.tracing.applications.conversation import (
    ApplicationRequest,
    ExchangeError,
    converse,
    cut_short,
    no_answer,
)
from lab.tracing.applications.http_client import HttpClient
from lab.tracing.connection import ReturningClient, connected
from lab.tracing.event_buffer import EventBuffer
from lab.tracing.packet_file import PacketFile
from lab.tracing.results import Trace
from lab.tracing.route import DIRECT, Route
from lab.tracing.target import Target, in_ascii
from lab.x509.certificates import described

# How long a client that does not write first waits for the server to send something, in seconds.
# Most servers send a ticket or their alert at once; some send nothing until they get a request.
_FIRST_BYTES = 1.0

VERSIONS = {TlsVersion.TLS12: ProtocolVersion.TLS_1_2, TlsVersion.TLS13: ProtocolVersion.TLS_1_3}

# OpenSSL's reasons not to load a certificate that its security level forbids.
_TOO_WEAK = frozenset({"EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"})

# The first OpenSSL with ML-DSA (FIPS 204).
_ML_DSA_SINCE = (3, 5)

_PATH = re.compile(r"/[!-~]*")
_MOST_USER = 1000  # letters; MQTT's lengths have 16 bits


ServerView = Callable[[str], Awaitable[Sequence[Event]]]
"""Gives the events of a server in this process: those of the connection from a ``host:port``."""


class PlanRefused(ValueError):
    """A plan asks for what no client can send. Its message is for the user."""


class NotLoaded(Exception):
    """OpenSSL would not load the client's certificate. Its message says why, and what to do."""


class NoTrace(Exception):
    """The target sends no TLS. Its message says what it does instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTrust:
    """What the server is said to trust: ``authorities`` and ``crls`` in DER, from ``files``."""

    authorities: tuple[bytes, ...]
    crls: tuple[bytes, ...] = ()
    files: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to connect, and what to do then.

    ``tls`` says whom to trust and which versions to offer; its identity is not used, since
    ``identity`` stands for it (None: nothing to present). ``sni`` is the name to ask for, to find
    in the server's certificate and to send as Host; None: the target's host. ``route`` is what is
    done before TLS. ``write_first`` sends the request right behind the handshake, without waiting
    for the server's first word; ``ask_at`` (aware) is a moment to wait for before it is sent;
    ``request`` is the path to GET; ``limit`` bounds each step, in seconds; ``key_log`` is a file to
    add the secrets to, ``packets`` one to write all that passes to; ``client_trust`` is what to
    judge the client's chain by, here. With ``keep_records``, traces have the records with their
    bytes.
    ``after`` is what to speak inside TLS; None leaves it to the URL's scheme and ALPN.
    """

    target: Target
    tls: ClientTls
    identity: Identity | None = None
    sni: str | None = None
    route: Route = DIRECT
    request: str = "/"
    write_first: bool = False
    ask_at: datetime | None = None
    limit: float = 10.0
    key_log: Path | None = None
    packets: PacketFile | None = None
    client_trust: ClientTrust | None = None
    keep_records: bool = False
    after: Application | None = None

    @property
    def application(self) -> Application | None:
        """What is asked for, or what the scheme or the way to TLS says; None: as ALPN says."""
        if self.after is not None:
            return self.after
        starttls = self.route.starttls
        return by_name(self.target.scheme or (starttls.value if starttls else ""))

    def __post_init__(self) -> None:
        if self.sni is not None and not _is_host_name(self.sni):
            raise PlanRefused(f"{self.sni[:80]!r} is no host name to ask for")
        for protocol in self.tls.alpn:
            if not protocol.isascii() or not 1 <= len(protocol) <= 255:
                raise PlanRefused(f"{protocol[:80]!r} is no ALPN protocol: 1 to 255 ASCII letters")
        if len(self.target.user) > _MOST_USER:
            raise PlanRefused(f"{self.target.user[:80]!r}... is too long for the name of a user")
        if not _PATH.fullmatch(self.request):
            raise PlanRefused(
                f"{self.request[:80]!r} is no path: it begins with / and has no spaces, "
                "other letters percent-encoded"
            )
        by_http = self.application in (None, Application.HTTP1, Application.HTTP2)
        if not by_http and not unquote(self.request).isprintable():
            raise PlanRefused(f"{self.request[:80]!r} names what has control characters")


def _is_host_name(text: str) -> bool:
    try:
        return bool(text.encode("idna")) and text.isprintable() and " " not in text
    except UnicodeError:
        return False


async def trace_versions(
    plan: Plan, versions: Sequence[TlsVersion], server_view: ServerView | None = None
) -> tuple[Trace, ...]:
    """Trace the plan's target once in each of ``versions``, one after the other.

    ``server_view`` gives the events of the server itself, where it runs in this process. Raises
    NoTrace, and what :func:`record` raises.
    """
    traces = []
    for version in versions:
        single = replace(plan, tls=replace(plan.tls, minimum=version, maximum=version))
        buffer = await record(single)
        server_events = await server_view(buffer.local_address) if server_view else None
        traces.append(require_tls(trace_of(single, buffer.events, server_events, buffer.records)))
    return tuple(traces)


async def record(plan: Plan, client: ReturningClient | None = None) -> EventBuffer:
    """Connect, do the handshake, send the request, and close; return the events.

    ``client`` offers its session, and keeps that of this connection; its contexts stand for the
    plan's settings. Raises NoConnection; ``ssl.SSLError`` or ``OSError`` where OpenSSL cannot use
    a file of the plan, or the key log cannot be written.
    """
    buffer = EventBuffer(RecordLog() if plan.keep_records else None)
    async with connected(
        plan.target,
        (client.presents or client.context) if client else presenting(plan.tls, plan.identity),
        buffer,
        sni=plan.sni,
        route=plan.route,
        limit=plan.limit,
        key_log=plan.key_log,
        packets=plan.packets,
    ) as stream:
        if client is not None:
            client.offer(stream.ssl_object)
        # Whatever goes wrong is among the events already.
        with contextlib.suppress(StreamError, ExchangeError, TimeoutError):
            await _ask(stream, plan, buffer, client)
        if client is not None:
            client.keep(stream.ssl_object)
    return buffer


async def _ask(
    stream: TlsStream, plan: Plan, buffer: EventBuffer, client: ReturningClient | None
) -> None:
    """Complete the handshake, and ask the application inside TLS for its answer."""
    await stream.handshake(plan.limit)
    if client is not None:
        client.keep(stream.ssl_object)
    application = spoken(plan.application, stream.ssl_object.selected_alpn_protocol())
    writes_first = plan.write_first and application is not Application.NONE
    if not writes_first and stream.ssl_object.version() == "TLSv1.3":
        await _first_bytes(stream)
    if plan.ask_at is not None:
        await asyncio.sleep((plan.ask_at - datetime.now(timezone.utc)).total_seconds())
    host, port = in_ascii(plan.sni or plan.target.host), plan.target.port
    authority = host if plan.target.unix_socket else address_text(host, port)
    if application is Application.HTTP1:
        http = HttpClient(stream, authority)
        await within(plan.limit, http.request("GET", plan.request))
    elif application is not Application.NONE:
        request = ApplicationRequest(
            authority=authority,
            path=plan.request,
            user=plan.target.user,
            greeted=plan.route.starttls is not None,
        )
        await _converse(stream, application, request, buffer, plan.limit)


async def _converse(
    stream: TlsStream,
    application: Application,
    request: ApplicationRequest,
    buffer: EventBuffer,
    limit: float,
) -> None:
    """Ask in any protocol but HTTP/1.1, whose answer the observer reads, and report the answer."""
    farewell = b""
    conversation = SPEAKERS[application](request)
    try:
        answer, farewell = await within(limit, converse(stream, application, conversation))
    except TimeoutError:
        # It may have one by then, whose rest does not come: a stream of events, for instance.
        ended = cut_short(conversation)
        answer = ended[0] if ended else no_answer(application, f"no answer within {limit:g} s")
    at = time.monotonic()  # the clock of the stream's own events
    buffer(LocalFact(time=at, endpoint=Endpoint.CLIENT, fact=Fact.ANSWERED, answer=answer))
    if farewell:
        await stream.write(farewell)


def presenting(tls: ClientTls, identity: Identity | None) -> ssl.SSLContext:
    """Return a client's context with ``identity`` instead of the one that ``tls`` names.

    Raises NotLoaded, and as :func:`~lab.stream.contexts.client_context` does.
    """
    context = client_context(replace(tls, identity=None))
    if identity is None:
        return context
    with temporary_pem(identity) as path:
        try:
            context.load_cert_chain(path)
        except ssl.SSLError as error:
            reason = (error.reason or str(error)).lower().replace("_", " ")
            way_on = _way_on(identity, error.reason)
            raise NotLoaded(
                f"OpenSSL does not load the client's certificate here ({reason}), so the server "
                f"was not asked{way_on}"
            ) from error
    return context


def _way_on(identity: Identity, reason: str | None) -> str:
    """Return what would help where OpenSSL does not load an identity, "" where nothing is known."""
    kind = described(identity.certificate).key_type
    if kind.startswith("ML-DSA") and ssl.OPENSSL_VERSION_INFO < _ML_DSA_SINCE:
        return f"; {kind} needs OpenSSL 3.5, and this Python has {ssl.OPENSSL_VERSION}"
    if reason in _TOO_WEAK:
        return "; lab.trace --security-level 0 presents it all the same"
    return ""


async def _first_bytes(stream: TlsStream) -> None:
    with contextlib.suppress(TimeoutError):
        await within(_FIRST_BYTES, stream.hear())


def require_tls(trace: Trace) -> Trace:
    """Return the trace. Raises NoTrace where the server sent no TLS."""
    sent_tls = any(
        isinstance(event, WireEvent | Unfinished) and event.endpoint is Endpoint.SERVER
        for event in trace.events
    )
    failed = trace.outcome.result is Result.FAILED and not trace.outcome.hung_up_on_hello
    if failed and not sent_tls:
        first = trace.causes[0]
        raise NoTrace(f"{trace.target}: {first.summary} ({'; '.join(first.evidence)}); {first.fix}")
    return trace


def trace_of(
    plan: Plan,
    events: Sequence[Event],
    server_events: Sequence[Event] | None = None,
    records: tuple[ObservedRecord, ...] = (),
) -> Trace:
    """Explain the client's events, with the server's own facts where there are any."""
    facts = [event for event in server_events or () if isinstance(event, LocalFact)]
    merged = tuple(sorted((*events, *facts), key=lambda event: event.time))
    outcome = judge(merged)
    certificate = plan.identity.certificate if plan.identity else None
    causes = diagnose(
        merged,
        outcome,
        now=datetime.now(timezone.utc),
        client_has_certificate=plan.identity is not None,
        trust=_trust_verdict(plan, merged),
        client_certificate=certificate.public_bytes(Encoding.DER) if certificate else None,
        # What begins in the clear at such a port has begun.
        port=plan.target.port or None if plan.route.starttls is None else None,
        spoken=plan.route.words,
    )
    single = plan.tls.minimum if plan.tls.minimum is plan.tls.maximum else None
    return Trace(
        target=plan.target.address,
        requested_version=VERSIONS[single] if single else None,
        negotiated_version=summarize(merged).version,
        client_certificate=certificate.public_bytes(Encoding.DER) if certificate else None,
        start=merged[0].time,
        events=merged,
        both_ends=server_events is not None,
        outcome=outcome,
        causes=causes,
        records=records,
        route=plan.route.words,
    )


def _trust_verdict(plan: Plan, events: Sequence[Event]) -> TrustVerdict | None:
    """Return OpenSSL's verdict on the chain that was sent, or that would have been; None: none."""
    chain: Sequence[bytes] = summarize(events).client_chain or ()
    if not chain and plan.identity is not None:
        chain = [certificate.public_bytes(Encoding.DER) for certificate in plan.identity.chain]
    trust = plan.client_trust
    if trust is None or not chain:
        return None
    verdict = judge_chain(
        chain, trust=trust.authorities, crls=trust.crls, purpose=ssl.Purpose.CLIENT_AUTH
    )
    # Without a code of its own (a key that TLS cannot use): X509_V_ERR_UNSPECIFIED.
    code = 0 if verdict.accepted else verdict.verify_code or 1
    return TrustVerdict(code=code, reason=verdict.verify_message, files=trust.files)


def listens(host: str, port: int) -> bool:
    """Tell whether a socket of this machine is bound there, without connecting to it.

    A connection, however short, would appear in the log of the server that is to be traced.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        if sys.platform != "win32":
            # Otherwise a connection that ended a minute ago would look like a listener.
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((host, port))
        except OSError:
            return True
    return False
