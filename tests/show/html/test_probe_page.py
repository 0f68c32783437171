"""The page of a probe: bounded, well-formed, the wrong ones in full first, hostile text as text."""

from __future__ import annotations

import base64
import re
import zlib
from dataclasses import replace

import pytest

from lab.api import explain_scenario, probe_server
from lab.probing.results import OWN_SERVER, Report, Verdict
from lab.probing.scenarios.catalogue_order import SCENARIOS
from lab.show.html.page import DECRYPTED
from lab.show.html.probe_page import MOST_OCTETS, explanation_page, probe_page
from lab.tls.code_points import ProtocolVersion
from lab.tracing.results import Trace
from tests.show.html.test_page import checked
from tests.support.reports import HOSTILE, found, report

COMMAND = "python -m lab.probe"


@pytest.fixture(scope="module")
def few() -> Report:
    """A probe of the lab's own server with some scenarios, and their records."""
    names = ("good", "no-certificate", "expired", "plain-http")
    return probe_server(only=names, keep_records=True)


def packed(page: str) -> dict[str, str]:
    """Return the views with all bytes, by the name of the scenario."""
    return {
        name: zlib.decompress(base64.b64decode(data)).decode()
        for name, data in re.findall(
            r'<details class="scenario" id="([^"]+)">(?:(?!</details>).)*'
            r'<template class="pack" data-key="s\d+">([^<]+)</template>',
            page,
            re.DOTALL,
        )
    }


def test_the_page_of_a_probe(few: Report) -> None:
    page = probe_page(few, COMMAND)
    checked(page)
    assert f"<title>mTLS probe of {OWN_SERVER.replace(chr(39), '&#39;')}</title>" in page
    assert "Passed: all is as it should be." in page
    assert DECRYPTED in page
    assert "python -m lab.probe --explain expired --html scenario.html" in page
    assert "openssl s_client -connect localhost:8443" in page
    assert page.count("<tr class=") == 4 + len(few.findings)
    assert all(insight.answer in page for insight in few.insights if "'" not in insight.answer)


def test_the_views_with_all_bytes_unpack_to_markup(few: Report) -> None:
    views = packed(probe_page(few, COMMAND))
    assert set(views) == {"good", "no-certificate", "expired"}
    assert 'class="hex"' in views["expired"]
    assert "certificate_expired (45)" in views["expired"]


def test_without_records_nothing_is_packed(few: Report) -> None:
    bare = [
        replace(one, trace=replace(one.trace, records=()) if one.trace else None)
        for one in few.findings
    ]
    page = probe_page(replace(few, findings=tuple(bare)), COMMAND)
    assert "<template" not in page
    assert "→ ClientHello" in page


def whole(few: Report, verdicts: dict[str, Verdict]) -> Report:
    """Return a report on as many scenarios as there are, with the traces of a few."""
    findings = []
    for number, scenario in enumerate(SCENARIOS):
        for finding in few.findings[2:4]:
            verdict = verdicts.get(scenario.name, Verdict.RIGHT)
            copy = replace(finding, scenario=scenario, verdict=verdict, seconds=float(number))
            findings.append(copy)
    return replace(few, findings=tuple(findings))


def test_a_whole_probe_keeps_to_its_size_and_says_what_is_left_out(few: Report) -> None:
    last = SCENARIOS[-1].name
    page = probe_page(whole(few, {last: Verdict.LET_IN}), COMMAND)
    assert MOST_OCTETS - 100_000 < len(page.encode()) <= MOST_OCTETS
    assert page.count("→ ClientHello") == 2 * len(SCENARIOS)
    views = packed(page)
    assert last in views, "what is wrong comes first"
    said = f"the handshakes of {len(views)} of {len(SCENARIOS)} scenarios"
    assert said in page
    assert 2 <= len(views) < len(SCENARIOS)


def test_a_hostile_server_cannot_make_the_page_longer(few: Report, refused13: Trace) -> None:
    events = tuple(event for _ in range(4) for event in refused13.events)
    trace = replace(refused13, events=events, causes=())
    hostile = tuple(
        replace(
            found(
                f"s{number}", Verdict.LET_IN, f"{number}" + "'" * 9_000, HOSTILE * 999, trace=trace
            ),
            ending="'" * 9_000,
            version=version,
        )
        for number in range(len(SCENARIOS))
        for version in (ProtocolVersion.TLS_1_2, ProtocolVersion.TLS_1_3)
    )
    page = probe_page(report(*hostile), COMMAND)
    assert len(page.encode()) <= MOST_OCTETS
    assert "its handshake is left out: python -m lab.probe --explain s" in page


def test_text_of_a_peer_stays_text() -> None:
    hostile = "<script>__ran()</script>\u202e\x00"
    shown = report(replace(found("a", Verdict.LET_IN, hostile), ending=hostile))
    page = probe_page(replace(shown, target=hostile), f"probe {hostile}")
    checked(page)
    assert page.count("<script") == 1
    assert "\u202e" not in page
    assert "\x00" not in page


def test_the_page_of_one_scenario_shows_both_handshakes_with_their_bytes() -> None:
    page = explanation_page(
        explain_scenario("expired", keep_records=True), f"{COMMAND} --explain expired"
    )
    checked(page)
    assert page.count('<h3 id="t0-title">') == page.count('<h3 id="t1-title">') == 1
    assert "<title>Scenario expired, tried with the lab&#39;s own server</title>" in page
    assert "openssl verify -purpose sslclient" in page
    assert 'class="hex"' in page
    assert len(page.encode()) <= 300_000
