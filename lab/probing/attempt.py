"""Try a scenario: its client connects to a server in one TLS version, and is traced.

Rules: the identity is issued for the attempt. An attempt at a client's identity tells something
only if the client's Certificate message held that very leaf, or was empty where the client has
none: a client whose key the server does not take sends an empty Certificate.

This module must not know where the server comes from.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import PublicKeyAlgorithmOID

from lab.diagnosis.evidence import summarize
from lab.diagnosis.results import Outcome, Result
from lab.pki.lab_ca import LabAuthority
from lab.probing.results import Norm, ScenarioFamily
from lab.probing.scenarios.scenario import BareClient, Scenario, TlsClient
from lab.stream.contexts import ClientTls, TlsVersion, client_context
from lab.tls.code_points import SignatureScheme
from lab.tls.events import Event
from lab.tls.messages import CertificateRequest
from lab.tracing.client_hello_edit import changed_hello
from lab.tracing.connection import EventBuffer, send_bytes
from lab.tracing.results import Trace
from lab.tracing.target import Target
from lab.tracing.trace_server import Plan, record, trace_of
from lab.x509.certificates import describe

_SCHEMES_SHOWN = 6


class NotLoaded(Exception):
    """OpenSSL would not load the client's certificate. Its message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approach:
    """How the scenarios' clients connect to a server.

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
    """A scenario's client that is ready to connect to a server in one version."""

    scenario: Scenario
    version: TlsVersion
    plan: Plan

    async def run(self) -> list[Event]:
        """Connect; return what the client sees. Raises NoConnection, and NotLoaded."""
        plan, client = self.plan, self.scenario.client
        if isinstance(client, TlsClient):
            try:
                return (await record(plan)).events
            except ssl.SSLError as error:
                client_context(plan.tls)  # raises in its turn where the identity is not to blame
                raise NotLoaded(
                    f"OpenSSL does not load the client's certificate: {error}"
                ) from error
        buffer = EventBuffer()
        if isinstance(client, BareClient):
            data = client.data
        else:
            name = plan.sni or plan.target.host
            data = changed_hello(client_context(plan.tls), name, client.changes[self.version])
        await send_bytes(plan.target, data, buffer, limit=plan.limit)
        return buffer.events

    def conclude(
        self, events: Sequence[Event], server_events: Sequence[Event] | None = None
    ) -> ScenarioTrace:
        """Explain the events, with the server's own where there are any."""
        trace = trace_of(self.plan, events, server_events)
        return ScenarioTrace(scenario=self.scenario, version=self.version, trace=trace)


def prepare(
    scenario: Scenario, version: TlsVersion, approach: Approach, ca: LabAuthority
) -> PreparedAttempt:
    """Make the identity and the settings of the scenario's client."""
    client = scenario.client
    alpn: tuple[str, ...] = ()
    identity = security_level = None
    sni, verify = approach.sni, approach.server_ca is not None
    if isinstance(client, TlsClient):
        identity = client.identity(ca) if client.identity else None
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


def why_not_presented(trial: ScenarioTrace) -> str:
    """Return why the scenario's certificate was not sent; "" if it was, or if none is due."""
    client = trial.scenario.client
    if trial.scenario.family is not ScenarioFamily.IDENTITY or not isinstance(client, TlsClient):
        return ""
    evidence = summarize(trial.trace.events)
    leaf = trial.trace.client_certificate
    if evidence.client_chain:
        if leaf is None:
            return "the client sent a certificate where it should have none"
        return "" if evidence.client_chain[0] == leaf else "the client sent another certificate"
    if evidence.server_hello is None:
        return "the connection ended before the server answered the ClientHello"
    if evidence.request is None:
        if evidence.sealed:
            return "not all records could be decrypted; no CertificateRequest was seen"
        if trial.outcome.http_status is not None:
            return "the server asked for no certificate"
        return "the connection ended before the server asked for a certificate"
    if evidence.client_chain is None:
        return "the connection ended before the client sent its certificate"
    return "" if leaf is None else _kept_back(leaf, evidence.request)


def key_not_taken(trial: ScenarioTrace) -> bool:
    """Tell whether the client kept its certificate back, as the server takes none like it."""
    evidence = summarize(trial.trace.events)
    given = trial.trace.client_certificate is not None
    return given and evidence.request is not None and evidence.client_chain == ()


def _kept_back(leaf: bytes, request: CertificateRequest) -> str:
    certificate = describe(leaf)
    # The library describes a PSS key as a plain RSA key, which is another kind to TLS.
    algorithm = x509.load_der_x509_certificate(leaf).public_key_algorithm_oid
    kind = "RSA-PSS" if algorithm == PublicKeyAlgorithmOID.RSASSA_PSS else certificate.key_type
    key = f"{kind} {certificate.key_bits or ''}".strip()
    return (
        f"the client sent an empty Certificate: the server takes "
        f"{_names(request.supported_signature_algorithms)}; the certificate has a key of {key} and "
        f"is signed with {certificate.signature_algorithm}"
    )


def _names(schemes: Sequence[SignatureScheme]) -> str:
    more = f" and {len(schemes) - _SCHEMES_SHOWN} more" if len(schemes) > _SCHEMES_SHOWN else ""
    return (", ".join(map(str, schemes[:_SCHEMES_SHOWN])) or "nothing") + more


def deviations(trial: ScenarioTrace, openssl: tuple[int, int]) -> tuple[str, ...]:
    """Return where the lab's own server did not do what is expected of it.

    ``openssl`` is the version, major and minor, that it ran with. Where nothing was measured with
    that, the norm is all that is expected.
    """
    expected, outcome = trial.scenario.expectation(trial.version, openssl), trial.outcome
    if expected is None:
        norm = trial.scenario.norm
        kept = keeps(norm, outcome)
        return () if kept else (f"{outcome.result.value}, where the norm is to {norm.value}",)
    evidence = summarize(trial.trace.events)
    refusal = evidence.refusal_by(expected.by) if expected.by else None
    alert = outcome.alert.description if outcome.alert else None
    wanted_alert = " or ".join(sorted(map(str, expected.alerts))) or "none"
    alert_fits = alert in (expected.alerts or {None})
    compared = (
        ("result", outcome.result, expected.result),
        ("ended by", outcome.by, expected.by),
        ("signal", outcome.signal, expected.signal),
        ("HTTP status", outcome.http_status, expected.http_status),
        ("verify code", refusal.code if refusal else None, expected.verify_code),
        ("OpenSSL's reason", refusal.reason if refusal else "", expected.reason),
        (
            "client's handshake call returned",
            outcome.client_handshake_returned,
            expected.client_returned,
        ),
        ("alert", str(alert), str(alert) if alert_fits else wanted_alert),
    )
    return tuple(
        f"{name}: {_text(actual)}, expected {_text(wanted)}"
        for name, actual, wanted in compared
        if actual != wanted
    )


def _text(value: object) -> str:
    return str(getattr(value, "value", value))


def keeps(norm: Norm, outcome: Outcome) -> bool:
    """Tell whether an outcome is what the norm asks for."""
    accepted = outcome.result is Result.ACCEPTED
    return norm is Norm.EITHER or accepted is (norm is Norm.ACCEPT)
