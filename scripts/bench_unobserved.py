"""The lab's server without an observer: ``bench_unobserved.py CERTS PORT``, for the benchmark."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lab.service.todo_server import TodoServer
from lab.stream.contexts import IdentityFiles, ServerTls


async def serve(certs: Path, port: int) -> None:
    """Serve until killed."""
    identity = IdentityFiles(certificate=certs / "server.crt", key=certs / "server.key")
    server = TodoServer(ServerTls(identity=identity, client_ca=certs / "ca.crt"))
    await server.open("127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
