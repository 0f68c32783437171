"""The connection: framing, order, hostile bytes, ends. Over loopback unless a name says memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.http.limits import Limits, ShutdownSignal
from lab.http.message import (
    RequestHead,
    Response,
    error_response,
    json_bytes,
)
from tests.support.http_rig import (
    ALICE,
    GET,
    Answer,
    ScriptedStream,
    chunked,
    new_app,
    post,
    serve_script,
    served,
)

ITEM = b'{"task": "x"}'
POST = post(ITEM)
CHUNKED = chunked(b"d\r\n" + ITEM + b"\r\n0\r\n\r\n")
SMALL = Limits(max_header=400, max_header_fields=8, max_body=100, max_discard=4_000_000)


def error_of(answer: Answer) -> str:
    """The error's message; checks the one shape that all errors have."""
    value = answer.json()
    assert set(value) == {"error", "field", "message"}
    assert isinstance(value["message"], str)
    assert answer.headers["content-type"] == "application/json"
    return value["message"]


def with_line(line: bytes) -> bytes:
    return b"GET /todo HTTP/1.1\r\nHost: localhost\r\n" + line + b"\r\n\r\n"


# Requests after which the connection goes on.


async def test_requests_follow_each_other_on_one_connection() -> None:
    async with served() as service:
        client = await service.connect()
        for request, status in ((GET, 200), (POST, 201), (post(b"{}"), 400), (GET, 200)):
            answer = await client.ask(request)
            assert (answer.status, answer.closes) == (status, False)
        await client.close()


async def test_pipelined_requests_in_one_segment_are_answered_in_order() -> None:
    async with served(limits=Limits(max_pipelined=149)) as service:
        client = await service.connect()
        await client.send((GET + POST + b"\r\n" + CHUNKED) * 50)
        statuses = [(await client.answer()).status for _ in range(150)]
        assert statuses == [200, 201, 201] * 50
        await client.close()


async def test_more_pipelined_requests_than_are_allowed(caplog: pytest.LogCaptureFixture) -> None:
    """Those up to the limit are answered, and the client learns which was the last."""
    caplog.set_level(logging.INFO, logger="lab.server")
    async with served(limits=Limits(max_pipelined=3)) as service:
        client = await service.connect()
        await client.send(GET * 9)
        answers = [await client.answer() for _ in range(4)]
        assert [(each.status, each.closes) for each in answers] == [(200, False)] * 3 + [
            (200, True)
        ]
        assert await client.at_end()
    assert (
        "LIMIT | peer=127.0.0.1 | --max-pipelined 3 | closed: too many pipelined requests"
        in caplog.messages
    )


async def test_requests_that_wait_for_their_answers_are_not_pipelined() -> None:
    async with served(limits=Limits(max_pipelined=1)) as service:
        client = await service.connect()
        for _ in range(9):
            await client.send(GET)
            assert not (await client.answer()).closes
        await client.close()


async def test_requests_arrive_byte_by_byte() -> None:
    async with served() as service:
        client = await service.connect()
        for byte in GET + POST + CHUNKED:
            await client.send(bytes([byte]))
        assert [(await client.answer()).status for _ in range(3)] == [200, 201, 201]
        await client.close()


async def test_in_memory_every_cut_of_a_request_in_two_is_understood() -> None:
    request = POST + chunked(b"d;a=b\r\n" + ITEM + b"\r\n0\r\nT: v\r\n\r\n")
    for cut in range(1, len(request)):
        stream = ScriptedStream([request[:cut], request[cut:]])
        assert await serve_script(stream) == [201, 201], cut


async def test_head_and_body_of_an_answer_travel_in_one_write() -> None:
    stream = ScriptedStream([GET + POST])
    await serve_script(stream)
    assert len(stream.written) == 2
    assert all(data.endswith(b"}") and data.startswith(b"HTTP/1.1 20") for data in stream.written)


async def test_a_repeated_head_is_served_like_the_first() -> None:
    other = GET.replace(b"/todo", b"/Todo")
    bare = b"GET /todo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n"
    stream = ScriptedStream([GET, GET, other, other, GET, bare, bare, POST, POST, GET])
    statuses = [200, 200, 404, 404, 200, 200, 200, 201, 201, 200]
    assert await serve_script(stream) == statuses
    bodies = [data.partition(b"\r\n\r\n")[2] for data in stream.written]
    assert bodies[0] == bodies[1] != bodies[-1]


async def test_head_is_get_without_its_body() -> None:
    async with served() as service:
        client = await service.connect()
        await client.send(GET.replace(b"GET", b"HEAD"))
        head = await client.answer(bodiless=True)
        get = await client.ask(GET)
        assert head.status == get.status == 200
        assert head.headers["content-length"] == str(len(get.body))
        await client.send(GET.replace(b"GET", b"HEAD").replace(b"/todo", b"/else"))
        missing = await client.answer(bodiless=True)
        assert missing.status == 404
        assert int(missing.headers["content-length"]) > 0
        assert (await client.ask(GET)).status == 200
        await client.close()


async def test_in_memory_an_error_in_answer_to_head_has_no_body() -> None:
    request = b"HEAD /todo HTTP/1.1\r\nHost: a/b\r\n\r\n"
    stream = ScriptedStream([request])
    assert await serve_script(stream) == [400]
    head, end, body = stream.written[0].partition(b"\r\n\r\n")
    assert (end, body) == (b"\r\n\r\n", b"")
    assert b"\r\nContent-Length: " in head


async def test_answers_are_dated() -> None:
    async with served() as service:
        client = await service.connect()
        answer = await client.ask(GET)
        assert answer.headers["date"].endswith(" GMT")
        assert "server" not in answer.headers
        await client.close()


@pytest.mark.parametrize(
    "body",
    [
        b"d\r\n" + ITEM + b"\r\n0\r\n\r\n",
        b"5;name=value;flag\r\n" + ITEM[:5] + b'\r\n8;q="x"\r\n' + ITEM[5:] + b"\r\n0\r\n\r\n",
        b"00000D\r\n" + ITEM + b"\r\n0\r\nTrailer: value\r\nContent-Length: 3\r\n\r\n",
    ],
    ids=["plain", "extensions", "trailers"],
)
async def test_a_chunked_body_is_put_together(body: bytes) -> None:
    async with served() as service:
        client = await service.connect()
        answer = await client.ask(chunked(body))
        assert answer.status == 201
        assert (await client.ask(GET)).status == 200
        await client.close()


@pytest.mark.parametrize(
    "target",
    [b"/todo?x=1&y=/z", b"http://localhost/todo", b"HTTPS://user@[::1]:8443/todo?x"],
)
async def test_a_target_may_have_a_query_or_be_absolute(target: bytes) -> None:
    async with served() as service:
        client = await service.connect()
        assert (await client.ask(GET.replace(b"/todo", target))).status == 200
        await client.close()


async def test_an_upgrade_is_not_taken_up() -> None:
    async with served() as service:
        client = await service.connect()
        request = with_line(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c")
        answer = await client.ask(request)
        assert (answer.status, answer.closes) == (200, False)
        assert (await client.ask(GET)).status == 200
        answer = await client.ask(with_line(b"Connection: Upgrade, close\r\nUpgrade: h2c") + GET)
        assert (answer.status, answer.closes) == (200, True)
        assert await client.at_end()
        await client.close()


async def test_a_refused_body_of_fitting_size_leaves_the_connection_usable() -> None:
    async with served() as service:
        client = await service.connect()
        answer = await client.ask(POST.replace(b"application/json", b"text/plain"))
        assert (answer.status, answer.closes) == (415, False)
        assert (await client.ask(GET)).status == 200
        await client.close()


async def test_a_body_where_none_is_needed_is_read_over() -> None:
    async with served() as service:
        client = await service.connect()
        request = b"GET /todo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /"
        assert [(await client.ask(request + GET)).status, (await client.answer()).status] == [
            200,
            200,
        ]
        await client.close()


# Requests after which the connection ends, because the client wants it so.


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /todo HTTP/1.0\r\n\r\n",
        b"GET /todo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        with_line(b"Connection: keep-alive, Close"),
    ],
    ids=["1.0", "1.0 keep-alive", "close"],
)
async def test_a_client_that_wants_the_end_gets_it_after_its_answer(request_: bytes) -> None:
    async with served() as service:
        client = await service.connect()
        answer = await client.ask(request_ + GET)
        assert (answer.status, answer.closes) == (200, True)
        assert await client.at_end()
        await client.close()


# Requests that are refused, and end the connection.

REFUSED = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "garbage": (b"hello\r\n\r\n", 400),
    "only empty lines": (b"\r\n\r\n\r\n", 400),
    "LF alone, at once": (b"\n", 400),
    "two spaces": (b"GET  /todo HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "space in target": (b"GET /to do HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "non-ASCII target": ("GET /tódo HTTP/1.1\r\nHost: x\r\n\r\n".encode(), 400),
    "target without path": (GET.replace(b"/todo", b"todo"), 400),
    "target of another scheme": (GET.replace(b"/todo", b"ftp://x/todo"), 400),
    "no host": (b"GET /todo HTTP/1.1\r\n\r\n", 400),
    "two hosts": (with_line(b"Host: other"), 400),
    "no host name": (b"GET /todo HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/0.9": (b"GET /todo HTTP/0.9\r\n\r\n", 505),
    "CONNECT": (b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n", 501),
    "unknown expectation": (with_line(b"Expect: 200-ok"), 417),
    # Two framings in one request: what one parser takes for a body is a request to another.
    "both framings": (chunked(b"0\r\n\r\n", headers=[b"Content-Length: 4"]) + GET, 400),
    "both framings, swapped": (post(b"0\r\n\r\n", b"Transfer-Encoding: chunked") + GET, 400),
    "two lengths": (post(ITEM, b"Content-Length: 0"), 400),
    "two lengths in one field": (POST.replace(b"Length: 13", b"Length: 13, 0"), 400),
    "signed length": (POST.replace(b"Length: 13", b"Length: +13"), 400),
    "negative length": (POST.replace(b"Length: 13", b"Length: -1"), 400),
    "hexadecimal length": (POST.replace(b"Length: 13", b"Length: 0xd"), 400),
    "endless length": (POST.replace(b"Length: 13", b"Length: " + b"9" * 40), 400),
    "unknown coding": (chunked(b"0\r\n\r\n").replace(b"chunked", b"gzip, chunked"), 501),
    "coding in disguise": (chunked(b"0\r\n\r\n").replace(b"chunked", b"\x0bchunked"), 400),
    "coding in HTTP/1.0": (CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
    "space before colon": (chunked(b"0\r\n\r\n").replace(b"Encoding:", b"Encoding :"), 400),
    "folded field": (with_line(b"X: a\r\n\tb"), 400),
    "folded first field": (b"GET /todo HTTP/1.1\r\n Host: x\r\n\r\n", 400),
    "LF ends a line": (with_line(b"X: a\nTransfer-Encoding: chunked"), 400),
    "LF ends the head": (b"GET /todo HTTP/1.1\r\nHost: x\r\n\n", 400),
    "CR in a value": (with_line(b"X: a\rb"), 400),
    "NUL in a value": (with_line(b"X: a\x00b"), 400),
    "NUL in a name": (with_line(b"X\x00: a"), 400),
    "NUL in the target": (GET.replace(b"/todo", b"/to\x00do"), 400),
    "empty name": (with_line(b": a"), 400),
    "no colon": (with_line(b"nonsense"), 400),
    "chunk size no number": (chunked(b"x\r\n"), 400),
    "chunk size negative": (chunked(b"-1\r\n"), 400),
    "chunk size endless": (chunked(b"f" * 30 + b"\r\n"), 400),
    "chunk without its end": (chunked(b"1\r\nabc\r\n0\r\n\r\n"), 400),
    "LF in a chunk extension": (chunked(b"1;a\nb\r\nx\r\n0\r\n\r\n"), 400),
    "trailer no field": (chunked(b"0\r\nnonsense\r\n\r\n"), 400),
}


@pytest.mark.parametrize(("request_", "status"), REFUSED.values(), ids=REFUSED)
async def test_what_is_not_valid_draws_one_error_and_the_end(request_: bytes, status: int) -> None:
    app = new_app()
    async with served(app) as service:
        client = await service.connect()
        answer = await client.ask(request_)
        assert (answer.status, answer.closes) == (status, True)
        assert error_of(answer)
        assert await client.at_end(), "a second request was found in the bytes of the first"
        await client.close()
        after = await service.connect()
        assert (await after.ask(GET)).status == 200
        await after.close()


async def test_in_memory_the_same_refusals_come_for_single_bytes() -> None:
    for name, (request, status) in REFUSED.items():
        stream = ScriptedStream([bytes([byte]) for byte in request])
        assert await serve_script(stream) == [status], name


# Sizes.


def head_of_size(size: int) -> bytes:
    empty = len(with_line(b"X: "))
    return with_line(b"X: " + b"x" * (size - empty))


async def test_a_head_may_have_just_its_limit_of_bytes() -> None:
    async with served(limits=SMALL) as service:
        client = await service.connect()
        assert len(head_of_size(400)) == 400
        assert (await client.ask(head_of_size(400))).status == 200
        answer = await client.ask(head_of_size(401))
        assert (answer.status, answer.closes) == (431, True)
        assert "400 bytes" in error_of(answer)
        assert await client.at_end()
        await client.close()


async def test_a_head_without_end_is_refused_before_it_is_whole() -> None:
    async with served(limits=SMALL) as service:
        client = await service.connect()
        assert (await client.ask(head_of_size(500)[:450])).status == 431
        await client.close()


async def test_a_head_may_have_just_its_limit_of_fields() -> None:
    async with served(limits=SMALL) as service:
        client = await service.connect()
        assert (await client.ask(with_line(b"\r\n".join([b"X: a"] * 7)))).status == 200
        answer = await client.ask(with_line(b"\r\n".join([b"X: a"] * 8)))
        assert (answer.status, answer.closes) == (431, True)
        await client.close()


async def test_a_hundred_thousand_fields_are_refused() -> None:
    async with served() as service:
        client = await service.connect()
        writing = asyncio.ensure_future(client.send(with_line(b"\r\n".join([b"X: a"] * 100_000))))
        assert (await client.answer()).status == 431
        await asyncio.gather(writing, return_exceptions=True)
        client.writer.close()


async def test_a_body_may_have_just_its_limit() -> None:
    task = b'{"task": "' + b"x" * 88 + b'"}'
    assert len(task) == SMALL.max_body
    async with served(limits=SMALL) as service:
        client = await service.connect()
        assert (await client.ask(post(task))).status == 201
        assert (await client.ask(chunked(b"64\r\n" + task + b"\r\n0\r\n\r\n"))).status == 201
        answer = await client.ask(post(task + b" "))
        assert (answer.status, answer.closes) == (413, True)
        assert "100 bytes" in error_of(answer)
        await client.close()


@pytest.mark.parametrize(
    "request_",
    [
        post(b"x" * 3_000_000),
        post(b"x" * 3_000_000).replace(b"application/json", b"text/plain"),
        chunked(b"f4240\r\n" + b"x" * 1_000_000 + b"\r\n0\r\n\r\n"),
        chunked(b"1\r\nx\r\n" * 200_000 + b"0\r\n\r\n"),
        chunked(*[b"1;" + b"e" * 300 + b"\r\nx\r\n"] * 90, b"0\r\n\r\n"),
    ],
    ids=["declared", "declared and of another type", "one chunk", "many chunks", "extensions"],
)
async def test_a_client_that_sends_all_before_it_reads_still_sees_the_refusal(
    request_: bytes,
) -> None:
    async with served(limits=SMALL) as service:
        client = await service.connect()
        await client.send(request_)
        answer = await client.answer()
        assert answer.status == (415 if b"text/plain" in request_ else 413)
        assert answer.closes
        client.writer.write_eof()
        assert await client.at_end()
        await client.close()


async def test_in_memory_chunks_may_have_just_the_limits_of_content_and_framing() -> None:
    body = b"0;%b\r\n\r\n"
    for extra, status in ((0, 201), (1, 413)):
        chunks = [b"%x;%b\r\n" % (len(ITEM), b"e" * 300), ITEM + b"\r\n"]
        rest = SMALL.max_body + SMALL.max_header - len(b"".join(chunks)) - len(body % b"")
        stream = ScriptedStream([chunked(*chunks, body % (b"e" * (rest + extra)))])
        assert await serve_script(stream, limits=SMALL) == [status]
    assert b"500 bytes with its chunk framing" in stream.written[0]


async def test_in_memory_the_trailers_and_the_framing_of_a_chunk_are_bounded() -> None:
    for request in (chunked(b"1;" + b"e" * 500), chunked(b"0\r\nT: " + b"t" * 500)):
        assert await serve_script(ScriptedStream([request]), limits=SMALL) == [431]


async def test_in_memory_what_follows_a_body_in_its_segment_does_not_count_as_its_framing() -> None:
    assert len(GET) * 20 > SMALL.max_body + SMALL.max_header
    stream = ScriptedStream([CHUNKED + GET * 20])
    assert await serve_script(stream, limits=SMALL) == [201] + [200] * 20


async def test_in_memory_a_refused_body_is_read_away_up_to_a_bound() -> None:
    limits = Limits(max_body=10, max_discard=50)
    for length, left in ((40, 0), (60, 1), (1000, 95)):
        stream = ScriptedStream([post(b"", length=length), *[b"x" * 10] * (length // 10)])
        assert await serve_script(stream, limits=limits) == [413]
        assert len(stream.chunks) == left


# Expect: 100-continue (RFC 9110 section 10.1.1).

EXPECT = b"Expect: 100-continue"


async def test_continue_is_sent_when_the_body_is_wanted() -> None:
    async with served() as service:
        client = await service.connect()
        for request in (post(b"", EXPECT, length=13), chunked(headers=[EXPECT])):
            assert (await client.ask(request)).status == 100
            body = ITEM if b"Length" in request else b"d\r\n" + ITEM + b"\r\n0\r\n\r\n"
            answer = await client.ask(body)
            assert (answer.status, answer.closes) == (201, False)
        await client.close()


async def test_continue_is_left_out_when_the_body_is_there_already() -> None:
    async with served() as service:
        client = await service.connect()
        assert (await client.ask(post(ITEM, EXPECT))).status == 201
        await client.close()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (post(b"", EXPECT, length=13).replace(b"application/json", b"text/plain"), 415),
        (post(b"", EXPECT, length=13).replace(b"/todo", b"/else"), 404),
        (post(b"", EXPECT, length=13).replace(b"POST", b"PUT"), 405),
        (post(b"", EXPECT, length=101), 413),
    ],
)
async def test_a_final_answer_comes_in_place_of_continue(request_: bytes, status: int) -> None:
    async with served(limits=SMALL) as service:
        client = await service.connect()
        answer = await client.ask(request_)
        assert (answer.status, answer.closes) == (status, True)
        assert await client.at_end()
        await client.close()


async def test_in_memory_a_body_that_was_not_called_for_is_not_waited_for() -> None:
    stream = ScriptedStream([post(b"", EXPECT, length=101), b"x" * 101])
    assert await serve_script(stream, limits=SMALL) == [413]
    assert stream.chunks == [b"x" * 101]


async def test_a_client_without_certificate_gets_no_continue() -> None:
    async with served(client=None) as service:
        client = await service.connect()
        answer = await client.ask(post(b"", EXPECT, length=13))
        assert (answer.status, answer.closes) == (401, True)
        await client.close()


async def test_an_expectation_in_http_1_0_means_nothing() -> None:
    request = post(ITEM, EXPECT).replace(b"HTTP/1.1", b"HTTP/1.0")
    stream = ScriptedStream([request[: -len(ITEM)], ITEM])
    assert await serve_script(stream) == [201]


# Clients that go away or fall silent.


@pytest.mark.parametrize("ending", ["eof", "reset"])
async def test_in_memory_a_client_that_leaves_anywhere_is_one_line_at_most(
    ending: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "lab.server")
    request = CHUNKED
    for length in range(len(request)):
        caplog.clear()
        stream = ScriptedStream([request[:length]] if length else [], ending)
        assert await serve_script(stream) == []
        assert len(caplog.records) == (1 if length else 0)
        for record in caplog.records:
            assert record.levelno == logging.INFO
            assert record.exc_info is None
            assert record.getMessage().startswith(
                "ABORTED | peer=192.0.2.1 | cert-CN='mtls-client' | the "
            )


async def test_a_client_that_leaves_in_mid_body_harms_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "lab.server")
    async with served() as service:
        client = await service.connect()
        await client.send(POST[:-3])
        client.writer.transport.abort()
        await service.ended.acquire()
        other = await service.connect()
        assert (await other.ask(GET)).status == 200
        await other.close()
    assert [message for message in caplog.messages if message.startswith("ABORTED")] != []


SOON = 0.02


@pytest.mark.parametrize(
    ("request_", "limits", "part"),
    [
        (b"GET /todo HTTP/1.1\r\nHo", Limits(header_timeout=SOON), "head"),
        (post(b"{", length=13), Limits(body_timeout=SOON), "body"),
        (chunked(b"d\r\n{"), Limits(body_timeout=SOON), "body"),
    ],
    ids=["head", "body", "chunked body"],
)
async def test_a_request_that_stops_midway_draws_408(
    request_: bytes, limits: Limits, part: str
) -> None:
    async with served(limits=limits) as service:
        client = await service.connect()
        answer = await client.ask(request_)
        assert (answer.status, answer.closes) == (408, True)
        assert part in error_of(answer)
        assert await client.at_end()
        await client.close()


async def test_a_drip_of_bytes_does_not_push_the_deadline_away() -> None:
    async with served(limits=Limits(header_timeout=SOON)) as service:
        client = await service.connect()

        async def drip() -> None:
            while True:
                await client.send(b"x")
                await asyncio.sleep(0.001)

        dripping = asyncio.ensure_future(drip())
        assert (await client.answer()).status == 408
        dripping.cancel()
        await asyncio.wait([dripping])
        client.writer.close()


async def test_an_idle_connection_is_closed_without_a_word() -> None:
    async with served(limits=Limits(idle_timeout=SOON)) as service:
        client = await service.connect()
        assert await client.at_end()
        await client.close()


async def test_in_memory_a_connection_idle_after_a_request_is_closed_without_a_word() -> None:
    stream = ScriptedStream([GET], "silence")
    assert await serve_script(stream, limits=Limits(idle_timeout=SOON)) == [200]
    assert b"Connection: close" not in stream.written[0]


async def test_in_memory_a_client_that_does_not_read_is_given_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "lab.server")
    stream = ScriptedStream([GET], "silence", stuck=True)
    assert await serve_script(stream, limits=Limits(write_timeout=SOON)) == []
    assert caplog.messages[-1].endswith("| the client did not read the response in time")


async def test_a_client_that_never_ends_a_refused_body_is_given_up() -> None:
    limits = Limits(max_body=10, discard_timeout=SOON)
    async with served(limits=limits) as service:
        client = await service.connect()
        assert (await client.ask(post(b"", length=1_000))).status == 413
        assert await client.at_end()
        await client.close()


# The server's own end.


class Gate:
    """An app that lets the test decide when it answers."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()

    def refuse(self, head: RequestHead) -> Response | None:
        return None

    async def answer(self, head: RequestHead, body: bytes) -> Response:
        self.entered.set()
        await self.open.wait()
        return Response(status=200, body=json_bytes({"path": head.path}))


async def test_closing_ends_idle_connections_at_once() -> None:
    async with served(limits=Limits(farewell_timeout=0.05)) as service:
        fresh = await service.connect()
        used = await service.connect()
        assert (await used.ask(GET)).status == 200
        service.closing.set()
        for client in (fresh, used):
            assert await client.at_end()
            await client.close()


async def test_in_memory_one_request_of_a_connection_that_comes_after_closing_is_answered() -> None:
    closing = ShutdownSignal()
    closing.set()
    stream = ScriptedStream([GET, GET])
    assert await serve_script(stream, closing=closing) == [200]
    assert b"\r\nConnection: close\r\n" in stream.written[0]
    assert stream.chunks == [GET]


async def test_in_memory_a_connection_that_says_nothing_after_closing_ends() -> None:
    closing = ShutdownSignal()
    closing.set()
    stream = ScriptedStream([], ending="silence")
    limits = Limits(farewell_timeout=0.01, discard_timeout=0.01)
    assert await serve_script(stream, closing=closing, limits=limits) == []


async def test_closing_lets_the_request_in_flight_finish() -> None:
    gate = Gate()
    async with served(gate) as service:
        client = await service.connect()
        await client.send(GET + GET)
        await gate.entered.wait()
        service.closing.set()
        gate.open.set()
        answer = await client.answer()
        assert (answer.status, answer.closes) == (200, True)
        assert await client.at_end(), "the pipelined request was to be left unanswered"
        await client.close()


async def test_closing_lets_a_request_that_has_begun_come_in() -> None:
    async with served() as service:
        client = await service.connect()
        assert (await client.ask(post(b"", EXPECT, length=13))).status == 100
        service.closing.set()
        answer = await client.ask(ITEM)
        assert (answer.status, answer.closes) == (201, True)
        assert await client.at_end()
        await client.close()


class Broken:
    """An app with a bug: in ``refuse`` for POST, in ``answer`` for all else."""

    def refuse(self, head: RequestHead) -> Response | None:
        if head.method == "POST":
            raise ConnectionError("a store's connection, not the client's")
        return None

    async def answer(self, head: RequestHead, body: bytes) -> Response:
        raise KeyError("no such thing")


@pytest.mark.parametrize("request_", [GET, POST])
async def test_a_bug_is_500_with_a_traceback_in_the_journal_and_the_server_lives(
    request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(Broken()) as service:
        for _ in range(2):
            client = await service.connect()
            answer = await client.ask(request_ + GET)
            assert (answer.status, answer.closes) == (500, True)
            assert "thing" not in error_of(answer)
            assert await client.at_end()
            await client.close()
    failures = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(failures) == 1, "a traceback that repeats is counted, not written"
    assert failures[0].exc_info is not None
    assert failures[0].exc_info[0] in (KeyError, ConnectionError)
    assert "INTERNAL ERROR | " in failures[0].getMessage()


async def test_in_memory_one_clients_pipeline_does_not_hold_up_another() -> None:
    order: list[str] = []

    class Noting(Gate):
        async def answer(self, head: RequestHead, body: bytes) -> Response:
            order.append(head.path)
            return error_response(404, "x")

    app = Noting()
    many = ScriptedStream([GET.replace(b"todo", b"many") * 100])
    one = ScriptedStream([GET.replace(b"todo", b"one")])
    await asyncio.gather(serve_script(many, app=app), serve_script(one, app=app))
    assert len(order) == 101
    assert order.index("/one") < 10


@pytest.mark.parametrize("what", ["chunks", "reads"])
async def test_in_memory_many_small_pieces_do_not_hold_up_another(what: str) -> None:
    task = b'{"task": "' + b"x" * 2_000 + b'"}'
    chunks = chunked(*[b"1\r\n%c\r\n" % byte for byte in task], b"0\r\n\r\n")
    pieces = [chunks] if what == "chunks" else [bytes([byte]) for byte in post(task)]
    order: list[str] = []

    async def serve(name: str, pieces: list[bytes]) -> None:
        assert await serve_script(ScriptedStream(pieces)) in ([200], [201])
        order.append(name)

    await asyncio.gather(serve("pieces", pieces), serve("get", [GET]))
    assert order == ["get", "pieces"]


# Anything at all.


def pieces() -> Iterator[bytes]:
    yield from (request for request, _ in REFUSED.values())
    yield from (GET, POST, b"\r\n", b"\r\n\r\n", b"0\r\n\r\n", b"HTTP/1.1", b"\x00", b"\xff")


@given(
    st.lists(
        st.one_of(st.binary(max_size=40), st.sampled_from(list(pieces()))), min_size=1, max_size=8
    )
)
def test_in_memory_no_bytes_at_all_raise_or_draw_a_500(chunks: list[bytes]) -> None:
    stream = ScriptedStream([chunk for chunk in chunks if chunk])
    for status in asyncio.run(serve_script(stream, limits=SMALL, client=ALICE)):
        assert status in {100, 200, 201, 400, 404, 405, 413, 415, 417, 431, 501, 505}


MISFRAMED = {
    "LF behind the last chunk": b"0\r\n\n",
    "LF behind a trailer": b"0\r\nX: y\n\r\n",
    "LF behind the trailers": b"0\r\nX: y\r\n\n",
    "LF between trailers": b"0\r\nX: y\nZ: z\r\n\r\n",
    "folded trailer": b"0\r\nX: y\r\n z\r\n\r\n",
    "CR in a chunk extension": b"0;a\rb\r\n\r\n",
    "LF behind a chunk size": b"0\n\r\n",
}


@pytest.mark.parametrize("end", MISFRAMED.values(), ids=MISFRAMED)
async def test_in_memory_a_body_that_parsers_may_read_in_two_ways(end: bytes) -> None:
    """It is refused, and what stands behind it is not taken for a request."""
    body = chunked(b"d\r\n" + ITEM + b"\r\n" + end)
    stream = ScriptedStream([body + GET])
    assert await serve_script(stream) == [400]
    assert b"\r\nConnection: close\r\n" in stream.written[0]


@pytest.mark.parametrize("size", [1, 7, 4096])
async def test_in_memory_trailers_are_bounded(size: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="lab.server")
    long = b"0\r\nX: " + b"x" * 420 + b"\r\n\r\n"
    many = b"0\r\n" + b"X: y\r\n" * 9 + b"\r\n"
    for end, limit in ((long, "--max-header 400"), (many, "--max-header-fields 8")):
        caplog.clear()
        request = chunked(b"d\r\n" + ITEM + b"\r\n" + end)
        head, _, body = request.partition(b"\r\n\r\n")
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        assert await serve_script(ScriptedStream([head + b"\r\n\r\n", *pieces]), limits=SMALL) == [
            431
        ]
        assert f"LIMIT | peer=192.0.2.1 | {limit} | answered with HTTP 431" in caplog.messages


async def test_in_memory_pipelining_counts_what_the_stream_holds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As with TLS, where each request may have a record of its own."""
    caplog.set_level(logging.INFO, logger="lab.server")
    stream = ScriptedStream([GET] * 9)
    assert await serve_script(stream, limits=Limits(max_pipelined=3)) == [200] * 4
    assert b"\r\nConnection: close\r\n" in stream.written[-1]
