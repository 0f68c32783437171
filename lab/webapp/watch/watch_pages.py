"""The pages of Watch."""

from __future__ import annotations

from lab.http.message import Response
from lab.show.html.environment import render
from lab.webapp.routing import Route
from lab.webapp.services import Services
from lab.webapp.web_request import Request
from lab.webapp.web_responses import page


def watch_routes(services: Services) -> tuple[Route, ...]:
    """Return the routes of this section; ``services`` are what its pages use."""

    async def watch(_: Request) -> Response:
        return page("Watch", render("web_watch.html"), section="watch")

    return (Route(method="GET", path="/watch", handler=watch),)
