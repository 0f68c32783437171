"""The page of a handshake and the page of a capture, as a person uses them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from lab.api import LabCA, LabServer, trace_server
from lab.show.html.page import trace_page
from lab.tracing.read_capture import CaptureReader
from lab.tracing.results import CaptureSummary, Trace
from tests.show.html.test_trace_view import hostile_trace
from tests.support.accessibility import assert_accessible
from tests.support.browser import CANARY, SIZES, open_text, overflowing, screenshots
from tests.support.capture_pages import capture_page

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "captures"
SUMMARY = CaptureSummary(connections=3, tls=3, others=(), key_logs=())


@pytest.fixture(scope="module")
def refused() -> tuple[Trace, ...]:
    """A client without a certificate, in both versions, with all records."""
    with LabServer(trust=LabCA()) as server:
        return trace_server(server, keep_records=True)


def captured(*names: str) -> Iterator[Trace]:
    for number, name in enumerate(names, start=1):
        with (VECTORS / f"{name}.pcap").open("rb") as file:
            (trace,) = CaptureReader(file, keep_records=True).traces()
        assert trace.flow is not None
        yield dataclasses.replace(trace, flow=dataclasses.replace(trace.flow, number=number))


def row(page: Page, label: str, column: int = 1) -> Locator:
    """Return the first row of this label in a column, which is 0 or 1."""
    rows = page.locator(".column").nth(column).locator("li.row")
    return rows.filter(has=page.get_by_text(label, exact=True)).first


def test_the_answer_is_on_the_first_screen(
    page: Page, tmp_path: Path, refused: tuple[Trace, ...]
) -> None:
    open_text(page, tmp_path, trace_page(refused))
    expect(page.locator(".sentence")).to_be_in_viewport()
    expect(page.locator(".sentence")).to_contain_text("Rejected by the server each time")
    expect(page.locator("h3", has_text="the server requires a client certificate")).to_be_visible()
    screenshots(page, "trace-refused")


def test_it_is_accessible_with_messages_open_and_closed(
    page: Page, tmp_path: Path, refused: tuple[Trace, ...]
) -> None:
    open_text(page, tmp_path, trace_page(refused))
    assert_accessible(page)
    row(page, "CertificateRequest").locator("summary").click()
    assert_accessible(page)


@pytest.mark.slow
def test_it_is_accessible_with_all_messages_open(
    page: Page, tmp_path: Path, refused: tuple[Trace, ...]
) -> None:
    open_text(page, tmp_path, trace_page(refused))
    page.get_by_role("button", name="Open all").click()
    assert_accessible(page)
    page.get_by_role("button", name="Close all").click()
    expect(page.locator("details.event[open]")).to_have_count(0)


@pytest.mark.parametrize("width", SIZES)
def test_nothing_is_wider_than_the_window(
    page: Page, tmp_path: Path, refused: tuple[Trace, ...], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    open_text(page, tmp_path, trace_page(refused))
    assert overflowing(page) == []
    row(page, "ClientHello").locator("summary").click()
    row(page, "Certificate", 0).locator("summary").click()
    assert overflowing(page) == []


def test_both_versions_stand_side_by_side_where_there_is_room(
    page: Page, tmp_path: Path, refused: tuple[Trace, ...]
) -> None:
    def places() -> list[tuple[float, float]]:
        boxes = [row(page, "ServerHello", column).bounding_box() for column in (0, 1)]
        return [(box["x"], box["y"]) for box in boxes if box is not None]

    page.set_viewport_size({"width": 1280, "height": 900})
    open_text(page, tmp_path, trace_page(refused))
    left, right = places()
    assert left[0] < right[0] and left[1] == right[1]
    page.set_viewport_size({"width": 375, "height": 900})
    left, right = places()
    assert left[0] == right[0] and left[1] < right[1]


def test_enter_opens_a_message_and_arrow_keys_show_its_bytes(
    page: Page, tmp_path: Path, refused: tuple[Trace, ...]
) -> None:
    open_text(page, tmp_path, trace_page(refused))
    hello = row(page, "ServerHello")
    hello.locator("summary").focus()
    page.keyboard.press("Enter")
    block = hello.locator(".bytes")
    expect(block).to_be_visible()
    page.keyboard.press("Tab")  # into the bytes
    expect(block.locator(".readout")).to_contain_text("byte 0")
    expect(block.locator(".tree li.on > b")).to_have_text("type")
    page.keyboard.press("ArrowRight")
    expect(block.locator(".tree li.on > b")).to_have_text("legacy_record_version")
    page.keyboard.press("Tab")  # into the fields
    expect(block.locator("[role=treeitem]:focus > b")).to_have_text("TLSPlaintext")
    pieces = block.locator(".hex i")
    expect(block.locator(".hex i.on")).to_have_count(pieces.count())
    page.keyboard.press("ArrowDown")
    expect(block.locator(".hex i.on")).to_have_text("16")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")  # closes the whole
    expect(block.locator(".tree li:visible")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(block.locator(".tree li:visible")).not_to_have_count(1)


def test_pointing_at_bytes_names_the_field_and_the_other_way_round(
    page: Page, tmp_path: Path, refused: tuple[Trace, ...]
) -> None:
    open_text(page, tmp_path, trace_page(refused))
    alert = page.locator(".column").last.locator("li.decisive")
    alert.locator("summary").click()
    sealed, plain = alert.locator(".bytes").nth(0), alert.locator(".bytes").nth(1)
    plain.locator(".hex i").last.hover()
    expect(plain.locator(".readout")).to_contain_text("certificate_required (0x74)")
    expect(plain.locator(".tree li.on > b")).to_have_text("description")
    sealed.locator(".tree b", has_text="authentication tag").hover()
    (tag,) = sealed.locator(".hex i.on").all_inner_texts()
    assert len(bytes.fromhex(tag)) == 16
    expect(alert).to_contain_text("opened with SERVER_TRAFFIC_SECRET_0, record number 0")


def test_a_link_leads_to_the_deciding_row_and_opens_it(
    page: Page, tmp_path: Path, refused: tuple[Trace, ...]
) -> None:
    open_text(page, tmp_path, trace_page(refused))
    page.get_by_role("link", name="See it in the sequence").last.click()
    alert = page.locator(".column").last.locator("li.decisive")
    expect(alert.locator("details")).to_have_attribute("open", "")
    expect(alert.locator("summary")).to_be_focused()
    expect(alert).to_contain_text("A client certificate was wanted, and the client sent none.")


def test_of_two_rows_side_by_side_one_is_open(
    page: Page, tmp_path: Path, refused: tuple[Trace, ...]
) -> None:
    open_text(page, tmp_path, trace_page(refused))
    for column in (0, 1):
        row(page, "ClientHello", column).locator("summary").click()
    expect(page.locator("details.event[open]")).to_have_count(1)


def test_time_to_scale_puts_rows_where_their_time_is(
    page: Page, tmp_path: Path, refused: tuple[Trace, ...]
) -> None:
    page.emulate_media(reduced_motion="reduce")
    open_text(page, tmp_path, trace_page(refused))
    scale = page.get_by_role("button", name="Time to scale")

    def height() -> float:
        box = page.locator(".columns").bounding_box()
        assert box is not None
        return box["height"]

    before = height()
    scale.click()
    expect(scale).to_have_attribute("aria-pressed", "true")
    assert height() != before
    expect(page.locator("li.lack:visible")).to_have_count(0)
    scale.click()
    assert height() == before


def test_without_scripts_a_message_opens_all_the_same(
    browser: Browser, tmp_path: Path, refused: tuple[Trace, ...]
) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        open_text(page, tmp_path, trace_page(refused))
        hello = row(page, "ServerHello")
        hello.locator("summary").click()
        expect(hello.locator(".hex")).to_be_visible()
        expect(page.get_by_role("button", name="Time to scale")).to_be_hidden()


def test_nothing_that_a_peer_chose_runs(page: Page, tmp_path: Path) -> None:
    hostile = f"<script>{CANARY}()</script><img src=x onerror={CANARY}()>\u202e\0'\""
    open_text(page, tmp_path, trace_page([hostile_trace(hostile)]))
    page.get_by_role("button", name="Open all").click()
    expect(page.locator(".http")).to_contain_text(f"<script>{CANARY}()</script>")


def test_a_capture_can_be_filtered_and_its_connections_opened(page: Page, tmp_path: Path) -> None:
    names = ("tls12_accepted_no_keylog", "tls13_wrongca_no_keylog", "tls13_pha")
    text = capture_page(captured(*names), lambda: SUMMARY, "captured.pcap")
    open_text(page, tmp_path, text)
    assert_accessible(page)
    assert overflowing(page) == []
    screenshots(page, "capture")
    expect(page.locator("tbody tr:visible")).to_have_count(3)
    page.get_by_label("only refused and failed").check()
    expect(page.locator("tbody tr:visible")).to_have_count(1)
    expect(page.locator("details.connection:visible")).to_have_count(1)
    page.get_by_role("link", name=re.compile("Connection 2")).click()
    expect(page.locator("details.connection[open] .sentence")).to_be_visible()
    assert_accessible(page)
