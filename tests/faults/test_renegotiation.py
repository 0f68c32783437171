"""A client that asks for a new handshake on a connection of TLS 1.2: ``openssl s_client``, by R."""

from __future__ import annotations

from pathlib import Path

from tests.faults.attacks import renegotiate, renegotiation_was_refused
from tests.faults.rig import besieged
from tests.support.serving import program


async def test_renegotiation_is_refused_by_its_alert(certs: Path) -> None:
    program("openssl", "openssl")
    async with besieged(certs) as siege:
        said = await renegotiate(siege.target)
        assert renegotiation_was_refused(said), said
        assert not siege.log.struck
