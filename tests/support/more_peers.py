"""Servers of further makes that require a client certificate, beside those of ``peers.py``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.peers import CommandLine, Setup
from tests.support.serving import program

_NODE = """
const https = require("https"), fs = require("fs");
https.createServer({
  cert: fs.readFileSync("%(cert)s"), key: fs.readFileSync("%(key)s"), ca: fs.readFileSync("%(ca)s"),
  requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.2",
}, (request, response) => response.end("hello\\n")).listen(%(port)d, "127.0.0.1");
"""
_JAVA = """
import com.sun.net.httpserver.*;
import java.io.FileInputStream;
import java.net.InetSocketAddress;
import java.security.KeyStore;
import javax.net.ssl.*;
public class Hello {
  static KeyStore load(String file) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(new FileInputStream(file), "changeit".toCharArray());
    return store;
  }
  public static void main(String[] words) throws Exception {
    KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
    keys.init(load("server.p12"), "changeit".toCharArray());
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(load("trust.p12"));
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
    HttpsServer server = HttpsServer.create(
        new InetSocketAddress("127.0.0.1", Integer.parseInt(words[0])), 0);
    server.setHttpsConfigurator(new HttpsConfigurator(context) {
      public void configure(HttpsParameters parameters) {
        SSLParameters chosen = context.getDefaultSSLParameters();
        chosen.setNeedClientAuth(true);
        parameters.setSSLParameters(chosen);
      }
    });
    server.createContext("/", exchange -> {
      byte[] body = "hello\\n".getBytes();
      exchange.sendResponseHeaders(200, body.length);
      exchange.getResponseBody().write(body);
      exchange.close();
    });
    server.start();
  }
}
"""
_PYTHON = """
import http.server, ssl, sys
class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "6"); self.end_headers()
        self.wfile.write(b"hello\\n")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
context.load_verify_locations(sys.argv[4])
context.verify_mode = ssl.CERT_REQUIRED
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Hello)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
"""
_RUST = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    headers = [(b"content-length", b"6")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello\\n"})
"""


def _words(*words: str | Path) -> list[str]:
    return list(map(str, words))


def _pkcs12(setup: Setup, store: Path) -> list[str]:
    """The command that writes the server's certificate and key into ``store``."""
    return _words(
        *(program("openssl", "openssl"), "pkcs12", "-export", "-in", setup.file("server.crt")),
        *("-inkey", setup.file("server.key"), "-out", store),
        *("-passout", "pass:changeit", "-name", "server"),
    )


def apache(setup: Setup) -> CommandLine:
    modules = "/usr/lib/apache2/modules"
    (setup.folder / "index.html").write_text("hello\n", "utf-8")
    loaded = "".join(
        f"LoadModule {name}_module {modules}/mod_{name}.so\n"
        for name in ("mpm_event", "authz_core", "dir", "ssl")
    )
    config = setup.write(
        "apache.conf",
        f"""
{loaded}
ServerName localhost
Listen 127.0.0.1:{setup.port}
PidFile {setup.folder}/apache.pid
DefaultRuntimeDir {setup.folder}
Mutex file:{setup.folder}
ErrorLog {setup.folder}/error.log
DocumentRoot {setup.folder}
DirectoryIndex index.html
SSLEngine on
SSLProtocol -all +TLSv1.2 +TLSv1.3
SSLCertificateFile {setup.file("server.crt")}
SSLCertificateKeyFile {setup.file("server.key")}
SSLCACertificateFile {setup.file("ca.crt")}
SSLVerifyClient require
SSLVerifyDepth 5
""",
    )
    return [program("apache2", "apache2"), "-X", "-f", config]


def caddy(setup: Setup) -> CommandLine:
    config = setup.write(
        "Caddyfile",
        f"""
{{
  admin off
  auto_https off
  skip_install_trust
}}
https://:{setup.port} {{
  bind 127.0.0.1
  tls {setup.file("server.crt")} {setup.file("server.key")} {{
    protocols tls1.2 tls1.3
    client_auth {{
      mode require_and_verify
      trusted_ca_cert_file {setup.file("ca.crt")}
    }}
  }}
  respond "hello"
}}
""",
    )
    return [program("caddy", "caddy"), "run", "--config", config, "--adapter", "caddyfile"]


def node(setup: Setup) -> CommandLine:
    names = {"cert": "server.crt", "key": "server.key", "ca": "ca.crt"}
    words: dict[str, object] = {key: setup.file(name) for key, name in names.items()}
    script = setup.write("server.js", _NODE % {**words, "port": setup.port})
    return [program("node", "nodejs"), script]


def java(setup: Setup) -> CommandLine:
    script = setup.write("Hello.java", _JAVA)
    subprocess.run(
        _pkcs12(setup, setup.folder / "server.p12"),
        check=True,
    )
    keytool = program("keytool", "default-jre-headless")
    subprocess.run(
        _words(
            *(keytool, "-importcert", "-noprompt", "-alias", "ca", "-file", setup.file("ca.crt")),
            *("-keystore", setup.folder / "trust.p12", "-storetype", "PKCS12"),
            *("-storepass", "changeit"),
        ),
        check=True,
        capture_output=True,
    )
    return [program("java", "default-jdk-headless"), script, str(setup.port)]


def socat(setup: Setup) -> CommandLine:
    options = (
        f"OPENSSL-LISTEN:{setup.port},bind=127.0.0.1,fork,reuseaddr,verify=1,"
        f"cert={setup.file('server.crt')},key={setup.file('server.key')},"
        f"cafile={setup.file('ca.crt')}"
    )
    script = setup.write(
        "answer.sh",
        # It must read the request: the kernel would send RST otherwise.
        "head -c 16 >/dev/null\n"
        "printf 'HTTP/1.0 200 OK\\r\\nContent-Length: 6\\r\\n\\r\\nhello\\n'\n",
    )
    return [program("socat", "socat"), options, f"SYSTEM:sh {script}"]


def mosquitto(setup: Setup) -> CommandLine:
    config = setup.write(
        "mosquitto.conf",
        f"""
listener {setup.port} 127.0.0.1
cafile {setup.file("ca.crt")}
certfile {setup.file("server.crt")}
keyfile {setup.file("server.key")}
user root
require_certificate true
allow_anonymous true
""",
    )
    return [program("mosquitto", "mosquitto"), "-c", config]


def selfserv(setup: Setup) -> CommandLine:
    """NSS's own test server."""
    database = setup.folder / "nss"
    database.mkdir()
    certutil, pk12util = (program(name, "libnss3-tools") for name in ("certutil", "pk12util"))
    store = setup.folder / "server.p12"
    folder = f"sql:{database}"
    run = (
        _pkcs12(setup, store),
        _words(certutil, "-N", "-d", folder, "--empty-password"),
        _words(pk12util, "-i", store, "-d", folder, "-W", "changeit"),
        _words(certutil, "-A", "-d", folder, "-n", "ca", "-t", "T,,", "-i", setup.file("ca.crt")),
    )
    for words in run:
        subprocess.run(words, check=True, capture_output=True)
    return [
        program("selfserv", "libnss3-tools"),
        *("-d", folder, "-p", str(setup.port), "-e", "server", "-n", "server"),
        *("-r", "-r", "-V", "tls1.2:tls1.3", "-u"),
    ]


def python(setup: Setup) -> CommandLine:
    script = setup.write("server.py", _PYTHON)
    files = map(setup.file, ("server.crt", "server.key", "ca.crt"))
    return [sys.executable, script, str(setup.port), *files]


def granian(setup: Setup) -> CommandLine:
    """A server with rustls."""
    path = Path(sys.executable).with_name("granian")
    if not os.access(path, os.X_OK):
        pytest.skip("granian is not installed (pip install granian)")
    setup.write("hello_app.py", _RUST)
    return [
        path,
        *("--interface", "asgi", "--host", "127.0.0.1", "--port", str(setup.port)),
        *("--ssl-certificate", setup.file("server.crt"), "--ssl-keyfile", setup.file("server.key")),
        *("--ssl-ca", setup.file("ca.crt"), "--ssl-client-verify"),
        *("--ssl-protocol-min", "tls1.2", "--http", "1", "hello_app:app"),
    ]


MORE_MAKES = {
    "apache": apache,
    "caddy (Go)": caddy,
    "node": node,
    "java": java,
    "socat": socat,
    "mosquitto": mosquitto,
    "selfserv (NSS)": selfserv,
    "Python ssl": python,
    "granian (rustls)": granian,
}
