"""Access: policies that let a client in, or not, by the names of its certificate.

Rules: a policy judges the identity alone and knows neither request nor route.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.x509.client_identity import ClientIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """Why a client is not let in. ``status`` is 401 (who are you?) or 403 (not you)."""

    status: int
    message: str


Policy = Callable[[ClientIdentity | None], Denial | None]
"""Judges a client, None being one without a certificate; None as the answer lets it in."""


def certificate_required(client: ClientIdentity | None) -> Denial | None:
    """Let in every client with a verified certificate."""
    if client is None:
        return Denial(
            status=401,
            message="a client certificate is required, and none was presented in the TLS handshake",
        )
    return None


def anyone(client: ClientIdentity | None) -> Denial | None:
    """Let in every client, as a server does that asks for no certificate."""
    return None
