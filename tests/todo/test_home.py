"""The home page of a connection: who gets what, and whose form is taken. The face is a stub."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from lab.http.limits import Limits
from lab.http.message import RequestHead, Response
from lab.todo.allow_list import AllowList
from lab.todo.application import Policy, TodoApp, anyone, certificate_required, unauthenticated
from lab.todo.home import HomeApp
from lab.todo.results import CertificateCheck, CompletedHandshake, HomeView, HtmlPage, TodoItem
from lab.todo.store import MemoryStore, StoreUnavailable, TodoStore
from lab.x509.client_identity import ClientIdentity
from tests.support.http_rig import ALICE, GET, Answer, post, served

HANDSHAKE = CompletedHandshake(
    version="TLSv1.3",
    cipher_suite="TLS_AES_256_GCM_SHA384",
    resumed=False,
    check=CertificateCheck.VERIFIED,
    revocation_checked=False,
)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
OWN = {"Origin": "https://localhost", "Sec-Fetch-Site": "same-origin"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Face:
    """A renderer that keeps what it was to show."""

    def __init__(self) -> None:
        self.views: list[HomeView] = []

    def __call__(self, view: HomeView) -> HtmlPage:
        self.views.append(view)
        return HtmlPage(content=b"<p>page", policy=b"default-src 'none'; style-src 'sha256-x'")


def request(
    method: str = "GET", path: str = "/", body: bytes = b"", accept: str = BROWSER, **more: str
) -> bytes:
    fields = {"Host": "localhost", "Accept": accept, **more}
    if method == "POST":
        fields = {**fields, "Content-Length": str(len(body))}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def form(body: bytes, accept: str = BROWSER, **more: str) -> bytes:
    return request("POST", "/", body, accept, **{**FORM, **OWN, **more})


def home(
    face: Face | None,
    *,
    policy: Policy = certificate_required,
    store: TodoStore | None = None,
) -> HomeApp:
    return HomeApp(
        TodoApp(store=store or MemoryStore(max_items=7), policy=policy),
        handshake=lambda: HANDSHAKE,
        render=face,
        max_body=Limits().max_body,
    )


def assert_page(answer: Answer) -> None:
    assert answer.body == b"<p>page"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src")
    assert_guarded(answer)


def assert_guarded(answer: Answer) -> None:
    assert answer.headers["vary"] == "Accept"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"


async def test_a_browser_gets_the_page_and_others_json() -> None:
    face = Face()
    async with served(home(face)) as service:
        client = await service.connect()
        page = await client.ask(request())
        assert page.status == 200
        assert_page(page)
        (view,) = face.views
        assert (view.client, view.handshake, view.problem) == (ALICE, HANDSHAKE, "")
        assert view.items is not None and len(view.items) == 5
        for accept in ("*/*", "application/json", ""):
            answer = await client.ask(request(accept=accept))
            assert_guarded(answer)
            assert answer.headers["content-type"] == "application/json"
            value = answer.json()
            assert list(value) == ["client", "handshake", "todos"]
            assert value["handshake"] == {
                "version": "TLSv1.3",
                "cipher_suite": "TLS_AES_256_GCM_SHA384",
                "resumed": False,
                "certificate": "presented, and verified in this handshake",
                "revocation_checked": False,
            }
        assert len(face.views) == 1


async def test_without_a_face_browsers_get_json() -> None:
    async with served(home(None)) as service:
        answer = await (await service.connect()).ask(request())
        assert answer.json()["client"]["serial"] == "7"  # type: ignore[index]


async def test_todo_stays_json_for_everyone() -> None:
    plain, face = TodoApp(store=MemoryStore(), policy=certificate_required), Face()
    for ask in (
        GET,
        request(path="/todo"),
        request("OPTIONS", "/todo"),
        post(b'{"task": "x"}', b"Accept: text/html"),
        post(b"{}", b"Accept: text/html"),
        request("DELETE", "/todo"),
        request("POST", "/todo", b"task=x", **FORM, **OWN),
    ):
        answers = []
        for app in (plain, home(face)):
            async with served(app) as service:
                answers.append(await (await service.connect()).ask(ask))
        assert (answers[0].status, answers[0].body) == (answers[1].status, answers[1].body)
        assert answers[0].headers.keys() == answers[1].headers.keys()
    assert not face.views


async def test_methods_of_the_page() -> None:
    async with served(home(Face())) as service:
        client = await service.connect()
        await client.send(request("HEAD"))
        head = await client.answer(bodiless=True)
        assert (head.status, head.headers["content-length"]) == (200, "7")
        options = await client.ask(request("OPTIONS"))
        assert (options.status, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
        wrong = await client.ask(request("DELETE"))
        assert (wrong.status, wrong.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")
        assert_page(wrong)
        missing = await client.ask(request(path="/nowhere"))
        assert missing.status == 404
        assert_page(missing)
        plain = await client.ask(request(path="/nowhere", accept="*/*"))
        assert plain.json()["message"] == "not found; the paths here are / and /todo"


@pytest.mark.parametrize("who", [ALICE, None])
async def test_the_icon_that_browsers_ask_for_is_none(who: ClientIdentity | None) -> None:
    async with served(home(Face()), client=who) as service:
        answer = await (await service.connect()).ask(request(path="/favicon.ico"))
        assert (answer.status, answer.body) == (204, b"")


BOB = AllowList.of(common_names=["bob"], alternative_names=[])
EXPIRED = unauthenticated("expired since", last=True)


@pytest.mark.parametrize(
    ("policy", "who", "status", "problem"),
    [
        (certificate_required, None, 401, "a client certificate is required"),
        (BOB, None, 401, "a client certificate is required"),
        (BOB, ALICE, 403, "the client certificate is valid, but none of its names is on"),
        (lambda client: EXPIRED, ALICE, 401, "expired since"),
    ],
)
async def test_who_is_not_let_in_gets_no_item_and_adds_none(
    policy: Policy, who: ClientIdentity | None, status: int, problem: str
) -> None:
    face, store = Face(), MemoryStore()
    for ask in (request(), form(b"task=x"), request(path="/nowhere")):
        async with served(home(face, policy=policy, store=store), client=who) as service:
            answer = await (await service.connect()).ask(ask)
            assert answer.status == status
            assert_page(answer)
            assert (answer.headers.get("www-authenticate") is not None) == (status == 401)
        async with served(home(face, policy=policy, store=store), client=who) as service:
            plain = ask.replace(BROWSER.encode(), b"*/*")
            assert problem in str((await (await service.connect()).ask(plain)).json()["message"])
    assert len(face.views) == 3
    for view in face.views:
        assert view.problem.startswith(problem)
        assert (view.client, view.items, view.let_in) == (who, None, False)
    assert len(await store.list()) == 5


async def test_a_form_adds_an_item_and_sends_the_browser_to_the_page(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "lab.server")
    store = MemoryStore()
    async with served(home(Face(), store=store)) as service:
        answer = await (await service.connect()).ask(form(b"task=buy+milk&done=yes"))
        assert (answer.status, answer.headers["location"]) == (303, "/")
        assert_guarded(answer)
    assert (await store.list())[-1] == TodoItem(id=6, task="buy milk", done=True)
    assert caplog.messages == [
        "AUTHENTICATED | CN='mtls-client' | creating TODO",
        "TODO CREATED | CN='mtls-client' | item={'id': 6, 'task': 'buy milk', 'done': True}",
        "REQUEST | peer=127.0.0.1 | cert-CN='mtls-client' | \"POST / HTTP/1.1\" 303 -",
    ]


@pytest.mark.parametrize(
    ("ask", "status", "problem"),
    [
        (form(b"task="), 400, "task must be a non-empty string"),
        (form(b"task=a&task=b"), 400, "a field of the form comes twice"),
        (form(b"task=%ff"), 400, "the form is not UTF-8"),
        (form(b"task=" + b"x" * 65536), 413, "the body is longer than 65536 bytes"),
        (form(b"{}", **{"Content-Type": "application/json"}), 415, "Content-Type must be"),
        (form(b"x", **{"Content-Type": "multipart/form-data; boundary=x"}), 415, "Content-Type"),
        (form(b"task=x", **{"Content-Encoding": "gzip"}), 415, "the body must come without"),
        (form(b"task=x", Origin="https://evil.example"), 403, "the form was not sent by this page"),
        (form(b"task=x", Origin="null"), 403, "the form was not sent by this page"),
        (form(b"task=x", **{"Sec-Fetch-Site": "cross-site"}), 403, "the form was not sent by"),
        (form(b"task=x", **{"Sec-Fetch-Site": "same-site"}), 403, "the form was not sent by"),
        (request("POST", "/", b"task=x", **FORM), 403, "the form was not sent by this page"),
    ],
)
async def test_a_form_that_is_not_taken_changes_nothing(
    ask: bytes, status: int, problem: str
) -> None:
    face, store = Face(), MemoryStore()
    for accept in (BROWSER, "*/*"):
        async with served(home(face, store=store)) as service:
            client = await service.connect()
            answer = await client.ask(ask.replace(BROWSER.encode(), accept.encode()))
            assert answer.status == status
            assert_guarded(answer)
            if accept == BROWSER:
                assert_page(answer)
            else:
                assert problem in str(answer.json()["message"])
    (view,) = face.views
    assert view.problem.startswith(problem)
    assert len(await store.list()) == 5
    assert (view.items is None) == (status != 400)
    assert view.let_in


async def test_a_form_that_is_not_taken_comes_back_with_its_text() -> None:
    face = Face()
    async with served(home(face)) as service:
        client = await service.connect()
        for number in range(2):
            assert (await client.ask(form(b"task=%d" % number))).status == 303
        answer = await client.ask(form(b"task=a+third"))
        assert answer.status == 507
        assert_page(answer)
    (view,) = face.views
    assert (view.task, view.problem[:15]) == ("a third", "the list has 7 ")
    assert view.items is not None and len(view.items) == 7


async def test_a_body_in_chunks_is_bounded_too() -> None:
    head = form(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    async with served(home(Face())) as service:
        client = await service.connect()
        await client.send(head + b"10000\r\n" + b"x" * 0x10000 + b"\r\n1\r\nx\r\n0\r\n\r\n")
        assert (await client.answer()).status == 413


class FailingStore(MemoryStore):
    """Fails always."""

    async def add(self, *, task: str, done: bool) -> TodoItem:
        raise StoreUnavailable("/srv/todo.db is full")

    async def list(self) -> tuple[TodoItem, ...]:
        raise StoreUnavailable("/srv/todo.db is full")


@pytest.mark.parametrize("ask", [request, lambda: form(b"task=x"), lambda: form(b"task=")])
async def test_a_store_that_fails_draws_a_page_that_says_so(ask: Callable[[], bytes]) -> None:
    face = Face()
    async with served(home(face, store=FailingStore())) as service:
        client = await service.connect()
        answer = await client.ask(ask())
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert_page(answer)
        plain = await client.ask(request(accept="*/*"))
        assert (plain.status, plain.headers["content-type"]) == (503, "application/json")
        assert_guarded(plain)
    (view,) = face.views
    assert "/srv" not in view.problem and view.items is None


async def test_a_server_that_asks_for_no_certificate_serves_everyone() -> None:
    face = Face()
    async with served(home(face, policy=anyone), client=None) as service:
        client = await service.connect()
        assert (await client.ask(request())).status == 200
        assert (await client.ask(form(b"task=x"))).status == 303
        assert (await client.ask(request(accept="*/*"))).json()["client"] is None


def test_a_refusal_that_ends_the_connection_does_so_as_a_page_too() -> None:
    app = home(Face(), policy=lambda client: EXPIRED)
    head = RequestHead(method="GET", path="/", headers={b"accept": b"text/html"}, client=ALICE)
    response = app.refuse(head)
    assert isinstance(response, Response) and response.last
