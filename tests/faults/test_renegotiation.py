"""A client that asks for a new handshake on a connection of TLS 1.2: ``openssl s_client``, by R."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.faults.rig import besieged
from tests.serving import PATIENCE, program


async def renegotiate(port: int, certs: Path) -> str:
    """What s_client prints of it; R, and a request behind it."""
    process = await asyncio.create_subprocess_exec(
        program("openssl", "openssl"),
        "s_client",
        *("-connect", f"127.0.0.1:{port}", "-tls1_2", "-msg"),
        *("-CAfile", certs / "ca.crt", "-cert", certs / "client.crt", "-key", certs / "client.key"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        said = await asyncio.wait_for(process.stdout.readuntil(b"Verify return code: 0"), PATIENCE)
        process.stdin.write(b"R\n")
        await process.stdin.drain()
        # It ends by itself: a client that was refused this has nothing more to say.
        said += await asyncio.wait_for(process.stdout.read(), PATIENCE)
        await asyncio.wait_for(process.wait(), PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return said.decode("utf-8", "replace")


async def test_renegotiation_is_refused_by_its_alert(certs: Path) -> None:
    async with besieged(certs) as siege:
        said = await renegotiate(siege.port, certs)
        assert "RENEGOTIATING" in said
        after = said.partition("RENEGOTIATING")[2]
        assert "no_renegotiation" in after
        assert "ServerHello" not in after
        assert not siege.log.struck
