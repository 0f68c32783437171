"""Clients of several makes that ask a server for one path, with a certificate at hand.

Those that CI has are always there; the others are tried where they are found: ``go`` and ``deno``
on the PATH, ``requests`` and ``httpx`` in this Python, libcurl with GnuTLS where Debian has it.
"""

from __future__ import annotations

import asyncio
import ctypes
import http.client
import importlib
import importlib.util
import os
import shutil
import ssl
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.support.serving import PATIENCE, program

_GNUTLS_CURL = "libcurl-gnutls.so.4"


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One request: for ``path`` at ``port`` of loopback, in one version ("1.3").

    ``told`` is that the client is told to let itself be asked later; ``folder`` may be written to.
    """

    port: int
    path: str
    version: str
    certs: Path
    folder: Path
    told: bool = False

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}{self.path}"

    def file(self, name: str) -> str:
        return str(self.certs / name)

    @property
    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.file("ca.crt"))
        context.load_cert_chain(self.file("client.crt"), self.file("client.key"))
        context.minimum_version = context.maximum_version = getattr(
            ssl.TLSVersion, f"TLSv{self.version.replace('.', '_')}"
        )
        if self.told:
            context.post_handshake_auth = True
        return context


def _output(words: Sequence[object], typed: bytes | None = None, **env: str) -> str:
    """What a program prints; where bytes are typed, it is not told that they are all."""
    process = subprocess.Popen(
        list(map(str, words)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **env},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if typed is None:
            return process.communicate(timeout=PATIENCE)[0].decode("utf-8", "replace")
        process.stdin.write(typed)
        process.stdin.flush()
        return process.stdout.read().decode("utf-8", "replace")
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def _status(text: str) -> int | None:
    """The status in the last line that has one as its first or second word."""
    for line in reversed(text.splitlines()):
        words = line.split()
        if words[:1] and words[0].startswith("HTTP/1") and words[1:]:
            return int(words[1])
        if len(words) == 1 and words[0].isdigit():
            return int(words[0])
    return None


def curl(visit: Visit) -> int | None:
    return _status(
        _output(
            [
                *(program("curl", "curl"), "--silent", "--http1.1", "--noproxy", "*"),
                *("--cacert", visit.file("ca.crt"), "--cert", visit.file("client.crt")),
                *("--key", visit.file("client.key"), "--tlsv" + visit.version),
                *("--tls-max", visit.version, "--output", visit.folder / "body"),
                *("--write-out", "%{http_code}\n", visit.url),
            ]
        )
    )


def curl_gnutls(visit: Visit) -> int | None:
    """Ask with libcurl's other build, by its C interface."""
    library = ctypes.CDLL(_GNUTLS_CURL)
    library.curl_easy_init.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(library.curl_easy_init())
    version = {"1.2": 6, "1.3": 7}[visit.version]
    texts = {10002: visit.url, 10065: visit.file("ca.crt"), 10025: visit.file("client.crt")}
    texts |= {10087: visit.file("client.key"), 10015 + 162: "*"}  # CURLOPT_NOPROXY
    for option, text in texts.items():
        library.curl_easy_setopt(handle, option, ctypes.c_char_p(text.encode()))
    # CURLOPT_SSLVERSION with its maximum, _HTTP_VERSION 1.1, _NOBODY.
    for option, number in {32: version | version << 16, 84: 2, 44: 1}.items():
        library.curl_easy_setopt(handle, option, ctypes.c_long(number))
    status = ctypes.c_long()
    library.curl_easy_perform(handle)
    library.curl_easy_getinfo(handle, 0x200002, ctypes.byref(status))
    library.curl_easy_cleanup(handle)
    return status.value or None


def wget(visit: Visit) -> int | None:
    return _status(
        _output(
            [
                *(program("wget", "wget"), "--quiet", "--server-response", "--no-proxy"),
                *("--tries=1", f"--ca-certificate={visit.file('ca.crt')}"),
                f"--certificate={visit.file('client.crt')}",
                f"--private-key={visit.file('client.key')}",
                f"--secure-protocol=TLSv{visit.version.replace('.', '_')}",
                f"--output-document={visit.folder / 'body'}",
                visit.url,
            ],
            LC_ALL="C",
        ).replace("  HTTP/", "HTTP/")
    )


def _request(visit: Visit) -> bytes:
    head = f"GET {visit.path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    return head.encode()


def s_client(visit: Visit) -> int | None:
    words = [
        *(program("openssl", "openssl"), "s_client", "-quiet", "-ign_eof", "-no_ign_eof"),
        *("-connect", f"localhost:{visit.port}", "-servername", "localhost"),
        *("-CAfile", visit.file("ca.crt"), "-cert", visit.file("client.crt")),
        *("-key", visit.file("client.key"), f"-tls{visit.version.replace('.', '_')}"),
        *(["-enable_pha"] if visit.told else []),
    ]
    return _status(_output(words, _request(visit)))


def gnutls_cli(visit: Visit) -> int | None:
    words = [
        *(program("gnutls-cli", "gnutls-bin"), "--port", visit.port),
        *("--x509cafile", visit.file("ca.crt"), "--x509certfile", visit.file("client.crt")),
        *("--x509keyfile", visit.file("client.key")),
        *("--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{visit.version}"),
        *(["--post-handshake-auth"] if visit.told else []),
        "localhost",
    ]
    return _status(_output(words, _request(visit)))


def python_http(visit: Visit) -> int | None:
    """Ask with http.client, and a context of our own."""
    connection = http.client.HTTPSConnection(
        "localhost", visit.port, context=visit.context, timeout=PATIENCE
    )
    try:
        connection.request("GET", visit.path)
        return connection.getresponse().status
    finally:
        connection.close()


def python_aiohttp(visit: Visit) -> int | None:
    async def ask() -> int:
        async with (
            aiohttp.ClientSession() as session,
            session.get(visit.url, ssl=visit.context) as response,
        ):
            return response.status

    return asyncio.run(ask())


def python_httpx(visit: Visit) -> int | None:
    httpx = importlib.import_module("httpx")
    return int(httpx.get(visit.url, verify=visit.context, trust_env=False).status_code)


def python_requests(visit: Visit) -> int | None:
    """Ask with requests, whose context urllib3 makes; it can only be held to TLS 1.2 from there."""
    requests = importlib.import_module("requests")
    urllib3 = importlib.import_module("urllib3")
    version = getattr(ssl.TLSVersion, f"TLSv{visit.version.replace('.', '_')}")
    session = requests.Session()
    session.trust_env = False
    adapter = session.get_adapter(visit.url)
    adapter.poolmanager = urllib3.PoolManager(
        ssl_minimum_version=version, ssl_maximum_version=version
    )
    files = visit.file("client.crt"), visit.file("client.key")
    return int(session.get(visit.url, cert=files, verify=visit.file("ca.crt")).status_code)


_NODE = """
const [url, version, ca, cert, key] = process.argv.slice(1);
const fs = require("fs"), https = require("https"), agent = new https.Agent({keepAlive: false});
https.get(url, {
  ca: fs.readFileSync(ca), cert: fs.readFileSync(cert), key: fs.readFileSync(key), agent,
  minVersion: "TLSv" + version, maxVersion: "TLSv" + version,
}, response => { console.log(response.statusCode); response.resume(); })
  .on("error", error => console.log(error.code));
"""


def node(visit: Visit) -> int | None:
    files = [visit.file(name) for name in ("ca.crt", "client.crt", "client.key")]
    return _status(
        _output([program("node", "nodejs"), "-e", _NODE, visit.url, visit.version, *files])
    )


_JAVA = """
import java.io.FileInputStream;
import java.net.URI;
import java.net.http.*;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.*;
public class Visit {
  public static void main(String[] words) throws Exception {
    KeyStore keys = KeyStore.getInstance("PKCS12");
    keys.load(new FileInputStream(words[3]), "changeit".toCharArray());
    KeyManagerFactory own = KeyManagerFactory.getInstance("SunX509");
    own.init(keys, "changeit".toCharArray());
    KeyStore authorities = KeyStore.getInstance("PKCS12");
    authorities.load(null);
    authorities.setCertificateEntry("ca",
        CertificateFactory.getInstance("X.509").generateCertificate(new FileInputStream(words[2])));
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(authorities);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(own.getKeyManagers(), trust.getTrustManagers(), null);
    SSLParameters chosen = context.getDefaultSSLParameters();
    chosen.setProtocols(new String[] {"TLSv" + words[1]});
    HttpClient client = HttpClient.newBuilder().sslContext(context).sslParameters(chosen)
        .version(HttpClient.Version.HTTP_1_1).build();
    System.out.println(client.send(HttpRequest.newBuilder(URI.create(words[0])).build(),
        HttpResponse.BodyHandlers.ofString()).statusCode());
  }
}
"""


def java(visit: Visit) -> int | None:
    (visit.folder / "Visit.java").write_text(_JAVA, "utf-8")
    files = [visit.file("ca.crt"), visit.file("client.pfx")]
    source = visit.folder / "Visit.java"
    java_command = program("java", "default-jdk-headless")
    return _status(_output([java_command, source, visit.url, visit.version, *files]))


_GO = """
package main
import ("crypto/tls"; "crypto/x509"; "fmt"; "net/http"; "os")
func main() {
  ca, _ := os.ReadFile(os.Args[3])
  pool := x509.NewCertPool()
  pool.AppendCertsFromPEM(ca)
  certificate, err := tls.LoadX509KeyPair(os.Args[4], os.Args[5])
  if err != nil { panic(err) }
  version := uint16(tls.VersionTLS12)
  if os.Args[2] == "1.3" { version = tls.VersionTLS13 }
  config := &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{certificate},
    MinVersion: version, MaxVersion: version}
  if os.Args[6] == "told" { config.Renegotiation = tls.RenegotiateOnceAsClient }
  client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
  response, err := client.Get(os.Args[1])
  if err != nil { fmt.Println("error:", err); return }
  fmt.Println(response.StatusCode)
}
"""


def go(visit: Visit) -> int | None:
    source = visit.folder / "visit.go"
    source.write_text(_GO, "utf-8")
    files = [visit.file(name) for name in ("ca.crt", "client.crt", "client.key")]
    words = ["go", "run", source, visit.url, visit.version, *files, "told" if visit.told else "-"]
    return _status(_output(words, GO111MODULE="off"))


_DENO = """
const [url, ca, cert, key] = Deno.args, read = Deno.readTextFileSync;
const client = Deno.createHttpClient(
  {caCerts: [read(ca)], cert: read(cert), key: read(key), http2: false});
try { console.log((await fetch(url, {client})).status); } catch (error) { console.log("error"); }
Deno.exit(0);
"""


def deno(visit: Visit) -> int | None:
    """Ask with rustls, whose versions cannot be chosen: the server is to have one only."""
    source = visit.folder / "visit.ts"
    source.write_text(_DENO, "utf-8")
    files = [visit.file(name) for name in ("ca.crt", "client.crt", "client.key")]
    return _status(_output(["deno", "run", "-A", source, visit.url, *files]))


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _has_gnutls_curl() -> bool:
    try:
        ctypes.CDLL(_GNUTLS_CURL)
    except OSError:
        return False
    return True


Client = Callable[[Visit], int | None]

CLIENTS: dict[str, dict[str, Client]] = {
    "curl with OpenSSL": {"curl": curl},
    "wget with GnuTLS": {"wget": wget},
    "openssl s_client": {"s_client": s_client},
    "gnutls-cli": {"gnutls-cli": gnutls_cli},
    "Python: http.client, urllib, httpx, aiohttp": {
        "http.client": python_http,
        "aiohttp": python_aiohttp,
        **({"httpx": python_httpx} if _has("httpx") else {}),
    },
    "Node": {"node": node},
    "Java": {"java": java},
    "curl with GnuTLS": {"libcurl-gnutls": curl_gnutls} if _has_gnutls_curl() else {},
    "Python: requests, urllib3": {"requests": python_requests} if _has("requests") else {},
    "Go": {"go": go} if shutil.which("go") else {},
    "rustls": {"deno": deno} if shutil.which("deno") else {},
}
"""By the name of its row: what can be tried here."""
