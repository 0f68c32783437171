"""The TODO application: its items, and ``/todo`` in JSON; a request in, an answer out.

Rules: ``task`` must be a string with more than white space in it,
and is kept as it was sent; ``done`` may be left out, and must be true or false. Other members are
ignored, as they say nothing here; a member that comes twice is refused, since parsers do not agree
on which of the two counts (RFC 8259 section 4). A body must be declared as ``application/json``;
parameters of that type mean nothing, and the text is UTF-8 always (RFC 8259 section 8.1).

This module must not know how bytes come and go, nor where items are kept.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from lab.http import log_entries
from lab.http.message import (
    RETRY_AFTER,
    RequestHead,
    Response,
    error_response,
    json_bytes,
)
from lab.tls.escape import escaped
from lab.todo.results import TodoItem
from lab.todo.store import StoreFull, StoreUnavailable, TodoStore
from lab.x509.client_identity import ClientIdentity

PATH = "/todo"
HOME = "/"
METHODS = ("GET", "HEAD", "OPTIONS", "POST")
_ALLOW = ((b"Allow", ", ".join(METHODS).encode()),)
ALLOWED = Response(status=204, headers=_ALLOW)
CREATING = "creating TODO"
EXAMPLE_OF_JSON = "with curl: -H 'Content-Type: application/json'"

# RFC 9110 section 15.5.2 wants a challenge with every 401. No registered scheme stands for a TLS
# client certificate; clients pass over a scheme that they do not know.
_CHALLENGE = ((b"WWW-Authenticate", b'ClientCertificate realm="mtls-lab"'),)


_LIST_END = b"\n  ]"
_SHOWN = 200  # characters of a client's text in the log

Policy = Callable[[ClientIdentity | None], Response | None]
"""Judges a client by its certificate alone, None being one without; None as the answer lets it in.

Else it returns 401 (who are you?) or 403 (not you).
"""


def anyone(client: ClientIdentity | None) -> Response | None:
    """Let in every client, as a server does that asks for no certificate."""
    return None


def certificate_required(client: ClientIdentity | None) -> Response | None:
    """Let in every client with a verified certificate."""
    if client is not None:
        return None
    return unauthenticated(
        "a client certificate is required, and none was presented in the TLS handshake"
    )


def unless_unknown(policy: Policy) -> Policy:
    """Return a policy that lets in whoever has shown no certificate, and judges all others.

    For a server that asks for the certificate at what needs one.
    """
    return lambda client: None if client is None else policy(client)


def unless_expired(policy: Policy, clock: Callable[[], float]) -> Policy:
    """Return a policy that refuses a certificate that has expired since it was verified.

    ``clock`` gives Unix time in seconds.
    """

    def judge(client: ClientIdentity | None) -> Response | None:
        if client is not None and clock() > client.not_after.timestamp():
            return _EXPIRED
        return policy(client)

    return judge


def unauthenticated(message: str, *, last: bool = False) -> Response:
    """Return a 401; with ``last``, the connection ends behind it."""
    return error_response(401, message, headers=_CHALLENGE, last=last)


_EXPIRED = unauthenticated(
    "the client certificate has expired since this TLS session was established; "
    "connect with a valid certificate and without session resumption",
    last=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTodo:
    """An item as a client asks to store it."""

    task: str
    done: bool


class InvalidTodo(ValueError):
    """A body that is no TODO item. ``field`` is the member at fault, or None for the whole."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class TodoApp:
    """Answers requests from a store, for clients that the policy lets in."""

    def __init__(self, *, store: TodoStore, policy: Policy) -> None:
        self._store = store
        self._policy = policy
        self._listed: tuple[TodoItem, ...] = ()
        self._listing = b"[]"

    def refuse(self, head: RequestHead) -> Response | None:
        """Refuse for the client (401, 403), path (404), method (405) or type of body (415)."""
        denial = self.denial(head.client)
        if denial is not None:
            return denial
        if head.path != PATH and not (head.path == "*" and head.method == "OPTIONS"):
            return error_response(404, f"not found; the paths here are {HOME} and {PATH}")
        refusal = refuse_method(head)
        if refusal is None and head.method == "POST":
            return refuse_content(head, "application/json", EXAMPLE_OF_JSON)
        return refusal

    def denial(self, client: ClientIdentity | None) -> Response | None:
        """Return why a client is not let in (401, 403), or None."""
        return self._policy(client)

    async def answer(self, head: RequestHead, body: bytes) -> Response:
        """Answer a request that was not refused: 200, 201, 204, 400, 503 or 507.

        400 is for an invalid item, 503 for a store that cannot serve now, 507 for one that is full.
        """
        if head.method == "OPTIONS":
            return ALLOWED
        name = head.client.common_name if head.client else None
        if head.method != "POST":
            return await self.serve(
                head.client, f"serving {PATH}", self.list_behind(b'"client": %s' % json_bytes(name))
            )
        return await self.serve(head.client, CREATING, self._create(name, body))

    async def serve(
        self, client: ClientIdentity | None, doing: str, answering: Awaitable[Response]
    ) -> Response:
        """Return the answer of ``answering``, 503 where the store fails; log who is served."""
        who = "ANONYMOUS" if client is None else "AUTHENTICATED"
        shown = log_entries.shown(client.common_name if client else None)
        log_entries.write(who, f"CN={shown!r}", doing, event=who.lower(), client=shown, doing=doing)
        try:
            return await answering
        except StoreUnavailable as error:
            # The reason is for the operator: it names paths.
            log_entries.write(
                "STORE UNAVAILABLE",
                f"CN={shown!r}",
                escaped(str(error)),
                level=logging.ERROR,
                event="store_unavailable",
                client=shown,
                reason=str(error),
            )
            return error_response(
                503,
                "the store is unavailable, and nothing was changed; the server log has the details",
                headers=(RETRY_AFTER,),
            )

    async def items(self) -> tuple[TodoItem, ...]:
        """Return all items by ascending id. Raises StoreUnavailable."""
        return await self._store.list()

    async def list_behind(self, members: bytes) -> Response:
        """Return a JSON object that begins with ``members``, the list as ``todos`` behind them.

        Raises StoreUnavailable.
        """
        items = await self._store.list()
        if items is not self._listed:
            self._list_anew(items)
        body = b'{\n  %s,\n  "todos": ' % members
        return Response(status=200, body=body, rest=(self._listing, b"\n}"))

    def _list_anew(self, items: tuple[TodoItem, ...]) -> None:
        """Make the JSON of ``items`` out of what there is of them: items never change."""
        known = len(self._listed)
        if not known or items[:known][-1:] != self._listed[-1:]:
            known = 0
        texts = (json_bytes(asdict(item)).replace(b"\n", b"\n    ") for item in items[known:])
        added = b",\n    ".join(texts)
        before = self._listing[: -len(_LIST_END)] + b",\n    " if known else b"[\n    "
        self._listed, self._listing = items, before + added + _LIST_END if items else b"[]"

    async def _create(self, name: str | None, body: bytes) -> Response:
        try:
            new = parse_todo(body)
        except InvalidTodo as error:
            return error_response(400, str(error), field=error.field)
        return await self.add(name, new)

    async def add(self, name: str | None, new: NewTodo) -> Response:
        """Keep an item for the client of this name: 201, or 507. Raises StoreUnavailable."""
        try:
            item = asdict(await self._store.add(task=new.task, done=new.done))
        except StoreFull as error:
            return error_response(507, str(error))
        _log_created(log_entries.shown(name), item)
        return Response(
            status=201,
            body=json_bytes({"client": name, "message": "TODO item created", "todo": item}),
        )


def _log_created(name: str | None, item: dict[str, Any]) -> None:
    """Tell that an item was kept; of a long task, the beginning is shown."""
    if len(item["task"]) > _SHOWN:
        item = {**item, "task": item["task"][:_SHOWN] + "…"}
    log_entries.write(
        "TODO CREATED",
        f"CN={name!r}",
        f"item={item!r}",
        event="todo_created",
        client=name,
        item=item,
    )


def parse_todo(body: bytes) -> NewTodo:
    """Return the item in the body of a POST; raise InvalidTodo."""
    try:
        value = _DECODER.decode(body.decode("utf-8-sig"))
    except InvalidTodo:
        raise
    except UnicodeDecodeError as error:
        raise InvalidTodo(f"the body is not UTF-8: {error.reason} at byte {error.start}") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise InvalidTodo(f"the body is not JSON: {error.msg} at {where}") from None
    except RecursionError:
        raise InvalidTodo("the body's JSON is nested too deeply") from None
    except ValueError:  # CPython's bound on the digits of an integer
        raise InvalidTodo("the body has a number with too many digits") from None
    if not isinstance(value, dict):
        raise InvalidTodo("the body must be a JSON object")
    return checked_todo(value.get("task"), value.get("done", False))


def checked_todo(task: object, done: object) -> NewTodo:
    """Return the item of these two values; raise InvalidTodo."""
    if not isinstance(task, str) or not task.strip():
        raise InvalidTodo("task must be a non-empty string", field="task")
    if not _is_text(task):
        raise InvalidTodo("task has half a surrogate pair, which is no character", field="task")
    if not isinstance(done, bool):
        raise InvalidTodo("done must be true or false", field="done")
    return NewTodo(task=task, done=done)


def _is_text(text: str) -> bool:
    """Return whether ``text`` can be written in UTF-8: half a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object of its members; raise InvalidTodo where a name comes twice."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidTodo("this member comes twice in the body's JSON", field=_repeated(pairs))
    return members


def _repeated(pairs: list[tuple[str, Any]]) -> str:
    """Return the first name that comes a second time, in characters that UTF-8 has."""
    names: set[str] = set()
    for name, _ in pairs:
        if name in names:
            # JSON's escapes can spell half a surrogate pair, which UTF-8 cannot.
            return name.encode("utf-8", "backslashreplace").decode()
        names.add(name)
    raise AssertionError("no name is repeated")


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidTodo(f"the body is not JSON: {name} is no JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=unique_members, parse_constant=_refuse_constant)


def refuse_method(head: RequestHead) -> Response | None:
    """Refuse a method that no path has."""
    if head.method in METHODS:
        return None
    message = f"{head.path} does not support {head.method}, only {', '.join(METHODS)}"
    return error_response(405, message, headers=_ALLOW)


def refuse_content(head: RequestHead, media_type: str, remedy: str) -> Response | None:
    """Refuse a POST for the declared type or coding of its body."""
    declared = head.headers.get(b"content-type", b"").decode("latin-1")
    if declared.partition(";")[0].strip().lower() != media_type:
        message = f"Content-Type must be {media_type}, not {declared or 'nothing'}; {remedy}"
        return error_response(415, message, field="Content-Type")
    if head.headers.get(b"content-encoding", b"identity").lower() != b"identity":
        message = "the body must come without Content-Encoding"
        return error_response(415, message, field="Content-Encoding")
    return None
