"""Which handler answers which request: routes by method and path."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from lab.webapp.web_request import Handler

SMALL = 256 * 1024
"""Bytes of a form without large files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRoute:
    """``handler`` answers ``method`` at ``path``, such as "/learn/run/{name}".

    A part in braces stands for any one part of a path, and is a parameter of the request.
    ``max_body`` is in bytes.
    """

    method: str
    path: str
    handler: Handler
    max_body: int = SMALL

    def parameters(self, path: str) -> dict[str, str] | None:
        """Return the parameters in a path, percent-decoded; None: it is none of this route."""
        own, given = self.path.split("/"), path.split("/")
        if len(own) != len(given):
            return None
        found = {}
        for name, part in zip(own, given, strict=True):
            if name.startswith("{"):
                found[name.strip("{}")] = unquote(part)
            elif name != part:
                return None
        return found


class Router:
    """Finds the route of a request. HEAD is answered as GET is."""

    def __init__(self, routes: Iterable[PageRoute]) -> None:
        self._routes = tuple(routes)

    def find(self, method: str, path: str) -> tuple[PageRoute, dict[str, str]] | None:
        """Return the route and its parameters, None where there is none."""
        wanted = "GET" if method == "HEAD" else method
        for route in self._routes:
            if route.method == wanted:
                parameters = route.parameters(path)
                if parameters is not None:
                    return route, parameters
        return None

    def methods(self, path: str) -> tuple[str, ...]:
        """Return the methods that a path has; none: there is no such path."""
        found = [route.method for route in self._routes if route.parameters(path) is not None]
        return tuple(sorted({*found, *(["HEAD"] if "GET" in found else [])}))
