"""Trying a scenario: its client meets a server, in one TLS version, and all of it is watched.

Rules: the identity is made for the occasion, under the CA of the workshop. What comes of it is a
trace like any other; what was expected plays no part in it.

This module must not know where the server comes from.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.diagnosis.evidence import summarize
from lab.diagnosis.results import Outcome, Result
from lab.pki.lab_ca import LabAuthority
from lab.probing.scenarios.scenario import (
    BareClient,
    Expectation,
    HelloClient,
    Norm,
    Scenario,
    TlsClient,
)
from lab.stream.contexts import ClientTls, TlsVersion, client_context
from lab.tls.events import Event
from lab.tracing import raw_client
from lab.tracing.client_hello_edit import changed_hello
from lab.tracing.event_buffer import EventBuffer
from lab.tracing.results import Trace
from lab.tracing.target import Target
from lab.tracing.trace_server import Plan, record, trace_of


class NotLoaded(Exception):
    """OpenSSL would not load the client's certificate. Its message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approach:
    """How the scenarios' clients reach a server.

    ``server_ca`` is a file of the CAs to verify the server by, None to take any server. ``sni`` is
    the name to ask for and to verify, the target's host if it is None. ``request`` is the path to
    GET; ``write_first`` sends the request before the server's verdict can be known; ``limit``
    bounds each step, in seconds.
    """

    target: Target
    server_ca: Path | None
    sni: str | None = None
    request: str = "/todo"
    write_first: bool = False
    limit: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioTrace:
    """A scenario tried once: ``version`` is what the client offered, ``trace`` what came of it."""

    scenario: Scenario
    version: TlsVersion
    trace: Trace

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        return self.trace.outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedAttempt:
    """A client that is ready to meet a server: a scenario's, in one version."""

    scenario: Scenario
    version: TlsVersion
    plan: Plan

    async def run(self) -> list[Event]:
        """What the client sees. Raises NoConnection, and NotLoaded."""
        client = self.scenario.client
        if isinstance(client, TlsClient):
            try:
                return (await record(self.plan)).events
            except ssl.SSLError as error:
                client_context(
                    self.plan.tls
                )  # raises in its turn where the identity is not to blame
                raise NotLoaded(
                    f"OpenSSL does not load the client's certificate: {error}"
                ) from error
        recording = EventBuffer()
        data = client.data if isinstance(client, BareClient) else self._hello(client)
        await raw_client.send_bytes(self.plan.target, data, recording, limit=self.plan.limit)
        return recording.events

    def _hello(self, client: HelloClient) -> bytes:
        context = client_context(self.plan.tls)
        name = self.plan.sni or self.plan.target.host
        return changed_hello(context, name, client.changes[self.version])

    def conclude(
        self, seen: Sequence[Event], server_saw: Sequence[Event] | None = None
    ) -> ScenarioTrace:
        """What that comes to, with the server's own facts where there are any."""
        trace = trace_of(self.plan, seen, server_saw)
        return ScenarioTrace(scenario=self.scenario, version=self.version, trace=trace)


def prepare(
    scenario: Scenario, version: TlsVersion, approach: Approach, shop: LabAuthority
) -> PreparedAttempt:
    """Make the identity and the settings of the scenario's client."""
    client = scenario.client
    alpn: tuple[str, ...] = ()
    identity = security_level = None
    sni, verify = approach.sni, approach.server_ca is not None
    if isinstance(client, TlsClient):
        identity = client.identity(shop) if client.identity else None
        alpn, security_level = client.alpn, client.security_level
        sni, verify = client.server_name or sni, verify and client.checks_server
    tls = ClientTls(
        server_ca=approach.server_ca if verify else None,
        verify_server=verify,
        security_level=security_level,
        minimum=version,
        maximum=version,
        alpn=alpn,
    )
    plan = Plan(
        target=approach.target,
        tls=tls,
        identity=identity,
        sni=sni,
        request=approach.request,
        write_first=approach.write_first,
        limit=approach.limit,
    )
    return PreparedAttempt(scenario=scenario, version=version, plan=plan)


def deviations(trial: ScenarioTrace, openssl: tuple[int, int]) -> tuple[str, ...]:
    """Where the lab's own server did not do what is expected of it; empty if it did.

    ``openssl`` is the version, major and minor, that it ran with. Where nothing was measured with
    that, the norm is all that is expected.
    """
    expected = trial.scenario.expectation(trial.version, openssl)
    if expected is not None:
        return tuple(_deviations(trial, expected))
    if keeps(trial.scenario.norm, trial.outcome):
        return ()
    return (f"{trial.outcome.result.value}, where the norm is to {trial.scenario.norm.value}",)


def keeps(norm: Norm, outcome: Outcome) -> bool:
    """Whether an outcome is what the norm asks for."""
    accepted = outcome.result is Result.ACCEPTED
    return norm is Norm.EITHER or accepted is (norm is Norm.ACCEPT)


def _deviations(trial: ScenarioTrace, expected: Expectation) -> list[str]:
    outcome = trial.outcome
    judge = expected.by
    refusals = summarize(trial.trace.events)
    verdict = refusals.refusal_by(judge) if judge else None
    found = [
        _compare("result", outcome.result, expected.result),
        _compare("ended by", outcome.by, expected.by),
        _compare("signal", outcome.signal, expected.signal),
        _compare("HTTP status", outcome.http_status, expected.http_status),
        _compare("verify code", verdict.code if verdict else None, expected.verify_code),
        _compare("OpenSSL's reason", verdict.reason if verdict else "", expected.reason),
        _compare(
            "client's handshake call returned",
            outcome.client_handshake_returned,
            expected.client_returned,
        ),
    ]
    alert = outcome.alert.description if outcome.alert else None
    if (alert or expected.alerts) and alert not in expected.alerts:
        wanted = " or ".join(sorted(map(str, expected.alerts))) or "none"
        found.append(f"alert: {alert}, expected {wanted}")
    return [each for each in found if each]


def _compare(what: str, seen: object, expected: object) -> str:
    return "" if seen == expected else f"{what}: {_text(seen)}, expected {_text(expected)}"


def _text(value: object) -> str:
    return str(getattr(value, "value", value))
