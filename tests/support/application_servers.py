"""Servers of protocols that are not HTTP/1.1, with the lab's certificates, each in its own folder.

Each can be right, or wrong in the way in which people get it wrong. Those whose TLS begins by a
command are in ``starttls_servers.py``.
"""

from __future__ import annotations

import sys

from tests.support.peers import CommandLine, Setup, VerifyMode, nginx
from tests.support.serving import program

_REDIS = {VerifyMode.REQUIRED: "yes", VerifyMode.OPTIONAL: "optional", VerifyMode.NONE: "no"}
_GRPC = """
import sys
from concurrent import futures
import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

class Identified(grpc.ServerInterceptor):
    def intercept_service(self, continuation, details):
        handler = continuation(details)
        def check(request, context):
            if not context.auth_context().get("x509_common_name"):
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")
            return handler.unary_unary(request, context)
        return grpc.unary_unary_rpc_method_handler(
            check, handler.request_deserializer, handler.response_serializer)

port, key, certificate, ca, demand, check = sys.argv[1:]
read = lambda name: open(name, "rb").read()
server = grpc.server(
    futures.ThreadPoolExecutor(2), interceptors=[Identified()] if check == "yes" else [])
health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
credentials = grpc.ssl_server_credentials(
    [(read(key), read(certificate))], read(ca), demand == "yes")
server.add_secure_port("127.0.0.1:" + port, credentials)
server.start()
server.wait_for_termination()
"""


def redis(setup: Setup) -> CommandLine:
    return [
        program("redis-server", "redis-server"),
        *("--port", "0", "--tls-port", str(setup.port), "--bind", "127.0.0.1", "--save", ""),
        *("--tls-cert-file", setup.file("server.crt"), "--tls-key-file", setup.file("server.key")),
        *("--tls-ca-cert-file", setup.file("ca.crt"), "--tls-auth-clients", _REDIS[setup.ask]),
    ]


def redis_with_password(setup: Setup) -> CommandLine:
    return [*redis(setup), "--requirepass", "secret"]


def mosquitto(setup: Setup) -> CommandLine:
    return _mosquitto(setup, "allow_anonymous true")


def mosquitto_of_identities(setup: Setup) -> CommandLine:
    """One that takes the user from the certificate, and nobody without a user."""
    return _mosquitto(setup, "use_identity_as_username true\nallow_anonymous false")


def mosquitto_with_passwords(setup: Setup) -> CommandLine:
    """One to which a certificate is no login."""
    return _mosquitto(setup, "allow_anonymous false")


def _mosquitto(setup: Setup, more: str) -> CommandLine:
    required = "true" if setup.ask is VerifyMode.REQUIRED else "false"
    config = setup.write(
        "mosquitto.conf",
        f"""
listener {setup.port} 127.0.0.1
cafile {setup.file("ca.crt")}
certfile {setup.file("server.crt")}
keyfile {setup.file("server.key")}
user root
require_certificate {required}
{more}
""",
    )
    return [program("mosquitto", "mosquitto"), "-c", config]


def nginx_h2(setup: Setup) -> CommandLine:
    """nginx with HTTP/2, which answers a name of another site with 421."""
    words = nginx(setup)
    config = setup.folder / "nginx.conf"
    text = config.read_text("utf-8").replace(" ssl;", " ssl http2;")
    other = "if ($host = other.example) { return 421; }\n                location /"
    config.write_text(text.replace("location /", other), "utf-8")
    return words


def nginx_h2_once(setup: Setup) -> CommandLine:
    """nginx with HTTP/2, which takes one request of a connection, and says so before its answer."""
    words = nginx_h2(setup)
    config = setup.folder / "nginx.conf"
    text = config.read_text("utf-8")
    config.write_text(text.replace("location /", "keepalive_requests 1;\nlocation /", 1), "utf-8")
    return words


def grpc_health(setup: Setup) -> CommandLine:
    """gRPC's own server with its health service."""
    return _grpc(setup, "no")


def grpc_of_identities(setup: Setup) -> CommandLine:
    """One that checks the peer itself, call by call."""
    return _grpc(setup, "yes")


def _grpc(setup: Setup, check: str) -> CommandLine:
    script = setup.write("health.py", _GRPC)
    files = map(setup.file, ("server.key", "server.crt", "ca.crt"))
    demand = "yes" if setup.ask is VerifyMode.REQUIRED else "no"
    return [sys.executable, script, str(setup.port), *files, demand, check]
