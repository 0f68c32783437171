"""What the library does: trace a server, probe one, explain a scenario, inspect files.

Each function is there twice: ``name_async`` is a coroutine function, ``name`` its blocking form,
which may be called with or without a running event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from lab.api.lab_identities import (
    ArgumentError,
    FilePath,
    LabCA,
    LabIdentity,
    Trust,
    library_errors,
    versions_of,
)
from lab.api.plans import (
    client_tls,
    client_trust_of,
    issuer_of,
    own_trust,
    packet_file,
    plan_for,
    probe_plan,
    recorded,
    server_view,
    settings_of,
)
from lab.api.server_in_thread import LabServer, blocking
from lab.api.session_choice import SessionProbing, chosen_extent
from lab.diagnosis.error_texts.explain_text import explain_text
from lab.diagnosis.error_texts.results import ErrorExplanation
from lab.inspecting.inspect_files import inspect
from lab.inspecting.results import SPIFFE, USES, Inspection
from lab.pki.files.file_contents import AskPassword, read_contents
from lab.probing.probe_server import Progress, explain, probe_own, probe_target
from lab.probing.results import Explanation, Report, ScenarioDescription
from lab.tracing.results import Trace
from lab.tracing.resumption import trace_resumptions
from lab.tracing.route import DIRECT, Route
from lab.tracing.trace_server import trace_versions

BOTH_VERSIONS = ("1.2", "1.3")


async def trace_server_async(
    server: str | LabServer,
    *,
    route: Route = DIRECT,
    identity: LabIdentity | None = None,
    trust: Trust | None = None,
    system_trust: bool = False,
    verify: bool = True,
    versions: Sequence[str] = BOTH_VERSIONS,
    sni: str | None = None,
    alpn: Sequence[str] = (),
    request: str | None = None,
    after: str | None = None,
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

    * ``server`` is "host:port", "host" (port 8443), "port" (of 127.0.0.1), a URL, "unix:/path", or
      a ``LabServer``, whose own view is then part of the trace; ``route`` is the way to it.
      ``identity`` is what the client presents, None: no certificate.
    * ``trust`` is the CA of the server: a ``LabCA`` or a PEM file; by default the CA that issued
      the certificate of ``server`` or of ``identity``, where it is known, else those of the system.
      ``system_trust`` adds these; without ``verify`` any certificate is accepted.
    * ``sni`` is the name to ask for, to verify and to send as Host, by default the host;
      ``request`` is the path to GET, by default that of the URL, ``/`` or, of a ``LabServer``,
      ``/todo``; ``write_first`` sends it without waiting for the server's verdict; ``after`` is
      what to speak inside TLS, as in ``lab.trace``, None: by the scheme or ALPN.
    * ``post_handshake_auth`` and ``security_level`` are as for ``ClientTls``; by ``client_ca`` and
      ``client_crl``, what the server is said to trust, OpenSSL judges the client's chain here.
    * ``resume`` adds traces with the sessions of the first; ``timeout`` bounds each step (seconds);
      ``key_log`` takes secrets, ``pcapng`` packets too; ``keep_records`` fills ``trace.records``.

    Raises ``ArgumentError``, ``FileError``, ``ConnectionFailedError`` or ``NoTlsError``.
    """
    settings = settings_of(alpn, security_level, post_handshake_auth)
    reached = client_tls(settings, server, identity, trust, verify, system_trust)
    with library_errors(), packet_file(pcapng) as packets, reached as tls:
        plan = plan_for(server, route, tls, sni, request, timeout, after, identity)
        plan = replace(plan, client_trust=client_trust_of(client_ca, client_crl))
        plan = recorded(plan, write_first, key_log, packets, keep_records)
        return await _tracing(resume)(plan, versions_of(versions), server_view(server))


def _tracing(resume: bool) -> Callable[..., Awaitable[tuple[Trace, ...]]]:
    return trace_resumptions if resume else trace_versions


async def probe_server_async(
    server: str | None = None,
    *,
    route: Route = DIRECT,
    ca: LabCA | None = None,
    trust: Trust | None = None,
    verify: bool = True,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    versions: Sequence[str] = BOTH_VERSIONS,
    sni: str | None = None,
    alpn: Sequence[str] = (),
    request: str | None = None,
    after: str | None = None,
    crl_loaded: bool = False,
    repeat: int = 1,
    concurrency: int = 4,
    timeout: float = 5.0,
    pcapng: FilePath | None = None,
    keep_records: bool = False,
    sessions: SessionProbing | None = None,
    progress: Progress = lambda _: lambda _: None,
) -> Report:
    """Check that a server refuses every client certificate that it should refuse.

    * ``server``, ``route``: as for ``trace_server``; None: the lab's own, started for each attempt.
    * ``ca`` is the CA that the server trusts, to issue the clients' certificates; a server that is
      named needs it. ``trust`` is the CA of the server's certificate, by default ``ca``.
    * ``only`` and ``skip`` are names (``lab.probe --list``); with ``sessions``, sessions are tried.
    * ``versions``, ``verify``, ``sni`` and what follows it are as for ``trace_server``.
    * ``crl_loaded``: the server has loaded ``ca.crl_pem``, and must refuse what it revokes.
    * The worst of ``repeat`` attempts counts; ``concurrency`` are made at a time.
    * ``pcapng``, ``keep_records``: as for ``trace_server``; all records are kept up to a bound.
    * ``progress`` is called with their number; what it returns, with the name of each one done.

    Returns a verdict for each scenario and version; ``report.passed``: all is as it should be.
    Raises ``ScenarioError``, ``NotProbableError``, and what ``trace_server`` raises.
    """
    with library_errors(), packet_file(pcapng) as packets:
        extent = chosen_extent(only, skip, sessions, own=server is None)
        extent = replace(extent, versions=versions_of(versions), packets=packets, repeat=repeat)
        extent = replace(extent, concurrency=concurrency, keep_records=keep_records)
        if server is None:
            return await probe_own(extent, (ca or LabCA()).authority, progress)
        issuer = issuer_of(ca)
        reached = sni, request, timeout, after
        with probe_plan(server, route, alpn, issuer, trust, verify, *reached) as plan:
            plan = replace(plan, client_trust=own_trust(issuer, crl_loaded), packets=packets)
            plan = replace(plan, keep_records=keep_records)
            return await probe_target(extent, plan, issuer.authority, progress, prepared=crl_loaded)


def list_scenarios(
    *,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    elsewhere: bool = False,
    sessions: SessionProbing | None = None,
) -> tuple[ScenarioDescription, ...]:
    """Return the scenarios that ``probe_server`` tries with these arguments, in its order.

    With ``elsewhere``, those that can be tried against a server that is named. Raises
    ``ScenarioError``: a name is unknown, or no scenario is left.
    """
    with library_errors():
        extent = chosen_extent(only, skip, sessions, own=not elsewhere)
        return (*extent.scenarios, *extent.sessions.scenarios)


async def explain_scenario_async(
    scenario: str,
    server: str | None = None,
    *,
    route: Route = DIRECT,
    ca: LabCA | None = None,
    trust: Trust | None = None,
    verify: bool = True,
    versions: Sequence[str] = BOTH_VERSIONS,
    sni: str | None = None,
    alpn: Sequence[str] = (),
    request: str | None = None,
    after: str | None = None,
    timeout: float = 5.0,
    pcapng: FilePath | None = None,
    keep_records: bool = False,
    sessions: SessionProbing | None = None,
) -> Explanation:
    """Try one scenario, and return its description with the traces of it.

    Arguments and errors are those of ``probe_server``.
    """
    with library_errors(), packet_file(pcapng) as packets:
        extent = chosen_extent([scenario], [], sessions, own=server is None)
        extent = replace(extent, versions=versions_of(versions), packets=packets)
        extent = replace(extent, keep_records=keep_records)
        if server is None:
            return await explain(extent, None, (ca or LabCA()).authority)
        issuer = issuer_of(ca)
        reached = sni, request, timeout, after
        with probe_plan(server, route, alpn, issuer, trust, verify, *reached) as plan:
            trust_of_server = own_trust(issuer, crl_loaded=False)
            plan = replace(plan, client_trust=trust_of_server, packets=packets)
            plan = replace(plan, keep_records=keep_records)
            return await explain(extent, plan, issuer.authority)


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
