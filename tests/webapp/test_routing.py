"""Which handler answers: methods, paths, and the parts of a path that are parameters."""

from __future__ import annotations

from lab.http.message import Response
from lab.webapp.routing import PageRoute, Router
from lab.webapp.web_request import Request


async def handler(request: Request) -> Response:
    raise NotImplementedError


ONE = PageRoute(method="GET", path="/learn/{name}/run", handler=handler)
OTHER = PageRoute(method="POST", path="/learn/{name}/run", handler=handler)
ROUTER = Router([ONE, OTHER])


def test_a_part_of_a_path_is_a_parameter() -> None:
    assert ROUTER.find("GET", "/learn/a%2Fb/run") == (ONE, {"name": "a/b"})
    assert ROUTER.find("POST", "/learn/x/run") == (OTHER, {"name": "x"})


def test_head_is_answered_as_get_is() -> None:
    assert ROUTER.find("HEAD", "/learn/x/run") == (ONE, {"name": "x"})


def test_what_has_no_route() -> None:
    assert ROUTER.find("PUT", "/learn/x/run") is None
    assert ROUTER.find("GET", "/learn/x/run/") is None
    assert ROUTER.methods("/learn/x/run") == ("GET", "HEAD", "POST")
    assert ROUTER.methods("/") == ()
