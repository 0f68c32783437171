"""Commands of the operator that change the server under test between two connections.

A command is a line for the shell. ``LAB_CRL`` and ``LAB_CA`` in its environment name the file that
the server is to take: revocation lists, or the CA of its clients from then on, in PEM.

Rules: a command ends in time, or it is ended, with all that it started. Of what it writes only the
last line is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lab.pki.identity import Identity, certificates_pem
from lab.pki.lab_ca import LabAuthority
from lab.probing.resumption.own_sessions import lists_with
from lab.probing.resumption.session_scenarios import Change
from lab.probing.resumption.session_trial import Act, Undo
from lab.stream.wire import within
from lab.tls.escape import escaped

_PATIENCE = 60.0
"""Seconds for a command."""
_MOST_OUTPUT = 1 << 12
_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorActs:
    """What makes the server change, and what takes that back."""

    acts: dict[Change, Act]
    undo: dict[Change, Undo]


@contextlib.contextmanager
def operator_acts(
    revoke_by: str | None, change_ca_by: str | None, ca: LabAuthority
) -> Iterator[OperatorActs]:
    """Yield what the commands do; their files are there inside the block."""
    acts: dict[Change, Act] = {}
    undo: dict[Change, Undo] = {}
    with tempfile.TemporaryDirectory(prefix="mtls-lab-") as scratch:
        folder = Path(scratch)

        async def revoke(identity: Identity) -> str:
            assert revoke_by is not None
            return await _run(revoke_by, "LAB_CRL", folder / "crl.pem", lists_with(identity, ca))

        async def change_ca(identity: Identity) -> str:
            return await _take(ca.other_root().identity)

        async def change_back() -> str:
            return await _take(ca.authority.identity)

        async def _take(identity: Identity) -> str:
            assert change_ca_by is not None
            pem = certificates_pem((identity.certificate,))
            return await _run(change_ca_by, "LAB_CA", folder / "ca.pem", pem)

        if revoke_by is not None:
            acts[Change.REVOKED] = revoke
        if change_ca_by is not None:
            acts[Change.OTHER_CA], undo[Change.OTHER_CA] = change_ca, change_back
        yield OperatorActs(acts=acts, undo=undo)


async def _run(command: str, variable: str, path: Path, content: bytes) -> str:
    """Run ``command`` with ``variable`` set to ``path``; return what is wrong with it, or ""."""
    path.write_bytes(content)
    # In a file, as a server that the command starts may keep its end of a pipe open.
    with (path.parent / "output").open("w+b") as output:
        process = await asyncio.create_subprocess_shell(
            command,
            env=os.environ | {variable: str(path)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=sys.platform != "win32",
        )
        try:
            code = await within(_PATIENCE, process.wait())
        except TimeoutError:
            return f"the command {escaped(command)} did not end within {_PATIENCE:g} s"
        finally:
            _end(process)
            await process.wait()
        if code == 0:
            return ""
        said = _last_line(output)
    return f"the command {escaped(command)} ended with exit code {code}{said and f': {said}'}"


def _last_line(output: BinaryIO) -> str:
    output.seek(max(0, output.seek(0, os.SEEK_END) - _MOST_OUTPUT))
    lines = output.read(_MOST_OUTPUT).decode("utf-8", "replace").split("\n")
    return next((escaped(line.strip()[:_SHOWN]) for line in reversed(lines) if line.strip()), "")


def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
