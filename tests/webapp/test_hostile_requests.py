"""Requests to lab.web that no browser sends: framing, paths, sizes, slow ones, too many."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.webapp import loopback_server
from lab.webapp.watch.row_stream import MOST_STREAMS
from tests.support.http_rig import Client
from tests.support.web_rig import EventReader, Pages, served_pages
from tests.webapp.test_multipart import BOUNDARY, body_of

KIND = f"multipart/form-data; boundary={BOUNDARY.decode()}"


def request(pages: Pages, line: str, *lines: str, body: bytes = b"") -> bytes:
    """A request of a page of this server, with more header lines."""
    return "\r\n".join([line, *pages.own, *lines, "", ""]).encode("latin-1") + body


async def answers(pages: Pages, data: bytes) -> list[int]:
    """The status of each answer to bytes on one connection, which is then ended."""
    client = await pages.connect()
    await client.send(data)
    with contextlib.suppress(OSError):
        client.writer.write_eof()
    found = []
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionResetError):
        while True:
            found.append((await client.answer()).status)
    return found


@pytest.mark.parametrize(
    "path",
    [
        "/static/../web.py",
        "/static/%2e%2e/web.py",
        "/static/..%2f..%2fweb.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/....//web.css",
        "/static/web.css%00.html",
        "/static/web.css/",
        "/static/",
        "/static/lab.css/../../templates/web_layout.html",
        "/static/..\\environment.py",
        "/../../../etc/passwd",
    ],
)
async def test_no_file_but_the_four_is_served(path: str) -> None:
    async with served_pages() as pages:
        assert await answers(pages, request(pages, f"GET {path} HTTP/1.1")) in ([404], [400])


SMUGGLED = b"POST /watch/taps HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 0", "Content-Length: 41"),
        ("Content-Length: 41", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding : chunked",),
        ("Content-Length: +41",),
        ("Content-Length: 0x29",),
        ("Content-Length: -1",),
        (f"Content-Length: {'9' * 400}",),
        ("X: y\nContent-Length: 41",),
        (" Content-Length: 41",),
    ],
)
async def test_a_request_whose_end_is_not_clear_is_the_last(lines: Sequence[str]) -> None:
    async with served_pages() as pages:
        data = request(pages, "POST /bring/text HTTP/1.1", *lines, body=b"0\r\n\r\n" + SMUGGLED)
        (status,) = await answers(pages, data)
        assert status in (400, 413, 501), status
        assert pages.services.taps.running == {}


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n",
        b"CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(160),
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    ],
)
async def test_what_does_not_ask_this_server_gets_nothing(data: bytes) -> None:
    async with served_pages() as pages:
        assert all(status >= 400 for status in await answers(pages, data))
        assert (await pages.ask("/")).status == 200


@pytest.mark.parametrize("path", ["/", "/learn", "/watch/events", "/static/web.css"])
async def test_more_fields_in_an_address_than_there_may_be(path: str) -> None:
    async with served_pages() as pages:
        for lines in (pages.own, (f"Host: {pages.host}",)):
            answer = await pages.ask(f"{path}?{'a&' * 150}", lines=lines)
            assert answer.status in (400, 403) or path.startswith("/static/")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_no_other_method_acts(method: str) -> None:
    paths = ("/watch/taps", "/watch/connect", "/bring/text", "/watch/taps/1/stop")
    async with served_pages() as pages:
        for path in paths:
            answer = await pages.ask(f"{path}?target=localhost:1", method=method)
            assert answer.status in (404, 405), path
        assert pages.services.taps.running == {}


async def test_uploads_of_more_than_the_limit_are_refused_unread() -> None:
    most = loopback_server.UPLOAD
    async with served_pages() as pages:
        for lines in ((), ("Expect: 100-continue",)):
            line = "POST /bring/capture HTTP/1.1"
            lines = (f"Content-Type: {KIND}", f"Content-Length: {most + 1}", *lines)
            client = await pages.connect()
            await client.send(request(pages, line, *lines))
            assert (await client.answer()).status == 413


async def test_a_chunked_upload_ends_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = replace(loopback_server.LIMITS, max_body=100_000, max_discard=1_000_000)
    monkeypatch.setattr(loopback_server, "LIMITS", limits)
    async with served_pages() as pages:
        lines = (f"Content-Type: {KIND}", "Transfer-Encoding: chunked")
        chunk = b"4000\r\n" + bytes(0x4000) + b"\r\n"
        data = request(pages, "POST /bring/capture HTTP/1.1", *lines, body=chunk * 8 + b"0\r\n\r\n")
        assert (await answers(pages, data))[0] == 413


async def test_a_small_form_is_small_without_a_length_too() -> None:
    async with served_pages() as pages:
        lines = ("Content-Type: application/x-www-form-urlencoded", "Transfer-Encoding: chunked")
        chunk = b"4000\r\n" + b"a" * 0x4000 + b"\r\n"
        body = chunk * 40 + b"0\r\n\r\n"
        data = request(pages, "POST /watch/taps HTTP/1.1", *lines, body=body)
        assert (await answers(pages, data))[0] == 413


async def test_a_slow_upload_holds_nobody_up_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = replace(loopback_server.LIMITS, body_timeout=0.3)
    monkeypatch.setattr(loopback_server, "LIMITS", limits)
    async with served_pages() as pages:
        lines = (f"Content-Type: {KIND}", "Content-Length: 1000000")
        slow = [await pages.connect() for _ in range(20)]
        for client in slow:
            await client.send(request(pages, "POST /bring/capture HTTP/1.1", *lines, body=b"--"))
        assert (await pages.ask("/")).status == 200
        assert {(await client.answer()).status for client in slow} == {408}


async def test_more_readers_of_events_than_there_may_be() -> None:
    async with served_pages() as pages:
        clients: list[Client] = []
        for _ in range(30):
            client = await pages.connect()
            await EventReader(client).begin(pages)
            clients.append(client)
        for client in clients[:-MOST_STREAMS]:
            assert b"event: over" in await client.reader.readuntil(b"0\r\n\r\n")
        assert (await pages.ask("/watch")).status == 200


async def test_more_connections_than_there_may_be_end_at_once() -> None:
    async with served_pages() as pages:
        idle = [await pages.connect() for _ in range(loopback_server._MOST_CONNECTIONS)]
        for client in idle:  # each is being served by now
            await client.send(request(pages, "GET /static/web.css HTTP/1.1"))
            assert (await client.answer()).status == 200
        late = await pages.connect()
        with contextlib.suppress(ConnectionResetError):
            assert await late.at_end()
        await idle[0].close()
        await asyncio.sleep(0)
        idle[1].writer.close()


def files_below(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from folder.rglob("*")


def watched(opening: Callable[..., Any], written: list[str]) -> Callable[..., Any]:
    """``open`` which notes what it opens to write."""

    def watching(path: object, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if set(mode) & set("wax+"):
            written.append(str(path))
        return opening(path, mode, *rest, **more)

    return watching


async def test_uploads_leave_nothing_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the folder for temporary files nor where it was started, while they are read."""
    temporary, work = tmp_path / "tmp", tmp_path / "work"
    temporary.mkdir()
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    captures = Path(__file__).resolve().parents[1] / "vectors" / "captures"
    capture = (captures / "tls13_pha.pcap").read_bytes()
    log = (captures / "tls13_pha.keylog").read_bytes()
    names = ("../../x.pcap", "/etc/x", "a\\..\\b", "x" * 5000, "-", "|touch x", "%2e%2e/x")
    written: list[str] = []
    for module in (builtins, io):
        monkeypatch.setattr(module, "open", watched(module.open, written))
    async with served_pages() as pages:
        for name in names:
            parts = (
                (f'name="capture"; filename="{name}"', capture),
                (f'name="keylog"; filename="{name}"', log),
                (f'name="files"; filename="{name}"', capture),
                (f'name="cert"; filename="{name}"', log),
                ('name="target"', b"127.0.0.1:1"),
            )
            for path in ("capture", "certificates", "trace", "text"):
                body = body_of(*parts)
                answer = await pages.ask(
                    f"/bring/{path}", method="POST", body=body, content_type=KIND
                )
                assert answer.status in (303, 400), (path, name)
                assert list(files_below(temporary, work)) == []
    assert written == []
