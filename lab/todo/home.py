"""The home page of a connection: ``/`` in HTML for browsers, in JSON for others, and its form.

Rules: who is let in is decided by the application's policy, here as there. A form changes
something, and a browser presents its certificate for whatever site made it send one: so it must
come from a page of this server. ``/todo`` is passed on untouched.

This module must not know how a page looks, nor how bytes come and go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lab.http.message import RequestHead, Response, error_response, json_bytes
from lab.http.negotiation import prefers_html
from lab.http.same_origin import foreign_origin
from lab.todo.application import (
    ALLOWED,
    CREATING,
    HOME,
    PATH,
    InvalidTodo,
    TodoApp,
    refuse_content,
    refuse_method,
)
from lab.todo.form import MEDIA_TYPE, fields_of, todo_of
from lab.todo.results import CompletedHandshake, HomeView, PageRenderer, TodoItem
from lab.x509.certificates import describe
from lab.x509.client_identity import ClientIdentity

ICON = "/favicon.ico"
_NO_STORE = 503
_HTML = b"text/html; charset=utf-8"
_REMEDY = f"programs send JSON to {PATH}"
# Every browser asks for one, without being told that there is one.
_NO_ICON = Response(status=204, headers=((b"Cache-Control", b"max-age=86400"),))
_VARY = ((b"Vary", b"Accept"),)
_SECURITY = (
    *_VARY,
    (b"X-Content-Type-Options", b"nosniff"),
    # With "no-referrer" a browser would send "Origin: null" with our own form.
    (b"Referrer-Policy", b"same-origin"),
    (b"Cache-Control", b"no-store"),
)
_POLICY = b"Content-Security-Policy"
_NOTHING = ((_POLICY, b"default-src 'none'; frame-ancestors 'none'"),)


class HomeApp:
    """Answers the requests of one connection: those for ``/`` here, others by ``app``.

    ``handshake`` tells what is known of the connection's handshake, ``render`` makes the page;
    without it, browsers get JSON as well. ``max_body`` is what a form may have, in bytes. With
    ``on_demand``, a client without a certificate gets the page without the list.
    """

    __slots__ = ("_app", "_handshake", "_max_body", "_on_demand", "_render")

    def __init__(
        self,
        app: TodoApp,
        *,
        handshake: Callable[[], CompletedHandshake],
        render: PageRenderer | None,
        max_body: int,
        on_demand: bool = False,
    ) -> None:
        self._app = app
        self._handshake = handshake
        self._render = render
        self._max_body = max_body
        self._on_demand = on_demand

    def refuse(self, head: RequestHead) -> Response | None:
        """Refuse as the application does, and a form of another site (403) or too long (413)."""
        if head.path == PATH:
            return self._app.refuse(head)
        if head.path == ICON and head.method in ("GET", "HEAD"):
            return _NO_ICON
        refusal = self._refuse_home(head) if head.path == HOME else self._app.refuse(head)
        return None if refusal is None else self._shown(head, refusal)

    async def answer(self, head: RequestHead, body: bytes) -> Response:
        """Answer a request that was not refused; a form's by 303, to the page with the item."""
        if head.path != HOME:
            return await self._app.answer(head, body)
        if head.method == "OPTIONS":
            return ALLOWED
        if head.method == "POST":
            doing, answering = CREATING, self._create(head, body)
        else:
            doing, answering = f"serving {HOME}", self._list(head)
        response = await self._app.serve(head.client, doing, answering)
        return self._shown(head, response) if response.status == _NO_STORE else response

    def _refuse_home(self, head: RequestHead) -> Response | None:
        denial = self._app.denial(head.client) or refuse_method(head)
        if denial is not None or head.method != "POST":
            return denial
        if reason := foreign_origin(head.headers):
            message = f"the form was not sent by this page, and nothing was changed: {reason}"
            return error_response(403, f"{message}; {_REMEDY}")
        if int(head.headers.get(b"content-length", b"0")) > self._max_body:
            return error_response(413, f"the body is longer than {self._max_body} bytes")
        return refuse_content(head, MEDIA_TYPE, _REMEDY)

    async def _create(self, head: RequestHead, body: bytes) -> Response:
        fields: dict[str, str] = {}
        try:
            fields = fields_of(body)
            new = todo_of(fields)
        except InvalidTodo as error:
            response = error_response(400, str(error), field=error.field)
        else:
            name = head.client.common_name if head.client else None
            response = await self._app.add(name, new)
        if not response.problem:
            # The page is asked for anew: to load it again sends no form again.
            location = (b"Location", HOME.encode())
            return _secured(replace(response, status=303, headers=(location,)))
        items = await self._app.items() if self._wants_html(head) else ()
        return self._shown(head, response, items=items, task=fields.get("task", ""))

    async def _list(self, head: RequestHead) -> Response:
        hidden = self._on_demand and head.client is None
        if self._wants_html(head):
            items = None if hidden else await self._app.items()
            return self._page(head, Response(status=200), items=items)
        members = self._members(head.client)
        if hidden:
            return _secured(Response(status=200, body=b"{\n  %s\n}" % members))
        return _secured(await self._app.list_behind(members))

    def _wants_html(self, head: RequestHead) -> bool:
        return self._render is not None and prefers_html(head.headers.get(b"accept", b""))

    def _shown(
        self,
        head: RequestHead,
        error: Response,
        *,
        items: tuple[TodoItem, ...] | None = None,
        task: str = "",
    ) -> Response:
        """Return an error as this client reads it."""
        if not self._wants_html(head):
            return _secured(error)
        return self._page(head, error, items=items, task=task)

    def _page(
        self,
        head: RequestHead,
        response: Response,
        *,
        items: tuple[TodoItem, ...] | None,
        task: str = "",
    ) -> Response:
        """Return the page in place of the content of ``response``."""
        assert self._render is not None, "asked for by who wants HTML"
        view = HomeView(
            status=response.status,
            problem=response.problem,
            client=head.client,
            let_in=self._app.denial(head.client) is None,
            handshake=self._handshake(),
            items=items,
            task=task,
        )
        page = self._render(view)
        headers = (*response.headers, *_SECURITY, (_POLICY, page.policy))
        return replace(response, body=page.content, media_type=_HTML, headers=headers)

    def _members(self, client: ClientIdentity | None) -> bytes:
        """Return who the client is and its handshake, as members of a JSON object."""
        handshake = self._handshake()
        members = {
            "client": None if client is None else _client_json(client),
            "handshake": {
                "version": handshake.version,
                "cipher_suite": handshake.cipher_suite,
                "resumed": handshake.resumed,
                "certificate": handshake.check.value,
                "revocation_checked": handshake.revocation_checked,
            },
        }
        return json_bytes(members)[1:-1].strip()


def _secured(response: Response) -> Response:
    return replace(response, headers=(*response.headers, *_SECURITY, *_NOTHING))


def _client_json(client: ClientIdentity) -> dict[str, object]:
    about = describe(client.certificate)
    begin = about.not_valid_before
    return {
        "common_name": client.common_name,
        "subject": client.subject,
        "subject_alt_names": client.alternative_names,
        "issuer": about.issuer,
        "serial": f"{client.serial:x}",
        "not_before": begin.isoformat() if begin else None,
        "not_after": client.not_after.isoformat(),
    }
