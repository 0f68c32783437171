"""Try a scenario: its client connects to a server in one TLS version, and is traced.

Rules: the identity is issued for the attempt. An attempt at a client's identity tells something
only if the client's Certificate message held that very leaf, or was empty where the client has
none: a client whose key the server does not take sends an empty Certificate.

This module must not know where the server comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.x509.oid import PublicKeyAlgorithmOID

from lab.diagnosis.evidence import summarize
from lab.diagnosis.results import Outcome, Result
from lab.pki.errors import PlanError
from lab.pki.lab_ca import LabAuthority
from lab.probing.results import Norm, ScenarioFamily
from lab.probing.scenarios.scenario import (
    BareClient,
    Client,
    HelloClient,
    Scenario,
    TlsClient,
)
from lab.stream.contexts import TlsVersion, client_context
from lab.tls.code_points import SignatureScheme
from lab.tls.events import Endpoint, MessageSeen
from lab.tls.messages import CertificateRequest, HelloRetryRequest, ServerHello
from lab.tls.record_log import RecordLog
from lab.tracing.client_hello_edit import changed_hello
from lab.tracing.connection import send_bytes
from lab.tracing.event_buffer import EventBuffer
from lab.tracing.results import Trace
from lab.tracing.trace_server import NotLoaded, Plan, ServerView, record, trace_of
from lab.x509.certificates import describe

_SCHEMES_SHOWN = 6
_TICK = timedelta(seconds=1.1)  # after its end, until a clock of whole seconds has it expired


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

    def without_records(self) -> ScenarioTrace:
        """Return it without the bytes of its records."""
        return replace(self, trace=replace(self.trace, records=()))


async def try_scenario(
    scenario: Scenario,
    version: TlsVersion,
    plan: Plan,
    ca: LabAuthority,
    server_view: ServerView | None = None,
) -> ScenarioTrace:
    """Connect as the scenario's client does, with an identity that ``ca`` issues for it.

    ``plan`` says how to reach the server, whom to trust and what to ask for. ``server_view`` gives
    the server's own events, where it runs in this process. Raises NoConnection, and NotLoaded.
    """
    client = scenario.client
    plan = _fitted(plan, client, version, ca)
    if isinstance(client, TlsClient):
        buffer = await record(plan)
    else:
        buffer = EventBuffer(RecordLog() if plan.keep_records else None)
        if isinstance(client, BareClient):
            data = client.data
        else:
            name = plan.sni or plan.target.host
            data = changed_hello(client_context(plan.tls), name, client.changes[version])
        await send_bytes(
            plan.target,
            data,
            buffer,
            first=client.first if isinstance(client, HelloClient) else 0,
            sni=plan.sni,
            route=plan.route,
            limit=plan.limit,
            packets=plan.packets,
        )
    server_events = await server_view(buffer.local_address) if server_view else None
    trace = trace_of(plan, buffer.events, server_events, buffer.records)
    return ScenarioTrace(scenario=scenario, version=version, trace=trace)


def _fitted(plan: Plan, client: Client, version: TlsVersion, ca: LabAuthority) -> Plan:
    """Return the plan with the identity and the settings of the scenario's client."""
    tls = replace(plan.tls, minimum=version, maximum=version)
    if not isinstance(client, TlsClient):
        return replace(plan, tls=tls)
    verify = tls.verify_server and client.checks_server
    if client.outlives:
        ca = replace(ca, now=datetime.now(timezone.utc))  # seconds count, and the probe runs on
    try:
        identity = client.identity(ca) if client.identity else None
    except PlanError as error:
        raise NotLoaded(str(error)) from error
    ask_at = identity.certificate.not_valid_after_utc + _TICK if identity else None
    return replace(
        plan,
        tls=replace(
            tls,
            server_ca=tls.server_ca if verify else None,
            verify_server=verify,
            security_level=client.security_level,
            alpn=client.alpn or tls.alpn,
        ),
        identity=identity,
        ask_at=ask_at if client.outlives else None,
        sni=client.server_name or plan.sni,
    )


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
        if trial.outcome.http_status is not None or trial.outcome.answer is not None:
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
        kept = keeps(norm, outcome) or (norm is Norm.ACCEPT and hello_answered(trial))
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


def hello_answered(trial: ScenarioTrace) -> bool:
    """Tell whether a client that offers and leaves was answered: the server takes the offer."""
    if not isinstance(trial.scenario.client, HelloClient):
        return False
    return any(
        isinstance(event, MessageSeen)
        and event.endpoint is Endpoint.SERVER
        and isinstance(event.message, ServerHello | HelloRetryRequest)
        for event in trial.trace.events
    )


def keeps(norm: Norm, outcome: Outcome) -> bool:
    """Tell whether an outcome is what the norm asks for."""
    accepted = outcome.result is Result.ACCEPTED
    return norm is Norm.EITHER or accepted is (norm is Norm.ACCEPT)
