"""Try a scenario of sessions: begin a session, change something, offer it, and see what happens.

Rules: what is found out by one connection is not concluded from another. Beside the offer stands
what the same client gets in a full handshake at the same place and time, without a session. Several
servers may answer at one address: an offer that leads nowhere is made again, and before anything is
held against a server, full handshakes must have ended alike, before and after it.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

from lab.diagnosis.evidence import summarize
from lab.diagnosis.results import Outcome, Signal
from lab.pki import catalogue
from lab.pki.identity import Identity
from lab.pki.lab_ca import LabAuthority
from lab.pki.profiles import CLOCK_SKEW
from lab.probing.endings import ending_of
from lab.probing.results import Norm
from lab.probing.resumption.session_admission import got_in, lets_in
from lab.probing.resumption.session_scenarios import Change, Place, SessionScenario
from lab.stream.contexts import TlsVersion
from lab.tracing.connection import NoConnection, ReturningClient
from lab.tracing.results import Resumption, Trace
from lab.tracing.resumption import resumption_of, traced_again
from lab.tracing.trace_server import Plan, ServerView, presenting

_LIFETIMES = (3, 6, 12)
"""For how many seconds a certificate is issued that is to expire; longer where that was short."""
_TICK = 1.1
"""Seconds after its end until a certificate has expired for a clock that knows whole seconds."""
_TAKES_EFFECT = 10.0
"""Seconds within which a server that was changed must refuse what it is to refuse."""
_LOOK_AGAIN = 0.2
_IN_A_ROW = 3
_SETTLED = 1.0
"""Seconds after which an offer that was taken is made once more."""
_OFFERS = 3
"""How often a session is offered that nobody resumes, or that lets nobody in."""
_LOOKS = 3
"""How many more full handshakes must end as the first did."""

Act = Callable[[Identity], Awaitable[str]]
"""Has the server changed so that it refuses an identity; returns why that failed, or ""."""

Undo = Callable[[], Awaitable[str]]
"""Has such a change taken back; returns why that failed, or ""."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where scenarios are tried: ``places`` has a plan for each place that there is.

    ``authority`` issues the clients. ``acts`` has what makes a server change, by the change, and
    ``undo`` what takes that back; ``views`` the server's own events, where it runs in this process.
    ``at_once`` tells that no process of before goes on serving for a while.
    """

    places: dict[Place, Plan]
    authority: LabAuthority
    acts: Mapping[Change, Act] = field(default_factory=dict)
    undo: Mapping[Change, Undo] = field(default_factory=dict)
    views: Mapping[Place, ServerView] = field(default_factory=dict)
    at_once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTrial:
    """A scenario tried once; ``tickets`` tells whether the client takes them.

    * ``obstacle`` says why it could not be tried, "" if it was; ``excused`` that this is nobody's
      fault, as there is no client to try it with.
    * ``issued`` tells whether the server issued a session in ``first``.
    * ``second`` is the connection in which it was offered, ``resumption`` what became of it.
    * ``control`` tells whether the same client got in by full handshakes there, None where that
      is not known, or ``mixed``: not the same each time; and ``control_ending`` by what they ended;
      ``without`` by what one ended without a certificate that got in, "" if none did.
    * ``aftermath`` says in what state the server was left, "" if it is as before.
    """

    scenario: SessionScenario
    version: TlsVersion
    tickets: bool = True
    obstacle: str = ""
    excused: bool = False
    issued: bool = False
    first: Trace | None = None
    second: Trace | None = None
    resumption: Resumption | None = None
    control: bool | None = None
    control_ending: str = ""
    mixed: bool = False
    without: str = ""
    aftermath: str = ""
    connections: int = 0

    @property
    def traces(self) -> tuple[Trace, ...]:
        """The connection in which the session began, and the one in which it was offered."""
        return tuple(trace for trace in (self.first, self.second) if trace is not None)


async def try_session(
    scenario: SessionScenario,
    version: TlsVersion,
    tickets: bool,
    grounds: Mapping[TlsVersion, Ground],
) -> SessionTrial:
    """Try a scenario on the ground of its version; without ``tickets``, by a session ID.

    Raises NoConnection, and NotLoaded.
    """
    return await _Attempt(scenario, version, tickets, grounds[version]).made()


class _Attempt:
    def __init__(
        self, scenario: SessionScenario, version: TlsVersion, tickets: bool, ground: Ground
    ) -> None:
        self._scenario = scenario
        self._ground = ground
        self._trial = SessionTrial(scenario=scenario, version=version, tickets=tickets)
        self._connections = 0

    async def made(self) -> SessionTrial:
        """Return the trial."""
        scenario = self._scenario
        for place in (scenario.begins, scenario.offered):
            if place not in self._ground.places:
                return self._hindered(f"it needs {_OPTIONS[place]}")
        if scenario.needs and scenario.change not in self._ground.acts:
            self._trial = replace(self._trial, excused=True)
            how = _ACTS[scenario.change]
            return self._hindered(f"it needs a server that has {scenario.needs}: {how}")
        if scenario.begins is not Place.HERE:
            return await self._from_elsewhere()
        if scenario.change is Change.EXPIRED:
            return await self._expiring()
        identity = self._good()
        client = await self._begun(identity)
        if client is None:
            return self._done()
        if scenario.change not in self._ground.acts:
            return await self._offered(client, identity)
        try:
            if hindrance := await self._acted(identity):
                self._trial = replace(self._trial, obstacle=hindrance)
            else:
                await self._offered(client, identity)
        finally:
            await self._undone()
        return self._done()

    def _good(self) -> Identity:
        return self._ground.authority.client()

    async def _acted(self, identity: Identity) -> str:
        """Make the server refuse ``identity``; return why that did not come about, or ""."""
        if hindrance := await self._ground.acts[self._scenario.change](identity):
            return hindrance
        ending = await self._until(False, identity)
        return ending and (
            f"{_TAKES_EFFECT:g} s after the change the server still let the client in by a full "
            f"handshake ({ending})"
        )

    async def _undone(self) -> None:
        """Take the change back where that is needed, and wait until good clients get in again."""
        undo = self._ground.undo.get(self._scenario.change)
        if undo is None:
            return
        failed = await undo()
        if not failed and (ending := await self._until(True, self._good())):
            failed = f"a good client is still refused ({ending})"
        if failed:
            self._trial = replace(self._trial, aftermath=f"the change was not taken back: {failed}")

    async def _until(self, wanted: bool, identity: Identity) -> str:
        """Wait until full handshakes let ``identity`` in, or not; return how they end else.

        Processes of before may accept connections for a while, beside those of after.
        """
        end, in_a_row = time.monotonic() + _TAKES_EFFECT, 0
        while True:
            try:
                full = await self._anew(self._scenario.offered, identity)
                found, ending = got_in(full.outcome), ending_of(full.outcome)
            except NoConnection as error:  # it may be restarted just now
                found, ending = None, str(error)
            in_a_row = in_a_row + 1 if found is wanted else 0
            if in_a_row == (1 if self._ground.at_once else _IN_A_ROW):
                return ""
            if time.monotonic() > end:
                return ending
            await asyncio.sleep(_LOOK_AGAIN)

    def _plan(self, place: Place, identity: Identity | None) -> Plan:
        plan, version = self._ground.places[place], self._trial.version
        # Whatever the server has to judge is presented, however weak.
        tls = replace(plan.tls, minimum=version, maximum=version, security_level=0)
        return replace(plan, tls=tls, identity=identity)

    def _client(self, plan: Plan) -> ReturningClient:
        context = presenting(plan.tls, plan.identity)
        if not self._trial.tickets:
            context.options |= ssl.OP_NO_TICKET
        return ReturningClient(context=context)

    async def _traced(self, place: Place, plan: Plan, client: ReturningClient) -> Trace:
        self._connections += 1
        return await traced_again(plan, client, self._ground.views.get(place))

    async def _anew(self, place: Place, identity: Identity | None) -> Trace:
        """Connect without a session."""
        plan = self._plan(place, identity)
        return await self._traced(place, plan, self._client(plan))

    async def _begun(self, identity: Identity | None) -> ReturningClient | None:
        """Begin a session; None where there is no use in going on, and the trial says why."""
        place = self._scenario.begins
        plan = self._plan(place, identity)
        client = self._client(plan)
        first = await self._traced(place, plan, client)
        self._trial = replace(self._trial, first=first, issued=client.session is not None)
        if not got_in(first.outcome):
            why = f"the first connection was not let in ({ending_of(first.outcome)})"
            self._trial = replace(self._trial, obstacle=f"{why}{_remedy(first.outcome)}")
            return None
        if not self._asked() and identity is not None and place is Place.HERE:
            why = "the server asked for no certificate, so there is no check to get past"
            self._trial = replace(self._trial, obstacle=why)
            return None
        return client if client.session is not None else None

    def _asked(self) -> bool:
        """Tell whether the client was asked for its certificate where the session began."""
        first = self._trial.first
        return first is not None and summarize(first.events).request is not None

    async def _offered(self, client: ReturningClient, identity: Identity | None) -> SessionTrial:
        """Offer the session of ``client``, which began it as ``identity``."""
        scenario, first = self._scenario, self._trial.first
        assert first is not None
        at_hand = identity
        if scenario.change is Change.OTHER_CERTIFICATE:
            at_hand = catalogue.stranger(self._ground.authority)
        elif scenario.change is Change.NO_CERTIFICATE:
            at_hand = None
        await self._compare(identity)
        plan = self._plan(scenario.offered, at_hand)
        if at_hand is not identity:
            client.presents = self._client(plan).context
        session, second = client.session, await self._again(client, plan)
        changed = scenario.change in self._ground.acts and not self._ground.at_once
        if changed and client.resumed and client.session is not None:
            # A process of before may have taken it: what comes later counts.
            await asyncio.sleep(_SETTLED)
            session, second = client.session, await self._again(client, plan)
        for _ in range(_OFFERS - 1 if self._trial.control is False else 0):
            if lets_in(second) or got_in(second.outcome) is None:
                break
            client.session = session
            other = await self._again(client, plan)
            second = other if lets_in(other) else second
        self._trial = replace(self._trial, second=second, resumption=second.resumption)
        await self._confirm(second, at_hand)
        return self._done()

    async def _again(self, client: ReturningClient, plan: Plan) -> Trace:
        """Offer the session of ``client``."""
        first = self._trial.first
        assert first is not None
        second = await self._traced(self._scenario.offered, plan, client)
        return replace(second, resumption=resumption_of(first, second, client.resumed))

    async def _confirm(self, second: Trace, identity: Identity | None) -> None:
        """Make sure that full handshakes end as ``control`` says, before it is held against any.

        For a client that should be let in, ``control`` is not known before.
        """
        wanted = self._trial.control
        if self._scenario.norm is Norm.ACCEPT and got_in(second.outcome) is False:
            wanted = True
        elif not (wanted is False and lets_in(second)):
            return
        found: bool | None = wanted
        endings = [self._trial.control_ending] if self._trial.control_ending else []
        for _ in range(_LOOKS):
            try:
                outcome = (await self._anew(self._scenario.offered, identity)).outcome
                found, ending = got_in(outcome), ending_of(outcome)
            except NoConnection:
                found, ending = None, "no connection"
            if ending not in endings:
                endings.append(ending)
            if found is not wanted:
                break
        self._trial = replace(
            self._trial,
            control=wanted if found is wanted else None,
            control_ending=", then ".join(endings),
            mixed=found is (not wanted),
        )

    async def _compare(self, identity: Identity | None) -> None:
        """Note what the client gets in a full handshake where the session will be offered."""
        if self._trial.control is not None or self._scenario.change in _NEVER_COMPARED:
            return
        place = self._scenario.offered
        full = await self._anew(place, identity)
        self._trial = replace(
            self._trial, control=got_in(full.outcome), control_ending=ending_of(full.outcome)
        )
        if self._trial.control is False and identity is not None:
            self._note_without(await self._anew(place, None))

    def _note_without(self, trace: Trace) -> None:
        """Note what a client without a certificate gets where the session will be offered."""
        if got_in(trace.outcome):
            self._trial = replace(self._trial, without=ending_of(trace.outcome))

    async def _expiring(self) -> SessionTrial:
        """Issue for a few seconds; for more where that is over too soon, by the server's clock."""
        for seconds in _LIFETIMES:
            self._trial = replace(self._trial, obstacle="")
            now = datetime.now(timezone.utc)
            authority = replace(self._ground.authority, now=now)
            lifetime = CLOCK_SKEW + timedelta(seconds=seconds)
            identity = authority.client(starts=-CLOCK_SKEW, lifetime=lifetime)
            client = await self._begun(identity)
            end = identity.certificate.not_valid_after_utc.timestamp() + _TICK
            if not self._trial.obstacle:
                break
        if client is None:
            return self._done()
        while (left := end - time.time()) > 0:
            await asyncio.sleep(left)
        return await self._offered(client, identity)

    async def _from_elsewhere(self) -> SessionTrial:
        """Find a client that is let in where the session begins, and not where it is offered."""
        scenario = self._scenario
        for identity in (None, self._good(), catalogue.wrong_ca(self._ground.authority)):
            full = await self._anew(scenario.offered, identity)
            if got_in(full.outcome) is not False:
                if identity is None:
                    self._note_without(full)
                continue
            client = await self._begun(identity)
            # A certificate that nobody asked for is in no session: that one is worth no more than
            # having none, which gets in here or has been tried.
            if self._trial.obstacle or (identity is not None and not self._asked()):
                self._trial = replace(self._trial, obstacle="", first=None)
                continue
            self._trial = replace(
                self._trial, control=False, control_ending=ending_of(full.outcome)
            )
            return self._done() if client is None else await self._offered(client, identity)
        self._trial = replace(self._trial, excused=True)
        return self._hindered(
            "no client of this probe that is refused here is let in there; a client of a CA that "
            "is trusted there only would be: probe that one, with its CA, and name this one beside"
        )

    def _hindered(self, why: str) -> SessionTrial:
        self._trial = replace(self._trial, obstacle=why)
        return self._done()

    def _done(self) -> SessionTrial:
        return replace(self._trial, connections=self._connections)


_NEVER_COMPARED = (Change.NOTHING, Change.OTHER_CERTIFICATE, Change.NO_CERTIFICATE)
_OPTIONS = {
    Place.OTHER_NAME: "another name of the server: --also-sni NAME",
    Place.OTHER_ADDRESS: "another address of the server: --also HOST:PORT",
}
_ACTS = {
    Change.REVOKED: "--revoke-by COMMAND does it, and without HOST:PORT the lab's own server",
    Change.OTHER_CA: "--change-ca-by COMMAND does it, and without HOST:PORT the lab's own server",
}


_OF_CERTIFICATE = (400, 495, 496)
"""What nginx answers to a client whose certificate it does not take, whatever the path."""


def _remedy(outcome: Outcome) -> str:
    if outcome.signal is Signal.HTTP_STATUS and outcome.http_status not in _OF_CERTIFICATE:
        return ": name a path that a good client may read (--request)"
    return ""
