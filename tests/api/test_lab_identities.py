"""``LabCA``: each CA is one of its own, and every scenario's identity can be had."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from lab.api import (
    ArgumentError,
    FileError,
    LabCA,
    LabServer,
    ScenarioError,
    load_identity,
    trace_server,
)
from lab.probing.scenarios.catalogue_order import SCENARIOS
from lab.probing.scenarios.scenario import Scenario, TlsClient


def test_two_cas_do_not_trust_each_other() -> None:
    ca, other = LabCA(), LabCA()
    with LabServer(trust=ca) as server:
        (trace,) = trace_server(server, identity=other.client(), versions=["1.3"])
    assert trace.outcome.rejected
    assert trace.causes[0].code == "client-ca-not-trusted"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_client_of_each_scenario(scenario: Scenario) -> None:
    ca = LabCA()
    if isinstance(scenario.client, TlsClient) and scenario.client.identity is not None:
        identity = ca.client(scenario=scenario.name)
        assert identity.authorities_pem == ca.certificate_pem
        assert b"PRIVATE KEY" in identity.key_pem
    else:
        with pytest.raises(ScenarioError, match=f"{scenario.name} has no client certificate"):
            ca.client(scenario=scenario.name)


def test_names() -> None:
    ca = LabCA()
    (name,) = ca.client(common_name="alice").identity.certificate.subject
    assert name.value == "alice"
    (name,) = ca.client(scenario="expired", common_name="alice").identity.certificate.subject
    assert name.value == "alice"
    server = ca.server(hostnames=["server.example", "192.0.2.1"]).identity.certificate
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["server.example"]
    for wrong in ("", "a\n", "x" * 65):
        with pytest.raises(ArgumentError):
            ca.client(common_name=wrong)
    with pytest.raises(ArgumentError):
        ca.server(hostnames=["*.example"])
    with pytest.raises(ArgumentError):
        ca.server(hostnames=["a.example"], scenario="server-expired")
    with pytest.raises(ScenarioError, match="there is no scenario 'expird'"):
        ca.client(scenario="expird")
    with pytest.raises(ScenarioError, match="has a good server certificate"):
        ca.server(scenario="expired")


def test_a_ca_from_files(certs: Path) -> None:
    ca = LabCA.load(certs / "ca.crt", str(certs / "ca.key"))
    assert ca.certificate_pem == (certs / "ca.crt").read_bytes()
    own = load_identity(certs / "server.crt", certs / "server.key")
    with LabServer(trust=certs / "ca.crt", identity=own) as server:
        (trace,) = trace_server(server, identity=ca.client(), versions=["1.3"])
    assert trace.outcome.accepted
    with pytest.raises(FileError, match="is not a CA certificate"):
        LabCA.load(certs / "client.crt", certs / "client.key")


def test_an_identity_from_files(certs: Path, tmp_path: Path) -> None:
    identity = load_identity(str(certs / "client.pfx"), password=b"changeit")
    assert identity.identity == load_identity(certs / "client.crt", certs / "client.key").identity
    with pytest.raises(FileError, match="contains no private key"):
        load_identity(certs / "client.crt")
    with pytest.raises(FileError, match="no such file"):
        load_identity(tmp_path / "missing")
