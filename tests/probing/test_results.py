"""What verdicts and findings add up to: fine, faulty, passed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.probing.results import Finding, Report, SilentVersion, Verdict
from lab.probing.scenarios.catalogue_order import find_scenario
from lab.tls.code_points import ProtocolVersion

REFUSED = {Verdict.BY_HTTP, Verdict.BY_APPLICATION, Verdict.SILENT}
FINE = {Verdict.RIGHT, *REFUSED, Verdict.UNPREPARED, Verdict.OUTLIVED}
FAULTY = {Verdict.UNEXPECTED, Verdict.SHUT_OUT, Verdict.LET_IN}


def test_which_verdicts_are_fine() -> None:
    assert {verdict for verdict in Verdict if verdict.fine} == FINE
    assert {verdict for verdict in Verdict if verdict.faulty} == FAULTY


def test_the_words_of_the_verdicts() -> None:
    """They stand in documents, for programs to compare."""
    assert [verdict.value for verdict in Verdict] == [
        "as it should be",
        "refused by HTTP",
        "refused by the application",
        "refused without an alert",
        "inconclusive: no CRL loaded",
        "let in by an older session",
        "inconclusive",
        "could not be tried",
        "not as measured",
        "should have been accepted",
        "should have been refused",
    ]


def test_verdicts_in_the_order_of_their_weight() -> None:
    weight = {verdict: verdict.weight for verdict in Verdict}
    open_ones = set(Verdict) - FINE - FAULTY
    assert max(weight[verdict] for verdict in FINE) < min(weight[v] for v in open_ones)
    assert max(weight[verdict] for verdict in open_ones) < min(weight[v] for v in FAULTY)
    assert max(Verdict, key=weight.__getitem__) is Verdict.LET_IN


def found(verdict: Verdict, name: str = "expired", **fields: bool | None) -> Finding:
    finding = Finding(
        scenario=find_scenario(name),
        version=ProtocolVersion.TLS_1_3,
        verdict=verdict,
        admitted=None,
        ending="",
        handshake_returned=None,
        outcome=None,
    )
    return replace(finding, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("matters", [True, False])
def test_what_does_not_matter_may_stay_open_and_not_be_wrong(
    verdict: Verdict, matters: bool
) -> None:
    expected = verdict in FINE if matters else verdict not in FAULTY
    assert found(verdict, matters=matters).fine is expected


@pytest.mark.parametrize("verdict", Verdict)
def test_a_bad_certificate_is_refused_only_if_it_was_presented(verdict: Verdict) -> None:
    refused = verdict in {Verdict.RIGHT, *REFUSED}
    assert found(verdict, presented=True).bad_refused is refused
    assert not found(verdict, presented=False).bad_refused
    assert not found(verdict, presented=None).bad_refused
    assert not found(verdict, "good", presented=True).bad_refused
    assert not found(verdict, "eku-any", presented=True).bad_refused


def test_a_finding_is_of_one_attempt_that_matters_unless_said_otherwise() -> None:
    finding = found(Verdict.RIGHT)
    assert (finding.tries, finding.like_this, finding.matters) == (1, 1, True)


def report(*findings: Finding) -> Report:
    return Report(
        target="a.example:443",
        findings=findings,
        insights=(),
        skipped=(ProtocolVersion.TLS_1_2,),
        connections=1,
        seconds=0.5,
    )


def test_what_a_report_comes_to() -> None:
    right, let_in = found(Verdict.RIGHT, presented=True), found(Verdict.LET_IN, presented=True)
    untold = found(Verdict.UNTOLD)
    assert (report(right).passed, report(right).faulty) == (True, False)
    assert (report(right, untold).passed, report(right, untold).faulty) == (False, False)
    assert (report(right, let_in).passed, report(right, let_in).faulty) == (False, True)
    assert report(untold, right).bad_refused
    assert not report(untold, let_in).bad_refused
    silent = SilentVersion(version=ProtocolVersion.TLS_1_2, ending="FIN")
    assert not replace(report(right), silent=(silent,)).passed


@pytest.mark.parametrize(
    ("name", "address", "route", "command"),
    [
        ("no-certificate", "h:1", (), "openssl s_client -connect h:1 -CAfile ca.crt"),
        (
            "no-certificate",
            "h:1",
            ("STARTTLS (ldap)",),
            "openssl s_client -connect h:1 -starttls ldap -CAfile ca.crt",
        ),
        ("no-certificate", "unix:/x", (), "openssl s_client -unix /x -CAfile ca.crt"),
        ("no-certificate", "h:1", ("STARTTLS (rdp)",), ""),
        ("no-certificate", "h:1", ("PROXY protocol v1",), ""),
        ("no-certificate", "h:1", ("SOCKS 5 by p:1", "STARTTLS (ldap)"), ""),
        ("plain-http", "h:1", ("STARTTLS (ldap)",), ""),
        ("silence", "h:1", ("STARTTLS (ldap)",), ""),
    ],
)
def test_a_command_goes_the_way_of_the_probe_or_there_is_none(
    name: str, address: str, route: tuple[str, ...], command: str
) -> None:
    assert find_scenario(name).shell_command(address, route) == command


def test_a_command_that_reaches_no_server_needs_no_way() -> None:
    command = find_scenario("expired").shell_command("h:1", ("STARTTLS (ldap)",))
    assert command.startswith("openssl verify ")
