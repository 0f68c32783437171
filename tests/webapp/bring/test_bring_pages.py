"""The pages of Bring your own, on real sockets."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.support.http_rig import Answer
from tests.support.web_rig import Pages, served_pages
from tests.webapp.test_multipart import BOUNDARY, body_of

CAPTURE = (
    Path(__file__).resolve().parents[2] / "vectors" / "captures" / "tls12_accepted_no_keylog.pcap"
)
KIND = f"multipart/form-data; boundary={BOUNDARY.decode()}"


async def posted(pages: Pages, path: str, *parts: tuple[str, bytes]) -> Answer:
    return await pages.ask(path, method="POST", body=body_of(*parts), content_type=KIND)


async def test_an_answer_has_a_page_of_its_own() -> None:
    async with served_pages() as pages:
        text = b"certificate verify failed"
        answer = await posted(pages, "/bring/text", ('name="text"', text))
        assert answer.status == 303
        shown = await pages.ask(answer.headers["location"])
        assert shown.status == 200 and b"<h1>Error text</h1>" in shown.body
        assert b"python -m lab.explain" in shown.body
        assert (await pages.ask("/bring/answers/none")).status == 404


async def test_what_cannot_be_answered_is_said_in_the_words_of_the_command() -> None:
    async with served_pages() as pages:
        part = ('name="capture"; filename="x.pcap"', b"text that is no capture")
        answer = await posted(pages, "/bring/capture", part)
        assert answer.status == 400
        assert b"x.pcap: not a capture" in answer.body


async def test_an_upload_leaves_nothing_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    part = ('name="capture"; filename="x.pcap"', CAPTURE.read_bytes())
    async with served_pages() as pages:
        answer = await posted(pages, "/bring/capture", part)
        assert answer.status == 303
    assert list(tmp_path.iterdir()) == []
    assert not os.path.exists("x.pcap")


async def test_a_large_upload_is_taken_while_other_pages_answer() -> None:
    async with served_pages() as pages:
        part = ('name="capture"; filename="x.pcap"', bytes(20 * 2**20))
        upload = asyncio.create_task(posted(pages, "/bring/capture", part))
        assert (await pages.ask("/bring")).status == 200
        assert (await upload).status == 400


async def test_an_upload_that_is_too_large_is_refused_by_its_length() -> None:
    async with served_pages() as pages:
        client = await pages.connect()
        head = ["POST /bring/capture HTTP/1.1", *pages.own, f"Content-Length: {65 * 2**20}"]
        await client.send("\r\n".join([*head, f"Content-Type: {KIND}", "", ""]).encode())
        assert (await client.answer()).status == 413
