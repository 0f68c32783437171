"""lab.web in Chromium: a live refusal watched, a capture dropped, and the keyboard alone."""

from __future__ import annotations

import base64
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lab.api import LabCA
from tests.support.accessibility import assert_accessible
from tests.support.browser import GuardedPage, overflowing, screenshots
from tests.support.doors import PATIENCE, environment

CAPTURES = Path(__file__).resolve().parents[1] / "vectors" / "captures"
CAPTURE = CAPTURES / "tls12_accepted_no_keylog.pcap"
DROP = """([name, data]) => {
    const bytes = Uint8Array.from(atob(data), one => one.charCodeAt(0));
    const files = new DataTransfer();
    files.items.add(new File([bytes], name));
    const place = document.querySelector("[data-drop='capture']");
    const how = { dataTransfer: files, bubbles: true, cancelable: true };
    place.dispatchEvent(new DragEvent("drop", how));
}"""


@dataclass(frozen=True)
class Lab:
    """A running lab.web: the address with the token, and that of the pages."""

    address: str
    process: subprocess.Popen[str]

    def at(self, path: str) -> str:
        return self.address.partition("/?")[0] + path


@pytest.fixture(scope="module")
def lab(certs: Path) -> Iterator[Lab]:
    words = [sys.executable, "-m", "lab.web", "--no-open", "--port", "0", "--certs", str(certs)]
    with subprocess.Popen(
        words, env=environment(), stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        try:
            yield Lab(found[0], process)
        finally:
            process.terminate()
            assert process.wait(PATIENCE) == 0


@pytest.fixture
def watching(lab: Lab, page: Page) -> Page:
    page.goto(lab.address)
    assert page.url == lab.at("/"), "the token has left the address"
    page.get_by_role("navigation").get_by_role("link", name="Watch").click()
    return page


def server_of(page: Page) -> str:
    """The address of the server that the page watches."""
    found = re.search(r"https://(127\.0\.0\.1:\d+)", page.locator("main").inner_text())
    assert found is not None
    return found[1]


def connected(page: Page, *words: str | Path) -> None:
    """Let a client connect to the watched server that is none of the page's."""
    command = ["openssl", "s_client", "-connect", server_of(page), *words]
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)


def test_a_live_refusal_is_watched(watching: Page) -> None:
    page = watching
    rows = page.locator("#watched tbody tr")
    before = rows.count()
    page.get_by_role("button", name="A good client").click()
    expect(rows).to_have_count(before + 1)
    expect(rows.first).to_contain_text("accepted")
    page.get_by_role("button", name="Without a certificate").click()
    expect(rows).to_have_count(before + 2)
    expect(rows.first).to_contain_text("alert certificate_required (116)")
    expect(page.locator("#announced")).to_contain_text("rejected by the server")
    rows.first.get_by_role("link").click()
    opened = page.locator("#opened")
    expect(opened.locator(".view")).to_contain_text("ALERT fatal certificate_required (116)")
    expect(opened).to_contain_text("what was encrypted on the wire")
    page.get_by_label("Only refused or failed").check()
    assert all("accepted" not in text for text in rows.locator("visible=true").all_inner_texts())
    page.get_by_label("Search").fill("no such client")
    expect(page.locator(".empty")).to_have_text("No connection is like that.")
    page.get_by_label("Search").fill("")
    page.get_by_role("button", name="Close", exact=True).click()
    expect(opened).to_be_hidden()
    assert_accessible(page)
    screenshots(page, "web-watch")


def test_the_sequence_of_an_opened_connection_grows(watching: Page) -> None:
    """A client stops in the midst of its ClientHello, and the page shows it as it ends."""
    page = watching
    port = int(server_of(page).rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        first = page.locator("#watched tbody tr[data-state='open']").first
        first.get_by_role("link").click()
        view = page.locator("#opened .view")
        expect(view).to_contain_text("connected")
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        expect(view).to_contain_text("plain HTTP")
    expect(page.locator("#opened .row-words")).to_contain_text("failed")
    page.get_by_role("button", name="Close", exact=True).click()


def test_hostile_names_of_clients_are_text(lab: Lab, watching: Page, tmp_path: Path) -> None:
    page, hostile = watching, "<img src=x onerror=__ran()>"
    client = LabCA().client(common_name=hostile)
    pem = tmp_path / "client.pem"
    pem.write_bytes(client.certificate_pem + client.key_pem)
    connected(page, "-servername", hostile, "-cert", pem)
    row = page.locator("#watched tbody tr").first
    expect(row).to_contain_text(hostile)
    row.get_by_role("link").click()
    expect(page.locator("#opened .view")).to_contain_text("unknown_ca")
    page.goto(lab.at(f"/watch/connections/{row.get_attribute('data-number')}"))
    expect(page.locator("main")).to_contain_text(hostile)


def test_a_page_that_was_cut_off_shows_what_happened_meanwhile(
    guarded: GuardedPage, watching: Page
) -> None:
    page = watching
    guarded.allow("ERR_FAILED")
    page.route("**/watch/events", lambda route: route.abort())
    page.reload()
    expect(page.locator(".link-state")).to_contain_text("The lab does not answer")
    before = int(page.locator("[data-count='total']").inner_text())
    connected(page, "-servername", "cut.test")
    page.unroute("**/watch/events")
    expect(page.locator("#watched tbody tr").first).to_contain_text("cut.test")
    expect(page.locator("[data-count='total']")).to_have_text(str(before + 1))
    expect(page.locator(".link-state")).to_have_text("")


def test_a_capture_is_dropped(lab: Lab, page: Page) -> None:
    page.goto(lab.address)
    page.goto(lab.at("/bring"))
    data = base64.b64encode(CAPTURE.read_bytes()).decode()
    page.evaluate(DROP, [CAPTURE.name, data])
    page.wait_for_url("**/bring/answers/*")
    expect(page.locator("h1")).to_have_text(f"TLS connections in {CAPTURE.name}")
    expect(page.locator("main")).to_contain_text("ClientHello")
    page.get_by_text("The same from a shell").click()
    expect(page.locator(".command")).to_contain_text(f"python -m lab.trace ./{CAPTURE.name}")
    assert_accessible(page)
    screenshots(page, "web-capture")


def test_what_is_wrong_with_a_file_is_said_and_the_form_stays(
    lab: Lab, guarded: GuardedPage, tmp_path: Path
) -> None:
    page = guarded.page
    page.goto(lab.address)
    page.goto(lab.at("/bring"))
    name = "<img src=x onerror=__ran()>.pcap"
    page.set_input_files(
        "#capture", {"name": name, "mimeType": "text/plain", "buffer": b"<script>__ran()</script>"}
    )
    page.get_by_role("button", name="Read it").click()
    problem = page.locator("form[action='/bring/capture'] .form-problem")
    expect(problem).to_contain_text(f"{name}: an XML or HTML document, not a capture")
    guarded.expected("console: .*400")
    page.fill("#text", "<script>__ran()</script> tls: bad certificate")
    page.get_by_role("button", name="Explain it").click()
    expect(page.locator(".brought")).to_contain_text("<script>__ran()</script>")


def test_tracing_the_labs_own_server_by_keyboard(lab: Lab, page: Page) -> None:
    page.goto(lab.address)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    for _ in range(4):
        page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Bring your own")
    page.keyboard.press("Enter")
    page.wait_for_url("**/bring")
    page.locator("#target").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/bring/answers/*")
    expect(page.locator("main")).to_contain_text("certificate_required (116)")
    assert_accessible(page)
    screenshots(page, "web-trace")


@pytest.mark.parametrize("path", ["/", "/watch", "/bring"])
def test_narrow_windows(lab: Lab, page: Page, path: str) -> None:
    page.goto(lab.address)
    page.goto(lab.at(path))
    assert_accessible(page)
    screenshots(page, f"web{path.replace('/', '-').rstrip('-')}")
    page.set_viewport_size({"width": 375, "height": 800})
    assert overflowing(page) == []
    assert_accessible(page)


def test_another_site_gets_nothing_and_starts_nothing(lab: Lab, guarded: GuardedPage) -> None:
    page = guarded.page
    page.goto(lab.address)
    port = lab.at("").rpartition(":")[2]
    answer = page.goto(f"http://rebinding.test:{port}/")
    assert answer is not None and answer.status == 403
    guarded.expected("rebinding.test|403")
