"""The pages of Watch: the table of connections, each connection, and what makes some connect."""

from __future__ import annotations

from datetime import datetime, timezone

from markupsafe import Markup

from lab.api import LabError
from lab.http.message import Response
from lab.pki.errors import PkiError
from lab.show.html.environment import render
from lab.show.html.page import DECRYPTED
from lab.show.html.trace_view import shows_decrypted, traces_view
from lab.stream.contexts import TlsVersion
from lab.tracing.results import Trace
from lab.tracing.tap.tap_listener import CannotTap
from lab.tracing.target import TargetError, parse_target
from lab.webapp.routing import PageRoute
from lab.webapp.services import Services
from lab.webapp.watch import lab_clients
from lab.webapp.watch.connection_list import MOST, MOST_REFUSED
from lab.webapp.watch.watched_row import WatchedRow, as_json
from lab.webapp.web_request import Request
from lab.webapp.web_responses import error_page, fragment, page, see_other

_SECTION = "watch"
_EVENTS = b"text/event-stream; charset=utf-8"
_VERSIONS = tuple(version.value for version in TlsVersion)


def watch_routes(services: Services) -> tuple[PageRoute, ...]:
    """Return the routes of this section; ``services`` are what its pages use."""
    pages = _WatchPages(services)
    return (
        PageRoute(method="GET", path="/watch", handler=pages.table),
        PageRoute(method="GET", path="/watch/events", handler=pages.events),
        PageRoute(method="GET", path="/watch/connections/{number}", handler=pages.connection),
        PageRoute(method="GET", path="/watch/connections/{number}/view", handler=pages.view),
        PageRoute(method="POST", path="/watch/connect", handler=pages.connect),
        PageRoute(method="POST", path="/watch/taps", handler=pages.start_tap),
        PageRoute(method="POST", path="/watch/taps/{number}/stop", handler=pages.stop_tap),
    )


class _WatchPages:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def table(self, _: Request) -> Response:
        services = self._services
        server = services.server
        changes = services.connections.changes(0, 0)
        body = render(
            "web_watch.html",
            server=server,
            clients=lab_clients.clients_of(server) if server else (),
            commands=lab_clients.commands(server) if server else (),
            versions=_VERSIONS,
            taps=sorted(services.taps.running.items()),
            rows=[{**as_json(row), "began_at": _clock(row)} for row in reversed(changes.rows)],
            counts=changes.counts,
            total=changes.total,
            most=MOST,
            most_refused=MOST_REFUSED,
        )
        return page("Watch", body, section=_SECTION)

    async def events(self, request: Request) -> Response:
        last = request.headers.get(b"last-event-id", b"").decode("latin-1")
        return Response(status=200, media_type=_EVENTS, stream=self._services.streams.open(last))

    async def connection(self, request: Request) -> Response:
        found = await self._view(request)
        if found is None:
            return error_page(404, "This connection is not kept any more.", section=_SECTION)
        row, body, warning = found
        view = render("web_connection.html", row=as_json(row), body=body)
        return page(f"Connection {row.number}", view, section=_SECTION, warning=warning)

    async def view(self, request: Request) -> Response:
        found = await self._view(request)
        if found is None:
            return error_page(404, "This connection is not kept any more.", section=_SECTION)
        _, body, warning = found
        return fragment(render("web_view.html", body=body, warning=warning))

    async def _view(self, request: Request) -> tuple[WatchedRow, Markup, str] | None:
        """Return a connection's row, its view, and what is to be said above that."""
        number = request.parameters["number"]
        known = number.isdecimal() and len(number) < 12
        connection = self._services.connections.find(int(number)) if known else None
        if connection is None:
            return None
        row, snapshot = connection.row(), connection.snapshot()

        def view() -> tuple[Markup, str]:
            trace: Trace | None = snapshot()
            if trace is None:
                return Markup(""), ""
            return traces_view([trace]), DECRYPTED if shows_decrypted([trace]) else ""

        return row, *await self._services.jobs.in_thread(view)

    async def connect(self, request: Request) -> Response:
        server, form = self._services.server, request.form
        name, version = form.text("client"), form.text("version") or _VERSIONS[-1]
        if server is None or version not in _VERSIONS:
            return error_page(400, "There is no such client.", section=_SECTION)
        try:
            await self._services.jobs.compute(lab_clients.connect, server, name, version)
        except (LabError, PkiError) as error:
            reason = str(error).rstrip(".")
            return error_page(400, f"The client could not connect: {reason}.", section=_SECTION)
        return see_other("/watch")

    async def start_tap(self, request: Request) -> Response:
        try:
            target = parse_target(request.form.text("target"))
            await self._services.taps.start(target)
        except (TargetError, CannotTap) as error:
            return error_page(400, f"{error}.", section=_SECTION)
        return see_other("/watch")

    async def stop_tap(self, request: Request) -> Response:
        number = request.parameters["number"]
        if number.isdecimal() and len(number) < 12:
            await self._services.taps.stop(int(number))
        return see_other("/watch")


def _clock(row: WatchedRow) -> str:
    """Return when it began, for pages without script; a script says it in the local time."""
    return datetime.fromtimestamp(row.began / 1000, timezone.utc).strftime("%H:%M:%S UTC")
