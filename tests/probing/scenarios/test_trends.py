"""What servers of other makes do with what public CAs issue now."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from lab.diagnosis.certificate_selection.results import CertificateAtHand, Decision
from lab.diagnosis.certificate_selection.select import select
from lab.diagnosis.evidence import summarize
from lab.pki import catalogue, profiles
from lab.pki.authority import Authority, self_signed
from lab.pki.files.identity_files import load_authority
from lab.pki.identity import Identity, certificates_pem
from lab.pki.lab_ca import LabAuthority
from lab.probing.attempt import deviations, hello_answered, try_scenario
from lab.probing.probe_server import Extent, probe_target
from lab.probing.results import Verdict
from lab.probing.scenario_server import run_scenario
from lab.probing.scenarios.catalogue_order import find_scenario
from lab.probing.scenarios.scenario import Scenario
from lab.stream.contexts import ClientTls, TlsVersion
from lab.tls.code_points import NamedGroup, ProtocolVersion
from lab.tls.extensions import KeyShareServerHello
from lab.tracing.results import Trace
from lab.tracing.target import Target
from lab.tracing.trace_server import NotLoaded, Plan, record, trace_of
from tests.support.more_peers import MORE_MAKES
from tests.support.newer_openssl import context, require_openssl, serving
from tests.support.peers import MAKES, s_server, served_by
from tests.support.pki_fixtures import LOCAL_NAMES, leaf_key
from tests.support.serving import PATIENCE

# What each did in both versions when this was measured: OpenSSL 3.0, nginx 1.22, HAProxy 2.6,
# Apache 2.4, GnuTLS 3.7, Node 20, Java 17, Caddy 2.6 (Go 1.19), NSS 3.87.
REFUSALS = {
    "nginx": "HTTP 400",
    "haproxy": "unsupported_certificate",
    "stunnel": "unsupported_certificate",
    "openssl s_server": "unsupported_certificate",
    "gnutls-serv": "accepted",
    "apache": "unsupported_certificate",
    "caddy (Go)": "bad_certificate",
    "node": "FIN",
    "java": "FIN or certificate_unknown",
    "mosquitto": "unsupported_certificate",
    "selfserv (NSS)": "certificate_unknown",
    "Python ssl": "unsupported_certificate",
}
SLOW = ("java",)


@pytest.fixture(scope="module")
def ca(certs: Path) -> LabAuthority:
    now = datetime.now(timezone.utc)
    authority = load_authority(certs / "ca.crt", certs / "ca.key", None, now=now)
    return LabAuthority(authority=authority, now=now)


async def traced(certs: Path, port: int, version: TlsVersion, identity: Identity) -> Trace:
    tls = ClientTls(server_ca=certs / "ca.crt", minimum=version, maximum=version)
    target = Target(host="127.0.0.1", port=port)
    plan = Plan(target=target, tls=tls, identity=identity, limit=PATIENCE)
    return trace_of(plan, (await record(plan)).events)


def ending(trace: Trace) -> str:
    outcome = trace.outcome
    if outcome.accepted:
        return "accepted"
    if outcome.alert is not None:
        return str(outcome.alert.description)
    if outcome.http_status is not None:
        return f"HTTP {outcome.http_status}"
    assert outcome.signal is not None
    return outcome.signal.value


@pytest.mark.parametrize(
    "make",
    [pytest.param(make, marks=pytest.mark.slow) if make in SLOW else make for make in REFUSALS],
)
async def test_a_certificate_renewed_without_client_auth(
    make: str, certs: Path, tmp_path: Path, ca: LabAuthority
) -> None:
    """Who refuses it, and by what; a diagnosis of the refusal names the extendedKeyUsage first."""
    maker = {**MAKES, **MORE_MAKES}[make]
    identity = catalogue.renewed_by_public_ca(ca)
    with served_by(maker, certs, tmp_path) as port:
        traces = [await traced(certs, port, version, identity) for version in TlsVersion]
    for trace in traces:
        assert ending(trace) in REFUSALS[make].split(" or ")
        codes = [cause.code for cause in trace.causes]
        if trace.outcome.accepted:
            assert "taken-despite-flaw" in codes
        else:
            assert codes[0] == "client-wrong-extended-key-usage"


async def test_a_diagnosis_names_the_trend_where_the_issuer_does(
    certs: Path, tmp_path: Path
) -> None:
    """By its issuer's name it is a public CA's: that one is not asked to issue it otherwise."""
    now = datetime.now(timezone.utc)
    name = x509.Name.from_rfc4514_string("CN=E7,O=Let's Encrypt,C=US")
    root = self_signed(replace(profiles.root_ca(), subject=name), leaf_key(8), now=now)
    renewed = Authority(identity=root).issue(profiles.server(LOCAL_NAMES), leaf_key(9), now=now)
    folder = Path(shutil.copytree(certs, tmp_path / "certs"))
    with (folder / "ca.crt").open("ab") as file:
        file.write(certificates_pem((root.certificate,)))
    with served_by(s_server, folder, tmp_path) as port:
        trace = await traced(certs, port, TlsVersion.TLS13, renewed)
    cause = trace.causes[0]
    assert cause.code == "client-wrong-extended-key-usage"
    assert cause.evidence[1].startswith("its issuer names itself Let's Encrypt; public CAs stop")
    assert cause.fix.startswith("use a certificate of its own for the client")


@contextlib.asynccontextmanager
async def reading_once(port: int) -> AsyncIterator[int]:
    """A relay to ``port``, which hands on a ClientHello only if it comes in one piece."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            first = await reader.read(65536)
            if len(first) >= 5 + int.from_bytes(first[3:5], "big"):
                server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
                server_writer.write(first)
                await asyncio.gather(
                    handed_on(reader, server_writer), handed_on(server_reader, writer)
                )
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def handed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


def silent(total: int) -> Callable[[str], None]:
    return lambda name: None


async def test_the_probe_finds_who_reads_one_segment(
    certs: Path, tmp_path: Path, ca: LabAuthority
) -> None:
    extent = Extent(scenarios=[find_scenario("post-quantum-hello")], versions=list(TlsVersion))
    tls = ClientTls(server_ca=certs / "ca.crt")
    found = {}
    with served_by(s_server, certs, tmp_path) as port:
        async with reading_once(port) as relay:
            for name, at in (("server", port), ("relay", relay)):
                plan = Plan(target=Target(host="127.0.0.1", port=at), tls=tls)
                report = await probe_target(extent, plan, ca, silent, prepared=False)
                found[name] = report.findings
    assert {finding.verdict for finding in found["server"]} == {Verdict.RIGHT}
    assert {finding.verdict for finding in found["relay"]} == {Verdict.SHUT_OUT}
    for finding in found["relay"]:
        assert "came in two parts" in finding.notes[0]


@pytest.mark.parametrize("make", ["nginx", "gnutls-serv", "node"])
async def test_a_post_quantum_hello_is_answered(
    make: str, certs: Path, tmp_path: Path, ca: LabAuthority
) -> None:
    scenario = find_scenario("post-quantum-hello")
    with served_by({**MAKES, **MORE_MAKES}[make], certs, tmp_path) as port:
        plan = Plan(target=Target(host="127.0.0.1", port=port), tls=ClientTls(verify_server=False))
        for version in TlsVersion:
            trial = await try_scenario(scenario, version, plan, ca)
            assert hello_answered(trial)


@pytest.mark.parametrize("group", ["P-521", "X448", "ffdhe2048"])
async def test_a_server_that_has_one_group_alone_answers_it(
    group: str, certs: Path, tmp_path: Path, ca: LabAuthority
) -> None:
    scenario = find_scenario("post-quantum-hello")
    with served_by(lambda setup: [*s_server(setup), "-groups", group], certs, tmp_path) as port:
        plan = Plan(target=Target(host="127.0.0.1", port=port), tls=ClientTls(verify_server=False))
        assert hello_answered(await try_scenario(scenario, TlsVersion.TLS13, plan, ca))


async def test_a_server_that_knows_the_post_quantum_group_takes_it(ca: LabAuthority) -> None:
    """OpenSSL 3.5 and later: the key share is one that it can encapsulate to."""
    require_openssl(3, 5)
    scenario = find_scenario("post-quantum-hello")
    with serving(context(SSL.TLS_SERVER_METHOD, ca.server())) as port:
        plan = Plan(target=Target(host="127.0.0.1", port=port), tls=ClientTls(verify_server=False))
        trial = await try_scenario(scenario, TlsVersion.TLS13, plan, ca)
    hello = summarize(trial.trace.events).server_hello
    assert hello is not None
    share = hello.find(KeyShareServerHello)
    assert share is not None
    assert share.server_share.group is NamedGroup.X25519MLKEM768


# What each answers to a client that asks once its certificate has expired, in both versions.
KEPT = {
    "nginx": 200,
    "haproxy": 200,
    "gnutls-serv": 200,
    "apache": 200,
    "caddy (Go)": 200,
    "node": 200,
    "Python ssl": 200,
}


@pytest.mark.slow
async def test_servers_that_go_on_serving_a_client_that_has_expired(
    certs: Path, tmp_path: Path, ca: LabAuthority
) -> None:
    """No stack here looks at the dates again; the lab's server does, at each request."""
    scenario = find_scenario("expires-while-connected")
    with contextlib.ExitStack() as servers:
        ports = {}
        for number, make in enumerate(KEPT):
            folder = tmp_path / str(number)
            folder.mkdir()
            try:
                served = served_by({**MAKES, **MORE_MAKES}[make], certs, folder)
                ports[make] = servers.enter_context(served)
            except pytest.skip.Exception:
                continue
        assert ports

        async def status(make: str, version: TlsVersion, scenario: Scenario) -> int | None:
            tls = ClientTls(verify_server=False)
            target = Target(host="127.0.0.1", port=ports[make])
            plan = Plan(target=target, tls=tls, sni="localhost", limit=PATIENCE)
            trial = await try_scenario(scenario, version, plan, ca)
            return trial.outcome.http_status

        tried = [(make, version) for make in ports for version in TlsVersion]
        # First a good client, as a first handshake may take longer than the other lives.
        for one in (find_scenario("ec-p256"), scenario):
            found = await asyncio.gather(*(status(*which, one) for which in tried))
            assert dict(zip(tried, found, strict=True)) == {each: KEPT[each[0]] for each in tried}


@pytest.mark.slow
async def test_the_labs_server_looks_again(ca: LabAuthority) -> None:
    scenario = find_scenario("expires-while-connected")
    trials = await asyncio.gather(*(run_scenario(scenario, version, ca) for version in TlsVersion))
    for trial in trials:
        assert deviations(trial, ssl.OPENSSL_VERSION_INFO[:2]) == ()
        codes = {cause.code for cause in trial.trace.causes[:2]}
        assert codes & scenario.codes


async def test_a_post_quantum_certificate(ca: LabAuthority) -> None:
    """Where this Python's OpenSSL has ML-DSA; where it has not, that is what is said."""
    scenario = find_scenario("ml-dsa")
    for version in TlsVersion:
        try:
            trial = await run_scenario(scenario, version, ca)
        except NotLoaded as error:
            assert ssl.OPENSSL_VERSION_INFO < (3, 5)
            assert f"ML-DSA-65 needs OpenSSL 3.5, and this Python has {ssl.OPENSSL_VERSION}" in str(
                error
            )
        else:
            assert deviations(trial, ssl.OPENSSL_VERSION_INFO[:2]) == ()


async def test_who_sends_a_certificate_renewed_without_client_auth(
    certs: Path, tmp_path: Path, ca: LabAuthority
) -> None:
    """By the rules that were measured: what the scenario says of clients."""
    identity = catalogue.renewed_by_public_ca(ca)
    with served_by(s_server, certs, tmp_path) as port:
        trace = await traced(certs, port, TlsVersion.TLS13, identity)
    request = summarize(trace.events).request
    assert request is not None
    chain = tuple(certificate.public_bytes(Encoding.DER) for certificate in identity.chain)
    held = [CertificateAtHand(name="renewed", chain=chain)]
    now = datetime.now(timezone.utc)
    found = select(request, ProtocolVersion.TLS_1_3, held, now=now)
    decided = {each.client.name: each.decision for each in found if each.measured}
    empty = {name for name in decided if name.startswith(("NSS", "Chromium"))}
    assert empty
    assert {name for name, what in decided.items() if what is Decision.SENDS_EMPTY} == empty
    assert set(decided.values()) == {Decision.SENDS_EMPTY, Decision.SENDS}
