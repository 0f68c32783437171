"""Programs fail on purpose, in a way that is known, and what they print is explained as that.

Each is run against a server that requires a client certificate, in both TLS versions.
"""

from __future__ import annotations

import enum
import socket
import ssl
import subprocess
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lab.diagnosis.error_texts.explain_text import explain_text
from lab.diagnosis.error_texts.results import AlertDirection, ErrorFinding, ErrorPhase, SpeakerRole
from lab.pki.files.set_writing import KeyType, SetPlan, write_set
from lab.stream.contexts import TlsVersion
from tests.support.peers import CommandLine, Maker, Setup, nginx, s_server, served_by, stunnel
from tests.support.serving import PATIENCE, in_thread, program, running

TLS12, TLS13 = TlsVersion.TLS12, TlsVersion.TLS13
VERSIONS = pytest.mark.parametrize("version", [TLS12, TLS13], ids=lambda version: version.value)


class Fault(enum.Enum):
    """What is wrong, and with it what the explanation must have among its causes."""

    NO_CERTIFICATE = "no-client-certificate"
    WRONG_CLIENT_CA = "client-ca-not-trusted"
    WRONG_SERVER_CA = "server-ca-not-trusted"
    WRONG_NAME = "server-name-mismatch"


REFUSED_BY_SERVER = (Fault.NO_CERTIFICATE, Fault.WRONG_CLIENT_CA)
FAULTS = pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.value)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A client that is to fail: its files, its port, what is wrong and in which version."""

    certs: Path
    others: Path
    port: int
    fault: Fault
    version: TlsVersion

    @property
    def authority(self) -> Path:
        return (self.others if self.fault is Fault.WRONG_SERVER_CA else self.certs) / "ca.crt"

    @property
    def identity(self) -> Path | None:
        if self.fault is Fault.NO_CERTIFICATE:
            return None
        return self.others if self.fault is Fault.WRONG_CLIENT_CA else self.certs

    @property
    def name(self) -> str:
        return "elsewhere.example" if self.fault is Fault.WRONG_NAME else "localhost"

    @property
    def alert(self) -> int | None:
        """The alert that OpenSSL's server sends for it."""
        if self.fault is Fault.NO_CERTIFICATE:
            return 40 if self.version is TLS12 else 116
        return 48 if self.fault is Fault.WRONG_CLIENT_CA else None


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set like the lab's, of another CA."""
    folder = tmp_path_factory.mktemp("others") / "certs"
    write_set(folder, SetPlan(key_type=KeyType.EC), now=datetime.now(timezone.utc))
    return folder


def printed(words: Sequence[str | Path]) -> str:
    """Run a program that is to fail; return all that it prints."""
    done = subprocess.run(
        list(map(str, words)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=PATIENCE,
        check=False,
    )
    return done.stdout


def python(case: Case) -> str:
    """What Python prints, whose traceback this is."""
    context = ssl.create_default_context(cafile=case.authority)
    context.minimum_version = context.maximum_version = (
        ssl.TLSVersion.TLSv1_2 if case.version is TLS12 else ssl.TLSVersion.TLSv1_3
    )
    if case.identity:
        context.load_cert_chain(case.identity / "client.crt", case.identity / "client.key")
    try:
        with (
            socket.create_connection(("127.0.0.1", case.port), timeout=PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=case.name) as tls,
        ):
            tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
            tls.recv(1)
    except OSError:
        return traceback.format_exc()
    raise AssertionError("it was to fail")


def curl(case: Case) -> str:
    words: list[str | Path] = [
        program("curl", "curl"),
        "--silent",
        "--show-error",
        "--noproxy",
        "*",
    ]
    words += ["--cacert", case.authority, "--connect-to", f"::127.0.0.1:{case.port}"]
    words += [f"--tlsv{case.version.value}", "--tls-max", case.version.value]
    if case.identity:
        words += ["--cert", case.identity / "client.crt", "--key", case.identity / "client.key"]
    return printed([*words, f"https://{case.name}:{case.port}/"])


def s_client(case: Case) -> str:
    words: list[str | Path] = [program("openssl", "openssl"), "s_client", "-ign_eof"]
    words += ["-connect", f"127.0.0.1:{case.port}", "-CAfile", case.authority]
    words += ["-verify_return_error", "-verify_hostname", case.name]
    words += [f"-tls{case.version.value.replace('.', '_')}"]
    if case.identity:
        words += ["-cert", case.identity / "client.crt", "-key", case.identity / "client.key"]
    return printed(words)


def gnutls_cli(case: Case) -> str:
    words: list[str | Path] = [program("gnutls-cli", "gnutls-bin"), "--no-ca-verification"]
    if case.fault not in REFUSED_BY_SERVER:
        words = [words[0], "--x509cafile", case.authority, "--verify-hostname", case.name]
    words += ["--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{case.version.value}"]
    if case.identity:
        words += ["--x509certfile", case.identity / "client.crt"]
        words += ["--x509keyfile", case.identity / "client.key"]
    return printed([*words, "--port", str(case.port), "127.0.0.1"])


NODE = """
const fs = require('fs'), [port, name, ca, version, folder] = process.argv.slice(1);
const more = folder ? {cert: fs.readFileSync(folder + '/client.crt'),
                       key: fs.readFileSync(folder + '/client.key')} : {};
require('https').get({host: '127.0.0.1', port, servername: name, ca: fs.readFileSync(ca),
  minVersion: version, maxVersion: version, checkServerIdentity: (_, certificate) =>
    require('tls').checkServerIdentity(name, certificate), ...more}, answer => answer.resume())
  .on('error', error => console.error(error));
"""


def node(case: Case) -> str:
    words: list[str | Path] = [program("node", "nodejs"), "-e", NODE, str(case.port), case.name]
    words += [case.authority, f"TLSv{case.version.value}", case.identity or ""]
    return printed(words)


def the_finding(text: str, speaker: str) -> ErrorFinding:
    """Return the one finding of that speaker."""
    found = [each for each in explain_text(text).found if speaker in each.speaker]
    assert len(found) == 1, text
    return found[0]


def check(case: Case, finding: ErrorFinding) -> None:
    assert case.fault.value in [cause.code for cause in finding.causes]
    if case.alert is None:
        assert finding.direction is not AlertDirection.RECEIVED
    else:
        assert finding.alert is not None
        assert (finding.alert.number, finding.direction) == (case.alert, AlertDirection.RECEIVED)
    assert finding.role is not SpeakerRole.SERVER
    if case.alert == 116:
        assert finding.phase is ErrorPhase.AFTER_HANDSHAKE
    else:
        assert finding.phase is not ErrorPhase.AFTER_HANDSHAKE or case.version is TLS13


Client = Callable[[Case], str]


async def run_client(
    client: Client, speaker: str, certs: Path, others: Path, fault: Fault, version: TlsVersion
) -> None:
    async with running(certs) as server:
        case = Case(certs=certs, others=others, port=server.port, fault=fault, version=version)
        text = await in_thread(lambda: client(case))
    check(case, the_finding(text, speaker))


@VERSIONS
@FAULTS
@pytest.mark.parametrize(
    ("client", "speaker"),
    [(python, "Python ssl"), (curl, "curl"), (s_client, "OpenSSL")],
    ids=["python", "curl", "s_client"],
)
async def test_clients_that_stand_on_openssl(
    client: Client, speaker: str, certs: Path, others: Path, fault: Fault, version: TlsVersion
) -> None:
    await run_client(client, speaker, certs, others, fault, version)


@pytest.mark.slow
@VERSIONS
@FAULTS
@pytest.mark.parametrize(
    ("client", "speaker"), [(gnutls_cli, "GnuTLS"), (node, "OpenSSL")], ids=["gnutls-cli", "node"]
)
async def test_other_clients(
    client: Client, speaker: str, certs: Path, others: Path, fault: Fault, version: TlsVersion
) -> None:
    await run_client(client, speaker, certs, others, fault, version)


def chatty_nginx(setup: Setup) -> CommandLine:
    words = nginx(setup)
    config = setup.folder / "nginx.conf"
    config.write_text(
        config.read_text("utf-8").replace("error_log stderr;", "error_log stderr info;")
    )
    return words


def chatty_haproxy(setup: Setup) -> CommandLine:
    config = setup.write(
        "haproxy.cfg",
        f"""
global
    log stdout format raw local0
defaults
    mode http
    log global
    option httplog
    timeout client 10s
    timeout server 10s
    timeout connect 10s
frontend lab
    bind 127.0.0.1:{setup.port} ssl crt {setup.bundle()} verify required ca-file \
{setup.file("ca.crt")}
    http-request return status 200
""",
    )
    return [program("haproxy", "haproxy"), "-db", "-f", config]


def mosquitto(setup: Setup) -> CommandLine:
    config = setup.write(
        "mosquitto.conf",
        f"""
user root
log_dest stderr
listener {setup.port} 127.0.0.1
cafile {setup.file("ca.crt")}
certfile {setup.file("server.crt")}
keyfile {setup.file("server.key")}
require_certificate true
""",
    )
    return [program("mosquitto", "mosquitto"), "-c", config]


def chatty_s_server(setup: Setup) -> CommandLine:
    return [word for word in s_server(setup) if word != "-quiet"]


SERVERS: dict[str, tuple[Maker, str]] = {
    "nginx": (chatty_nginx, "nginx"),
    "haproxy": (chatty_haproxy, "HAProxy"),
    "mosquitto": (mosquitto, "mosquitto"),
    "s_server": (chatty_s_server, "OpenSSL"),
    "stunnel": (stunnel, "OpenSSL"),
}


def logged(folder: Path, code: str) -> list[ErrorFinding]:
    """Return what is found in the log of a server, once a finding has that cause."""
    end = time.monotonic() + PATIENCE
    text = ""
    while time.monotonic() < end:
        text = (folder / "server.log").read_text("utf-8", "replace")
        found = [
            finding
            for finding in explain_text(text).found
            if code in [cause.code for cause in finding.causes]
        ]
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing was logged that is known: {text}")


@pytest.mark.slow
@VERSIONS
@pytest.mark.parametrize(
    "fault", [Fault.NO_CERTIFICATE, Fault.WRONG_CLIENT_CA, Fault.WRONG_SERVER_CA]
)
@pytest.mark.parametrize("make", SERVERS)
def test_servers_log_the_same_refusals(
    make: str, certs: Path, others: Path, tmp_path: Path, fault: Fault, version: TlsVersion
) -> None:
    maker, speaker = SERVERS[make]
    with served_by(maker, certs, tmp_path) as port:
        curl(Case(certs=certs, others=others, port=port, fault=fault, version=version))
        # HAProxy does not say why a client refused it.
        unsaid = make == "haproxy" and fault is Fault.WRONG_SERVER_CA
        found = logged(tmp_path, "server-certificate-refused" if unsaid else fault.value)
    assert any(speaker in finding.speaker for finding in found)
    assert all(finding.role is not SpeakerRole.CLIENT for finding in found)
    if fault is Fault.WRONG_SERVER_CA and not unsaid:
        alerts = {(each.alert.number, each.direction) for each in found if each.alert}
        assert (48, AlertDirection.RECEIVED) in alerts
