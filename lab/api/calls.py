"""What the library does: trace a server, probe one, explain a scenario, inspect files.

Each function is there twice: ``name_async`` is a coroutine function, ``name`` its blocking form,
which may be called with or without a running event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lab.api.lab_identities import (
    ArgumentError,
    FilePath,
    LabCA,
    LabIdentity,
    Trust,
    authorities_pem,
    library_errors,
    versions_of,
)
from lab.api.server_in_thread import LabServer, blocking
from lab.diagnosis.error_texts.explain_text import explain_text
from lab.diagnosis.error_texts.results import ErrorExplanation
from lab.inspecting.inspect_files import inspect
from lab.inspecting.results import SPIFFE, USES, Inspection
from lab.pki.catalogue import fresh_crl
from lab.pki.files import pem
from lab.pki.files.crl_files import LISTS, lists_in
from lab.pki.files.file_contents import AskPassword, read_contents
from lab.probing.probe_server import Extent, Progress, explain, probe_own, probe_target
from lab.probing.results import Explanation, Report, ScenarioDescription
from lab.probing.runner import selection
from lab.stream.contexts import ClientTls, file_with
from lab.todo import application
from lab.tracing.packet_file import PacketFile
from lab.tracing.results import Trace
from lab.tracing.resumption import trace_resumptions
from lab.tracing.target import parse_target, requested_path
from lab.tracing.trace_server import ClientTrust, Plan, ServerView, trace_versions

BOTH_VERSIONS = ("1.2", "1.3")


async def trace_server_async(
    server: str | LabServer,
    *,
    identity: LabIdentity | None = None,
    trust: Trust | None = None,
    system_trust: bool = False,
    verify: bool = True,
    versions: Sequence[str] = BOTH_VERSIONS,
    sni: str | None = None,
    alpn: Sequence[str] = (),
    request: str | None = None,
    write_first: bool = False,
    post_handshake_auth: bool = True,
    security_level: int | None = None,
    client_ca: Trust | None = None,
    client_crl: FilePath | None = None,
    timeout: float = 10.0,
    resume: bool = False,
    key_log: FilePath | None = None,
    pcapng: FilePath | None = None,
    keep_records: bool = False,
) -> tuple[Trace, ...]:
    """Connect once in each TLS version, and explain how the server answered the client.

    * ``server`` is "host:port", "host" (port 8443), "port" (of 127.0.0.1) or an https URL; or a
      ``LabServer``, whose own view is then part of the trace.
    * ``identity`` is what the client presents; None: no certificate.
    * ``trust`` is the CA of the server: a ``LabCA`` or a PEM file; by default the CA that issued
      the certificate of ``server`` or of ``identity``, where it is known, else those of the system.
      ``system_trust`` adds these; without ``verify`` any certificate is accepted.
    * ``sni`` is the name to ask for, to verify and to send as Host, by default the host;
      ``request`` is the path to GET, by default that of the URL, ``/`` or, of a ``LabServer``,
      ``/todo``; ``write_first`` sends it without waiting for the server's verdict.
    * ``post_handshake_auth`` and ``security_level`` are as for ``ClientTls``; by ``client_ca`` and
      ``client_crl``, what the server is said to trust, OpenSSL judges the client's chain here.
    * ``resume`` adds traces with the sessions of the first; ``timeout`` bounds each step (seconds);
      ``key_log`` takes secrets, ``pcapng`` packets too; ``keep_records`` fills ``trace.records``.

    Raises ``ArgumentError``, ``FileError``, ``ConnectionFailedError`` or ``NoTlsError``.
    """
    settings = ClientTls(alpn=tuple(alpn), security_level=security_level)
    settings = replace(settings, post_handshake_auth=post_handshake_auth)
    with library_errors(), _packet_file(pcapng) as packets:
        trusted = _server_authorities(server, identity, trust) if verify else b""
        with _client_tls(settings, trusted, verify, system_trust) as tls:
            plan = _plan(server, tls, sni, request, timeout, identity)
            plan = replace(plan, key_log=Path(key_log) if key_log else None, packets=packets)
            plan = replace(plan, client_trust=_client_trust(client_ca, client_crl))
            plan = replace(plan, write_first=write_first, keep_records=keep_records)
            return await _tracing(resume)(plan, versions_of(versions), _server_view(server))


def _tracing(resume: bool) -> Callable[..., Awaitable[tuple[Trace, ...]]]:
    return trace_resumptions if resume else trace_versions


def _server_view(server: str | LabServer) -> ServerView | None:
    return None if isinstance(server, str) else server.events_of


def _packet_file(
    path: FilePath | None,
) -> contextlib.AbstractContextManager[PacketFile | None]:
    return contextlib.nullcontext() if path is None else PacketFile(Path(path))


@contextlib.contextmanager
def _client_tls(
    settings: ClientTls,
    authorities: bytes,
    verify: bool,
    system_trust: bool = False,
) -> Iterator[ClientTls]:
    """Add whom to trust to the settings, in a file that exists inside the block."""
    with file_with(authorities) if authorities else contextlib.nullcontext() as file:
        yield replace(
            settings,
            server_ca=file,
            system_trust=verify and (system_trust or file is None),
            verify_server=verify,
        )


def _plan(
    server: str | LabServer,
    tls: ClientTls,
    sni: str | None,
    request: str | None,
    timeout: float,
    identity: LabIdentity | None = None,
) -> Plan:
    if isinstance(server, str):
        target, default_request = parse_target(server), requested_path(server) or "/"
    else:
        target, default_request = parse_target(server.address), application.PATH
    path = default_request if request is None else request
    shown = identity.identity if identity else None
    return Plan(target=target, tls=tls, identity=shown, sni=sni, request=path, limit=timeout)


def _client_trust(ca: Trust | None, crl: FilePath | None) -> ClientTrust | None:
    """Return what to judge the client's chain by; None: nothing is known."""
    if ca is None:
        if crl is not None:
            raise ArgumentError("a CRL of clients goes with their CA: give --client-ca (client_ca)")
        return None
    name = "the CA given" if isinstance(ca, LabCA | bytes) else Path(ca).name
    certificates = pem.certificates_in(authorities_pem(ca), Path(name))
    lists: tuple[x509.CertificateRevocationList, ...] = ()
    if crl is not None:
        remedy = "Name a file with CRLs in it"
        data = pem.read_file(Path(crl), remedy=remedy, bound=LISTS)
        lists = lists_in(data, Path(crl))
        name += f" and {Path(crl).name}"
    return ClientTrust(
        authorities=tuple(certificate.public_bytes(Encoding.DER) for certificate in certificates),
        crls=tuple(crl_of_ca.public_bytes(Encoding.DER) for crl_of_ca in lists),
        files=name,
    )


def _own_trust(ca: LabCA, crl_loaded: bool) -> ClientTrust:
    """Return what a server is said to trust that is probed with ``ca``."""
    authority = ca.authority
    lists = fresh_crl(authority) if crl_loaded else ()
    return ClientTrust(
        authorities=(authority.root.public_bytes(Encoding.DER),),
        crls=tuple(crl.public_bytes(Encoding.DER) for crl in lists),
        files="the CA of this probe" + (" and its CRLs" if lists else ""),
    )


def _server_authorities(
    server: str | LabServer, identity: LabIdentity | None, trust: Trust | None
) -> bytes:
    if trust is not None:
        return authorities_pem(trust)
    if isinstance(server, LabServer) and server.authorities_pem:
        return server.authorities_pem
    return identity.authorities_pem if identity else b""


async def probe_server_async(
    server: str | None = None,
    *,
    ca: LabCA | None = None,
    trust: Trust | None = None,
    verify: bool = True,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    versions: Sequence[str] = BOTH_VERSIONS,
    sni: str | None = None,
    alpn: Sequence[str] = (),
    request: str | None = None,
    crl_loaded: bool = False,
    repeat: int = 1,
    concurrency: int = 4,
    timeout: float = 5.0,
    pcapng: FilePath | None = None,
    keep_records: bool = False,
    progress: Progress = lambda _: lambda _: None,
) -> Report:
    """Check that a server refuses every client certificate that it should refuse.

    * ``server`` is as for ``trace_server``; None: the lab's own, started for each attempt.
    * ``ca`` is the CA that the server trusts, to issue the clients' certificates; a server that is
      named needs it. ``trust`` is the CA of the server's certificate, by default ``ca``.
    * ``only`` and ``skip`` are names of scenarios, as ``lab.probe --list`` shows them.
    * ``versions``, ``verify``, ``sni``, ``alpn``, ``request`` and ``timeout`` are as for
      ``trace_server``. Of what it agrees on, the lab speaks HTTP/1.1; of h2, TLS alone is judged.
    * ``crl_loaded``: the server has loaded ``ca.crl_pem``, and must refuse what it revokes.
    * The worst of ``repeat`` attempts counts; ``concurrency`` are made at a time.
    * ``pcapng`` is a file to write all connections to, with their secrets in it; with
      ``keep_records``, each ``finding.trace`` has its records with their bytes, up to a bound.
    * ``progress`` is called with their number; what it returns, with the name of each one done.

    Returns a verdict for each scenario and version; ``report.passed``: all is as it should be.
    Raises ``ScenarioError``, ``NotProbableError``, and what ``trace_server`` raises.
    """
    with library_errors(), _packet_file(pcapng) as packets:
        scenarios = selection(only, skip, own=server is None)
        extent = Extent(scenarios=scenarios, versions=versions_of(versions), packets=packets)
        extent = replace(extent, repeat=repeat, concurrency=concurrency, keep_records=keep_records)
        if server is None:
            return await probe_own(extent, (ca or LabCA()).authority, progress)
        issuer = _issuer(ca)
        settings = ClientTls(alpn=tuple(alpn))
        with _probe_plan(server, settings, issuer, trust, verify, sni, request, timeout) as plan:
            plan = replace(plan, client_trust=_own_trust(issuer, crl_loaded), packets=packets)
            plan = replace(plan, keep_records=keep_records)
            authority = issuer.authority
            return await probe_target(extent, plan, authority, progress, prepared=crl_loaded)


def list_scenarios(
    *, only: Sequence[str] = (), skip: Sequence[str] = (), elsewhere: bool = False
) -> tuple[ScenarioDescription, ...]:
    """Return the scenarios that ``probe_server`` tries with these names, in its order.

    With ``elsewhere``, those that can be tried against a server that is named. Raises
    ``ScenarioError``: a name is unknown, or no scenario is left.
    """
    with library_errors():
        return tuple(selection(only, skip, own=not elsewhere))


async def explain_scenario_async(
    scenario: str,
    server: str | None = None,
    *,
    ca: LabCA | None = None,
    trust: Trust | None = None,
    verify: bool = True,
    versions: Sequence[str] = BOTH_VERSIONS,
    sni: str | None = None,
    alpn: Sequence[str] = (),
    request: str | None = None,
    timeout: float = 5.0,
    pcapng: FilePath | None = None,
    keep_records: bool = False,
) -> Explanation:
    """Try one scenario, and return its description with the traces of it.

    Arguments and errors are those of ``probe_server``.
    """
    with library_errors(), _packet_file(pcapng) as packets:
        chosen = selection([scenario], [], own=server is None)
        extent = Extent(scenarios=chosen, versions=versions_of(versions), packets=packets)
        extent = replace(extent, keep_records=keep_records)
        if server is None:
            return await explain(extent, None, (ca or LabCA()).authority)
        issuer = _issuer(ca)
        settings = ClientTls(alpn=tuple(alpn))
        with _probe_plan(server, settings, issuer, trust, verify, sni, request, timeout) as plan:
            trust_of_server = _own_trust(issuer, crl_loaded=False)
            plan = replace(plan, client_trust=trust_of_server, packets=packets)
            plan = replace(plan, keep_records=keep_records)
            return await explain(extent, plan, issuer.authority)


def _issuer(ca: LabCA | None) -> LabCA:
    if ca is None:
        raise ArgumentError("a server that is named needs ca, the CA of its clients")
    return ca


@contextlib.contextmanager
def _probe_plan(
    server: str,
    settings: ClientTls,
    ca: LabCA,
    trust: Trust | None,
    verify: bool,
    sni: str | None,
    request: str | None,
    timeout: float,
) -> Iterator[Plan]:
    trusted = authorities_pem(ca if trust is None else trust) if verify else b""
    with _client_tls(settings, trusted, verify) as tls:
        yield _plan(server, tls, sni, request, timeout)


def inspect_files(
    files: Sequence[FilePath],
    *,
    role: str | None = None,
    password: str | AskPassword | None = None,
    expires_within: timedelta | None = None,
) -> Inspection:
    """Read certificates, keys, requests and CRLs, and report what is wrong with them.

    * ``files`` are PEM, DER, PKCS#7 or PKCS#12, and checked against each other. OpenSSL is asked
      what it makes of each end-entity certificate, as a client's and as a server's, by a peer that
      trusts the files of CAs among them.
    * ``role`` is what the certificates are meant for: "client", "server", or "spiffe", an identity
      for both by the rules of SPIFFE; None: whatever they are fit for.
    * ``password`` opens PKCS#12 files and encrypted keys; a function is called with the path.
    * ``expires_within`` is how long before its end a certificate is reported, by default 30 days
      or a third of its lifetime.

    Raises ``ArgumentError`` and ``FileError``; what is wrong inside a file is in the result.
    """
    if role is not None and role not in USES:
        raise ArgumentError(f"role is {role!r}; give {' or '.join(USES)}")
    with library_errors():
        contents = [read_contents(Path(file), asking(password)) for file in files]
        now = datetime.now(timezone.utc)
        return inspect(
            contents,
            now=now,
            role=USES.get(role or ""),
            svid=role == SPIFFE,
            expires_within=expires_within,
        )


def asking(password: str | AskPassword | None) -> AskPassword:
    """Return what gives the password of a file, None where there is none."""
    if callable(password):
        return password
    given = None if password is None else password.encode()
    return lambda _: given


async def inspect_files_async(
    files: Sequence[FilePath],
    *,
    role: str | None = None,
    password: str | AskPassword | None = None,
    expires_within: timedelta | None = None,
) -> Inspection:
    """Do what ``inspect_files`` does, in a thread."""
    return await asyncio.to_thread(
        inspect_files, files, role=role, password=password, expires_within=expires_within
    )


def explain_error(text: str) -> ErrorExplanation:
    """Explain the error texts in a line or a page of a log, or a number or a name alone.

    Each error in ``text`` is one finding, with everything that can be behind it, the likeliest
    first; what looks like an error and is not known is listed apart.
    """
    return explain_text(text)


trace_server = blocking(trace_server_async)
probe_server = blocking(probe_server_async)
explain_scenario = blocking(explain_scenario_async)
