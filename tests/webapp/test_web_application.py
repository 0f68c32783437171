"""The rules of access and the routes together, on real sockets."""

from __future__ import annotations

import pytest

from lab.http.message import Response
from lab.webapp.routing import PageRoute, Router
from lab.webapp.web_request import Request
from tests.support.http_rig import Answer
from tests.support.web_rig import Pages, served_pages
from tests.webapp.test_multipart import BOUNDARY


async def echo(request: Request) -> Response:
    return Response(status=200, body=request.form.text("a").encode())


def route(method: str, path: str) -> PageRoute:
    return PageRoute(method=method, path=path, handler=echo)


ROUTER = Router([route("GET", "/"), route("GET", "/page"), route("POST", "/act")])


async def test_the_token_becomes_a_cookie_and_leaves_the_address() -> None:
    async with served_pages() as pages:
        lines = [f"Host: {pages.host}"]
        answer = await pages.ask(f"/?token={pages.token}", lines=lines)
        assert (answer.status, answer.headers["location"]) == (303, "/")
        assert answer.headers["set-cookie"].startswith(f"lab_token_{pages.port}={pages.token};")
        assert (await pages.ask("/", lines=lines)).status == 403
        assert (await pages.ask("/")).status == 200


@pytest.mark.parametrize("path", ["/", "/learn", "/watch", "/bring", "/none", "/static/web.js"])
async def test_each_answer_has_the_security_headers(path: str) -> None:
    async with served_pages() as pages:
        for lines in (pages.own, [f"Host: {pages.host}"], ["Host: evil.test"]):
            headers = (await pages.ask(path, lines=lines)).headers
            assert headers["content-security-policy"].startswith("default-src 'none'; ")
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cache-control"] == "no-store"


async def test_nothing_is_shown_to_another_host_or_without_token() -> None:
    async with served_pages(own=ROUTER) as pages:
        evil = ["Host: evil.test", pages.cookie]
        assert (await pages.ask("/page", lines=evil)).status == 403
        assert (await pages.ask("/static/web.css", lines=evil)).status == 403
        assert (await pages.ask("/page", lines=[f"Host: {pages.host}"])).status == 403
        assert (await pages.ask("/page")).status == 200


async def test_an_action_needs_method_token_and_origin() -> None:
    async with served_pages(own=ROUTER) as pages:
        host = f"Host: {pages.host}"
        assert (await acted(pages, *pages.own)).body == b"x"
        assert (await acted(pages, host, f"X-Lab-Token: {pages.token}")).status == 200
        for lines in (
            [host, "Sec-Fetch-Site: same-origin"],
            [host, pages.cookie],
            [host, pages.cookie, "Sec-Fetch-Site: cross-site"],
            [host, pages.cookie, "Origin: http://evil.test"],
        ):
            assert (await acted(pages, *lines)).status == 403, lines
        answer = await pages.ask("/act?a=x")
        assert (answer.status, answer.closes) == (405, True)


async def acted(pages: Pages, *lines: str) -> Answer:
    return await pages.ask("/act", method="POST", lines=lines, body=b"a=x")


async def test_a_form_that_cannot_be_read() -> None:
    kind = f"multipart/form-data; boundary={BOUNDARY.decode()}"
    async with served_pages(own=ROUTER) as pages:
        answer = await pages.ask("/act", method="POST", body=b"x", content_type=kind)
        assert answer.status == 400
        assert b"The form cannot be read" in answer.body


async def test_a_body_that_is_too_long_for_its_route() -> None:
    async with served_pages(own=ROUTER) as pages:
        lines = [*pages.own, "Expect: 100-continue"]
        client = await pages.connect()
        head = ["POST /act HTTP/1.1", *lines, "Content-Length: 300000"]
        await client.send("\r\n".join(head).encode() + b"\r\n\r\n")
        assert (await client.answer()).status == 413


async def test_head_has_no_content() -> None:
    async with served_pages() as pages:
        answer = await pages.ask("/learn", method="HEAD")
        assert (answer.status, answer.body) == (200, b"")
        assert int(answer.headers["content-length"]) > 0
