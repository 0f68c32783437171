"""The page of a probe in a browser: filters, rows that open, all bytes unpacked, by keyboard."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from lab.api import explain_scenario
from lab.probing.results import Verdict
from lab.show.html.probe_page import probe_page
from lab.tls.events import ApplicationDataSeen
from tests.support.accessibility import assert_accessible
from tests.support.browser import SIZES, guarded_page, open_text, overflowing, screenshots
from tests.support.doors import run
from tests.support.peers import MAKES, VerifyMode, served_by
from tests.support.reports import found, report


@pytest.fixture(scope="module")
def probed(certs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a server that lets a client without a certificate in."""
    folder = tmp_path_factory.mktemp("probe")
    page = folder / "probe.html"
    with served_by(MAKES["nginx"], certs, folder, ask=VerifyMode.OPTIONAL) as port:
        done = run(
            "lab.probe",
            f"127.0.0.1:{port}",
            *("--ca-cert", certs / "ca.crt", "--ca-key", certs / "ca.key"),
            *("--only", "good,no-certificate,expired,no-common-version", "--html", page),
        )
    assert done.code == 1, done.err
    return page


def shown_rows(page: Page) -> list[str]:
    return page.locator("tr[data-verdict]:visible th").all_inner_texts()


def test_the_summary_says_what_is_wrong_and_what_to_do(page: Page, probed: Path) -> None:
    page.goto(probed.as_uri())
    answer = page.locator(".probe-answer")
    expect(answer).to_contain_text("Not passed: the server let clients in")
    expect(answer).to_contain_text("What to do first: let the server refuse these clients.")
    screenshots(page, "probe")


def test_filters_by_keyboard_and_what_a_screen_reader_is_given(page: Page, probed: Path) -> None:
    page.goto(probed.as_uri())
    status = page.get_by_role("status")
    expect(status).to_have_text("8 results.")
    page.locator("[name=which]").focus()
    page.keyboard.type("only what is wrong")
    expect(status).to_have_text("2 of 8 results, in 1 scenario.")
    page.get_by_label("Version").select_option("TLS 1.3")
    expect(status).to_have_text("1 of 8 results, in 1 scenario.")
    assert [row.split() for row in shown_rows(page)] == [["no-certificate", "TLS", "1.3"]]
    page.get_by_role("button", name="Show all").press("Enter")
    expect(status).to_have_text("8 results.")
    page.get_by_label("Text").fill("EXPIRED 1.2")
    expect(status).to_have_text("1 of 8 results, in 1 scenario.")
    page.get_by_label("Text").fill("")
    page.get_by_label("Theme").select_option("settings")
    expect(status).to_have_text("2 of 8 results, in 1 scenario.")


def test_a_row_opens_its_handshake_with_all_bytes(page: Page, probed: Path) -> None:
    page.goto(probed.as_uri())
    page.locator("tr[data-verdict]", has_text="no-certificate").first.click()
    scenario = page.locator("#no-certificate")
    expect(scenario.locator(".columns")).to_be_visible()
    scenario.locator("details.event summary").first.press("Enter")
    expect(scenario.locator(".hex").first).to_be_visible()
    expect(scenario).to_contain_text("--explain no-certificate --html scenario.html")
    assert_accessible(page)


def test_a_link_to_a_scenario_opens_it(page: Page, probed: Path) -> None:
    page.goto(f"{probed.as_uri()}#expired")
    expect(page.locator("#expired .columns")).to_be_visible()
    page.get_by_role("searchbox").fill("expired")
    expect(page.locator("#no-certificate")).to_be_hidden()
    page.get_by_role("link", name="no-certificate").first.click()
    expect(page.locator("#no-certificate .columns")).to_be_visible()


@pytest.mark.parametrize("width", SIZES)
def test_the_page_fits_the_window(page: Page, probed: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(probed.as_uri())
    assert overflowing(page) == []
    page.locator("#good summary").first.press("Enter")
    expect(page.locator("#good .columns")).to_be_visible()
    assert overflowing(page) == []


def test_nothing_serious_is_found_by_axe(page: Page, probed: Path) -> None:
    page.goto(probed.as_uri())
    assert_accessible(page)


def test_what_a_server_sends_does_not_run_when_it_is_unpacked(
    browser: Browser, tmp_path: Path
) -> None:
    hostile = "<img src=x onerror=__ran()><script>__ran()</script>\u202e\x00"
    text = hostile.encode()
    # The browser of these tests has an event loop in this thread.
    with ThreadPoolExecutor(1) as pool:
        explained = pool.submit(explain_scenario, "good", keep_records=True).result()
    traces = [
        replace(
            trace,
            events=tuple(
                replace(event, data=b"HTTP/1.1 200 OK\r\nX: " + text + b"\r\n\r\n" + text)
                if isinstance(event, ApplicationDataSeen)
                else event
                for event in trace.events
            ),
        )
        for trace in explained.traces
    ]
    shown = report(
        *(
            replace(
                found("a", Verdict.LET_IN, hostile, trace=trace, version=trace.requested_version),
                ending=hostile,
            )
            for trace in traces
            if trace.requested_version is not None
        )
    )
    page = probe_page(replace(shown, target=hostile), f"python -m lab.probe {hostile}")
    with browser.new_context() as context, guarded_page(context) as guarded:
        open_text(guarded.page, tmp_path, page)
        guarded.page.locator("#a > summary").press("Enter")
        expect(guarded.page.locator("#a .columns")).to_be_visible()
        guarded.page.get_by_role("button", name="Open all").click()
        expect(guarded.page.locator("#a .http").first).to_contain_text("<img src=x")
        guarded.page.wait_for_timeout(50)


def test_without_scripts_it_is_a_plain_table(browser: Browser, probed: Path) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(probed.as_uri())
        assert len(shown_rows(page)) == 8
        assert page.locator("form.filters").is_hidden()
        page.locator("#good > summary").click()
        expect(page.locator("#good .seq").first).to_contain_text("ClientHello")
