"""The mTLS server's home page in Chromium, with ``client.pfx`` imported and without."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from playwright.sync_api import Error, Page, expect

from lab.pki import profiles
from lab.pki.files.identity_files import load_authority
from lab.pki.lab_ca import client_key
from tests.support.accessibility import assert_accessible
from tests.support.browser import SIZES, overflowing, screenshots
from tests.support.certificate_browser import PASSWORD, certificate_browser
from tests.support.doors import ServerProcess, served

VERSIONS = ("1.2", "1.3")
# The second where Chromium writes its request before it reads the alert.
REFUSED = "ERR_BAD_SSL_CLIENT_AUTH_CERT|ERR_SOCKET_NOT_CONNECTED"
HOSTILE = "'\"><img src=x onerror=__ran()>\u202e{{7*7}}&amp;"


@contextmanager
def lab_server(certs: Path, version: str, *more: str | Path) -> Iterator[ServerProcess]:
    """A server of one version of TLS, stopped at the end: then its lines are complete."""
    words = ("--certs", certs, "--port", "0", "--min-tls", version, "--max-tls", version, *more)
    with served(*words) as server:
        yield server
        assert server.stop() == 0


def origin(server: ServerProcess) -> str:
    return f"https://localhost:{server.port}"


def look_at(page: Page, name: str) -> None:
    """Hold what is true of the page at each width, and keep its pictures."""
    for width in SIZES:
        page.set_viewport_size({"width": width, "height": 900})
        assert overflowing(page) == [], width
    assert_accessible(page)
    screenshots(page, name)


def calm(lines: list[str]) -> None:
    """No line of the log frightens: none tells of a failure, an abortion or a fatal alert."""
    for line in lines:
        assert not re.search(r"fail|abort|fatal|error|reject", line.lower()), line


@pytest.mark.parametrize(
    ("mode", "version"), [("required", "1.2"), ("required", "1.3"), ("optional", "1.3")]
)
def test_a_user_with_the_certificate_reads_the_list_and_adds_an_item(
    certs: Path, tmp_path: Path, mode: str, version: str
) -> None:
    with (
        lab_server(certs, version, "--client-auth", mode) as server,
        certificate_browser(
            tmp_path, origin=origin(server), ca=certs / "ca.crt", pfx=certs / "client.pfx"
        ) as guarded,
    ):
        page = guarded.page
        response = page.goto(f"{origin(server)}/")
        assert response is not None and response.status == 200
        expect(page.get_by_role("heading", level=1)).to_have_text("You are mtls-client")
        body = page.locator("main")
        for text in (f"TLS {version}", "CN=mTLS Lab Root CA", "verified in this handshake"):
            expect(body).to_contain_text(text)
        if (mode, version) == ("required", "1.3"):
            look_at(page, "home")
        # By keyboard alone.
        page.get_by_label("New item").focus()
        page.keyboard.type("Buy <b>milk</b> & Añadir 🚀")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        first = page.get_by_role("listitem").first
        expect(first).to_contain_text("done Buy <b>milk</b> & Añadir 🚀")
        assert page.url == f"{origin(server)}/"
        page.reload()
        expect(page.get_by_role("listitem")).to_have_count(6)
        page.get_by_role("link", name="/todo").click()
        expect(page.locator("body")).to_contain_text('"id": 6')
    assert len(re.findall(r'"POST / HTTP/1.1" 303', "\n".join(server.lines))) == 1
    calm(server.lines)
    asked = [line for line in server.lines if "not completed" in line]
    assert asked, "Chromium has changed: it does not close when it is asked for a certificate"
    for line in asked:
        assert "cause: the client left before presenting a certificate" in line


@pytest.mark.parametrize("version", VERSIONS)
def test_a_user_without_a_certificate_is_shown_how_to_get_in(
    certs: Path, tmp_path: Path, version: str
) -> None:
    with (
        lab_server(certs, version, "--client-auth", "optional") as server,
        certificate_browser(
            tmp_path, origin=origin(server), ca=certs / "ca.crt", pfx=None
        ) as guarded,
    ):
        page = guarded.page
        response = page.goto(f"{origin(server)}/")
        assert response is not None and response.status == 401
        guarded.expected("401")
        expect(page.get_by_role("heading", name="How to get in")).to_be_visible()
        expect(page.locator("main")).to_contain_text("requested in this handshake, and none was")
        assert page.get_by_role("textbox").count() == 0
        if version == "1.3":
            look_at(page, "home-without-certificate")
    calm(server.lines)


@pytest.mark.parametrize("version", VERSIONS)
def test_without_a_certificate_a_server_that_requires_one_refuses_once(
    certs: Path, tmp_path: Path, version: str
) -> None:
    with (
        lab_server(certs, version) as server,
        certificate_browser(
            tmp_path, origin=origin(server), ca=certs / "ca.crt", pfx=None
        ) as guarded,
        pytest.raises(Error, match=REFUSED),
    ):
        guarded.page.goto(f"{origin(server)}/")
    refused = [line for line in server.lines if " rejected | " in line]
    calm([line for line in server.lines if line not in refused])
    assert refused
    for line in refused:
        assert "the server requires a client certificate, and the client sent none" in line


def hostile_client(certs: Path, folder: Path) -> Path:
    """The PKCS#12 file of a client whose names are markup, issued by the CA of the server."""
    now = datetime.now(timezone.utc)
    authority = load_authority(certs / "ca.crt", certs / "ca.key", None, now=now)
    profile = replace(
        profiles.client(HOSTILE),
        subject=x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"<script>__ran()</script>{HOSTILE}"),
                x509.NameAttribute(NameOID.COMMON_NAME, HOSTILE),
            ]
        ),
        names=(
            x509.DNSName("<svg onload=__ran()>"),
            x509.UniformResourceIdentifier("javascript:__ran()//</dd><script>__ran()</script>"),
            x509.RFC822Name("'\"><img src=x onerror=__ran()>@example.test"),
        ),
    )
    client = authority.issue(profile, client_key(), now=now)
    path = folder / "hostile.pfx"
    path.write_bytes(client.pkcs12(PASSWORD.encode(), friendly_name="hostile"))
    return path


@pytest.mark.slow
def test_names_and_items_with_markup_run_nothing(certs: Path, tmp_path: Path) -> None:
    with (
        lab_server(certs, "1.3") as server,
        certificate_browser(
            tmp_path,
            origin=origin(server),
            ca=certs / "ca.crt",
            pfx=hostile_client(certs, tmp_path),
        ) as guarded,
    ):
        page = guarded.page
        page.goto(f"{origin(server)}/")
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_have_text("You are " + HOSTILE.replace("\u202e", r"\u202e"))
        for text in ("<svg onload=__ran()>", "</dd><script>", "<script>__ran()</script>"):
            expect(page.locator("main")).to_contain_text(text)
        for task in (HOSTILE, "</ul></section><script>__ran()</script>", "javascript:__ran()"):
            page.get_by_label("New item").fill(task)
            page.get_by_role("button", name="Add").click()
            shown = task.replace("\u202e", r"\u202e")
            expect(page.get_by_role("listitem").first).to_contain_text(shown)
        # What is refused comes back in the form.
        page.get_by_label("New item").evaluate("field => field.maxLength = 1000000")
        page.get_by_label("New item").fill('"><script>__ran()</script>' + "x" * 70_000)
        page.get_by_role("button", name="Add").click()
        expect(page.get_by_role("alert")).to_contain_text("HTTP 413 the body is longer than")
        guarded.expected("413")
        page.goto(f"{origin(server)}/")
        page.get_by_label("New item").evaluate("field => field.required = false")
        page.get_by_role("button", name="Add").click()
        expect(page.get_by_role("alert")).to_contain_text("task must be a non-empty string")
        guarded.expected("400")
        look_at(page, "home-hostile")


@pytest.mark.slow
def test_a_page_of_another_site_cannot_send_the_form(certs: Path, tmp_path: Path) -> None:
    with (
        lab_server(certs, "1.3") as server,
        foreign_site(f"{origin(server)}/") as foreign,
        certificate_browser(
            tmp_path, origin=origin(server), ca=certs / "ca.crt", pfx=certs / "client.pfx"
        ) as guarded,
    ):
        page = guarded.page
        for host in ("localhost", "evil.test"):
            page.goto(f"http://{host}:{foreign}/form")
            page.get_by_role("button").click()
            expect(page.get_by_role("alert")).to_contain_text("not sent by this page")
            expect(page.get_by_role("alert")).to_contain_text("Sec-Fetch-Site is cross-site")
            # The browser did present the certificate.
            expect(page.locator("main")).to_contain_text("CN=mtls-client")
        guarded.expected("403")
        guarded.problems[:] = [one for one in guarded.problems if "evil.test" not in one]
        page.get_by_role("link", name="To the page with the list").click()
        expect(page.get_by_role("listitem")).to_have_count(5)
        page.goto(f"http://localhost:{foreign}/frame")
        page.wait_for_timeout(200)
        guarded.expected("frame-ancestors")
        assert "mtls-client" not in "".join(frame.content() for frame in page.frames)
    assert sum('"POST / HTTP/1.1" 403' in line for line in server.lines) == 2


@contextmanager
def foreign_site(target: str) -> Iterator[int]:
    """A site of others, on a port of its own: a form and a frame with ``target``."""
    pages = {
        "/form": f"<form method=post action='{target}'><input name=task value=x><button>Go",
        "/frame": f"<iframe src='{target}'></iframe>",
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = pages.get(self.path, "").encode()
            self.send_response(200 if text else 204)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    site = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=site.serve_forever)
    thread.start()
    try:
        yield site.server_port
    finally:
        site.shutdown()
        thread.join()
        site.server_close()
