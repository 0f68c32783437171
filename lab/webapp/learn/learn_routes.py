"""The routes of Learn."""

from __future__ import annotations

from lab.http.message import Response
from lab.show.html.environment import render
from lab.webapp.routing import Route
from lab.webapp.services import Services
from lab.webapp.web_request import Request
from lab.webapp.web_responses import page


def learn_routes(services: Services) -> tuple[Route, ...]:
    """Return the routes of this section; ``services`` are what its pages use."""

    async def catalogue(_: Request) -> Response:
        return page("Learn", render("learn_catalogue.html"), section="learn")

    return (Route(method="GET", path="/learn", handler=catalogue),)
