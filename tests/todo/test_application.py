from __future__ import annotations

import dataclasses
import json
import logging

import pytest

from lab.http.message import RequestHead, error_response
from lab.todo.application import (
    InvalidTodo,
    NewTodo,
    TodoApp,
    anyone,
    certificate_required,
    parse_todo,
    unique_members,
)
from lab.todo.results import TodoItem
from lab.todo.store import MemoryStore, StoreUnavailable
from tests.support.http_rig import (
    ALICE,
    GET,
    post,
    served,
)

POST_BODY = '{"task":"Añadir endpoint POST","done":false}'.encode()


def head(method: str = "GET", path: str = "/todo", **headers: str) -> RequestHead:
    fields = {"content_type": "application/json", **headers}
    return RequestHead(
        method=method,
        path=path,
        headers={
            name.replace("_", "-").encode(): value.encode()
            for name, value in fields.items()
            if value
        },
        client=ALICE,
    )


async def test_post_then_get_answer_as_the_lab_promises(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lab.server")
    async with served() as service:
        client = await service.connect()
        created = await client.ask(post(POST_BODY))
        assert created.status == 201
        assert created.headers["content-type"] == "application/json"
        assert created.body.decode() == (
            "{\n"
            '  "client": "mtls-client",\n'
            '  "message": "TODO item created",\n'
            '  "todo": {\n'
            '    "id": 6,\n'
            '    "task": "Añadir endpoint POST",\n'
            '    "done": false\n'
            "  }\n"
            "}"
        )
        listed = await client.ask(GET)
        assert listed.status == 200
        seeds = [
            (1, "Set up local CA", True),
            (2, "Issue server certificate", True),
            (3, "Issue client certificate", True),
            (4, "Configure mTLS server", True),
            (5, "Validate mutual auth", False),
            (6, "Añadir endpoint POST", False),
        ]
        expected = {
            "client": "mtls-client",
            "todos": [{"id": id_, "task": task, "done": done} for id_, task, done in seeds],
        }
        assert listed.body.decode() == json.dumps(expected, ensure_ascii=False, indent=2)
        await client.close()
    assert caplog.messages == [
        "AUTHENTICATED | CN='mtls-client' | creating TODO",
        "TODO CREATED | CN='mtls-client' | "
        "item={'id': 6, 'task': 'Añadir endpoint POST', 'done': False}",
        "REQUEST | peer=127.0.0.1 | cert-CN='mtls-client' | \"POST /todo HTTP/1.1\" 201 -",
        "AUTHENTICATED | CN='mtls-client' | serving /todo",
        "REQUEST | peer=127.0.0.1 | cert-CN='mtls-client' | \"GET /todo HTTP/1.1\" 200 -",
    ]


async def test_a_listing_follows_what_was_added_and_who_asks() -> None:
    app = TodoApp(store=MemoryStore([]), policy=anyone)
    empty = await app.answer(head(), b"")
    assert empty.body + b"".join(empty.rest) == b'{\n  "client": "mtls-client",\n  "todos": []\n}'
    for task in ('🚀 "\n', "second"):
        await app.answer(head("POST"), json.dumps({"task": task}).encode())
        for client in (ALICE, dataclasses.replace(ALICE, common_name='"bob"')):
            asked = dataclasses.replace(head(), client=client)
            answer = await app.answer(asked, b"")
            value = json.loads(answer.body + b"".join(answer.rest))
            assert value["todos"][-1]["task"] == task
            assert value["client"] == client.common_name


class FailingStore(MemoryStore):
    """Fails while ``reason`` is set."""

    reason = ""

    async def add(self, *, task: str, done: bool) -> TodoItem:
        if self.reason:
            raise StoreUnavailable(self.reason)
        return await super().add(task=task, done=done)

    async def list(self) -> tuple[TodoItem, ...]:
        if self.reason:
            raise StoreUnavailable(self.reason)
        return await super().list()


async def test_a_store_that_fails_draws_503_and_one_line_with_the_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "lab.server")
    store = FailingStore()
    async with served(TodoApp(store=store, policy=certificate_required)) as service:
        client = await service.connect()
        before = (await client.ask(GET)).body
        store.reason = "/srv/todo.db is\x1b[2J\nfull"
        for request in (GET, post(POST_BODY)):
            caplog.clear()
            answer = await client.ask(request)
            assert (answer.status, answer.closes) == (503, False)
            assert answer.headers["retry-after"].isdigit()
            assert answer.json() == {
                "error": "service_unavailable",
                "field": None,
                "message": "the store is unavailable, and nothing was changed; the server log has "
                "the details",
            }
            admitted, failure, request_line = caplog.records
            assert admitted.getMessage().startswith("AUTHENTICATED | CN='mtls-client' | ")
            assert request_line.getMessage().endswith(' HTTP/1.1" 503 -')
            assert failure.getMessage() == (
                "STORE UNAVAILABLE | CN='mtls-client' | /srv/todo.db is\\x1b[2J\\nfull"
            )
            assert (failure.levelno, failure.exc_info) == (logging.ERROR, None)
        store.reason = ""
        assert (await client.ask(GET)).body == before
        assert (await client.ask(post(POST_BODY))).status == 201
        assert (await client.ask(GET)).body != before
        await client.close()


@pytest.mark.parametrize(
    ("body", "new"),
    [
        (b'{"task": "a"}', NewTodo(task="a", done=False)),
        (b'{"task": "a", "done": true}', NewTodo(task="a", done=True)),
        (b'\xef\xbb\xbf {"done": false, "task": "a"}\r\n', NewTodo(task="a", done=False)),
        (b'{"task": " a\\u0000 "}', NewTodo(task=" a\x00 ", done=False)),
        ('{"task": "日本 🚀"}'.encode(), NewTodo(task="日本 🚀", done=False)),
        (b'{"task": "\\ud83d\\ude80"}', NewTodo(task="🚀", done=False)),
        (b'{"task": "a", "id": 99, "due": {"on": [1.5, null]}}', NewTodo(task="a", done=False)),
    ],
)
def test_items_that_are_taken(body: bytes, new: NewTodo) -> None:
    assert parse_todo(body) == new


DIGITS = b"9" * 5000
INVALID = {
    "nothing": (b"", None, "not JSON"),
    "no JSON": (b"task=x", None, "not JSON: Expecting value at line 1 column 1"),
    "cut off": (b'{"task": "a"', None, "not JSON"),
    "two values": (b'{"task": "a"} {}', None, "Extra data at line 1 column 15"),
    "Latin-1": ('{"task": "Añadir"}'.encode("latin-1"), None, "not UTF-8: .* at byte 11"),
    "UTF-16": ('{"task": "a"}'.encode("utf-16"), None, "not UTF-8"),
    "surrogate in UTF-8": (b'{"task": "\xed\xa0\x80"}', None, "not UTF-8"),
    "lone surrogate": (b'{"task": "a\\ud800"}', "task", "surrogate"),
    "control character": (b'{"task": "a\nb"}', None, "control character"),
    "NaN": (b'{"task": "a", "x": NaN}', None, "NaN is no JSON number"),
    "Infinity": (b'{"task": "a", "x": [-Infinity]}', None, "-Infinity is no JSON number"),
    "deep": (b'{"task": ' + b"[" * 60_000, None, "nested too deeply"),
    "deep and whole": (b"[" * 30_000 + b"]" * 30_000, None, "nested too deeply"),
    "array": (b"[]", None, "must be a JSON object"),
    "string": (b'"task"', None, "must be a JSON object"),
    "null": (b"null", None, "must be a JSON object"),
    "no task": (b"{}", "task", "non-empty string"),
    "empty task": (b'{"task": ""}', "task", "non-empty string"),
    "blank task": (b'{"task": " \\t\\n\\u3000"}', "task", "non-empty string"),
    "null task": (b'{"task": null}', "task", "non-empty string"),
    "number task": (b'{"task": 1}', "task", "non-empty string"),
    "list task": (b'{"task": ["a"]}', "task", "non-empty string"),
    "null done": (b'{"task": "a", "done": null}', "done", "true or false"),
    "string done": (b'{"task": "a", "done": "true"}', "done", "true or false"),
    "number done": (b'{"task": "a", "done": 1}', "done", "true or false"),
    "task twice": (b'{"task": "a", "task": "b"}', "task", "twice"),
    "twice, deeper": (b'{"task": "a", "x": {"y": 1, "y": 1}}', "y", "twice"),
    "twice, half a surrogate": (b'{"\\ud800": 1, "\\ud800": 2}', "\\ud800", "twice"),
    "twice, the other half": (b'{"a\\udfff": 1, "a\\udfff": 2}', "a\\udfff", "twice"),
}


@pytest.mark.parametrize(("body", "field", "message"), INVALID.values(), ids=INVALID)
async def test_items_that_are_refused_and_what_is_said(
    body: bytes, field: str | None, message: str
) -> None:
    with pytest.raises(InvalidTodo, match=message) as caught:
        parse_todo(body)
    assert caught.value.field == field
    async with served() as service:
        client = await service.connect()
        answer = await client.ask(post(body))
        assert (answer.status, answer.closes) == (400, False)
        assert answer.json() == {
            "error": "bad_request",
            "field": field,
            "message": str(caught.value),
        }
        assert len(json.loads((await client.ask(GET)).body)["todos"]) == 5
        await client.close()


class CountedName(str):
    """A name that counts how often it is compared."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        CountedName.compared += 1
        return super().__eq__(other)

    __hash__ = str.__hash__


def test_the_search_for_a_repeated_member_is_linear() -> None:
    compared = []
    for number in (1000, 4000):
        CountedName.compared = 0
        names = [*map(str, range(number)), str(number - 1)]
        with pytest.raises(InvalidTodo) as caught:
            unique_members([(CountedName(name), None) for name in names])
        assert caught.value.field == str(number - 1)
        compared.append(CountedName.compared)
    # Names whose hashes fall together are few; a search through all of them is 8,000,000.
    assert compared[1] < 4000, compared


def test_an_integer_of_any_length_is_refused_or_ignored_and_never_a_bug() -> None:
    # CPython bounds the digits of an integer since 3.10.7 and 3.11; where the bound is off or
    # higher, the member is ignored like any other that means nothing here.
    try:
        assert parse_todo(b'{"task": "a", "x": %s}' % DIGITS) == NewTodo(task="a", done=False)
    except InvalidTodo as error:
        assert "too many digits" in str(error)


@pytest.mark.parametrize("type_", ["application/json", "Application/JSON ; charset=utf-8"])
def test_types_that_are_taken(type_: str) -> None:
    app = TodoApp(store=MemoryStore(), policy=certificate_required)
    assert app.refuse(head("POST", content_type=type_)) is None


@pytest.mark.parametrize(
    ("fields", "field", "named"),
    [
        ({"content_type": "application/x-www-form-urlencoded"}, "Content-Type", "urlencoded"),
        ({"content_type": "application/jsonp"}, "Content-Type", "application/jsonp"),
        ({"content_type": "application/json, text/plain"}, "Content-Type", "text/plain"),
        ({"content_type": ""}, "Content-Type", "curl: -H 'Content-Type: application/json'"),
        ({"content_encoding": "gzip"}, "Content-Encoding", "without Content-Encoding"),
    ],
)
def test_types_that_draw_415(fields: dict[str, str], field: str, named: str) -> None:
    app = TodoApp(store=MemoryStore(), policy=certificate_required)
    refusal = app.refuse(head("POST", **fields))
    assert refusal is not None
    assert refusal.status == 415
    error = json.loads(refusal.body)
    assert (error["error"], error["field"]) == ("unsupported_media_type", field)
    assert named in error["message"]


@pytest.mark.parametrize("path", ["/", "/todos", "/todo/", "/TODO", "/todo/6", "*"])
async def test_other_paths_draw_404(path: str) -> None:
    async with served() as service:
        client = await service.connect()
        answer = await client.ask(GET.replace(b"/todo", path.encode()))
        assert (answer.status, answer.closes) == (404, False)
        assert answer.json()["error"] == "not_found"
        await client.close()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "get", "BREW"])
async def test_other_methods_draw_405_with_allow(method: str) -> None:
    async with served() as service:
        client = await service.connect()
        answer = await client.ask(GET.replace(b"GET", method.encode()))
        assert (answer.status, answer.closes) == (405, False)
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
        assert answer.json()["error"] == "method_not_allowed"
        await client.close()


@pytest.mark.parametrize("target", [b"/todo", b"*"])
async def test_options_tells_the_methods_without_a_body(target: bytes) -> None:
    async with served() as service:
        client = await service.connect()
        answer = await client.ask(b"OPTIONS %s HTTP/1.1\r\nHost: x\r\n\r\n" % target)
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
        assert "content-length" not in answer.headers
        assert (await client.ask(GET)).status == 200
        await client.close()


async def test_without_a_certificate_every_request_draws_401(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "lab.server")
    async with served(client=None) as service:
        client = await service.connect()
        for request in (GET, post(POST_BODY), GET.replace(b"/todo", b"/else")):
            answer = await client.ask(request)
            assert (answer.status, answer.closes) == (401, False)
            assert answer.json()["error"] == "unauthorized"
            assert "a client certificate is required" in str(answer.json()["message"])
            assert answer.headers["www-authenticate"] == 'ClientCertificate realm="mtls-lab"'
        await client.close()
    assert caplog.messages[0] == (
        'REQUEST | peer=127.0.0.1 | cert-CN=None | "GET /todo HTTP/1.1" 401 -'
    )
    assert len(caplog.messages) == 3


async def test_a_server_that_asks_for_no_certificate_says_so_in_its_answers() -> None:
    app = TodoApp(store=MemoryStore(), policy=anyone)
    async with served(app, client=None) as service:
        client = await service.connect()
        answer = await client.ask(GET)
        assert (answer.status, answer.json()["client"]) == (200, None)
        await client.close()


def test_a_policy_may_refuse_a_client_that_it_knows() -> None:
    denial = error_response(403, "mtls-client is not on the list")
    app = TodoApp(store=MemoryStore(), policy=lambda client: denial if client == ALICE else None)
    refusal = app.refuse(head())
    assert refusal is not None
    assert (refusal.status, refusal.headers) == (403, ())
    assert json.loads(refusal.body)["error"] == "forbidden"
