"""How many refused clients get the alert? This server and stock asyncio, measured side by side.

``python scripts/count_alerts.py [--clients 200] [--json]`` (in the project's environment). Each
client has no certificate, shakes hands, writes a request at once and then reads, with Python's
blocking ``ssl``. Half of them speak TLS 1.2, half TLS 1.3. The server requires a certificate.

asyncio's own TLS sent no alert on CPython 3.10.13, 3.11.7, 3.12.1 and 3.13.0 (issue 98078); pull
request 153620 fixes it on CPython's main branch. The output names the Python that was measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import socket
import ssl
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from lab.pki.files.lab_set import Role, load_role  # noqa: E402
from lab.pki.files.set_writing import (  # noqa: E402
    KeyType,
    SetPlan,
    write_set,
)
from lab.serving.lab_server import TodoServer  # noqa: E402
from lab.stream.contexts import (  # noqa: E402
    ClientTls,
    IdentityFiles,
    ServerTls,
    TlsVersion,
    client_context,
    server_context,
)

AT_ONCE = 16
PATIENCE = 20.0
# More than a handshake's flight, so that a server that closes at once has bytes left unread.
REQUEST = b"POST /todo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4096\r\n\r\n" + b"x" * 4096
ALERTS = {
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "handshake_failure (40)",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "certificate_required (116)",
}

Answers = Counter[str]
Opened = tuple[int, Callable[[], Awaitable[None]]]


def attempt(port: int, context: ssl.SSLContext) -> str:
    """One client: the alert that it got, or how else its connection ended."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        try:
            tls = context.wrap_socket(
                connection, server_hostname="localhost", do_handshake_on_connect=False
            )
        except OSError as error:
            return _name(error)
        with tls:
            try:
                tls.do_handshake()
                tls.sendall(REQUEST)
            except OSError as error:
                if _name(error) in ALERTS.values():
                    return _name(error)
                # A failed write says nothing; what the server said last may still be there.
            try:
                return "data" if tls.recv(1024) else "end of data, no alert"
            except OSError as error:
                return _name(error)


def _name(error: OSError) -> str:
    reason = getattr(error, "reason", None) or type(error).__name__
    return ALERTS.get(reason, f"{reason}, no alert")


async def lab(tls: ServerTls) -> Opened:
    """This project's server."""
    server = TodoServer(tls)
    _, port = await server.open("127.0.0.1", 0)
    return port, server.close


async def stock(tls: ServerTls) -> Opened:
    """asyncio's own TLS."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context(tls))

    async def close() -> None:
        server.close()

    return server.sockets[0].getsockname()[1], close


async def measure(
    open_server: Callable[[ServerTls], Awaitable[Opened]], tls: ServerTls, clients: int
) -> dict[str, Answers]:
    """What ``clients`` clients in each version got from one server."""
    # A refusal is no news here, and asyncio would print one for each.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    port, close = await open_server(tls)
    answers: dict[str, Answers] = {}
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for version in TlsVersion:
                context = client_context(
                    ClientTls(server_ca=tls.client_ca, minimum=version, maximum=version)
                )
                loop = asyncio.get_running_loop()
                tries = [loop.run_in_executor(pool, attempt, port, context) for _ in range(clients)]
                answers[version.value] = Counter(await asyncio.gather(*tries))
    finally:
        await close()
    return answers


def main() -> int:
    """Measure both, print a table or JSON; 0 if every client of the lab got its alert."""
    options = argparse.ArgumentParser(description="Count the alerts that reach refused clients.")
    options.add_argument("--clients", type=int, default=200, help="for each server, half a version")
    options.add_argument("--json", action="store_true")
    arguments = options.parse_args()
    half = arguments.clients // 2
    if half < 1:
        options.error("--clients must be 2 at least: one for each version")
    with tempfile.TemporaryDirectory() as folder:
        now = datetime.now(timezone.utc)
        write_set(Path(folder), SetPlan(key_type=KeyType.EC), now=now)
        files = load_role(Path(folder), Role.SERVER, now=now)
        tls = ServerTls(
            identity=IdentityFiles(certificate=files.certificate_path, key=files.key_path),
            client_ca=files.ca_path,
        )
        results = {
            "this server": asyncio.run(measure(lab, tls, half)),
            "stock asyncio": asyncio.run(measure(stock, tls, half)),
        }
    if arguments.json:
        print(json.dumps({"clients_each_version": half, "answers": results}, indent=2))
    else:
        print(f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}")
        for server, versions in results.items():
            for version, answers in versions.items():
                for answer, count in answers.most_common():
                    print(f"{server:<14} TLS {version}  {count:>4} of {half}  {answer}")
    alerts = set(ALERTS.values())
    told = sum(
        count
        for answers in results["this server"].values()
        for answer, count in answers.items()
        if answer in alerts
    )
    return 0 if told == 2 * half else 1


if __name__ == "__main__":
    raise SystemExit(main())
