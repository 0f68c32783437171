"""The home page of the mTLS server: who it takes a client for, the handshake, the list, the way in.

Rules: the page needs no script, and may run, load and frame nothing: its policy names the hash of
its one style sheet. How much it shows of what a client chose is bounded.

This module must not know who is let in.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from datetime import datetime

from markupsafe import Markup

from lab.show.html.environment import render, static_text
from lab.show.text.peer_text import shortened
from lab.tls.escape import escaped, printable
from lab.todo.results import CertificateCheck, CompletedHandshake, HomeView, HtmlPage, TodoItem
from lab.x509.certificates import describe
from lab.x509.client_identity import ClientIdentity

MOST_ITEMS = 100
MOST_NAMES = 20
_TASK = 500  # characters of an item
_READ = 601  # characters of a name or a message: one more than is shown
_STYLES = ("lab.css", "home.css")
_VERSIONS = {"TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}
_WITHOUT = (CertificateCheck.NOT_PRESENTED, CertificateCheck.NOT_IN_SESSION)
_LATER = (CertificateCheck.NOT_YET_REQUESTED, CertificateCheck.DECLINED_LATER)
_JUDGED = (CertificateCheck.VERIFIED, CertificateCheck.VERIFIED_LATER)
_BUSY = 503
_HEADINGS = {
    400: "The item was not added",
    403: "The form was not accepted",
    404: "There is no such page",
    405: "This is not supported",
    413: "The item was not added",
    415: "The item was not added",
    503: "The server cannot do this now",
    507: "The item was not added",
}


def home_page(view: HomeView) -> HtmlPage:
    """Return the page, whole."""
    style = _style()
    text = render(
        "home.html",
        view=view,
        heading=_heading(view),
        problem=shortened(printable(view.problem[:_READ])),
        identity=_identity(view.client) if view.client else (),
        handshake=_handshake(view.handshake),
        asks_later=view.client is None and view.handshake.check in _LATER,
        needs_certificate=view.client is None and view.handshake.check in _WITHOUT,
        items=[_item(item) for item in reversed((view.items or ())[-MOST_ITEMS:])],
        style=style,
    )
    return HtmlPage(content=text.encode("utf-8", "replace"), policy=_policy(style))


@functools.cache
def _style() -> Markup:
    """Return the text of the style sheets, which are ours and hold no ``<``."""
    return Markup("").join(Markup(static_text(name)) for name in _STYLES)


@functools.cache
def _policy(style: Markup) -> bytes:
    """Return the policy of a page with this style sheet (CSP Level 3 section 2.3.1)."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ).encode("ascii")


def _heading(view: HomeView) -> str:
    if not view.let_in and view.status != _BUSY:
        return "You are not let in"
    if view.status in _HEADINGS:
        return _HEADINGS[view.status]
    if view.client is None and view.handshake.check in _LATER:
        return "You are anonymous: this server requests a client certificate at /todo"
    if view.client is None:
        return "You are anonymous: this server requests no client certificate"
    name = view.client.common_name
    if name is None:
        return "You are known by a certificate without a commonName"
    return f"You are {_shown(name)}"


def _identity(client: ClientIdentity) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return what the certificate says, as terms with their texts."""
    about = describe(client.certificate)
    names = client.alternative_names
    shown = tuple(map(_shown, names[:MOST_NAMES]))
    if len(names) > MOST_NAMES:
        shown = (*shown, f"and {len(names) - MOST_NAMES} more")
    name = client.common_name
    return (
        ("Common name", ("none" if name is None else _shown(name),)),
        ("Subject", (_shown_name(client.subject) or "empty",)),
        ("Alternative names", shown or ("none",)),
        ("Issuer", (_shown_name(about.issuer) or "empty",)),
        ("Serial number", (f"{client.serial:x}",)),
        ("Valid from", (_moment(about.not_valid_before),)),
        ("Valid until", (_moment(client.not_after),)),
    )


def _handshake(handshake: CompletedHandshake) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return what is known of the handshake, as terms with their texts."""
    session = "an earlier session was resumed" if handshake.resumed else "new: a full handshake"
    facts = [
        ("Version", (_VERSIONS.get(handshake.version, handshake.version),)),
        ("Cipher suite", (handshake.cipher_suite,)),
        ("Session", (session,)),
        ("Your certificate", (handshake.check.value,)),
    ]
    if handshake.check in _JUDGED:
        lists = (
            "checked against the server's lists" if handshake.revocation_checked else "not checked"
        )
        facts.append(("Revocation", (lists,)))
    return tuple(facts)


def _item(item: TodoItem) -> tuple[int, str, bool, int]:
    """Return an item's number, the beginning of its text, whether it is done, what is left out."""
    return item.id, printable(item.task[:_TASK]), item.done, max(0, len(item.task) - _TASK)


def _shown(name: str) -> str:
    return shortened(escaped(name[:_READ]))


def _shown_name(name: str) -> str:
    """Return a name in the form of RFC 4514, whose backslashes are escaped in it already."""
    return shortened(printable(name[:_READ]))


def _moment(moment: datetime | None) -> str:
    return "cannot be read" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
