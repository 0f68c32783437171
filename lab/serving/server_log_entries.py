"""What the server process says in its log: certificates, sockets, and bugs outside of requests.

This module must not know who writes these entries, nor where they go.
"""

from __future__ import annotations

import logging
from datetime import datetime

from lab.http.log_entries import INTERNAL_ERROR, Entry
from lab.tls.escape import escaped


def certificates_in_use(
    *,
    subject: str,
    serial: int,
    not_after: datetime,
    authorities: int,
    lists: tuple[int, datetime | None] | None,
    uncovered: tuple[str, ...],
) -> Entry:
    """What new connections use from now on: the server's certificate, its CAs, its lists.

    ``lists`` is how many are revoked and the nextUpdate (None: the lists have none), or None where
    revocation is not checked. ``uncovered`` names CAs without a current list, whose clients are
    rejected.
    """
    revocation = "revocation not checked"
    if lists is not None:
        count, until = lists
        end = f"until {_moment(until)}" if until else "no nextUpdate"
        revocation = f"CRL: {count} revoked, {end}"
    return Entry(
        level=logging.WARNING if uncovered else logging.INFO,
        parts=(
            "CERTIFICATES",
            f"in use: subject={escaped(subject)!r} serial={serial:#x} until {_moment(not_after)}",
            f"{authorities} trusted CA{'s'[: authorities != 1]}",
            revocation,
            *(f"no current CRL of {escaped(name)!r}: rejecting its clients" for name in uncovered),
        ),
        fields={
            "event": "certificates",
            "subject": subject,
            "serial": f"{serial:#x}",
            "not_after": not_after.isoformat(),
            "authorities": authorities,
            "revoked": lists[0] if lists else None,
            "next_update": lists[1].isoformat() if lists and lists[1] else None,
            "uncovered": list(uncovered),
        },
    )


def certificates_kept(*, reason: str) -> Entry:
    """Changed files cannot be used. ``reason`` says what is wrong, and what to do."""
    return Entry(
        level=logging.ERROR,
        parts=("CERTIFICATES", f"keeping the current certificates: {reason}"),
        fields={"event": "certificates_kept", "reason": reason},
    )


def revocation_expired(*, path: str, until: datetime) -> Entry:
    """A revocation list in use has expired, and so its CA's clients are rejected."""
    return Entry(
        level=logging.ERROR,
        parts=(
            "CERTIFICATES",
            f"a CRL expired at {_moment(until)}: rejecting the clients of its CA; "
            f"put a current one into {path}",
        ),
        fields={"event": "revocation_expired", "path": path, "until": until.isoformat()},
    )


def not_accepting(*, reason: str) -> Entry:
    """The system gives no more sockets. ``reason`` is its own wording."""
    return Entry(
        level=logging.ERROR,
        parts=(
            "NOT ACCEPTING",
            reason,
            "new connections wait until others are closed; "
            "raise the limit (ulimit -n) or lower --max-connections",
        ),
        fields={"event": "not_accepting", "reason": reason},
    )


def monitor_full(*, most: int) -> Entry:
    """The monitor has ``most`` connections, and one more came."""
    return Entry(
        level=logging.WARNING,
        parts=(
            "MONITOR FULL",
            f"{most} connections are open",
            "closing the new one",
        ),
        fields={"event": "monitor_full", "most": most},
    )


def lines_dropped(*, count: int, reason: str) -> Entry:
    """``count`` lines before this one are not in the log; ``reason`` is our own text."""
    return Entry(
        level=logging.WARNING,
        parts=("LOG", f"{count} line{'s'[: count != 1]} dropped: {reason}"),
        fields={"event": "lines_dropped", "count": count, "reason": reason},
    )


def connection_failed(*, peer: str) -> Entry:
    """A connection met a bug outside of any request. Written with the error's traceback."""
    return Entry(
        level=logging.ERROR,
        parts=(INTERNAL_ERROR, f"peer={escaped(peer)}", "closing the connection"),
        fields={"event": "internal_error", "peer": peer},
    )


def task_failed(*, what: str) -> Entry:
    """A bug outside of any connection. ``what`` says where, in our words or the event loop's."""
    return Entry(
        level=logging.ERROR,
        parts=(INTERNAL_ERROR, what),
        fields={"event": "internal_error", "what": what},
    )


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
