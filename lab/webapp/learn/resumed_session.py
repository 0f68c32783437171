"""Resumption: a client comes back with a session whose certificate has expired meanwhile.

A resumed handshake has no Certificate and no CertificateVerify (RFC 9846 section 2.2, RFC 5246
section 7.3): OpenSSL keeps its verdict of the first one. The lab's server looks at the dates of the
certificate itself, and answers 401 (RFC 9110 section 15.5.2).

Rules: nothing is pretended. The certificate is issued for a few seconds, and the run waits until
they are over.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from lab.pki.identity import Identity
from lab.pki.profiles import CLOCK_SKEW
from lab.serving.temporary_server import TemporaryServer, temporary_server
from lab.stream.contexts import TlsVersion
from lab.tracing.connection import ReturningClient
from lab.tracing.results import Trace
from lab.tracing.resumption import traced_again
from lab.tracing.trace_server import Plan, presenting
from lab.webapp.learn.loopback_run import RunFiles, plan_for, run_files
from lab.webapp.learn.results import Comparison, LearnRun, RunFailed

_LIFETIME = timedelta(seconds=3)  # certificates know whole seconds: two at the least are left
_TICK = 0.1  # by which the clock that OpenSSL reads may lag behind


@dataclass(frozen=True, slots=True, kw_only=True)
class _Returning:
    """A client that comes back, and how it connects."""

    plan: Plan
    client: ReturningClient


async def resume_session() -> LearnRun:
    """Connect, wait until the client's certificate has expired, resume; and connect anew.

    Takes about three seconds. Raises RunFailed where this machine was too slow for that.
    """
    with run_files() as files:
        async with temporary_server(files.server) as server:
            client = _short_lived(files)
            first = [_returning(server, version, files, client) for version in TlsVersion]
            await _connect_all(first, server)
            early = await _connect_all(first, server)
            await _expired(client)
            late = await _connect_all(first, server)
            anew = [_returning(server, version, files, client) for version in TlsVersion]
            without = await _connect_all(anew, server)
    return LearnRun(
        traces=late,
        comparisons=(
            Comparison(
                title="The same session, while the certificate was valid",
                words="The same client, seconds before: it had been there once, and came back.",
                traces=early,
            ),
            Comparison(
                title="The same certificate, in a full handshake",
                words="The same client after the certificate's end, without a session to resume.",
                traces=without,
            ),
        ),
    )


def _short_lived(files: RunFiles) -> Identity:
    authority = replace(files.authority.authority, now=datetime.now(timezone.utc))
    return authority.client(starts=-CLOCK_SKEW, lifetime=CLOCK_SKEW + _LIFETIME)


def _returning(
    server: TemporaryServer, version: TlsVersion, files: RunFiles, identity: Identity
) -> _Returning:
    plan = plan_for(server.port, version, files, identity)
    context = presenting(plan.tls, identity)
    return _Returning(plan=plan, client=ReturningClient(context=context))


async def _connect_all(clients: list[_Returning], server: TemporaryServer) -> tuple[Trace, ...]:
    """Connect with the sessions that there are; keep the new ones."""
    return tuple([await traced_again(each.plan, each.client, server.events_of) for each in clients])


async def _expired(client: Identity) -> None:
    """Wait until the certificate of ``client`` has expired. Raises RunFailed where it has."""
    end = client.certificate.not_valid_after_utc.timestamp() + _TICK
    if time.time() > end:
        raise RunFailed(
            "the certificate had expired before the first connections were made: this machine is "
            "busy; run it again"
        )
    while (left := end - time.time()) > 0:
        await asyncio.sleep(left)
