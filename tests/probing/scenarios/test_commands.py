"""The command of each scenario, run by a shell as its reader would, shows what it is said to."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Result
from lab.pki.authority import revocation_lists_pem
from lab.pki.files.secret_files import write_private, write_public
from lab.pki.identity import certificates_pem
from lab.pki.lab_ca import LabAuthority, new_lab_authority
from lab.probing.results import ScenarioFamily
from lab.probing.scenario_server import scenario_server, trust_file
from lab.probing.scenarios.catalogue_order import SCENARIOS
from lab.probing.scenarios.scenario import Scenario, TlsClient
from lab.serving.temporary_server import HOST
from lab.stream.contexts import TlsVersion
from lab.tls.events import Endpoint
from tests.support.serving import PATIENCE


def _openssl_version() -> str:
    if shutil.which("openssl") is None:
        return "none"
    return subprocess.run(["openssl", "version"], capture_output=True, text=True).stdout


pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell: install bash"),
    pytest.mark.skipif(
        not _openssl_version().startswith("OpenSSL 3."),
        reason="needs the openssl program, version 3: install openssl",
    ),
]


@pytest.fixture(scope="module")
def ca() -> LabAuthority:
    return new_lab_authority(datetime.now(timezone.utc))


def files_of(scenario: Scenario, ca: LabAuthority, folder: Path) -> dict[str, str]:
    """The files that a command speaks of, in ``folder``."""
    words = {"ca": str(trust_file(scenario, ca, folder))}
    if isinstance(scenario.client, TlsClient) and scenario.client.identity:
        identity = scenario.client.identity(ca)
        write_private(folder / "client.pem", identity.chain_pem() + identity.key_pem())
        words["cert"] = str(folder / "client.pem")
    if scenario.host.revocation_lists:
        words["crl"] = str(folder / "lists.pem")
        lists = scenario.host.revocation_lists(ca)
        write_public(folder / "lists.pem", revocation_lists_pem(lists))
    return words


def run(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=PATIENCE,
    )


def starting_with(test: Callable[[str], bool]) -> pytest.MarkDecorator:
    chosen = [scenario for scenario in SCENARIOS if test(scenario.command)]
    return pytest.mark.parametrize("scenario", chosen, ids=lambda each: each.name)


@starting_with(lambda command: command.startswith("openssl verify "))
def test_openssl_verify_has_the_servers_verdict(
    scenario: Scenario, ca: LabAuthority, tmp_path: Path
) -> None:
    words = files_of(scenario, ca, tmp_path)
    done = run(scenario.command.format(**words))
    for expected in scenario.expectations.values():
        if expected.verify_code is None:
            assert expected.result is Result.ACCEPTED
            assert done.stdout == f"{words['cert']}: OK\n"
        else:
            assert done.returncode != 0
            assert f"error {expected.verify_code} at " in done.stdout
            assert expected.reason in done.stdout


@starting_with(lambda command: bool(command) and not command.startswith("openssl verify "))
async def test_a_command_draws_the_same_from_the_server(
    scenario: Scenario, ca: LabAuthority, tmp_path: Path
) -> None:
    version = TlsVersion.TLS12 if "-tls1_2" in scenario.command else TlsVersion.TLS13
    expected = scenario.expectations[version]
    words = files_of(scenario, ca, tmp_path)
    async with scenario_server(scenario.host, ca, tmp_path) as server:
        command = scenario.command.format(**words, address=f"{HOST}:{server.port}")
        done = await asyncio.to_thread(run, command)
    outcome = judge(server.events[0])
    if expected.result is Result.ACCEPTED:
        # s_client leaves at the end of its input, at times with a reset: it had been let in.
        assert outcome.server_handshake_returned, done.stdout
        assert outcome.by is not Endpoint.SERVER
    else:
        assert outcome.result is expected.result, done.stdout
        assert (outcome.by, outcome.signal) == (expected.by, expected.signal)
    assert (outcome.alert.description if outcome.alert else None) in (expected.alerts or {None})
    if scenario.family is ScenarioFamily.POLICY and expected.http_status:
        assert f"HTTP/1.1 {expected.http_status} " in done.stdout
    if expected.verify_code and scenario.family is ScenarioFamily.SERVER:
        assert f"verify error:num={expected.verify_code}:" in done.stdout


def test_a_ca_file_holds_all_that_are_trusted(ca: LabAuthority, tmp_path: Path) -> None:
    scenario = next(each for each in SCENARIOS if each.name == "server-of-another-trusted-ca")
    other = ca.other_root().identity.certificate
    data = trust_file(scenario, ca, tmp_path).read_bytes()
    assert data.startswith(certificates_pem((ca.root,)))
    assert data.count(b"BEGIN CERTIFICATE") == 2
    assert other.subject != ca.root.subject
