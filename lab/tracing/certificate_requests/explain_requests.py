"""Explain the requests of a source: what each asks for, and what each kind of client would do.

Rules: requests that are alike are told once. What is kept of a source is bounded, however many
connections it has.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from lab.diagnosis.causes.later_clients import LATER_CLIENTS
from lab.diagnosis.certificate_selection.results import CertificateAtHand
from lab.diagnosis.certificate_selection.select import select
from lab.tls.code_points import ProtocolVersion
from lab.tls.messages import CertificateRequest
from lab.tracing.certificate_requests.request_terms import fit_of, terms_of
from lab.tracing.certificate_requests.results import (
    AskedConnection,
    ClientAnswer,
    ExplainedRequest,
    NoRequest,
    RequestReport,
    RequestTime,
    UnaskedConnections,
)

MOST_REQUESTS = 20
"""How many requests that differ are explained, and how many reasons for none are told."""
MOST_NUMBERS = 5


@dataclass(slots=True, kw_only=True)
class _Connections:
    """Connections that are alike: when the first began, the numbers of some, what clients did."""

    began: datetime
    numbers: list[int] = field(default_factory=list)
    connections: int = 0
    answers: Counter[ClientAnswer] = field(default_factory=Counter)

    def count(self, connection: AskedConnection, answers: Sequence[ClientAnswer] = ()) -> None:
        """Count one more."""
        if connection.number is not None and len(self.numbers) < MOST_NUMBERS:
            self.numbers.append(connection.number)
        self.connections += 1
        self.answers.update(answers)


K = TypeVar("K")
_RequestKey = tuple[str, ProtocolVersion, RequestTime, CertificateRequest]
_LackKey = tuple[str, ProtocolVersion | None, NoRequest, str]


def explain_requests(
    source: str,
    connections: Iterable[AskedConnection],
    at_hand: Sequence[CertificateAtHand],
    *,
    dialled: bool = False,
) -> RequestReport:
    """Return what is to be said of the connections of ``source``.

    Dates of certificates are judged by the time of the first connection that has the request.
    """
    asked: dict[_RequestKey, _Connections] = {}
    unasked: dict[_LackKey, _Connections] = {}
    left_out = 0
    for connection in connections:
        left_out += not _sort(connection, asked, unasked)
    comes_later = any(time is not RequestTime.IN_HANDSHAKE for _, _, time, _ in asked)
    return RequestReport(
        source=source,
        dialled=dialled,
        certificates=tuple(at_hand),
        requests=tuple(_explained(key, group, at_hand) for key, group in asked.items()),
        unasked=tuple(
            UnaskedConnections(
                server=server,
                version=version,
                lack=lack,
                detail=detail,
                numbers=tuple(group.numbers),
                connections=group.connections,
            )
            for (server, version, lack, detail), group in unasked.items()
        ),
        left_out=left_out,
        later_clients=LATER_CLIENTS if comes_later else (),
    )


def _sort(
    connection: AskedConnection,
    asked: dict[_RequestKey, _Connections],
    unasked: dict[_LackKey, _Connections],
) -> bool:
    """Put a connection to those that are like it; return whether there was room for it."""
    if connection.lack is not None:
        lack = (connection.server, connection.version, connection.lack, connection.detail)
        group = _group(unasked, lack, connection)
        if group is not None:
            group.count(connection)
        return group is not None
    answers: dict[_RequestKey, list[ClientAnswer]] = {}
    for seen in connection.requests:
        # The context is made anew for each request after a handshake (RFC 9846 section 4.4.2).
        request = dataclasses.replace(seen.request, certificate_request_context=b"")
        version = connection.version or _version_of(request)
        key = (connection.server, version, seen.time, request)
        answers.setdefault(key, []).append(seen.answer)
    found = [_group(asked, key, connection) for key in answers]
    for group, answered in zip(found, answers.values(), strict=True):
        if group is not None:
            group.count(connection, answered)
    return None not in found


def _version_of(request: CertificateRequest) -> ProtocolVersion:
    """Return the version of a request whose ServerHello was not seen: one has extensions."""
    return ProtocolVersion.TLS_1_3 if request.extensions else ProtocolVersion.TLS_1_2


def _group(
    groups: dict[K, _Connections], key: K, connection: AskedConnection
) -> _Connections | None:
    """Return the group of a key, new where there is none; None: there are too many."""
    if key not in groups and len(groups) >= MOST_REQUESTS:
        return None
    return groups.setdefault(key, _Connections(began=connection.began))


def _explained(
    key: _RequestKey, group: _Connections, at_hand: Sequence[CertificateAtHand]
) -> ExplainedRequest:
    server, version, time, request = key
    terms = terms_of(request, version)
    # The drafts of TLS 1.3 ask as it does.
    judged = min(version, ProtocolVersion.TLS_1_3)
    # The rules were measured in handshakes.
    told = at_hand and time is RequestTime.IN_HANDSHAKE
    selections = select(request, judged, at_hand, now=group.began) if told else ()
    return ExplainedRequest(
        server=server,
        version=version,
        time=time,
        request=request,
        numbers=tuple(group.numbers),
        connections=group.connections,
        answers=tuple(group.answers.most_common()),
        terms=terms,
        fits=tuple(fit_of(certificate, request, terms) for certificate in at_hand),
        selections=selections,
    )
