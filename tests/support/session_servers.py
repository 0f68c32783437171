"""Servers whose names or reloads differ in the CA that they trust, of makes that get it wrong."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from pathlib import Path

from cryptography import x509

from lab.pki.authority import revocation_lists_pem
from lab.pki.catalogue import fresh_crl
from lab.pki.identity import certificates_pem
from lab.pki.lab_ca import LabAuthority, new_lab_authority
from tests.support.peers import CommandLine, Setup
from tests.support.serving import program

HERE, TRUSTS_ANOTHER, ASKS_NOBODY = "here.example", "other.example", "open.example"

_PYTHON = """
import http.server, ssl, sys
port, pem, ca, other = sys.argv[1:]
def context(authorities, mode):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pem)
    made.load_verify_locations(authorities)
    made.verify_mode = mode
    return made
here, another = context(ca, ssl.CERT_REQUIRED), context(other, ssl.CERT_REQUIRED)
def choose(connection, name, before):
    if name == "other.example":
        connection.context = another
here.sni_callback = choose
class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = repr(self.connection.getpeercert()["subject"]).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(text)))
        self.end_headers(); self.wfile.write(text)
    def log_message(self, *words): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Hello)
server.socket = here.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
"""
_NODE = """
const https = require("https"), fs = require("fs");
const [port, folder] = process.argv.slice(2), read = name => fs.readFileSync(folder + "/" + name);
const pem = read("server.pem"), own = {cert: pem, key: pem};
https.createServer(
  {...own, ca: read("ca.crt"), requestCert: true, rejectUnauthorized: true},
  (request, response) => response.end("hello " + request.socket.getPeerCertificate().subject.CN)
).listen(port, "127.0.0.1")
  .addContext("other.example", {...own, ca: read("other.crt")});
"""


def write_authorities(folder: Path) -> LabAuthority:
    """Write a CA with its key, another, a server for all names, and lists; return the first CA."""
    now = datetime.now(timezone.utc)
    ca, other = new_lab_authority(now), new_lab_authority(now)
    names = tuple(x509.DNSName(name) for name in (HERE, TRUSTS_ANOTHER, ASKS_NOBODY))
    server = ca.server(names=names)
    (folder / "ca.crt").write_bytes(certificates_pem((ca.root,)))
    (folder / "ca.key").write_bytes(ca.authority.identity.key_pem())
    (folder / "other.crt").write_bytes(certificates_pem((other.root,)))
    (folder / "server.pem").write_bytes(server.chain_pem() + server.key_pem())
    (folder / "crl.pem").write_bytes(revocation_lists_pem(fresh_crl(ca)))
    return ca


def haproxy_by_name(setup: Setup, *, verify: str = "required") -> CommandLine:
    """One bind line with a CA for each name, by a crt-list: they share all sessions."""
    pem = setup.folder / "server.pem"
    names = setup.write(
        "names.txt",
        f"{pem} [verify {verify} ca-file {setup.folder}/ca.crt] {HERE}\n"
        f"{pem} [verify required ca-file {setup.folder}/other.crt] {TRUSTS_ANOTHER}\n"
        f"{pem} [verify none] {ASKS_NOBODY}\n",
    )
    return _haproxy(setup, f"crt-list {names}")


def haproxy_alone(setup: Setup, *, files: Path, ca: str, shares: bool) -> CommandLine:
    """A server for all names; with others of its kind it ``shares`` ticket keys, or nothing."""
    shared = f"tls-ticket-keys {files}/tickets.key" if shares else ""
    verify = f"verify required ca-file {files}/{ca}"
    return _haproxy(setup, f"crt {files}/server.pem {verify} {shared}")


def _haproxy(setup: Setup, bind: str) -> CommandLine:
    config = setup.write(
        "haproxy.cfg",
        f"""
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 10s
frontend lab
    bind 127.0.0.1:{setup.port} ssl {bind} ssl-min-ver TLSv1.2
    http-request return status 200 content-type text/plain lf-string "hello %[ssl_c_s_dn(cn)]"
""",
    )
    return [program("haproxy", "haproxy"), "-db", "-f", config]


def python_by_name(setup: Setup) -> CommandLine:
    """A context for each name, chosen by ``sni_callback``: tickets are opened before it."""
    files = (setup.folder / name for name in ("server.pem", "ca.crt", "other.crt"))
    return [sys.executable, "-c", _PYTHON, str(setup.port), *files]


def node_by_name(setup: Setup) -> CommandLine:
    """A context for each name, added by ``addContext``."""
    script = setup.write("server.js", _NODE)
    return [program("node", "nodejs"), script, str(setup.port), setup.folder]


def apache_by_name(setup: Setup) -> CommandLine:
    """A virtual host for each name."""
    folder, modules = setup.folder, "/usr/lib/apache2/modules"
    (folder / "index.html").write_text("hello\n", "utf-8")
    loaded = "".join(
        f"LoadModule {name}_module {modules}/mod_{name}.so\n"
        for name in ("mpm_event", "authz_core", "dir", "ssl", "socache_shmcb")
    )
    require = f"SSLVerifyClient require\nSSLCACertificateFile {folder}"
    blocks = {HERE: f"{require}/ca.crt", TRUSTS_ANOTHER: f"{require}/other.crt", ASKS_NOBODY: ""}
    hosts = "".join(
        f"<VirtualHost *:{setup.port}>\nServerName {name}\nSSLEngine on\n"
        f"SSLCertificateFile {folder}/server.pem\n{verify}\n</VirtualHost>\n"
        for name, verify in blocks.items()
    )
    config = setup.write(
        "apache.conf",
        f"""
{loaded}
ServerName {HERE}
Listen 127.0.0.1:{setup.port}
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
Mutex file:{folder}
ErrorLog {folder}/error.log
DocumentRoot {folder}
DirectoryIndex index.html
SSLProtocol -all +TLSv1.2 +TLSv1.3
SSLSessionCache shmcb:{folder}/sessions(512000)
{hosts}
""",
    )
    return [program("apache2", "apache2"), "-DFOREGROUND", "-f", config]


def nginx_by_name(setup: Setup, more: str = "", *, one: bool = False) -> CommandLine:
    """A server block for each name, or one alone; it loads its CA and its lists anew at SIGHUP."""
    folder = setup.folder
    paths = "".join(
        f"{kind}_temp_path {folder};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    asking = f"ssl_verify_client on; ssl_client_certificate {folder}"
    blocks = {
        HERE: f"{asking}/ca.crt; ssl_crl {folder}/crl.pem;",
        TRUSTS_ANOTHER: f"{asking}/other.crt;",
        ASKS_NOBODY: "",
    }
    servers = "".join(
        f"server {{ listen 127.0.0.1:{setup.port} ssl; server_name {name}; {verify} "
        'location / { return 200 "hello $ssl_client_s_dn\\n"; } }\n'
        for name, verify in blocks.items()
        if name == HERE or not one
    )
    config = setup.write(
        "nginx.conf",
        f"""
        daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr;
        {"user root;" if _is_root() else ""}
        events {{ worker_connections 64; }}
        http {{
            access_log off;
            {paths}
            ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem;
            ssl_protocols TLSv1.2 TLSv1.3;
            {more}
            {servers}
        }}
        """,
    )
    return [program("nginx", "nginx-light"), "-p", folder, "-c", config]


def _is_root() -> bool:
    return Path("/proc/self").stat().st_uid == 0
