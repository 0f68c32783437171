"""Run a scenario against a server of the lab's own, started for it alone.

Each run has its own server, so that both ends' events are those of one connection, and no
session, limit or certificate of another one plays a part.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from lab.http.limits import Limits
from lab.pki.authority import revocation_lists_pem
from lab.pki.files.secret_files import write_public
from lab.pki.identity import certificates_pem
from lab.pki.lab_ca import LabAuthority
from lab.probing.attempt import ScenarioTrace, try_scenario
from lab.probing.scenarios.scenario import Host, Scenario, TlsClient, lab_root
from lab.serving.temporary_server import HOST, TemporaryServer, temporary_server, write_server_tls
from lab.stream.contexts import ClientTls, TlsVersion
from lab.todo import application
from lab.todo.allow_list import AllowList
from lab.tracing.packet_file import PacketFile
from lab.tracing.target import Target
from lab.tracing.trace_server import Plan

SERVER_NAME = "localhost"


async def run_scenario(
    scenario: Scenario,
    version: TlsVersion,
    ca: LabAuthority,
    write_first: bool = False,
    packets: PacketFile | None = None,
    keep_records: bool = False,
) -> ScenarioTrace:
    """Run a scenario's client against the server that it needs; the trace has both ends.

    With ``write_first`` the client sends its request before it can know the server's verdict.
    ``packets`` is a file to write all that passes to; with ``keep_records`` the trace has the
    records with their bytes.
    """
    with tempfile.TemporaryDirectory(prefix="mtls-lab-") as scratch:
        folder = Path(scratch)
        async with scenario_server(scenario.host, ca, folder) as server:
            plan = Plan(
                target=Target(host=HOST, port=server.port),
                tls=ClientTls(server_ca=trust_file(scenario, ca, folder)),
                sni=SERVER_NAME,
                request=application.PATH,
                write_first=write_first,
                packets=packets,
                keep_records=keep_records,
            )
            return await try_scenario(scenario, version, plan, ca, server.events_of)


@contextlib.asynccontextmanager
async def scenario_server(
    host: Host, ca: LabAuthority, folder: Path
) -> AsyncIterator[TemporaryServer]:
    """Run the lab's server as a scenario needs it; its files go to ``folder``."""
    tls = write_server_tls(
        folder,
        host.identity(ca),
        client_ca=certificates_pem(host.trusts(ca)),
        crl=revocation_lists_pem(host.revocation_lists(ca)) if host.revocation_lists else None,
        client_auth=host.client_auth,
    )
    policy = None
    if host.allow_cn or host.allow_san:
        policy = AllowList.of(common_names=host.allow_cn, alternative_names=host.allow_san)
    limits = Limits(handshake_timeout=host.handshake_timeout)
    async with temporary_server(tls, limits=limits, policy=policy) as server:
        yield server


def trust_file(scenario: Scenario, ca: LabAuthority, folder: Path) -> Path:
    """Write the CAs that the scenario's client trusts to a file in ``folder``; return it."""
    trusts = scenario.client.trusts if isinstance(scenario.client, TlsClient) else lab_root
    path = folder / "server-ca.crt"
    write_public(path, certificates_pem(trusts(ca)), lasting=False)
    return path
