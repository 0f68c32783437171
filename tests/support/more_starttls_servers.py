"""Servers of further kinds that TLS does not come first at: XMPP, FTP, RDP; and proxies.

Each is started on loopback in a folder of its own, as those of ``starttls_servers.py`` are.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import socketserver
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.support.peers import free_port
from tests.support.serving import PATIENCE, program
from tests.support.starttls_servers import running_server, server_place

PROXY_USER, PROXY_PASSWORD = "al", "s3cret word"


@contextlib.contextmanager
def prosody(certs: Path) -> Iterator[int]:
    """The port for clients of a Prosody XMPP server for the domain localhost."""
    server = program("prosody", "prosody")
    with server_place(certs, "prosody") as place:
        port = free_port()
        config = place.write(
            "prosody.cfg.lua",
            f"""
pidfile = "{place.file("pid")}"
data_path = "{place.make_folder("data")}"
run_as_root = false
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
s2s_ports = {{}}
c2s_require_encryption = true
modules_enabled = {{ "saslauth", "tls", "disco" }}
modules_disabled = {{ "s2s", "offline" }}
authentication = "internal_hashed"
log = {{ info = "*console" }}
ssl = {{
  certificate = "{place.file("server.crt")}";
  key = "{place.file("server.key")}";
  cafile = "{place.file("ca.crt")}";
  verify = {{ "peer", "fail_if_no_peer_cert" }};
}}
VirtualHost "localhost"
""",
        )
        words = place.command(server, "--config", config, "-F")
        with running_server(place, words, [port]):
            yield port


@contextlib.contextmanager
def proftpd(certs: Path) -> Iterator[int]:
    """The port of a ProFTPD server that requires a client certificate."""
    server = program("proftpd", "proftpd-basic")
    user = pwd.getpwuid(os.geteuid()).pw_name
    with server_place(certs, "") as place:
        port = free_port()
        config = place.write(
            "proftpd.conf",
            f"""
ModulePath /usr/lib/proftpd
LoadModule mod_tls.c
ServerName lab
ServerType standalone
DefaultAddress 127.0.0.1
Port {port}
UseIPv6 off
UseReverseDNS off
User {"proftpd" if user == "root" else user}
Group nogroup
PidFile {place.file("pid")}
ScoreboardFile {place.file("scoreboard")}
DelayEngine off
SystemLog {place.file("system.log")}
TransferLog none
WtmpLog off
RequireValidShell off
TLSEngine on
TLSLog {place.file("tls.log")}
TLSProtocol TLSv1.2 TLSv1.3
TLSECCertificateFile {place.file("server.crt")}
TLSECCertificateKeyFile {place.file("server.key")}
TLSCACertificateFile {place.file("ca.crt")}
TLSVerifyClient on
TLSRequired on
""",
        )
        with running_server(place, [server, "-n", "-c", str(config)], [port]):
            yield port


@contextlib.contextmanager
def xrdp(certs: Path) -> Iterator[int]:
    """The port of an xrdp server, which asks for no client certificate."""
    server = program("xrdp", "xrdp")
    with server_place(certs, "") as place:
        port = free_port()
        shipped = Path("/etc/xrdp/xrdp.ini").read_text("utf-8")
        lines = []
        for line in shipped.splitlines():
            name = line.partition("=")[0]
            values = {
                "port": f"tcp://127.0.0.1:{port}",
                "security_layer": "tls",
                "certificate": str(place.file("server.crt")),
                "key_file": str(place.file("server.key")),
                "LogFile": str(place.file("xrdp.log")),
                "EnableSyslog": "false",
            }
            lines.append(f"{name}={values.pop(name)}" if name in values else line)
        config = place.write("xrdp.ini", "\n".join(lines) + "\n")
        with running_server(place, [server, "-n", "-c", str(config)], [port]):
            yield port


@contextlib.contextmanager
def squid(folder_of: Path) -> Iterator[int]:
    """The port of a Squid proxy that wants PROXY_USER and PROXY_PASSWORD."""
    server = program("squid", "squid")
    with server_place(folder_of, "proxy") as place:
        port = free_port()
        script = place.write(
            "login.sh",
            f"""#!/bin/sh
while read -r user password; do
  if [ "$user $password" = "{PROXY_USER} s3cret%20word" ]; then echo OK; else echo ERR; fi
done
""",
        )
        script.chmod(0o755)
        config = place.write(
            "squid.conf",
            f"""
http_port 127.0.0.1:{port}
pid_filename {place.file("pid")}
access_log none
cache_log {place.file("cache.log")}
cache deny all
shutdown_lifetime 0 seconds
workers 1
pinger_enable off
coredump_dir {place.folder}
auth_param basic program {script}
auth_param basic children 1 startup=1 idle=1
auth_param basic realm lab
acl known proxy_auth REQUIRED
acl CONNECT method CONNECT
http_access allow CONNECT known
http_access deny all
""",
        )
        words = place.command(server, "-N", "-f", config, "-n", f"lab{port}")
        with running_server(place, words, [port], stop=signal.SIGKILL):
            yield port


@contextlib.contextmanager
def socks(folder_of: Path) -> Iterator[int]:
    """The port of a SOCKS 5 proxy that wants PROXY_USER and PROXY_PASSWORD."""
    server = program("microsocks", "microsocks")
    with server_place(folder_of, "nobody") as place:
        port = free_port()
        login = ("-u", PROXY_USER, "-P", PROXY_PASSWORD)
        words = place.command(server, "-i", "127.0.0.1", "-p", str(port), *login)
        with running_server(place, words, [port]):
            yield port


@contextlib.contextmanager
def nginx_with_header(certs: Path) -> Iterator[tuple[int, Path]]:
    """The port and the Unix socket of an nginx that expects a header of the PROXY protocol.

    It answers with the client's address and port as the header has them.
    """
    server = program("nginx", "nginx-light")
    with server_place(certs, "www-data") as place:
        port, unix_socket = free_port(), place.file("nginx.sock")
        temporary = "".join(
            f"{kind}_temp_path {place.folder};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = place.write(
            "nginx.conf",
            f"""
            daemon off; master_process off; worker_processes 1;
            pid {place.file("pid")}; error_log stderr;
            events {{ worker_connections 64; }}
            http {{
                access_log off;
                {temporary}
                server {{
                    listen 127.0.0.1:{port} ssl proxy_protocol;
                    listen unix:{unix_socket} ssl proxy_protocol;
                    ssl_certificate {place.file("server.crt")};
                    ssl_certificate_key {place.file("server.key")};
                    ssl_client_certificate {place.file("ca.crt")};
                    ssl_verify_client on;
                    ssl_protocols TLSv1.2 TLSv1.3;
                    location / {{
                        return 200 "from $proxy_protocol_addr:$proxy_protocol_port\\n";
                    }}
                }}
            }}
            """,
        )
        words = place.command(server, "-p", place.folder, "-c", config)
        with running_server(place, words, [port, unix_socket]):
            yield port, unix_socket


@contextlib.contextmanager
def haproxy_in_front(certs: Path, backend: int) -> Iterator[int]:
    """The port of an HAProxy that expects a header of the PROXY protocol, and passes TCP on."""
    server = program("haproxy", "haproxy")
    with server_place(certs, "haproxy") as place:
        port = free_port()
        config = place.write(
            "haproxy.cfg",
            f"""
defaults
    mode tcp
    timeout client 10s
    timeout server 10s
    timeout connect 10s
listen lab
    bind 127.0.0.1:{port} accept-proxy
    server backend 127.0.0.1:{backend}
""",
        )
        with running_server(place, place.command(server, "-db", "-f", config), [port]):
            yield port


@contextlib.contextmanager
def nntp(certs: Path) -> Iterator[int]:
    """The port of a stand-in for a news server, which requires a client certificate.

    Debian's inn2 is not to be installed where the machine has no full name.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs / "server.crt", certs / "server.key")
    context.load_verify_locations(certs / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED

    class News(socketserver.StreamRequestHandler):
        timeout = PATIENCE

        def handle(self) -> None:
            self.wfile.write(b"200 news.example ready\r\n")
            while line := self.rfile.readline(512):
                if line == b"CAPABILITIES\r\n":
                    self.wfile.write(b"101 capabilities\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n")
                elif line == b"STARTTLS\r\n":
                    self.wfile.write(b"382 go on\r\n")
                    with (
                        contextlib.suppress(OSError),
                        context.wrap_socket(self.connection, server_side=True) as tls,
                    ):
                        tls.recv(1)
                    return
                else:
                    self.wfile.write(b"500 what?\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), News) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join(PATIENCE)
