"""Which sessions of a server are tried, where else they are offered, and by what it is changed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lab.pki.lab_ca import LabAuthority
from lab.probing.resumption.operator_commands import operator_acts
from lab.probing.resumption.session_scenarios import (
    SESSION_SCENARIOS,
    Place,
    SessionScenario,
)
from lab.probing.resumption.session_trial import Ground
from lab.stream.contexts import TlsVersion
from lab.tracing.target import Target
from lab.tracing.trace_server import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionExtent:
    """The scenarios of sessions to try; none by default.

    ``also`` is a second address of the server, ``also_sni`` a second name. ``revoke_by`` and
    ``change_ca_by`` are command lines that make the server load a revocation list or another CA.
    """

    scenarios: Sequence[SessionScenario] = ()
    also: Target | None = None
    also_sni: str | None = None
    revoke_by: str | None = None
    change_ca_by: str | None = None

    def choosing(self, only: Sequence[str], skip: Sequence[str], *, own: bool) -> SessionExtent:
        """Return it with its scenarios, in the catalogue's order.

        ``only`` and ``skip`` are names; those of other scenarios are passed over. Without ``only``
        a second name or address that is not given is not asked for; ``own`` tells that the lab's
        own server is tried: it has both, and trusts the same CA at each.
        """
        places = {Place.HERE}
        if own or self.also is not None:
            places.add(Place.OTHER_ADDRESS)
        if own or self.also_sni is not None:
            places.add(Place.OTHER_NAME)
        fitting = [
            scenario.name
            for scenario in SESSION_SCENARIOS
            if {scenario.begins, scenario.offered} <= places
            and not (own and scenario.begins is not Place.HERE)
        ]
        names = (only or fitting) if not own else set(only or fitting) & set(fitting)
        chosen = [
            scenario
            for scenario in SESSION_SCENARIOS
            if scenario.name in names and scenario.name not in skip
        ]
        return replace(self, scenarios=tuple(chosen))


@contextlib.contextmanager
def session_grounds(
    extent: SessionExtent, plan: Plan, authorities: Mapping[TlsVersion, LabAuthority]
) -> Iterator[dict[TlsVersion, Ground]]:
    """Yield the ground of each version, for a server at ``plan``, inside the block.

    ``authorities`` issue clients that the server takes in that version.
    """
    places = {Place.HERE: plan}
    if extent.also is not None:
        # By the same name: it is the same server.
        name = plan.sni or plan.target.host
        places[Place.OTHER_ADDRESS] = replace(plan, target=extent.also, sni=name)
    if extent.also_sni is not None:
        places[Place.OTHER_NAME] = replace(plan, sni=extent.also_sni)
    with contextlib.ExitStack() as stack:
        grounds = {}
        for version, ca in authorities.items():
            acts = stack.enter_context(operator_acts(extent.revoke_by, extent.change_ca_by, ca))
            grounds[version] = Ground(places=places, authority=ca, acts=acts.acts, undo=acts.undo)
        yield grounds
