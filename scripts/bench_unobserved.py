"""The lab's server without an observer: ``bench_unobserved.py CERTS PORT``, for the benchmark."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lab.service.server_files import ServerFiles
from lab.service.todo_server import TodoServer


async def serve(certs: Path, port: int) -> None:
    """Serve until killed."""
    server = TodoServer(ServerFiles(directory=certs).load(now=datetime.now(timezone.utc)).tls)
    await server.open("127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
