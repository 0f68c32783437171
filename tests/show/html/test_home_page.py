"""The home page as HTML: what it shows, its bounds, and that no text of a peer's is markup."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import datetime, timezone
from html.parser import HTMLParser

import pytest

from lab.show.html.home_page import MOST_ITEMS, MOST_NAMES, home_page
from lab.todo.results import CertificateCheck, CompletedHandshake, HomeView, TodoItem
from lab.x509.client_identity import ClientIdentity

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;\u202ex\x00\x1b[2J{{7*7}}"
ALICE = ClientIdentity(
    common_name="alice",
    subject="CN=alice",
    serial=0xABCDEF,
    certificate=b"\x30\x00",
    not_after=datetime(2027, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
    alternative_names=("DNS:alice.example", "URI:spiffe://lab.example/alice"),
)


def handshake(
    check: CertificateCheck = CertificateCheck.VERIFIED, *, resumed: bool = False
) -> CompletedHandshake:
    return CompletedHandshake(
        version="TLSv1.3",
        cipher_suite="TLS_AES_256_GCM_SHA384",
        resumed=resumed,
        check=check,
        revocation_checked=False,
    )


def view(
    *,
    status: int = 200,
    problem: str = "",
    client: ClientIdentity | None = ALICE,
    let_in: bool = True,
    made: CompletedHandshake | None = None,
    items: tuple[TodoItem, ...] | None = (),
    task: str = "",
) -> HomeView:
    return HomeView(
        status=status,
        problem=problem,
        client=client,
        let_in=let_in,
        handshake=made or handshake(),
        items=items,
        task=task,
    )


class Page(HTMLParser):
    """The elements, the attributes and the text of a page; its style sheet apart."""

    def __init__(self, view: HomeView) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.style = ""
        made = home_page(view)
        self.policy = made.policy.decode()
        self.source = made.content.decode()
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "style" and not self.style:
            self.style = data
        else:
            self.text += re.sub(r"\s+", " ", data)


def test_it_says_who_the_server_takes_the_client_for() -> None:
    page = Page(view(items=(TodoItem(id=1, task="one", done=True),)))
    for text in (
        "You are alice",
        "CN=alice",
        "DNS:alice.example",
        "URI:spiffe://lab.example/alice",
        "abcdef",
        "2027-01-02 03:04:05 UTC",
        "TLS 1.3",
        "TLS_AES_256_GCM_SHA384",
        "new: a full handshake",
        "presented, and verified in this handshake",
        "not checked",
        "done one",
    ):
        assert text in page.text
    assert "How to get in" not in page.text
    assert "problem" not in page.tags


@pytest.mark.parametrize(
    ("check", "resumed", "way_in", "words"),
    [
        (CertificateCheck.NOT_PRESENTED, False, True, "requested in this handshake, and none"),
        (CertificateCheck.NOT_IN_SESSION, True, True, "an earlier session was resumed"),
        (CertificateCheck.NOT_REQUESTED, False, False, "not requested by this server"),
        (CertificateCheck.NOT_YET_REQUESTED, False, False, "this server asks for one at /todo"),
        (CertificateCheck.DECLINED_LATER, False, False, "and none was presented"),
    ],
)
def test_the_way_in_is_shown_to_those_who_need_it(
    check: CertificateCheck, resumed: bool, way_in: bool, words: str
) -> None:
    made = handshake(check, resumed=resumed)
    denied = view(status=401, problem="required", client=None, let_in=False, made=made, items=None)
    page = Page(denied)
    assert "You are not let in" in page.text
    assert words in page.text
    assert ("How to get in" in page.text) == way_in
    for name in ("client.pfx", "Firefox", "Chrome", "macOS", "Windows"):
        assert (name in page.text) == way_in
    assert "Revocation" not in page.text and "form" not in page.tags


def test_a_certificate_that_cannot_be_read_needs_no_other_one() -> None:
    page = Page(view(status=403, problem="cannot read", client=None, let_in=False, items=None))
    assert "How to get in" not in page.text and "HTTP 403 cannot read" in page.text
    assert "You are not let in" in page.text and "a" not in page.tags


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 415, 503, 507])
def test_each_error_has_a_heading_its_status_and_its_message(status: int) -> None:
    page = Page(view(status=status, problem="what is wrong", items=None))
    assert f"HTTP {status} what is wrong" in page.text
    assert "You are" not in page.text
    assert "To the page with the list" in page.text


def test_who_is_asked_later_is_told_where_and_sees_no_list() -> None:
    made = handshake(CertificateCheck.NOT_YET_REQUESTED)
    page = Page(view(client=None, made=made, items=None))
    assert "You are anonymous: this server requests a client certificate at /todo" in page.text
    assert "post-handshake authentication" in page.text
    assert "form" not in page.tags and "To the page with the list" not in page.text
    known = Page(view(made=handshake(CertificateCheck.VERIFIED_LATER)))
    assert "requested after the handshake, presented, and verified" in known.text
    assert "Revocation" in known.text and "form" in known.tags


def test_without_a_name_and_without_a_certificate() -> None:
    made = handshake(CertificateCheck.NOT_REQUESTED)
    assert "You are anonymous" in Page(view(client=None, made=made)).text
    nameless = ClientIdentity(
        common_name=None, subject="", serial=1, certificate=b"", not_after=ALICE.not_after
    )
    page = Page(view(client=nameless))
    assert "without a commonName" in page.text and "Issuerempty" in page.text


def test_nothing_of_a_peer_is_markup_and_nothing_of_it_is_invisible() -> None:
    client = ClientIdentity(
        common_name=HOSTILE,
        subject=f"CN={HOSTILE}",
        serial=1,
        certificate=b"\x30\x00",
        not_after=ALICE.not_after,
        alternative_names=(f"DNS:{HOSTILE}",),
    )
    items = (TodoItem(id=1, task=HOSTILE, done=False),)
    plain = replace(client, common_name="x", subject="x", alternative_names=("x",))
    one = (TodoItem(id=1, task="x", done=False),)
    harmless = Page(view(status=400, problem="x", client=plain, items=one, task="x"))
    page = Page(view(status=400, problem=HOSTILE, client=client, items=items, task=HOSTILE))
    assert page.tags == harmless.tags
    assert {name for name, _ in page.attributes} == {name for name, _ in harmless.attributes}
    assert "{{7*7}}" in page.text
    for hidden in ("\u202e", "\x00", "\x1b"):
        assert hidden not in page.text
    assert page.text.count(r"\u202ex\x00\x1b[2J") == 5


def test_the_policy_lets_in_the_one_style_sheet_and_nothing_else() -> None:
    page = Page(view())
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert page.policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    assert "script" not in page.tags
    names = {name for name, _ in page.attributes}
    assert "style" not in names and not any(name.startswith("on") for name in names)


def test_what_a_client_chose_is_bounded() -> None:
    many = tuple(f"DNS:{number}.example" for number in range(30_000))
    client = ClientIdentity(
        common_name="x" * 100_000,
        subject="CN=" + "x" * 100_000,
        serial=1,
        certificate=b"",
        not_after=ALICE.not_after,
        alternative_names=many,
    )
    items = tuple(TodoItem(id=n, task="\x01" * 60_000, done=False) for n in range(1, 1001))
    page = Page(view(client=client, items=items))
    assert f"and {30_000 - MOST_NAMES} more" in page.text
    assert f"The newest {MOST_ITEMS} of 1000 items" in page.text
    assert "59500 more characters" in page.text
    assert len(page.source) < 300_000
    assert "1000</small>" in page.source and ">900</small>" not in page.source


def test_a_form_that_was_refused_keeps_its_text_and_names_the_error() -> None:
    page = Page(view(status=507, problem="full", task='a "b"'))
    assert ("value", 'a "b"') in page.attributes
    assert ("aria-describedby", "problem") in page.attributes
    assert ("id", "problem") in page.attributes and ("role", "alert") in page.attributes
