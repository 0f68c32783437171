"""Verdicts: what a client made of a server, by its connections and by its exit code.

Rules: what it sent weighs more than how it ended: a request that was sent to a server has accepted
it, whatever the exit code; and where one of several connections accepted, the client did. Evidence
that contradicts itself is told as what it is. Where nothing can be told, that is the verdict.

This module must not know how a run came about.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from lab.probing.clients.client_connection import ClientConnection, Progress
from lab.probing.clients.results import ClientConduct, ClientVerdict, ServerFamily
from lab.probing.clients.tested_command import CommandRun
from lab.probing.clients.tested_server import (
    BY_ADDRESS,
    Behind,
    ClearServer,
    OpenSslServer,
    ServerUnderTest,
    Told,
)
from lab.probing.results import Norm
from lab.tls.code_points import AlertDescription
from lab.tls.events import StreamEnd
from lab.tls.messages import offered_versions
from lab.tracing.trace_server import VERSIONS

_ACCEPTED, _REFUSED = ClientConduct.ACCEPTED, ClientConduct.REFUSED
_NO_CONNECTION = (
    "the command did not connect: name the server in its words by {url}, or {host} and {port}, or "
    "let it read LAB_URL"
)
_WENT_ON = (Progress.ASKED, Progress.WENT_THROUGH)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTrial:
    """One run of the command against one server.

    ``not_agreed`` is what the client would have to offer for a server that is written here, "" if
    it does; ``surplus`` counts connections beyond those that were answered. ``returned`` are the
    places of the connections on which the server showed what it shows on return.
    """

    server: ServerUnderTest
    run: CommandRun
    connections: tuple[ClientConnection, ...]
    not_agreed: str = ""
    surplus: int = 0
    returned: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What a trial comes to; ``at`` is the place of the connection that it rests on, None: none.

    Without ``applies`` the client is none for which the server has a point.
    """

    conduct: ClientConduct
    verdict: ClientVerdict
    by: str
    at: int | None
    notes: tuple[str, ...] = ()
    refused_first: bool = False
    applies: bool = True


def conclude(trial: ServerTrial) -> Conclusion:
    """Return the verdict on a client for what it did with one server."""
    conduct, by, at, notes = _conduct(trial)
    verdict, more = _verdict(trial, conduct)
    return Conclusion(
        conduct=conduct,
        verdict=verdict,
        by=by,
        at=at,
        notes=(*notes, *more, *_circumstances(trial)),
        refused_first=conduct is _ACCEPTED and at is not None and _has_refused(trial, at),
        applies=not (conduct is ClientConduct.UNTOLD and _is_beside_the_point(trial)),
    )


def _is_beside_the_point(trial: ServerTrial) -> bool:
    """Whether what the server puts to the test is nothing that the client does.

    It may not come again, send no request, or not offer the only version that the server has.
    """
    if trial.server.told is Told.BY_RETURN:
        return bool(_begun(trial)) and not _met_on_return(trial)
    if trial.server.told is Told.BY_ANSWER:
        decisive = trial.connections[_decisive(trial, _begun(trial))]
        return decisive.progress is Progress.WENT_THROUGH or _lacks_body(trial, decisive)
    if trial.server.told is Told.BY_EXIT_CODE and (begun := _begun(trial)):
        return _was_content(trial, _decisive(trial, begun)) or bool(_version_not_offered(trial))
    return bool(_version_not_offered(trial))


def _version_not_offered(trial: ServerTrial) -> str:
    """Name the only version that the server has, where the client does not offer it; or ""."""
    if trial.server.only is None:
        return ""
    version = VERSIONS[trial.server.only]
    hellos = [each.evidence.client_hello for each in trial.connections]
    missing = any(hello and version not in offered_versions(hello) for hello in hellos)
    return str(version) if missing else ""


def _begun(trial: ServerTrial) -> list[int]:
    """The places of the connections on which the client sent anything."""
    return [
        at
        for at, connection in enumerate(trial.connections)
        if connection.progress is not Progress.NOTHING
    ]


def _met_on_return(trial: ServerTrial) -> list[int]:
    """The places of the connections on which the client sent anything, and was shown the other."""
    return [at for at in _begun(trial) if at in trial.returned]


def _decisive(trial: ServerTrial, begun: Sequence[int]) -> int:
    """The place of the connection that came to the server's point, and if none did, of the last.

    A client may open more than it uses.
    """
    came = [
        at
        for at in begun
        if trial.connections[at].progress is Progress.ASKED
        or (trial.server.told is Told.BY_EXIT_CODE and trial.connections[at].server_alert)
    ]
    return (came or list(begun))[-1]


def _has_refused(trial: ServerTrial, before: int) -> bool:
    """Whether the client refused the server on a connection before this one."""
    if trial.server.told in (Told.BY_RETURN, Told.BY_EXIT_CODE, Told.BY_ANSWER):
        return False
    return any(_is_refusal(connection) for connection in trial.connections[:before])


def _is_refusal(connection: ClientConnection) -> bool:
    """Whether the client said so, or left where a request was due."""
    if connection.progress is Progress.STOPPED:
        return connection.alert is not None
    return connection.progress is Progress.WENT_THROUGH


def exit_words(code: int | None) -> str:
    """Name an exit code: "exit code 60", "ended by SIGSEGV"."""
    if code is None:
        return "did not end in time"
    if code < 0:
        try:
            return f"ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"ended by signal {-code}"
    return f"exit code {code}"


_Told = tuple[ClientConduct, str, int | None, tuple[str, ...]]


def _conduct(trial: ServerTrial) -> _Told:
    """What the client made of the server, by what, by which connection, and what is to be said."""
    begun = _begun(trial)
    if not begun:
        return _nothing(trial)
    if in_clear := [at for at in begun if trial.connections[at].progress is Progress.IN_CLEAR]:
        return _went_on(trial, in_clear[0])
    if trial.server.told is Told.BY_RETURN:
        first, begun = begun[0], _met_on_return(trial)
        if not begun:
            return _untold("it did not come again", first, "it met the first certificate only")
    elif trial.server.told in (Told.BY_EXIT_CODE, Told.BY_ANSWER):
        return _by_exit_code(trial, _decisive(trial, begun))
    for progress in (Progress.ASKED, Progress.WENT_THROUGH):
        for at in begun:
            if trial.connections[at].progress is progress:
                return _went_on(trial, at)
    return _stopped(trial, begun)


def _nothing(trial: ServerTrial) -> _Told:
    if trial.connections:
        return _untold("connected and sent nothing", 0)
    return _untold("no connection", None, _NO_CONNECTION)


def _untold(by: str, at: int | None, *notes: str) -> _Told:
    return ClientConduct.UNTOLD, by, at, notes


def _by_exit_code(trial: ServerTrial, at: int) -> _Told:
    """For a server whose point comes behind the client's last flight."""
    connection, code = trial.connections[at], trial.run.exit_code
    if connection.progress not in _WENT_ON:
        if missing := _version_not_offered(trial):
            return _untold("not tried", at, f"the client does not offer {missing}")
        return _untold(_ended_by(connection), at, "it did not come to the point of this server")
    if trial.server.told is Told.BY_ANSWER and not connection.answered:
        return _untold("no request", at, "it sent no request, so there was no answer")
    if _lacks_body(trial, connection):
        return _untold("no body", at, "it asked for a head alone, and no body was cut off")
    if _was_content(trial, at):
        return _untold("no request", at, "it sent no request that could be refused")
    if code is None or _is_open(trial):
        return _untold(exit_words(code), at)
    alert = connection.server_alert if trial.server.told is Told.BY_EXIT_CODE else None
    by = f"the server's {_name(alert.description)}" if alert else "its exit code"
    return (_ACCEPTED if code == 0 else _REFUSED), by, at, ()


def _was_content(trial: ServerTrial, at: int) -> bool:
    """Whether a handshake of TLS 1.3 was all that the client wanted, as its exit code says.

    It is complete for the client before the server judges it (RFC 9846 section 2).
    """
    connection = trial.connections[at]
    hello = connection.evidence.server_hello
    is_through = connection.progress is Progress.WENT_THROUGH and not connection.sent_unread
    return is_through and trial.run.exit_code == 0 and hello is not None and hello.is_tls13


def _lacks_body(trial: ServerTrial, connection: ClientConnection) -> bool:
    """Whether nothing could be cut off of the answer."""
    server = trial.server.server
    cuts_off = isinstance(server, OpenSslServer) and server.behind is Behind.CUT_OFF
    return cuts_off and connection.bodiless


def _went_on(trial: ServerTrial, at: int) -> _Told:
    """For a client that went through a handshake at least once."""
    connection, code = trial.connections[at], trial.run.exit_code
    notes: tuple[str, ...] = ()
    if _has_refused(trial, at):
        alerts = [each.alert for each in trial.connections[:at] if _is_refusal(each)]
        left = "refused the server" if any(alerts) else "went through the handshake and left"
        notes = (f"it {left} first, and then connected again and accepted the server",)
    if connection.progress is Progress.IN_CLEAR:
        return _ACCEPTED, "request in the clear", at, notes
    if trial.server.told is Told.BY_KEY_EXCHANGE:
        return _ACCEPTED, "its ClientKeyExchange", at, notes
    if connection.progress is Progress.ASKED:
        if code != 0 and trial.server.norm is not Norm.ACCEPT:
            notes = (*notes, f"it had sent its request, and then: {exit_words(code)}")
        return _ACCEPTED, "its request", at, notes
    if _is_open(trial):
        return _untold("went through the handshake, no request", at, *notes)
    if code == 0:
        return _ACCEPTED, "its Finished, exit code 0", at, notes
    by = "left behind Finished, no alert"
    if connection.alert is not None:
        by = f"{_name(connection.alert.description)}, behind its Finished"
    return _REFUSED, by, at, notes


def _stopped(trial: ServerTrial, begun: Sequence[int]) -> _Told:
    """For a client that never went through a handshake."""
    for at in begun:
        if trial.connections[at].progress is Progress.STOPPED:
            if _is_open(trial, trial.connections[at]):
                return _untold(_ended_by(trial.connections[at]), at)
            return _REFUSED, _ended_by(trial.connections[at]), at, ()
    at = begun[0]
    connection = trial.connections[at]
    if isinstance(trial.server.server, ClearServer):
        if _is_open(trial):
            return _untold("did not go on in the clear", at)
        return _REFUSED, "no request in the clear", at, ()
    if connection.progress is Progress.OPEN:
        return _untold("its handshake came to no end", at)
    if trial.server.told is Told.BY_OFFER and connection.evidence.server_hello is None:
        if _is_open(trial):
            return _untold("offered nothing in common", at)
        return _REFUSED, "offers nothing in common", at, ()
    if missing := trial.not_agreed or _version_not_offered(trial):
        return _untold("not tried", at, f"the client does not offer {missing}")
    why = connection.server_failure or "no reason known"
    return _untold("the lab's server ended it", at, f"the lab's server ended the handshake: {why}")


def _is_open(trial: ServerTrial, refusing: ClientConnection | None = None) -> bool:
    """Whether the command did not come to an end of its own.

    Its time was up, a signal ended it, or it left processes behind. What it, or they, would have
    done is not known, save where the client had sent an alert, and the command did not end with 0.
    """
    code = trial.run.exit_code
    if code is None:
        return True
    told = code != 0 and refusing is not None and refusing.alert is not None
    return (trial.run.left_processes or code < 0) and not told


def _ended_by(connection: ClientConnection) -> str:
    if connection.alert is not None:
        return _name(connection.alert.description)
    if connection.ended is None:
        return "nothing: it left the connection open"
    how = "RST" if connection.ended is StreamEnd.RESET else "FIN"
    return f"TCP {how}, no alert"


def _name(alert: AlertDescription) -> str:
    return f"{alert} ({alert.value})"


def _verdict(trial: ServerTrial, conduct: ClientConduct) -> tuple[ClientVerdict, tuple[str, ...]]:
    norm, code = trial.server.norm, trial.run.exit_code
    if conduct is ClientConduct.UNTOLD:
        return ClientVerdict.UNTOLD, ()
    if _is_by_another_name(trial):
        note = f"it connected by name, and was told to connect to {BY_ADDRESS}"
        return ClientVerdict.UNTOLD, (note,)
    if conduct is _REFUSED:
        if norm is Norm.ACCEPT:
            return ClientVerdict.SHUT_OUT, ()
        if code == 0 and trial.server.told is not Told.BY_RETURN:
            return ClientVerdict.CONCEALED, ()
        return ClientVerdict.RIGHT, ()
    if norm is Norm.REFUSE:
        return ClientVerdict.LET_IN, ()
    if norm is Norm.ACCEPT and code != 0:
        answered = any(connection.answered for connection in trial.connections)
        words = "its request was answered" if answered else "it accepted the server"
        return ClientVerdict.UNTOLD, (f"contradictory: {words}, and then: {exit_words(code)}",)
    return ClientVerdict.RIGHT, ()


def _is_by_another_name(trial: ServerTrial) -> bool:
    """Whether a server that is to be met by its address was met by a name."""
    names = [connection.evidence.server_name for connection in trial.connections]
    return trial.server.host == BY_ADDRESS and any(name and name != BY_ADDRESS for name in names)


def _circumstances(trial: ServerTrial) -> tuple[str, ...]:
    notes = []
    if trial.run.exit_code is None:
        notes.append(f"the command did not end within {trial.run.seconds:.1f} s, and was ended")
    elif trial.run.exit_code < 0:
        notes.append(f"the command was {exit_words(trial.run.exit_code)}")
    if trial.run.left_processes:
        notes.append("the command ended and left processes behind, which were ended")
    if trial.surplus:
        most = len(trial.connections)
        notes.append(f"it made {trial.surplus} connections more than the {most} that were answered")
    if trial.server.family is ServerFamily.REQUEST and trial.server.norm is Norm.EITHER:
        notes.extend(_about_request(trial))
    return tuple(notes)


def _about_request(trial: ServerTrial) -> list[str]:
    """What the client made of the request for its certificate, where that is the point."""
    for connection in trial.connections:
        if connection.presented is not None:
            return [
                f"it sent {'its certificate' if connection.presented else 'an empty Certificate'}"
            ]
        if connection.answered and not connection.evidence.offers_later_authentication:
            return ["it does not offer to be asked then"]
    return []
