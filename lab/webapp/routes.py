"""All routes of lab.web: those of each section, and the first page."""

from __future__ import annotations

from lab.http.message import Response
from lab.show.html.environment import render
from lab.webapp.bring.bring_pages import bring_routes
from lab.webapp.learn.learn_routes import learn_routes
from lab.webapp.routing import PageRoute, Router
from lab.webapp.services import Services
from lab.webapp.watch.watch_pages import watch_routes
from lab.webapp.web_request import Request
from lab.webapp.web_responses import page


async def _home(_: Request) -> Response:
    return page("See mutual TLS", render("web_home.html"))


def router(services: Services) -> Router:
    """Return the router of all pages."""
    home = PageRoute(method="GET", path="/", handler=_home)
    sections = (learn_routes, watch_routes, bring_routes)
    return Router((home, *(route for section in sections for route in section(services))))
