"""Pages as files: nothing from elsewhere, what a peer chose stays text, and bars on their size."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import Markup

from lab.api import LabCA, LabIdentity, LabServer, ScenarioError, list_scenarios, trace_server
from lab.show.html.page import DECRYPTED, standalone, trace_page
from lab.tls import messages as msg
from lab.tls.code_points import AlertDescription, ProtocolVersion
from lab.tls.events import Event, Fact
from lab.tracing.results import Trace
from tests.show.html.conftest import SUMMARY
from tests.support.capture_pages import capture_page
from tests.support.traces import CLIENT, SERVER, EventBuilder, trace_of

MOST_OCTETS = 300_000
VOID = {"meta", "input", "br", "hr", "img", "link"}


class Balance(HTMLParser):
    """Checks that elements are closed in order, that none has a style or a handler, and ids."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert "style" not in names and not [name for name in names if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(page: str) -> Balance:
    """Return what was read of a page, all of it well-formed and its headings in order."""
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert parser.headings[0] == 1
    for above, below in zip(parser.headings, parser.headings[1:], strict=False):
        assert below <= above + 1
    return parser


def test_a_page_needs_nothing_from_elsewhere() -> None:
    page = standalone("<b>title</b>", Markup("<p>body</p>"), warning="<i>careful")
    checked(page)
    assert "<title>&lt;b&gt;title&lt;/b&gt;</title>" in page
    assert "&lt;i&gt;careful" in page
    assert "default-src 'none'" in page
    assert "<link" not in page and " src=" not in page
    assert "@import" not in page and "url(" not in page and "http://" not in page


def test_the_policy_names_the_style_and_the_script_of_the_page() -> None:
    page = html.unescape(standalone("title", Markup("<p>body</p>")))
    for kind in ("style", "script"):
        (text,) = re.findall(f"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in page


def test_the_page_of_a_handshake_is_well_formed(refused12: Trace, refused13: Trace) -> None:
    page = trace_page([refused12, refused13])
    checked(page)
    assert DECRYPTED in page
    assert "BEGIN" not in page


def test_a_page_without_decrypted_content_has_no_warning(captured: dict[str, list[Trace]]) -> None:
    assert DECRYPTED not in trace_page(captured["tls13_wrongca_no_keylog"])


def test_no_secret_of_the_key_log_is_in_the_page(captured: dict[str, list[Trace]]) -> None:
    log = Path(__file__).resolve().parents[2] / "vectors" / "captures" / "tls13_pha.keylog"
    digits = trace_page(captured["tls13_pha"]).replace(" ", "").lower()
    for line in log.read_text(encoding="ascii").splitlines():
        if not line.startswith("#"):
            assert line.split()[2].lower() not in digits


def client_identities(ca: LabCA) -> Iterator[tuple[str, LabIdentity | None]]:
    """Yield what the scenarios of clients present, where OpenSSL loads it."""
    yield "no-certificate", None
    for scenario in list_scenarios():
        if scenario.name not in {"rsa-1024", "sha1-signature"}:
            with contextlib.suppress(ScenarioError):  # it has no certificate
                yield scenario.name, ca.client(scenario=scenario.name)


@pytest.fixture(scope="module")
def lab_ca() -> LabCA:
    return LabCA()


@pytest.mark.slow
def test_the_page_of_every_scenario_is_small_and_well_formed(lab_ca: LabCA) -> None:
    sizes: dict[str, int] = {}
    with LabServer(trust=lab_ca) as server:
        for name, identity in client_identities(lab_ca):
            page = trace_page(trace_server(server, identity=identity, keep_records=True))
            checked(page)
            sizes[name] = len(page.encode())
    assert len(sizes) > 40
    assert {name: size for name, size in sizes.items() if size > MOST_OCTETS} == {}


def test_the_page_of_every_capture_is_well_formed(captured: dict[str, list[Trace]]) -> None:
    for traces in captured.values():
        checked(capture_page(traces, lambda: SUMMARY, "a.pcap"))


def talkative(version: ProtocolVersion) -> Trace:
    """Return a trace of as many exchanges, each of its own, as a hostile peer likes."""
    make = EventBuilder()
    events: list[Event] = []
    certificate = msg.CertificateEntry(cert_data=bytes(4000))
    for number in range(400):
        chain = msg.Certificate(certificate_list=(certificate,) * 10)
        line = f"GET /{number} HTTP/1.1\r\n".encode()
        events += [make.message(CLIENT, chain), make.data(SERVER, line + b"<&>" * 2000)]
    return trace_of([*events, make.ended(SERVER)], requested=version)


def test_the_page_of_a_hostile_peer_is_small_too() -> None:
    versions = (ProtocolVersion.TLS_1_2, ProtocolVersion.TLS_1_3)
    page = trace_page([talkative(version) for version in versions])
    checked(page)
    assert len(page.encode()) <= MOST_OCTETS
    assert "Its lines of text are not shown: this page has as many as it may." in page
    assert "rows have more to show than this page has room for" in page
    assert "more rows are not shown" in page


def test_a_verdict_that_one_end_did_not_report_is_not_crossed_out() -> None:
    make = EventBuilder()
    verified = make.fact(CLIENT, Fact.CERTIFICATE_VERIFIED)
    refused = make.alert(SERVER, AlertDescription.UNKNOWN_CA)
    page = trace_page(
        [
            trace_of([refused], requested=ProtocolVersion.TLS_1_2),
            trace_of([verified, refused], requested=ProtocolVersion.TLS_1_3),
        ]
    )
    assert '<li class="row lack unsure"><span class="label">client: certificate verified' in page
