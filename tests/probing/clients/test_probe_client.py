"""Commands under test: right clients in several languages, wrong ones of each kind, and no clients.

Whole runs are in ``measured.py``; what is slow to start is run here against a part of the servers.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.probing.clients.probe_client import ClientProbePlan, probe_client
from lab.probing.clients.results import (
    GOOD,
    ClientConduct,
    ClientFinding,
    ClientReport,
    ClientVerdict,
)
from lab.probing.clients.server_selection import TESTED_SERVERS, servers_to_try
from lab.probing.results import Norm
from lab.tls.events import AlertSeen
from lab.tracing.tap.tap_command import NoCommand
from tests.probing.clients.measured import MEASURED
from tests.support.tested_clients import CLIENTS, IGNORES_EXPIRY, WRONG, node, wrong

PATIENCE = 60.0
PART = (
    "expired",
    "wrong-name",
    "name-ends-alike",
    "cn-beside-other-name",
    "cn-only",
    "rsa-1024",
    "ca-names-exclude-client",
    "asked-later",
    "client-refused",
    "certificate-on-return",
    "answer-cut-off",
)
JAVAS = ("wrong-name", "sha1-signature", "thousand-ca-names")
FEW = (
    "expired",
    "untrusted-ca",
    "self-signed",
    "wrong-name",
    "name-begins-alike",
    "name-ends-alike",
    "cn-beside-other-name",
    "intermediate-not-a-ca",
)


def probe(
    command: Sequence[str], only: Sequence[str] = (), limit: float = PATIENCE
) -> ClientReport:
    plan = ClientProbePlan(
        command=tuple(command), servers=servers_to_try(only, ()), limit=limit, concurrency=3
    )
    return asyncio.run(probe_client(plan, lambda _: lambda _: None))


def by_name(report: ClientReport) -> dict[str, ClientFinding]:
    return {finding.server.name: finding for finding in report.findings}


def accepted(report: ClientReport) -> set[str]:
    return {
        name
        for name, finding in by_name(report).items()
        if finding.conduct is ClientConduct.ACCEPTED
    }


def verdicts(report: ClientReport, verdict: ClientVerdict) -> set[str]:
    return {name for name, each in by_name(report).items() if each.verdict is verdict}


def agrees_with_measured(name: str, report: ClientReport) -> None:
    measured = MEASURED[name]
    tried = by_name(report)
    faults = {name for name, each in tried.items() if each.verdict.faulty}
    assert faults == measured.faults & tried.keys(), report.findings
    either = {name for name, each in tried.items() if each.server.norm is Norm.EITHER}
    assert accepted(report) & either == measured.accepts & either
    assert report.passed is (not faults)
    later = tried.get("asked-later")
    if later is not None and later.verdict is ClientVerdict.RIGHT:
        asked = "asked-later" in measured.accepts
        said = "it sent its certificate" if asked else "it does not offer to be asked then"
        assert later.notes == (said,)
    withheld = tried.get("ca-names-exclude-client")
    assert withheld is None or withheld.presented is measured.sends_to_other_cas


def test_curl_in_a_whole_run(tmp_path: Path) -> None:
    report = probe(CLIENTS["curl"](tmp_path))
    agrees_with_measured("curl", report)
    assert len(report.findings) == len(TESTED_SERVERS) >= 25
    assert not report.mistakes
    found = by_name(report)
    assert found["expired"].by == "certificate_expired (45)"
    assert (found["expired"].exit_code, found["expired"].connections) == (60, 1)
    assert found["client-refused"].by == "the server's unknown_ca (48)"
    assert found[GOOD].presented is True
    assert verdicts(report, ClientVerdict.UNTOLD) == {"certificate-on-return"}


def test_python_on_a_part(tmp_path: Path) -> None:
    agrees_with_measured("python-ssl", probe(CLIENTS["python-ssl"](tmp_path), PART))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["requests", "httpx", "aiohttp", "node", "go", "wget", "gnutls-cli"]
)
def test_other_clients_on_a_part(name: str, tmp_path: Path) -> None:
    agrees_with_measured(name, probe(CLIENTS[name](tmp_path), PART))


@pytest.mark.slow
def test_java_on_a_few(tmp_path: Path) -> None:
    report = probe(CLIENTS["java"](tmp_path), JAVAS)
    agrees_with_measured("java", report)
    assert [mistake.code for mistake in report.mistakes] == ["weak-signature"]


MISTAKES = {
    "verifies nothing": ("nothing-verified", set(FEW)),
    "does not check the name": (
        "name-not-checked",
        {"wrong-name", "name-begins-alike", "name-ends-alike", "cn-beside-other-name"},
    ),
    "connects again without verification": ("verification-given-up", set(FEW)),
    "goes on in the clear": ("goes-on-in-the-clear", set(FEW)),
    "compares the beginning of the name": ("name-checked-in-part", {"name-begins-alike"}),
    "compares the end of the name": ("name-checked-in-part", {"name-ends-alike"}),
    "takes the CN for a name, too": ("cn-counts-beside-names", {"cn-beside-other-name"}),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_client_is_found_out(name: str, tmp_path: Path) -> None:
    report = probe(wrong(tmp_path, name), FEW)
    code, servers = MISTAKES[name]
    assert verdicts(report, ClientVerdict.LET_IN) == servers
    assert [mistake.code for mistake in report.mistakes] == [code]
    assert report.faulty and not report.passed


def test_every_wrong_client_is_tried() -> None:
    assert WRONG.keys() == MISTAKES.keys() | {"exits with 0 in any case"}


def test_an_exit_code_that_conceals_the_refusal_is_found_out(tmp_path: Path) -> None:
    report = probe(wrong(tmp_path, "exits with 0 in any case"), ("expired", "client-refused"))
    assert verdicts(report, ClientVerdict.CONCEALED) == {"expired"}
    assert verdicts(report, ClientVerdict.LET_IN) == {"client-refused"}
    codes = {mistake.code for mistake in report.mistakes}
    assert codes == {"refusal-concealed", "failure-taken-for-success"}
    assert not report.passed


def test_a_callback_that_passes_over_expiry_is_found_out(tmp_path: Path) -> None:
    report = probe(node(tmp_path, IGNORES_EXPIRY), FEW)
    assert verdicts(report, ClientVerdict.LET_IN) == {"expired"}
    assert [mistake.code for mistake in report.mistakes] == ["dates-not-checked"]


def test_a_client_that_asks_for_the_head_alone_is_answered_rightly() -> None:
    servers = ("asked-later", "no-close-notify", "answer-cut-off", "thousand-ca-names")
    report = probe(["curl", "--silent", "--head", "--cacert", "{ca}", "{url}"], servers)
    assert report.passed, report.findings
    cut = by_name(report)["answer-cut-off"]
    assert cut.notes == ("it asked for a head alone, and no body was cut off",)


def test_a_client_that_offers_what_is_old_and_weak_is_found_out() -> None:
    weak = ["--insecure", "--tlsv1.0", "--ciphers", "ALL:eNULL:aNULL:@SECLEVEL=0"]
    servers = ("tls1.0-only", "tls1.1-only", "no-encryption", "anonymous")
    report = probe(["curl", "--silent", *weak, "{url}"], servers)
    assert verdicts(report, ClientVerdict.LET_IN) == set(servers)
    assert [mistake.code for mistake in report.mistakes] == ["old-versions", "weak-ciphers"]
    assert str(by_name(report)["tls1.0-only"].version) == "TLS 1.0"


def test_a_client_that_trusts_the_system_refuses_the_good_server_and_no_other_is_tried() -> None:
    report = probe(["curl", "--silent", "{url}"], FEW)
    assert [finding.server.name for finding in report.findings] == [GOOD]
    assert report.findings[0].verdict is ClientVerdict.SHUT_OUT
    assert report.faulty and not report.good_accepted


def test_a_client_that_fails_after_the_answer_contradicts_itself() -> None:
    report = probe(["sh", "-c", 'curl --silent --cacert "$LAB_CA" "$LAB_URL"; exit 3'])
    (good,) = report.findings
    assert good.verdict is ClientVerdict.UNTOLD
    assert good.notes == ("contradictory: its request was answered, and then: exit code 3",)
    assert not report.faulty and not report.passed


def test_a_command_that_connects_nowhere_is_told_how_to() -> None:
    (good,) = probe(["true"]).findings
    assert (good.verdict, good.by, good.connections) == (ClientVerdict.UNTOLD, "no connection", 0)
    assert "{url}" in good.notes[0]


def test_a_command_that_does_not_start_is_refused() -> None:
    with pytest.raises(NoCommand, match="no-such-program: No such file or directory; name a"):
        probe(["no-such-program", "{url}"])


def test_a_command_that_never_ends_is_told_so() -> None:
    (good,) = probe(["sleep", "100"], limit=0.2).findings
    assert good.exit_code is None
    assert re.fullmatch(r"the command did not end within \d\.\d s, and was ended", good.notes[-1])


@pytest.mark.slow
def test_a_refusal_of_a_command_that_hangs_afterwards_cannot_be_told() -> None:
    words = 'curl --silent --cacert "$LAB_CA" "$LAB_URL" || sleep 100'
    found = by_name(probe(["sh", "-c", words], ("expired",), limit=6.0))
    assert found[GOOD].verdict is ClientVerdict.RIGHT
    assert found["expired"].verdict is ClientVerdict.UNTOLD
    assert found["expired"].by == "certificate_expired (45)"
    assert not found["expired"].fine


def test_of_processes_left_behind_only_what_was_said_counts() -> None:
    words = 'sleep 100 & curl --silent --cacert "$LAB_CA" "$LAB_URL"'
    found = by_name(probe(["sh", "-c", words], ("expired",)))
    assert found["expired"].verdict is ClientVerdict.RIGHT
    assert "left processes behind" in found["expired"].notes[-1]
    words = '(sleep 100; curl --silent --cacert "$LAB_CA" "$LAB_URL") &'
    (good,) = probe(["sh", "-c", words]).findings
    assert good.verdict is ClientVerdict.UNTOLD


def test_a_client_of_tls12_alone_is_tried_with_what_it_speaks() -> None:
    command = ["curl", "--silent", "--tls-max", "1.2", "--cacert", "{ca}", "{url}"]
    report = probe(command, ("expired", "key-exchange-signature", "finished-wrong"))
    found = by_name(report)
    assert report.passed
    assert str(found["expired"].version) == "TLS 1.2"
    assert found["finished-wrong"].notes == ("the client does not offer TLS 1.3",)
    assert found["key-exchange-signature"].verdict is ClientVerdict.RIGHT


def test_the_trace_of_a_finding_shows_the_refusal() -> None:
    found = by_name(probe(["curl", "--silent", "--cacert", "{ca}", "{url}"], ("expired",)))
    trace = found["expired"].trace
    assert trace is not None and trace.flow is not None
    assert trace.flow.client.host in ("127.0.0.1", "::1")
    alerts = [event for event in trace.events if isinstance(event, AlertSeen)]
    assert [str(alert.description) for alert in alerts] == ["certificate_expired"]
    assert trace.causes == ()
