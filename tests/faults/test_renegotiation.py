"""A client that asks for a new handshake on a connection of TLS 1.2: ``openssl s_client``, by R."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.faults.attacks import renegotiate, renegotiation_was_refused
from tests.faults.peer import target
from tests.faults.rig import besieged
from tests.support.doors import served
from tests.support.serving import program


async def test_renegotiation_is_refused_by_its_alert(certs: Path) -> None:
    program("openssl", "openssl")
    async with besieged(certs) as siege:
        said = await renegotiate(siege.target)
        assert renegotiation_was_refused(said), said
        assert not siege.log.struck


def test_renegotiation_on_an_accepted_connection_is_logged(certs: Path) -> None:
    program("openssl", "openssl")
    with served("--certs", certs, "--port", "0") as server:
        said = asyncio.run(renegotiate(target(server.port, certs)))
        assert renegotiation_was_refused(said), said
        line = server.until("AFTER HANDSHAKE")
        assert "| TLS 1.2 | client: ClientHello | server: alert warning no_renegotiation" in line
        assert server.stop() == 0
