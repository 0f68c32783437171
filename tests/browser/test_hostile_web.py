"""Hostile texts in lab.web, in a real browser: by connections, uploads, forms and addresses."""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

from lab.tls.escape import escaped
from lab.webapp.watch.watched_server import ServerSettings
from tests.support.browser import GuardedPage, overflowing
from tests.support.hostile_identities import HostileIdentities, hostile_identities
from tests.support.hostile_texts import HOSTILE_TEXTS, acting_characters
from tests.support.serving import PATIENCE
from tests.support.web_in_thread import PagesInThread, pages_in_thread

pytestmark = pytest.mark.slow  # Chromium, for many pages

# What only a peer could have brought into a page of lab.web.
FOREIGN = (
    "main :is(script, style, img, iframe, object, embed, base, svg, math, link, meta), [autofocus],"
    " form:not([action^='/']):not([data-filter]):not([method=get]), a:not([href^='/'], [href^='#'])"
)
HANDLERS = """() => [...document.querySelectorAll("*")].flatMap(one =>
    one.getAttributeNames().filter(name => name.startsWith("on")))"""
# Those of lab.tls.escape, and a backslash with two hexadecimal digits (RFC 4514, section 2.4).
ESCAPES = re.compile(
    r"\\+(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[0-9a-f]{2})", re.ASCII | re.IGNORECASE
)
REFUSED = "^console: Failed to load resource: the server responded with a status of 40"


def texts() -> Iterator[tuple[str, str]]:
    """Each fifth, other ones than with files in a plain run."""
    return itertools.islice(HOSTILE_TEXTS.items(), 1, None, 5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def identities_of(folder: Path) -> dict[str, HostileIdentities]:
    """Those of each text; all are of authorities that the server trusts."""
    found = {}
    for number, (name, text) in enumerate(texts()):
        own = folder / str(number)
        own.mkdir()
        found[name] = hostile_identities(text, own)
    return found


@pytest.fixture(scope="module")
def lab(
    certs: Path, folder: Path, identities_of: dict[str, HostileIdentities]
) -> Iterator[PagesInThread]:
    """lab.web with a server that trusts each hostile CA, and so names them all."""
    trusted = folder / "trusted.pem"
    trusted.write_text("".join(one.ca.read_text("ascii") for one in identities_of.values()))
    with pages_in_thread(ServerSettings(directory=certs, authorities=trusted)) as pages:
        yield pages


@pytest.fixture
def page(lab: PagesInThread, guarded: GuardedPage) -> Page:
    guarded.allow(REFUSED)
    guarded.page.set_viewport_size({"width": 375, "height": 700})
    guarded.page.goto(lab.address)
    return guarded.page


def assert_harmless(page: Page, name: str) -> None:
    """The page has no element of a peer's, no character that cannot be seen, and fits."""
    found = page.locator(FOREIGN)
    assert found.count() == 0, (name, found.first.evaluate("one => one.outerHTML"))
    assert page.evaluate(HANDLERS) == [], name
    shown = page.locator("body").evaluate("body => body.textContent + document.title")
    assert acting_characters(shown) == set(), name
    assert overflowing(page) == [], name


def assert_shows(part: Locator, text: str) -> None:
    """The text's first letters are there; what is not UTF-8 is shown byte by byte."""
    wanted = letters(escaped(text))[:12] if text.isascii() else text[:1]
    assert wanted in letters(part.inner_text())


def letters(shown: str) -> str:
    """Letters and digits outside escapes: names of certificates have escapes of their own."""
    return "".join(char for char in ESCAPES.sub("", shown) if char.isalnum())


def connect(port: int, identity: HostileIdentities) -> None:
    """Shake hands with a client certificate, and leave."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(identity.client.chain)
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE) as plain,
        context.wrap_socket(plain) as stream,
        contextlib.suppress(OSError),
    ):
        stream.sendall(b"GET /todo HTTP/1.1\r\nHost: localhost\r\n\r\n")
        stream.recv(65536)


def test_names_of_clients_that_are_watched(
    page: Page, lab: PagesInThread, identities_of: dict[str, HostileIdentities]
) -> None:
    server = lab.services.server
    assert server is not None
    page.goto(f"{lab.origin}/watch")
    rows = page.locator("#watched tbody tr")
    for number, (name, text) in enumerate(texts(), 1):
        connect(server.address.port, identities_of[name])
        expect(rows).to_have_count(number)
        row = rows.first
        # The server answers 403 to a subject that cannot be decoded.
        expect(row).to_have_attribute("data-state", re.compile("accepted|rejected"))
        assert_shows(row, text)
        row.get_by_role("link").click()
        view = page.locator("#opened .view")
        expect(view.locator(".answer")).to_be_visible()
        view.locator("summary", has_text="CertificateVerify").last.click()
        assert_harmless(page, name)
        page.get_by_role("button", name="Close", exact=True).click()
    page.reload()
    assert_harmless(page, "the table as the server writes it")


def test_texts_that_are_brought(page: Page, lab: PagesInThread) -> None:
    for name, text in texts():
        page.goto(f"{lab.origin}/bring")
        page.locator("#text").fill(text.encode("utf-8", "replace").decode())
        page.get_by_role("button", name="Explain it").click()
        page.wait_for_url("**/bring/answers/*")
        assert_harmless(page, name)


def test_hosts_that_are_brought(page: Page, lab: PagesInThread) -> None:
    for name, text in texts():
        page.goto(f"{lab.origin}/bring")
        target = text.encode("utf-8", "replace").decode()
        page.locator("#target").fill(target)
        form = page.locator("form[action='/bring/trace']")
        form.get_by_role("button", name="Trace it").click()
        expect(form.get_by_role("alert")).to_be_visible()
        assert_harmless(page, name)


def upload(page: Page, kind: str, name: str, data: bytes) -> Locator:
    """Upload a file of this name; what the form then says, or the answer."""
    form = page.locator(f"form[action='/bring/{kind}']")
    file: FilePayload = {"name": name, "mimeType": "text/plain", "buffer": data}
    form.locator("input[type=file]").first.set_input_files(file)
    form.locator("button.primary").click()
    said = form.get_by_role("alert").or_(page.locator(".command")).first
    expect(said).to_be_attached()
    page.wait_for_function(
        "() => document.querySelector('.command') "
        "|| [...document.querySelectorAll('[role=alert]')].some(one => !one.hidden)"
    )
    return page.locator("main")


def test_names_and_contents_of_files_that_are_brought(
    page: Page, lab: PagesInThread, identities_of: dict[str, HostileIdentities]
) -> None:
    for name, text in texts():
        file = text.encode("utf-8", "replace").decode().replace("\0", "")
        data = text.encode("utf-8", "surrogatepass")
        for kind in ("capture", "certificates"):
            page.goto(f"{lab.origin}/bring")
            upload(page, kind, file, data)
            assert_harmless(page, name)
        page.goto(f"{lab.origin}/bring")
        shown = upload(page, "certificates", file, identities_of[name].client.chain.read_bytes())
        page.wait_for_url("**/bring/answers/*")
        assert_shows(shown, text)
        assert_harmless(page, name)


ADDRESSES = (
    "/{}",
    "/learn?q={}",
    "/learn/scenarios/{}",
    "/learn/path/{}",
    "/bring/answers/{}",
    "/watch/connections/{}",
    "/static/{}",
)


def test_addresses(page: Page, lab: PagesInThread) -> None:
    for number, (name, text) in enumerate(texts()):
        word = quote(text[:500].encode("utf-8", "surrogatepass"), safe="")
        first = number % len(ADDRESSES)
        for address in {"/learn?q={}", ADDRESSES[first]}:
            page.goto(lab.origin + address.format(word))
            assert_harmless(page, f"{name}: {address}")
