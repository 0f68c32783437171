"""What servers of other makes do with what public CAs issue now."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from cryptography import x509

from lab.pki import catalogue, profiles
from lab.pki.authority import Authority, self_signed
from lab.pki.files.identity_files import load_authority
from lab.pki.identity import Identity, certificates_pem
from lab.pki.lab_ca import LabAuthority
from lab.stream.contexts import ClientTls, TlsVersion
from lab.tracing.results import Trace
from lab.tracing.target import Target
from lab.tracing.trace_server import Plan, record, trace_of
from tests.support.more_peers import MORE_MAKES
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
