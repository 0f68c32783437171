"""Clients of several makes that send bytes over TLS, write a key log, and read an answer."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.serving import program

_PATIENCE = 15.0
_SILENCE = 0.05  # seconds between two looks at what a program has printed


@dataclass(frozen=True, kw_only=True)
class Call:
    """One connection: to which port, in which version ("1.2"), with which files.

    The client sends ``request``, reads until ``mark`` or the end, and leaves. ``certificate`` and
    ``key`` are None where it has none.
    """

    port: int
    version: str
    ca: Path
    certificate: Path | None
    key: Path | None
    key_log: Path
    request: bytes
    mark: bytes


def python(call: Call) -> bytes:
    """Return what the server answered, by Python's ssl."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(call.ca)
    version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[call.version]
    context.minimum_version = context.maximum_version = version
    context.keylog_filename = str(call.key_log)
    if call.certificate:
        context.load_cert_chain(call.certificate, call.key)
    answer = b""
    connection = socket.create_connection(("127.0.0.1", call.port), timeout=_PATIENCE)
    with connection, contextlib.suppress(OSError):
        tls = context.wrap_socket(connection, server_hostname="localhost")
        with tls:
            with contextlib.suppress(OSError):
                tls.sendall(call.request)
            while call.mark not in answer and (data := tls.recv(65536)):
                answer += data
            with contextlib.suppress(OSError):
                tls.unwrap()
    return answer


def _run(call: Call, words: Sequence[object]) -> bytes:
    """Hand ``words`` the request, and end their input when the answer has come."""
    output = call.key_log.with_suffix(".out")
    with output.open("wb") as file:
        process = subprocess.Popen(
            list(map(str, words)),
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "SSLKEYLOGFILE": str(call.key_log)},
        )
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.write(call.request)
            process.stdin.flush()
        until = time.monotonic() + _PATIENCE
        while process.poll() is None and time.monotonic() < until:
            if call.mark in output.read_bytes():
                break
            time.sleep(_SILENCE)
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return output.read_bytes()


def s_client(call: Call) -> bytes:
    """Return what ``openssl s_client`` prints."""
    identity = ["-cert", call.certificate, "-key", call.key] if call.certificate else []
    words = [
        program("openssl", "openssl"),
        "s_client",
        *("-connect", f"127.0.0.1:{call.port}", "-servername", "localhost"),
        *("-CAfile", call.ca, "-verify_return_error", "-verify_hostname", "localhost"),
        *("-keylogfile", call.key_log, f"-tls1_{call.version[-1]}"),
        *identity,
    ]
    return _run(call, words)


def curl(call: Call) -> bytes:
    """Return what curl prints: of HTTP, head and body."""
    identity = ["--cert", call.certificate, "--key", call.key] if call.certificate else []
    words = [
        program("curl", "curl"),
        *("--silent", "--show-error", "--include", "--http1.1", "--noproxy", "*"),
        *("--resolve", f"localhost:{call.port}:127.0.0.1", "--cacert", call.ca),
        *(f"--tlsv{call.version}", "--tls-max", call.version, "--max-time", "15"),
        *identity,
        f"https://localhost:{call.port}/",
    ]
    return _run(call, words)


def gnutls_cli(call: Call) -> bytes:
    """Return what ``gnutls-cli`` prints."""
    identity = (
        ["--x509certfile", call.certificate, "--x509keyfile", call.key] if call.certificate else []
    )
    words = [
        program("gnutls-cli", "gnutls-bin"),
        *("--port", str(call.port), "--x509cafile", call.ca, "--verify-hostname", "localhost"),
        *("--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{call.version}"),
        *identity,
        "127.0.0.1",
    ]
    return _run(call, words)


_NODE = """
const [port, version, ca, log, mark, cert, key] = process.argv.slice(1);
const fs = require("fs"), tls = require("tls");
const socket = tls.connect({
  port: +port, host: "127.0.0.1", servername: "localhost", ca: fs.readFileSync(ca),
  minVersion: "TLSv" + version, maxVersion: "TLSv" + version,
  ...(cert ? {cert: fs.readFileSync(cert), key: fs.readFileSync(key)} : {}),
});
let answer = "";
socket.on("keylog", line => fs.appendFileSync(log, line));
socket.on("secureConnect", () => process.stdin.once("data", data => socket.write(data)));
socket.on("data", data => {
  answer += data.toString("latin1");
  process.stdout.write(data);
  if (answer.includes(Buffer.from(mark, "hex").toString("latin1"))) socket.end();
});
socket.on("error", error => { console.error(error.code); process.exit(1); });
socket.on("close", () => process.exit(0));
"""


def node(call: Call) -> bytes:
    """Return what Node's tls module read."""
    identity = [call.certificate, call.key] if call.certificate else []
    words: list[object] = [
        program("node", "nodejs"),
        "-e",
        _NODE,
        str(call.port),
        call.version,
        call.ca,
    ]
    words += [call.key_log, call.mark.hex(), *identity]
    return _run(call, words)


CLIENTS: dict[str, Callable[[Call], bytes]] = {
    "Python ssl": python,
    "s_client": s_client,
    "curl": curl,
    "gnutls-cli": gnutls_cli,
    "node": node,
}
