"""What the application hands on: its items, and what the home page is to show."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from lab.x509.client_identity import ClientIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class TodoItem:
    """One item. ``id`` is unique in its store and at least 1."""

    id: int
    task: str
    done: bool


class CertificateCheck(enum.Enum):
    """What a server knows of the client's certificate on a connection."""

    VERIFIED = "presented, and verified in this handshake"
    VERIFIED_BEFORE = (
        "not presented again: it is part of the session that was resumed, and was verified in the "
        "handshake that established it"
    )
    NOT_PRESENTED = "requested in this handshake, and none was presented"
    NOT_IN_SESSION = "not requested again: the session that was resumed was established without one"
    NOT_REQUESTED = "not requested by this server"
    NOT_YET_REQUESTED = "not requested in the handshake: this server asks for one at /todo"
    VERIFIED_LATER = "requested after the handshake, presented, and verified"
    DECLINED_LATER = "requested after the handshake, and none was presented"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedHandshake:
    """What a server knows of the handshake of a connection.

    ``version`` and ``cipher_suite`` have OpenSSL's names, ``TLSv1.3`` and
    ``TLS_AES_256_GCM_SHA384``; ``resumed`` tells that it took up an earlier session.
    ``revocation_checked`` tells that revocation lists were loaded for it.
    """

    version: str
    cipher_suite: str
    resumed: bool
    check: CertificateCheck
    revocation_checked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeView:
    """What the home page is to show.

    ``status`` is that of HTTP, ``problem`` the message of an error, "" for none. ``client`` is
    None for one without a certificate, or with one that cannot be read; ``let_in`` tells whether
    it may read the list. ``items`` is None where it may not, or they are not to be had. ``task`` is
    the text of an item that was not accepted. All text is as it came: whoever shows it escapes it.
    """

    status: int
    problem: str
    client: ClientIdentity | None
    let_in: bool
    handshake: CompletedHandshake
    items: tuple[TodoItem, ...] | None
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HtmlPage:
    """A page in UTF-8, and the Content-Security-Policy to send with it."""

    content: bytes
    policy: bytes


PageRenderer = Callable[[HomeView], HtmlPage]
"""Makes the home page."""
