"""What answers the browser: first the rules of access, then the handler of the route.

This module must not know any page.
"""

from __future__ import annotations

from lab.http.message import RequestHead, Response
from lab.webapp.access import Access
from lab.webapp.jobs import TooManyJobs
from lab.webapp.multipart import FormError
from lab.webapp.routing import PageRoute, Router
from lab.webapp.web_request import request_of
from lab.webapp.web_responses import error_page, secured, see_other, static_file

_STATIC = "/static/"
_NO_TOKEN = (
    "This page belongs to a lab that runs on this machine. Open the address that python -m lab.web "
    "has printed: the token in it lets you in."
)
_ELSEWHERE = "This was asked for by a page that is not the lab's own; nothing was done."


class WebApplication:
    """Answers requests by ``router`` where ``access`` lets them pass; an ``App`` of ``lab.http``.

    The token in the address of the first request becomes a cookie, and the address is cleaned.
    """

    def __init__(self, access: Access, router: Router) -> None:
        self._access = access
        self._router = router

    def refuse(self, head: RequestHead) -> Response | None:
        """Refuse what must not be answered, before its body is read."""
        response = self._refusal(head)
        return None if response is None else secured(response)

    def _refusal(self, head: RequestHead) -> Response | None:
        access = self._access
        if not access.names_this_server(head):
            message = "The Host field must name this server: 127.0.0.1 or localhost, and its port."
            return error_page(403, message, last=True)
        if access.is_loaded_elsewhere(head):
            return error_page(403, _ELSEWHERE, last=True)
        is_action = access.is_action(head)
        if not is_action and (head.path.startswith(_STATIC) or self._brings_token(head)):
            return None
        if not access.has_token(head):
            return error_page(403, _NO_TOKEN, last=is_action)
        if is_action and not access.may_act(head):
            return error_page(403, _ELSEWHERE, last=True)
        return self._unroutable(head)

    def _unroutable(self, head: RequestHead) -> Response | None:
        found = self._router.find(head.method, head.path)
        if found is not None:
            length = int(head.headers.get(b"content-length", b"0"))
            return None if length <= found[0].max_body else _too_long(found[0])
        methods = self._router.methods(head.path)
        if methods:
            allow = ", ".join(methods)
            return error_page(405, f"{head.path} can be asked for by {allow}.", last=True)
        return error_page(404, f"There is no page {head.path}.")

    def _brings_token(self, head: RequestHead) -> bool:
        return head.path == "/" and self._access.has_token_in_address(head)

    async def answer(self, head: RequestHead, body: bytes) -> Response:
        """Answer a request that ``refuse`` let pass."""
        return secured(await self._answer(head, body))

    async def _answer(self, head: RequestHead, body: bytes) -> Response:
        if head.path.startswith(_STATIC):
            file = static_file(head.path.removeprefix(_STATIC))
            return file or error_page(404, f"There is no file {head.path}.")
        if self._brings_token(head):
            clean = see_other("/")
            return Response(
                status=clean.status,
                media_type=clean.media_type,
                headers=(*clean.headers, self._access.cookie),
            )
        found = self._router.find(head.method, head.path)
        assert found is not None, "refuse() has looked it up"
        route, parameters = found
        if len(body) > route.max_body:  # it came in chunks, and said no length before
            return _too_long(route)
        try:
            return await route.handler(request_of(head, body, parameters))
        except FormError as error:
            return error_page(400, f"The form cannot be read: {error}.")
        except TooManyJobs as error:
            return error_page(503, f"{error}.")


def _too_long(route: PageRoute) -> Response:
    return error_page(413, f"More than {route.max_body:,} bytes.", last=True)
