"""Sessions of the lab's own server: one started for each attempt, and changed as a reload does.

Its second address is another server of the same settings, as another process would be.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import replace
from pathlib import Path

from lab.pki.authority import revocation_list, revocation_lists_pem
from lab.pki.catalogue import REVOKED_SERIAL, fresh_crl
from lab.pki.files.secret_files import write_public
from lab.pki.identity import Identity, certificates_pem
from lab.pki.lab_ca import LabAuthority
from lab.probing.resumption.session_scenarios import Change, Place, SessionScenario
from lab.probing.resumption.session_trial import Ground, SessionTrial, try_session
from lab.probing.scenario_server import SERVER_NAME
from lab.serving.temporary_server import HOST, TemporaryServer, temporary_server, write_server_tls
from lab.stream.contexts import ClientTls, ServerTls, TlsVersion
from lab.todo import application
from lab.tracing.packet_file import PacketFile
from lab.tracing.target import Target
from lab.tracing.trace_server import Plan

_OTHER_NAME = "other.example"


async def try_own_session(
    scenario: SessionScenario,
    version: TlsVersion,
    tickets: bool,
    ca: LabAuthority,
    packets: PacketFile | None = None,
    keep_records: bool = False,
) -> SessionTrial:
    """Try a scenario against the lab's own server.

    Arguments are as for ``try_session`` and ``run_scenario``.
    """
    with tempfile.TemporaryDirectory(prefix="mtls-lab-") as scratch:
        folder = Path(scratch)
        tls = write_server_tls(folder, ca.server(), client_ca=certificates_pem((ca.root,)))
        async with contextlib.AsyncExitStack() as stack:
            here = await stack.enter_async_context(temporary_server(tls))
            there = await stack.enter_async_context(temporary_server(tls))
            plan = Plan(
                target=Target(host=HOST, port=here.port),
                tls=ClientTls(server_ca=tls.client_ca),
                sni=SERVER_NAME,
                request=application.PATH,
                packets=packets,
                keep_records=keep_records,
            )
            # Its certificate has one name; whether it resumes does not depend on that.
            unverified = ClientTls(verify_server=False)
            ground = Ground(
                places={
                    Place.HERE: plan,
                    Place.OTHER_NAME: replace(plan, sni=_OTHER_NAME, tls=unverified),
                    Place.OTHER_ADDRESS: replace(plan, target=Target(host=HOST, port=there.port)),
                },
                authority=ca,
                acts=_Reloads(here, tls, ca, folder).acts,
                at_once=True,
                views={
                    Place.HERE: here.events_of,
                    Place.OTHER_NAME: here.events_of,
                    Place.OTHER_ADDRESS: there.events_of,
                },
            )
            return await try_session(scenario, version, tickets, {version: ground})


class _Reloads:
    def __init__(
        self, server: TemporaryServer, tls: ServerTls, ca: LabAuthority, folder: Path
    ) -> None:
        self._server = server
        self._tls = tls
        self._ca = ca
        self._folder = folder
        self.acts = {Change.REVOKED: self._revoke, Change.OTHER_CA: self._change_ca}

    async def _revoke(self, identity: Identity) -> str:
        path = self._folder / "revoked.pem"
        write_public(path, lists_with(identity, self._ca), lasting=False)
        self._server.renew(replace(self._tls, crl=path))
        return ""

    async def _change_ca(self, identity: Identity) -> str:
        path = self._folder / "other-ca.crt"
        other = self._ca.other_root().identity.certificate
        write_public(path, certificates_pem((other,)), lasting=False)
        self._server.renew(replace(self._tls, client_ca=path))
        return ""


def lists_with(identity: Identity, ca: LabAuthority) -> bytes:
    """Return the revocation lists of ``ca`` and its intermediates in PEM, ``identity`` on them."""
    serials = (REVOKED_SERIAL, identity.certificate.serial_number)
    own = revocation_list(ca.authority, serials, now=ca.now)
    return revocation_lists_pem((own, *fresh_crl(ca)[1:]))
