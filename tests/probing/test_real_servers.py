"""Servers of other makes, each right and each with one mistake that the probe must find."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lab.pki.files.crl_files import ensure_revocation_lists
from lab.pki.files.identity_files import load_authority
from lab.pki.lab_ca import LabAuthority
from lab.probing.probe_server import Extent, probe_target
from lab.probing.results import Report, Verdict
from lab.probing.scenarios.catalogue_order import find_scenario
from lab.stream.contexts import ClientTls, TlsVersion
from lab.tracing.target import Target
from lab.tracing.trace_server import Plan
from tests.support.peers import (
    MAKES,
    Maker,
    VerifyMode,
    s_server_lenient,
    served_by,
)

GOOD = ("good", "ec-p256")
BAD = ("no-certificate", "expired", "self-signed", "wrong-ca", "tampered-signature")
# The one that completes the handshake and refuses in HTTP.
BY_HTTP = {"nginx"}
each_make = pytest.mark.parametrize("make", MAKES)


@pytest.fixture(scope="module")
def ca(certs: Path) -> LabAuthority:
    now = datetime.now(timezone.utc)
    authority = load_authority(certs / "ca.crt", certs / "ca.key", None, now=now)
    return LabAuthority(authority=authority, now=now)


@pytest.fixture(scope="module")
def crl(ca: LabAuthority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("crl") / "probe.crl"
    assert ensure_revocation_lists(path, ca)
    return path


async def probe(
    port: int,
    certs: Path,
    ca: LabAuthority,
    names: Sequence[str],
    *,
    prepared: bool = False,
    repeat: int = 1,
) -> Report:
    extent = Extent(
        scenarios=[find_scenario(name) for name in names],
        versions=list(TlsVersion),
        repeat=repeat,
    )
    tls = ClientTls(server_ca=certs / "ca.crt")
    plan = Plan(target=Target(host="127.0.0.1", port=port), tls=tls)
    done: list[str] = []
    report = await probe_target(extent, plan, ca, lambda total: done.append, prepared=prepared)
    assert set(names) <= set(done)
    return report


def verdicts(report: Report) -> dict[str, set[Verdict]]:
    found: dict[str, set[Verdict]] = {}
    for finding in report.findings:
        found.setdefault(finding.scenario.name, set()).add(finding.verdict)
    assert len(report.findings) == 2 * len(found)
    return found


def answers(report: Report) -> dict[str, str]:
    return {insight.code: insight.answer for insight in report.insights}


@each_make
async def test_one_that_is_right(
    make: str, certs: Path, ca: LabAuthority, crl: Path, tmp_path: Path
) -> None:
    with served_by(MAKES[make], certs, tmp_path, crl=crl) as port:
        report = await probe(port, certs, ca, (*GOOD, *BAD, "revoked"), prepared=True)
    assert report.passed
    refusal = Verdict.BY_HTTP if make in BY_HTTP else Verdict.RIGHT
    expected = {name: {Verdict.RIGHT} for name in GOOD}
    expected |= {name: {refusal} for name in (*BAD, "revoked")}
    assert verdicts(report) == expected
    said = answers(report)
    demand = "optional for TLS, required by HTTP (400)" if make in BY_HTTP else "required"
    verified = "what is sent is verified: none of 4 bad certificates got in"
    assert said["client-certificate"] == f"{demand}; {verified}"
    assert said["ca-names"] == "1 sent, the name of this probe's CA is among them"
    assert ("reset" in said) is (make not in BY_HTTP)


@each_make
async def test_optional_instead_of_required(
    make: str, certs: Path, ca: LabAuthority, tmp_path: Path
) -> None:
    with served_by(MAKES[make], certs, tmp_path, ask=VerifyMode.OPTIONAL) as port:
        report = await probe(port, certs, ca, (*GOOD, "no-certificate"))
    assert not report.passed
    assert verdicts(report)["no-certificate"] == {Verdict.LET_IN}
    assert verdicts(report)["good"] == {Verdict.RIGHT}
    notes = {note for finding in report.findings for note in finding.notes}
    assert notes == {"the server asked for a certificate and went on without: let it require one"}
    assert answers(report)["client-certificate"].startswith("asked for and optional")


@each_make
async def test_verification_off(make: str, certs: Path, ca: LabAuthority, tmp_path: Path) -> None:
    with served_by(MAKES[make], certs, tmp_path, ask=VerifyMode.NONE) as port:
        report = await probe(port, certs, ca, (*GOOD, *BAD))
    found = verdicts(report)
    assert {name for name, some in found.items() if some == {Verdict.LET_IN}} == set(BAD)
    assert answers(report)["client-certificate"] == (
        "not asked for on this name and path: no mutual TLS here"
    )
    for name in GOOD:
        assert found[name] == {Verdict.NOT_TRIED}
    assert "ca-names" not in answers(report)


@each_make
async def test_crl_not_loaded(
    make: str, certs: Path, ca: LabAuthority, crl: Path, tmp_path: Path
) -> None:
    with served_by(MAKES[make], certs, tmp_path) as port:
        held = await probe(port, certs, ca, ("good", "revoked"), prepared=True)
        told = await probe(port, certs, ca, ("good", "revoked"))
    assert verdicts(held)["revoked"] == {Verdict.LET_IN}
    assert not held.passed
    # Nobody has said that the server has the list: then there is nothing to hold against it.
    assert verdicts(told)["revoked"] == {Verdict.UNPREPARED}
    assert told.passed
    assert all("--crl" in note for finding in told.findings for note in finding.notes)


async def test_a_verdict_that_nobody_heeds(certs: Path, ca: LabAuthority, tmp_path: Path) -> None:
    """s_server without -verify_return_error prints what is wrong, and goes on."""
    with served_by(s_server_lenient, certs, tmp_path) as port:
        report = await probe(port, certs, ca, (*GOOD, *BAD))
    found = verdicts(report)
    assert {name for name, some in found.items() if some == {Verdict.LET_IN}} == {
        "expired",
        "self-signed",
        "wrong-ca",
        "tampered-signature",
    }
    assert answers(report)["client-certificate"] == "required; what is sent is not verified"
    assert answers(report)["chain"] == "it takes a certificate of any CA"


CHAIN = ("through-intermediate", "intermediate-not-sent", "wrong-ca")


@pytest.mark.parametrize(
    ("make", "signal"),
    [("nginx", "HTTP 400"), ("haproxy", "unknown_ca (48)"), ("gnutls-serv", "access_denied (49)")],
)
async def test_one_signal_for_a_missing_intermediate_and_a_wrong_ca(
    make: str, signal: str, certs: Path, ca: LabAuthority, tmp_path: Path
) -> None:
    with served_by(MAKES[make], certs, tmp_path) as port:
        report = await probe(port, certs, ca, CHAIN)
    assert report.passed
    assert answers(report)["chain"] == (
        f"both are refused by {signal}, which alone cannot tell them apart"
    )
    evidence = next(each for each in report.insights if each.code == "chain").evidence
    assert all("chain sent whole: accepted, HTTP 200" in each for each in evidence)


async def test_a_ca_that_the_server_does_not_trust(
    certs: Path, tmp_path: Path, ca: LabAuthority
) -> None:
    other = LabAuthority(authority=ca.other_root(), now=ca.now)
    with served_by(MAKES["haproxy"], certs, tmp_path) as port:
        report = await probe(port, certs, other, GOOD)
    assert verdicts(report)["good"] == {Verdict.SHUT_OUT}
    assert answers(report)["chain"].startswith("the good certificate is refused (unknown_ca")
    assert answers(report)["ca-names"] == "1 sent, the name of this probe's CA is not among them"


async def test_each_as_often_as_wanted(certs: Path, tmp_path: Path, ca: LabAuthority) -> None:
    with served_by(MAKES["haproxy"], certs, tmp_path) as port:
        once = await probe(port, certs, ca, ("good",))
        report = await probe(port, certs, ca, ("good",), repeat=3)
    assert [(each.tries, each.like_this) for each in report.findings] == [(3, 3), (3, 3)]
    assert report.connections == once.connections + 2 * 2


def version_12_only(make: Maker) -> Maker:
    return lambda setup: [*make(setup), "-no_tls1_3"]


async def test_a_version_that_is_not_spoken_is_not_held_against_anybody(
    certs: Path, tmp_path: Path, ca: LabAuthority
) -> None:
    make = version_12_only(MAKES["openssl s_server"])
    with served_by(make, certs, tmp_path) as port:
        report = await probe(port, certs, ca, ("good", "expired"))
    assert report.passed
    assert [str(version) for version in report.skipped] == ["TLS 1.3"]
    assert {str(finding.version) for finding in report.findings} == {"TLS 1.2"}
