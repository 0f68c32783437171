"""The answers that handlers give: pages in the one layout, redirects, errors."""

from __future__ import annotations

from dataclasses import replace

from markupsafe import Markup

from lab.http.message import Response
from lab.show.html.environment import render, static_text
from lab.webapp.access import SECURITY_HEADERS

HTML = b"text/html; charset=utf-8"
_STATIC = {
    "lab.css": b"text/css; charset=utf-8",
    "lab.js": b"text/javascript; charset=utf-8",
    "learn.css": b"text/css; charset=utf-8",
    "web.css": b"text/css; charset=utf-8",
    "web.js": b"text/javascript; charset=utf-8",
}


def page(
    title: str, body: Markup, *, section: str = "", status: int = 200, warning: str = ""
) -> Response:
    """Return a page in the layout: its heading is ``title``, its main part ``body``.

    ``section`` is the one of the navigation that it belongs to: learn, watch or bring. ``warning``
    is shown above it where the page holds what not everybody may read.
    """
    text = render("web_layout.html", title=title, body=body, section=section, warning=warning)
    return Response(status=status, body=text.encode("utf-8", "replace"), media_type=HTML)


def fragment(body: Markup) -> Response:
    """Return a part of a page, for a script that puts it into one."""
    return Response(status=200, body=body.encode("utf-8", "replace"), media_type=HTML)


def see_other(path: str) -> Response:
    """Send the browser to another page of ours, by GET (RFC 9110 section 15.4.4)."""
    headers = ((b"Location", path.encode("ascii")),)
    return Response(status=303, media_type=HTML, headers=headers)


def error_page(status: int, message: str, *, section: str = "", last: bool = False) -> Response:
    """Return a page that says what is wrong and what to do."""
    body = render("web_error.html", message=message, section=section)
    return replace(page("This did not work", body, section=section, status=status), last=last)


def static_file(name: str) -> Response | None:
    """Return a style sheet or a script, None where there is none of this name."""
    media_type = _STATIC.get(name)
    if media_type is None:
        return None
    return Response(status=200, body=static_text(name).encode(), media_type=media_type)


def secured(response: Response) -> Response:
    """Return an answer with the headers that all have."""
    return replace(response, headers=(*response.headers, *SECURITY_HEADERS))
