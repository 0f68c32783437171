"""Servers of other makes, started on loopback with the lab's certificates, each in its own folder.

Every one of them can be right, or wrong in a way that people get wrong: asking for a certificate
without requiring it, or not verifying at all, or without its CRL.
"""

from __future__ import annotations

import contextlib
import enum
import http.server
import secrets
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.serving import PATIENCE, program


class VerifyMode(enum.Enum):
    """What a server makes of client certificates."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a server is to be: its files, its folder, its port, what it asks for."""

    certs: Path
    folder: Path
    port: int
    ask: VerifyMode
    crl: Path | None = None

    def file(self, name: str) -> Path:
        return self.certs / name

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def bundle(self) -> Path:
        """The server's certificate and key in one file."""
        parts = (self.file("server.crt"), self.file("server.key"))
        return self.write("server.pem", "".join(part.read_text("utf-8") for part in parts))


CommandLine = Sequence[str | Path]


def nginx(setup: Setup) -> CommandLine:
    verify = {VerifyMode.REQUIRED: "on", VerifyMode.OPTIONAL: "optional", VerifyMode.NONE: "off"}[
        setup.ask
    ]
    crl = f"ssl_crl {setup.crl};" if setup.crl else ""
    paths = "".join(
        f"{kind}_temp_path {setup.folder};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = setup.write(
        "nginx.conf",
        f"""
        daemon off; master_process off; worker_processes 1;
        pid {setup.folder}/nginx.pid; error_log stderr;
        events {{ worker_connections 64; }}
        http {{
            access_log off;
            {paths}
            server {{
                listen 127.0.0.1:{setup.port} ssl;
                ssl_certificate {setup.file("server.crt")};
                ssl_certificate_key {setup.file("server.key")};
                ssl_client_certificate {setup.file("ca.crt")};
                ssl_verify_client {verify};
                ssl_protocols TLSv1.2 TLSv1.3;
                {crl}
                location / {{ return 200 "hello\\n"; }}
            }}
        }}
        """,
    )
    return [program("nginx", "nginx-light"), "-p", setup.folder, "-c", config]


def haproxy(setup: Setup) -> CommandLine:
    verify = {
        VerifyMode.REQUIRED: f"verify required ca-file {setup.file('ca.crt')}",
        VerifyMode.OPTIONAL: f"verify optional ca-file {setup.file('ca.crt')}",
        VerifyMode.NONE: "",
    }[setup.ask]
    crl = f"crl-file {setup.crl}" if setup.crl else ""
    config = setup.write(
        "haproxy.cfg",
        f"""
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 10s
frontend lab
    bind 127.0.0.1:{setup.port} ssl crt {setup.bundle()} {verify} {crl} ssl-min-ver TLSv1.2
    http-request return status 200 content-type text/plain string hello
""",
    )
    return [program("haproxy", "haproxy"), "-db", "-f", config]


def stunnel(setup: Setup) -> CommandLine:
    verify = {
        VerifyMode.REQUIRED: f"verifyChain = yes\nCAfile = {setup.file('ca.crt')}",
        VerifyMode.OPTIONAL: f"verify = 1\nCAfile = {setup.file('ca.crt')}",
        VerifyMode.NONE: "",
    }[setup.ask]
    crl = f"CRLfile = {setup.crl}" if setup.crl else ""
    config = setup.write(
        "stunnel.conf",
        f"""
foreground = yes
pid =
[lab]
accept = 127.0.0.1:{setup.port}
connect = 127.0.0.1:{plain_http_port()}
cert = {setup.file("server.crt")}
key = {setup.file("server.key")}
sslVersionMin = TLSv1.2
{verify}
{crl}
""",
    )
    return [program("stunnel4", "stunnel4"), config]


def gnutls(setup: Setup) -> CommandLine:
    more = {
        VerifyMode.REQUIRED: ["--require-client-cert", "--verify-client-cert"],
        VerifyMode.OPTIONAL: ["--verify-client-cert"],
        VerifyMode.NONE: ["--disable-client-cert"],
    }[setup.ask]
    crl: CommandLine = ["--x509crlfile", setup.crl] if setup.crl else []
    return [
        program("gnutls-serv", "gnutls-bin"),
        "--http",
        "--port",
        str(setup.port),
        "--x509certfile",
        setup.file("server.crt"),
        "--x509keyfile",
        setup.file("server.key"),
        "--x509cafile",
        setup.file("ca.crt"),
        *crl,
        *more,
    ]


def s_server(setup: Setup) -> CommandLine:
    more = {
        VerifyMode.REQUIRED: ["-Verify", "5", "-verify_return_error"],
        VerifyMode.OPTIONAL: ["-verify", "5", "-verify_return_error"],
        VerifyMode.NONE: [],
    }[setup.ask]
    crl: CommandLine = ["-CRL", setup.crl, "-crl_check_all"] if setup.crl else []
    return [
        program("openssl", "openssl"),
        "s_server",
        "-accept",
        f"127.0.0.1:{setup.port}",
        "-cert",
        setup.file("server.crt"),
        "-key",
        setup.file("server.key"),
        "-CAfile",
        setup.file("ca.crt"),
        "-www",
        "-quiet",
        *more,
        *crl,
    ]


def s_server_lenient(setup: Setup) -> CommandLine:
    """Without -verify_return_error: it verifies, prints, and goes on."""
    return [word for word in s_server(setup) if word != "-verify_return_error"]


Maker = Callable[[Setup], CommandLine]
MAKES: dict[str, Maker] = {
    "nginx": nginx,
    "haproxy": haproxy,
    "stunnel": stunnel,
    "gnutls-serv": gnutls,
    "openssl s_server": s_server,
}


@contextlib.contextmanager
def served_by(
    make: Maker,
    certs: Path,
    folder: Path,
    *,
    ask: VerifyMode = VerifyMode.REQUIRED,
    crl: Path | None = None,
) -> Iterator[int]:
    """The port of a server of that make, which listens inside the block."""
    setup = Setup(certs=certs, folder=folder, port=free_port(), ask=ask, crl=crl)
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            list(map(str, make(setup))),
            stdin=subprocess.PIPE,  # gnutls-serv and s_server end where theirs does
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
        try:
            _wait_until_it_listens(setup.port, process, folder / "server.log")
            yield setup.port
        finally:
            process.kill()
            process.communicate()


def free_port() -> int:
    """Return a port that nothing listens on.

    It is below those that systems give to connections and to servers that name none, of which
    another test may get the same before a server binds it.
    """
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def _wait_until_it_listens(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Ask the system until the port is bound; a failed try costs nothing and is no connection."""
    for _ in range(int(PATIENCE / 0.02)):
        assert process.poll() is None, log.read_text("utf-8", "replace")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
        except ConnectionRefusedError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        else:
            return
    raise AssertionError(log.read_text("utf-8", "replace"))


class _Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"hello\n")

    def log_message(self, format: str, *args: object) -> None:
        pass


_backend: list[http.server.ThreadingHTTPServer] = []


def plain_http_port() -> int:
    """A plain HTTP server of the test process, for those that only carry TLS; made once."""
    if not _backend:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hello)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _backend.append(server)
    return int(_backend[0].server_address[1])
