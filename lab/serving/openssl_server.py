"""``openssl s_server`` on loopback: it can ask clients for what Python's ``ssl`` has no call for.

Its CertificateRequest names CAs of one's choice and signature algorithms of one's choice; the
context of an ``ssl`` server has neither setting (tests/stream/test_facts.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from lab.pki.files.secret_files import write_private, write_public
from lab.pki.identity import Identity, certificates_pem
from lab.serving.temporary_server import HOST
from lab.stream.wire import within

_START_LIMIT = 10.0
"""How long the program may take until it listens, in seconds."""
_LISTENS = re.compile(rb"ACCEPT [^\n]*:(\d+)\s*\n")
_MOST_SAID = 8192
_PART = 65536
_DEPTH = "5"


class NoOpenSslServer(Exception):
    """``openssl s_server`` cannot be used here. Its message says why, and what to do."""


@contextlib.asynccontextmanager
async def openssl_server(
    folder: Path,
    identity: Identity,
    *,
    client_ca: bytes,
    named: bytes | None = None,
    options: Sequence[str] = (),
) -> AsyncIterator[int]:
    """Run it inside the block, for one connection at a time; yields its port.

    It requires a client certificate of ``client_ca`` and answers each request by HTTP; its
    CertificateRequest names the subjects of ``named`` (both PEM), by default no CA. Its files go to
    ``folder``; ``options`` are further arguments. Raises NoOpenSslServer, and OSError for a file.
    """
    pem, trusted = folder / "openssl-server.pem", folder / "openssl-client-ca.crt"
    write_private(pem, identity.chain_pem() + identity.key_pem(), lasting=False)
    write_public(trusted, client_ca, lasting=False)
    words = ["-accept", f"{HOST}:0", "-www", "-cert", str(pem)]
    if len(identity.chain) > 1:
        above = folder / "openssl-chain.crt"
        write_public(above, certificates_pem(identity.chain[1:]), lasting=False)
        words += ["-cert_chain", str(above)]
    # What -CAfile has is named in CertificateRequest, what -verifyCAfile has is trusted.
    words += ["-verifyCAfile", str(trusted), "-Verify", _DEPTH, "-verify_return_error"]
    if named is not None:
        names = folder / "openssl-named-ca.crt"
        write_public(names, named, lasting=False)
        words += ["-CAfile", str(names)]
    process = await _started([*words, *options])
    try:
        port = await _port(process)
        async with _drained(process):
            yield port
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _started(words: Sequence[str]) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            "openssl",
            "s_server",
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as error:
        raise NoOpenSslServer(
            f"the openssl command cannot be started ({error.strerror or error}): install it"
        ) from error


async def _port(process: asyncio.subprocess.Process) -> int:
    """Wait until it listens; return where. Raises NoOpenSslServer."""
    assert process.stdout is not None
    said = b""
    try:
        while (found := _LISTENS.search(said)) is None:
            part = await within(_START_LIMIT, process.stdout.read(_PART))
            said = (said + part)[-_MOST_SAID:]
            if not part:
                break
    except TimeoutError:
        found = None
    if found is None:
        words = " ".join(said.decode("utf-8", "replace").split())[-200:]
        raise NoOpenSslServer(
            f"openssl s_server does not listen ({words or 'it says nothing'}): OpenSSL 1.1.1 or "
            "later is needed; see openssl version"
        )
    return int(found[1])


@contextlib.asynccontextmanager
async def _drained(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """Read and drop what it says, inside the block: a full pipe would stop it."""
    task = asyncio.create_task(_drain(process))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    while await process.stdout.read(_PART):
        pass
