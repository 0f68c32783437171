"""The pages of Bring your own."""

from __future__ import annotations

from lab.http.message import Response
from lab.show.html.environment import render
from lab.webapp.routing import Route
from lab.webapp.services import Services
from lab.webapp.web_request import Request
from lab.webapp.web_responses import page


def bring_routes(services: Services) -> tuple[Route, ...]:
    """Return the routes of this section; ``services`` are what its pages use."""

    async def bring(_: Request) -> Response:
        return page("Bring your own", render("web_bring.html"), section="bring")

    return (Route(method="GET", path="/bring", handler=bring),)
