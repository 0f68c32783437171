"""From the arguments of a call to a plan: whom to reach, whom to trust, what to ask with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
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
)
from lab.api.server_in_thread import LabServer
from lab.pki.catalogue import fresh_crl
from lab.pki.files import pem
from lab.pki.files.crl_files import LISTS, lists_in
from lab.stream.contexts import ClientTls, file_with
from lab.tls.application_protocol import Application
from lab.todo import application
from lab.tracing import route as routes
from lab.tracing.applications.choice import offered
from lab.tracing.packet_file import PacketFile
from lab.tracing.route import Route, way_to
from lab.tracing.target import requested_path
from lab.tracing.trace_server import ClientTrust, Plan, ServerView


def route_of(
    *,
    starttls: str | None = None,
    proxy: str | None = None,
    proxy_password: str | None = None,
    proxy_protocol: str | None = None,
) -> Route:
    """Return a way to a server, for ``trace_server`` and ``probe_server``.

    * ``starttls`` is the protocol that changes to TLS by a command, such as "smtp" or "postgres".
    * ``proxy`` is "http://[user[:password]@]host:port", or the same with socks5;
      ``proxy_password`` is the password where the URL has none.
    * ``proxy_protocol`` is "v1" or "v2": a header of the PROXY protocol is sent before TLS.

    Raises ``ArgumentError``.
    """
    with library_errors():
        return routes.route_of(
            starttls=starttls,
            proxy=proxy,
            proxy_password=proxy_password,
            proxy_protocol=proxy_protocol,
        )


def server_view(server: str | LabServer) -> ServerView | None:
    """Return how to ask a server in this process for its events; None: it is elsewhere."""
    return None if isinstance(server, str) else server.events_of


def packet_file(
    path: FilePath | None,
) -> contextlib.AbstractContextManager[PacketFile | None]:
    """Open the file to write packets to, if there is to be one."""
    return contextlib.nullcontext() if path is None else PacketFile(Path(path))


def settings_of(
    alpn: Sequence[str], security_level: int | None, post_handshake_auth: bool
) -> ClientTls:
    """Return the settings of a client that do not say whom it trusts."""
    settings = ClientTls(alpn=tuple(alpn), security_level=security_level)
    return replace(settings, post_handshake_auth=post_handshake_auth)


@contextlib.contextmanager
def client_tls(
    settings: ClientTls,
    server: str | LabServer,
    identity: LabIdentity | None,
    trust: Trust | None,
    verify: bool,
    system_trust: bool = False,
) -> Iterator[ClientTls]:
    """Add whom to trust to the settings, in a file that exists inside the block."""
    authorities = _server_authorities(server, identity, trust) if verify else b""
    with file_with(authorities) if authorities else contextlib.nullcontext() as file:
        yield replace(
            settings,
            server_ca=file,
            system_trust=verify and (system_trust or file is None),
            verify_server=verify,
        )


def plan_for(
    server: str | LabServer,
    route: Route,
    tls: ClientTls,
    sni: str | None,
    request: str | None,
    timeout: float,
    after: str | None,
    identity: LabIdentity | None = None,
) -> Plan:
    """Return how to connect to ``server``, and what to ask for then."""
    if isinstance(server, str):
        address, default_request = server, requested_path(server) or "/"
    else:
        address, default_request = server.address, application.PATH
    target, route = way_to(address, route)
    plan = Plan(target=target, route=route, tls=tls, sni=sni, limit=timeout)
    plan = replace(plan, after=_application(after))
    plan = replace(plan, tls=replace(tls, alpn=offered(plan.application, tls.alpn)))
    path = default_request if request is None else request
    return replace(plan, request=path, identity=identity.identity if identity else None)


def recorded(
    plan: Plan,
    write_first: bool,
    key_log: FilePath | None,
    packets: PacketFile | None,
    keep_records: bool,
) -> Plan:
    """Return the plan with when to write, and what to keep of the connections."""
    log = Path(key_log) if key_log else None
    plan = replace(plan, write_first=write_first, key_log=log)
    return replace(plan, packets=packets, keep_records=keep_records)


def _application(name: str | None) -> Application | None:
    """Return what to speak inside TLS, by its name; None: by the scheme and ALPN."""
    known = {application.value: application for application in Application}
    if name is not None and name not in known:
        raise ArgumentError(f"after is {name!r}; give one of {', '.join(known)}")
    return None if name is None else known[name]


def client_trust_of(ca: Trust | None, crl: FilePath | None) -> ClientTrust | None:
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


def own_trust(ca: LabCA, crl_loaded: bool) -> ClientTrust:
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


def issuer_of(ca: LabCA | None) -> LabCA:
    """Return the CA of a probe's clients. Raises ArgumentError where there is none."""
    if ca is None:
        raise ArgumentError("a server that is named needs ca, the CA of its clients")
    return ca


@contextlib.contextmanager
def probe_plan(
    server: str,
    route: Route,
    alpn: Sequence[str],
    ca: LabCA,
    trust: Trust | None,
    verify: bool,
    sni: str | None,
    request: str | None,
    timeout: float,
    after: str | None,
) -> Iterator[Plan]:
    """Yield how a probe connects; the CA of ``server`` is in a file inside the block."""
    settings = ClientTls(alpn=tuple(alpn))
    with client_tls(settings, server, None, ca if trust is None else trust, verify) as tls:
        yield plan_for(server, route, tls, sni, request, timeout, after)
