"""Causes that real servers of other makes gave rise to, and that were told wrongly once."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from lab.diagnosis.results import Result, Signal
from lab.pki import profiles
from lab.pki.authority import Authority, revocation_list, revocation_lists_pem, self_signed
from lab.pki.files.lab_set import load_set
from lab.pki.identity import KeyKind, cached
from lab.stream.contexts import ClientTls, TlsVersion
from lab.tls.events import Endpoint
from lab.tracing.results import Trace
from lab.tracing.target import Target
from lab.tracing.trace_server import Plan, record, trace_of
from tests.support.peers import (
    CommandLine,
    Maker,
    Setup,
    nginx,
    s_server,
    served_by,
)
from tests.support.serving import PATIENCE, program
from tests.tls.wire import handshake, u16
from tests.tls.wire import record as wire_record

VERSIONS = pytest.mark.parametrize("version", list(TlsVersion), ids=lambda each: each.value)
NOW = datetime.now(timezone.utc)


def plan(certs: Path, port: int, version: TlsVersion) -> Plan:
    """A trace with the lab's good client."""
    return Plan(
        target=Target(host="127.0.0.1", port=port),
        tls=ClientTls(server_ca=certs / "ca.crt", minimum=version, maximum=version),
        identity=load_set(certs, now=NOW).client,
        limit=PATIENCE,
    )


async def traced(plan: Plan) -> Trace:
    return trace_of(plan, (await record(plan)).events)


def codes(trace: Trace) -> list[str]:
    return [cause.code for cause in trace.causes]


def revoking(folder: Path, authority: Authority, *, age: timedelta) -> Path:
    """A CRL of ``authority`` without an entry that was current ``age`` ago."""
    path = folder / "ca.crl"
    made = revocation_list(authority, (), now=NOW - age)
    path.write_bytes(revocation_lists_pem((made,)))
    return path


@VERSIONS
async def test_a_crl_that_has_expired(certs: Path, tmp_path: Path, version: TlsVersion) -> None:
    """All dates of the client are in order: nobody is told to issue it anew."""
    authority = Authority(identity=load_set(certs, now=NOW).ca)
    crl = revoking(tmp_path, authority, age=timedelta(days=4000))
    with served_by(s_server, certs, tmp_path, crl=crl) as port:
        trace = await traced(plan(certs, port, version))
    assert (trace.outcome.result, trace.outcome.by) == (Result.REJECTED, Endpoint.SERVER)
    assert "client-certificate-expired" not in codes(trace)
    assert {"client-crl-unusable", "server-clock", "client-ca-expired"} == set(codes(trace))
    assert all("cannot be told" in cause.evidence[1] for cause in trace.causes)


@VERSIONS
async def test_a_crl_of_another_ca(certs: Path, tmp_path: Path, version: TlsVersion) -> None:
    """The server trusts the client's CA, names it, and finds no list for it."""
    other = self_signed(profiles.root_ca("Another CA"), cached(KeyKind.EC_P256, 7), now=NOW)
    crl = revoking(tmp_path, Authority(identity=other), age=timedelta())
    with served_by(s_server, certs, tmp_path, crl=crl) as port:
        trace = await traced(plan(certs, port, version))
    assert "client-crl-unusable" in codes(trace)
    assert all("cannot be told" in " ".join(cause.evidence) for cause in trace.causes)


@VERSIONS
async def test_a_server_that_takes_rsa_only(
    certs: Path, tmp_path: Path, version: TlsVersion
) -> None:
    """The client's key is EC: it has nothing to sign with, and sends an empty Certificate."""

    def rsa_only(setup: Setup) -> CommandLine:
        return [*s_server(setup), "-client_sigalgs", "rsa_pss_rsae_sha256:RSA+SHA256"]

    with served_by(rsa_only, certs, tmp_path) as port:
        trace = await traced(plan(certs, port, version))
    assert codes(trace)[0] == "no-fitting-client-certificate"
    assert trace.causes[0].summary == (
        "the client's key is EC secp256r1, and the server accepts signatures of RSA only"
    )


@VERSIONS
async def test_a_server_that_takes_rsa_only_and_refuses_by_http(
    certs: Path, tmp_path: Path, version: TlsVersion
) -> None:
    """Nobody is told to get a certificate who has one that is not sent."""

    def rsa_only(setup: Setup) -> CommandLine:
        words = nginx(setup)
        path = setup.folder / "nginx.conf"
        algorithms = "ssl_conf_command ClientSignatureAlgorithms rsa_pss_rsae_sha256:RSA+SHA256;"
        text = path.read_text("utf-8").replace("ssl_protocols", f"{algorithms} ssl_protocols")
        path.write_text(text, "utf-8")
        return words

    with served_by(rsa_only, certs, tmp_path) as port:
        trace = await traced(plan(certs, port, version))
    assert trace.outcome.http_status == 400
    assert codes(trace)[0] == "no-fitting-client-certificate"
    assert "http-wants-certificate" not in codes(trace)
    assert "signatures of RSA only" in trace.causes[0].summary


async def test_a_list_of_ca_names_that_does_not_fit(certs: Path, tmp_path: Path) -> None:
    """OpenSSL's server sends internal_error in the place of its CertificateRequest."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = tmp_path / "names.pem"
    pem = []
    for number in range(700):
        name = x509.Name.from_rfc4514_string(f"CN=Authority {number} {'x' * 40},O={'y' * 60}")
        builder = x509.CertificateBuilder(
            issuer_name=name,
            subject_name=name,
            public_key=key.public_key(),
            serial_number=number + 1,
            not_valid_before=NOW,
            not_valid_after=NOW + timedelta(days=1),
        )
        made = builder.sign(key, hashes.SHA256())
        pem.append(made.public_bytes(Encoding.PEM))
    names.write_bytes(b"".join(pem))

    def naming(setup: Setup) -> CommandLine:
        words = nginx(setup)
        path = setup.folder / "nginx.conf"
        text = path.read_text("utf-8")
        path.write_text(text.replace(str(setup.file("ca.crt")), str(names)), "utf-8")
        return words

    with served_by(naming, certs, tmp_path) as port:
        trace = await traced(plan(certs, port, TlsVersion.TLS13))
    assert trace.outcome.alert is not None
    assert str(trace.outcome.alert.description) == "internal_error"
    assert codes(trace)[0] == "certificate-request-failed"


def of_two_hosts(setup: Setup) -> CommandLine:
    """An nginx that asks for certificates only of who names localhost."""
    words = nginx(setup)
    path = setup.folder / "nginx.conf"
    text = path.read_text("utf-8")
    start, end = text.index("server {"), text.rindex("}")
    asking = text[start:end]
    other = asking.replace("ssl_verify_client on;", "ssl_verify_client off;")
    assert other != asking
    named = asking.replace(" ssl;", " ssl; server_name localhost;")
    path.write_text(text[:start] + other + named + text[end:], encoding="utf-8")
    return words


@VERSIONS
async def test_a_server_that_asks_for_one_of_its_hosts_only(
    certs: Path, tmp_path: Path, version: TlsVersion
) -> None:
    with served_by(of_two_hosts, certs, tmp_path) as port:
        by_address = await traced(plan(certs, port, version))
        by_name = await traced(replace(plan(certs, port, version), sni="localhost", identity=None))
    assert codes(by_address) == ["not-mutual"]
    assert "on this connection" in by_address.causes[0].summary
    assert any("host name (SNI)" in line for line in by_address.causes[0].evidence)
    assert by_name.outcome.signal is Signal.HTTP_STATUS
    assert codes(by_name) == ["http-wants-certificate"]


@VERSIONS
async def test_a_server_that_expects_the_proxy_protocol(
    certs: Path, tmp_path: Path, version: TlsVersion
) -> None:
    """nginx closes a connection that begins with anything else."""

    def behind_a_proxy(setup: Setup) -> CommandLine:
        words = nginx(setup)
        path = setup.folder / "nginx.conf"
        path.write_text(path.read_text("utf-8").replace(" ssl;", " ssl proxy_protocol;"), "utf-8")
        return words

    with served_by(behind_a_proxy, certs, tmp_path) as port:
        trace = await traced(plan(certs, port, version))
    assert codes(trace) == ["refused-without-alert"]
    assert "PROXY protocol" in trace.causes[0].fix
    assert "cannot be told" in trace.causes[0].summary


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (b"220 mail.example ESMTP\r\n", "SMTP or FTP"),
        (b"\x4a\x00\x00\x00\x0a8.0.36\x00" + bytes(60), "MySQL or MariaDB"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 443\r\n", "PROXY protocol"),
    ],
)
async def test_a_server_that_speaks_first(certs: Path, greeting: bytes, words: str) -> None:
    with greeting_server(greeting) as port:
        trace = await traced(plan(certs, port, TlsVersion.TLS13))
    assert codes(trace)[0] == "no-tls"
    assert words in trace.causes[0].summary


async def test_a_server_that_is_older_than_secure_renegotiation(certs: Path) -> None:
    """OpenSSL 3 leaves a server whose ServerHello has no renegotiation_info (RFC 5746)."""
    body = u16(0x0303).data + bytes(32) + b"\0" + u16(0xC02F).data + b"\0"
    with greeting_server(wire_record(22, handshake(2, body)), after_hello=True) as port:
        trace = await traced(plan(certs, port, TlsVersion.TLS12))
    assert trace.outcome.by is Endpoint.CLIENT
    assert codes(trace) == ["legacy-renegotiation"]
    assert "OP_LEGACY_SERVER_CONNECT" in trace.causes[0].fix


@contextlib.contextmanager
def greeting_server(greeting: bytes, *, after_hello: bool = False) -> Iterator[int]:
    """A server that greets a client, at once or after its hello, reads on until it leaves."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(PATIENCE)
                    if after_hello:
                        connection.recv(4096)
                    connection.sendall(greeting)
                    connection.recv(4096)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes accept
            thread.join()


NODE = """
const fs = require("fs"), tls = require("tls"), read = (name) => fs.readFileSync(name);
const [port, cert, key, ca, refuse] = process.argv.slice(1);
const options = {cert: read(cert), key: read(key), ca: read(ca), requestCert: true,
                 rejectUnauthorized: refuse === "tls"};
const server = tls.createServer(options, (socket) => {
  socket.on("error", () => {});
  if (!socket.authorized) { socket.end(); return; }
  socket.on("data", () => socket.end("HTTP/1.1 204 No Content\\r\\n\\r\\n"));
});
server.on("tlsClientError", () => {});
server.listen(Number(port), "127.0.0.1");
"""


def node(refuse: str) -> Maker:
    def command(setup: Setup) -> CommandLine:
        files = [setup.file(name) for name in ("server.crt", "server.key", "ca.crt")]
        return [program("node", "nodejs"), "-e", NODE, "--", str(setup.port), *files, refuse]

    return command


@VERSIONS
async def test_a_node_application_that_ends_the_session_for_want_of_a_certificate(
    certs: Path, tmp_path: Path, version: TlsVersion
) -> None:
    """socket.end() after the handshake, which was in order."""
    with served_by(node("end"), certs, tmp_path) as port:
        without = await traced(replace(plan(certs, port, version), identity=None))
        good = await traced(plan(certs, port, version))
    assert codes(without) == ["no-answer"]
    assert without.outcome.handshake_accepted
    assert "that the client presented no certificate" in without.causes[0].evidence[2]
    assert codes(good) == ["mutual-tls"]


@VERSIONS
async def test_node_refuses_without_an_alert(
    certs: Path, tmp_path: Path, version: TlsVersion
) -> None:
    """rejectUnauthorized: each cause is named once."""
    with served_by(node("tls"), certs, tmp_path) as port:
        trace = await traced(replace(plan(certs, port, version), identity=None))
    assert trace.outcome.result is Result.REJECTED
    assert codes(trace)[0] == "no-client-certificate"
    assert len(set(codes(trace))) == len(codes(trace))
