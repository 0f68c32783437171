"""The templates of pages: Jinja2 with autoescape, so that no text of a peer's becomes markup.

This module must not know what any template shows.
"""

from __future__ import annotations

import functools
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@functools.cache
def environment() -> Environment:
    """Return the environment of all templates; a name that a template lacks is an error."""
    return Environment(
        loader=PackageLoader("lab.show.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: object) -> Markup:
    """Return what ``template``, a file of ``lab/show/html/templates``, makes of ``values``.

    Each value that is no ``Markup`` is escaped.
    """
    return Markup(environment().get_template(template).render(**values))


@functools.cache
def static_text(name: str) -> str:
    """Return the text of a file of ``lab/show/html/static``, such as "lab.css"."""
    path = resources.files("lab.show.html").joinpath("static").joinpath(name)
    return path.read_text(encoding="utf-8")
