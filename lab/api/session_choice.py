"""Which scenarios a probe tries: those of certificates and settings, and those of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.api.lab_identities import ArgumentError
from lab.probing.probe_server import Extent
from lab.probing.resumption.session_grounds import SessionExtent
from lab.probing.resumption.session_scenarios import SESSION_NAMES
from lab.probing.runner import NothingSelected, selection
from lab.probing.scenarios.scenario import Scenario
from lab.stream.contexts import TlsVersion
from lab.tracing.target import parse_target


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionProbing:
    """How to try sessions, beside the scenarios of certificates and settings.

    * ``also`` is a second address of the server, a process or a port, as "host:port"; ``also_sni``
      a second name of it. Sessions of one are offered at the other.
    * ``revoke_by`` is a command line for the shell that makes the server load the revocation lists
      in the file ``LAB_CRL``; ``change_ca_by`` one that makes it take the CA in the file
      ``LAB_CA`` for the one of its clients. The last is called once more with the former CA.
    """

    also: str | None = None
    also_sni: str | None = None
    revoke_by: str | None = None
    change_ca_by: str | None = None

    @property
    def extent(self) -> SessionExtent:
        """The same for a probe. Raises TargetError."""
        return SessionExtent(
            also=None if self.also is None else parse_target(self.also),
            also_sni=self.also_sni,
            revoke_by=self.revoke_by,
            change_ca_by=self.change_ca_by,
        )


def chosen_extent(
    only: Sequence[str], skip: Sequence[str], sessions: SessionProbing | None, *, own: bool
) -> Extent:
    """Return what to try. Sessions are tried where asked for, as a whole or by name.

    ``own`` tells that it is the lab's server. Raises ArgumentError, UnknownScenario,
    NothingSelected and TargetError.
    """
    for argument, names in (("only", only), ("skip", skip)):
        if isinstance(names, str):
            raise ArgumentError(f"{argument} is {names!r}; give a sequence of names")
    others = [name for name in only if name not in SESSION_NAMES]
    scenarios: list[Scenario] = []
    if others or not only:
        scenarios = selection(others, [name for name in skip if name not in SESSION_NAMES], own=own)
    of_sessions = SessionExtent()
    if sessions is not None or len(others) < len(only):
        of_sessions = (sessions or SessionProbing()).extent.choosing(only, skip, own=own)
    if not scenarios and not of_sessions.scenarios:
        raise NothingSelected(
            "no scenario is left to try: the lab's own server has no name or address that trusts "
            "another CA; name a server (HOST:PORT)"
        )
    return Extent(scenarios=scenarios, versions=tuple(TlsVersion), sessions=of_sessions)
