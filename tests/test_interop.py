"""Other people's clients against the lab's server: curl, openssl s_client, Python's urllib."""

from __future__ import annotations

import json
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from lab.stream.contexts import TlsVersion
from tests.support.serving import (
    PATIENCE,
    client_tls,
    in_thread,
    program,
    running,
)

VERSIONS = pytest.mark.parametrize("version", list(TlsVersion), ids=lambda version: version.value)


def run(words: list[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, input=stdin, capture_output=True, encoding="utf-8", timeout=PATIENCE
    )


def curl(certs: Path, port: int, version: TlsVersion, *more: str) -> list[str]:
    return [
        program("curl", "curl"),
        "--silent",
        "--show-error",
        "--noproxy",
        "*",
        f"--tlsv{version.value}",
        "--tls-max",
        version.value,
        "--cacert",
        str(certs / "ca.crt"),
        *more,
        f"https://127.0.0.1:{port}/todo",
    ]


@VERSIONS
async def test_curl_posts_and_gets(certs: Path, version: TlsVersion) -> None:
    identity = ["--cert", str(certs / "client.crt"), "--key", str(certs / "client.key")]
    post = [
        "-X",
        "POST",
        "-H",
        "Content-Type: application/json",
        "-d",
        '{"task":"Añadir endpoint POST","done":false}',
    ]
    async with running(certs) as server:
        words = curl(certs, server.port, version, *identity, *post)
        created = await in_thread(lambda: run(words))
        words = curl(certs, server.port, version, *identity)
        listed = await in_thread(lambda: run(words))
    assert created.returncode == 0, created.stderr
    assert created.stdout.rstrip() == (
        "{\n"
        '  "client": "mtls-client",\n'
        '  "message": "TODO item created",\n'
        '  "todo": {\n'
        '    "id": 6,\n'
        '    "task": "Añadir endpoint POST",\n'
        '    "done": false\n'
        "  }\n"
        "}"
    )
    assert len(json.loads(listed.stdout)["todos"]) == 6


@VERSIONS
async def test_curl_takes_the_pfx(certs: Path, version: TlsVersion) -> None:
    pfx = ["--cert-type", "P12", "--cert", f"{certs / 'client.pfx'}:changeit"]
    async with running(certs) as server:
        words = curl(certs, server.port, version, *pfx)
        done = await in_thread(lambda: run(words))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["client"] == "mtls-client"


@VERSIONS
async def test_curl_without_certificate_sees_the_reason(certs: Path, version: TlsVersion) -> None:
    error = {
        TlsVersion.TLS12: "alert handshake failure",
        TlsVersion.TLS13: "alert certificate required",
    }
    async with running(certs) as server:
        words = curl(certs, server.port, version)
        done = await in_thread(lambda: run(words))
    assert done.returncode in (35, 56)
    assert error[version] in done.stderr


def s_client(certs: Path, port: int, version: TlsVersion, *more: str) -> list[str]:
    return [
        program("openssl", "openssl"),
        "s_client",
        "-connect",
        f"127.0.0.1:{port}",
        "-CAfile",
        str(certs / "ca.crt"),
        f"-tls{version.value.replace('.', '_')}",
        "-ign_eof",
        *more,
    ]


REQUEST = "GET /todo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@VERSIONS
async def test_s_client_gets_in(certs: Path, version: TlsVersion) -> None:
    identity = ["-cert", str(certs / "client.crt"), "-key", str(certs / "client.key")]
    async with running(certs) as server:
        words = s_client(certs, server.port, version, *identity)
        done = await in_thread(lambda: run(words, REQUEST))
    assert done.returncode == 0, done.stderr
    assert "Verify return code: 0 (ok)" in done.stdout
    # Python's ssl asks for a certificate of anybody: it has no way to name the CAs that it takes.
    assert "No client certificate CA names sent" in done.stdout
    assert '"client": "mtls-client"' in done.stdout


@VERSIONS
async def test_s_client_without_certificate_sees_the_reason(
    certs: Path, version: TlsVersion
) -> None:
    number = {TlsVersion.TLS12: "SSL alert number 40", TlsVersion.TLS13: "SSL alert number 116"}
    async with running(certs) as server:
        words = s_client(certs, server.port, version)
        done = await in_thread(lambda: run(words, REQUEST))
    assert done.returncode != 0
    assert number[version] in done.stderr
    assert "HTTP/1.1" not in done.stdout


async def test_renegotiation_is_refused(certs: Path) -> None:
    identity = ["-cert", str(certs / "client.crt"), "-key", str(certs / "client.key")]
    async with running(certs) as server:
        words = [
            word
            for word in s_client(certs, server.port, TlsVersion.TLS12, *identity)
            if word != "-ign_eof"  # which would send R as data
        ]
        done = await in_thread(lambda: run(words, "R\n"))
    assert "no renegotiation" in done.stderr


@VERSIONS
async def test_urllib(certs: Path, version: TlsVersion) -> None:
    def fetch(port: int, context: ssl.SSLContext) -> dict[str, object]:
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        with opener.open(f"https://127.0.0.1:{port}/todo", timeout=PATIENCE) as response:
            document = json.load(response)
            assert isinstance(document, dict)
            return document

    async with running(certs) as server:
        context = client_tls(certs, version=version)
        assert (await in_thread(lambda: fetch(server.port, context)))["client"] == "mtls-client"
        nobody = client_tls(certs, identity=False, version=version)
        with pytest.raises((urllib.error.URLError, ssl.SSLError)) as refused:
            await in_thread(lambda: fetch(server.port, nobody))
    assert "alert" in str(refused.value)
