"""Resumption: a client comes back with a session whose certificate has expired meanwhile.

A resumed handshake has no Certificate and no CertificateVerify (RFC 9846 section 2.2, RFC 5246
section 7.3): OpenSSL keeps its verdict of the first one. The lab's server looks at the dates of the
certificate itself, and answers 401 (RFC 9110 section 15.5.2).

Rules: nothing is pretended. The certificate is issued for a few seconds, and the run waits until
they are over.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from lab.pki.identity import Identity
from lab.pki.profiles import CLOCK_SKEW
from lab.serving.temporary_server import TemporaryServer, temporary_server
from lab.stream.contexts import TlsVersion
from lab.stream.tls_stream import TlsStream
from lab.tracing.applications.http_client import HttpClient
from lab.tracing.results import Trace
from lab.tracing.trace_server import Plan, presenting
from lab.webapp.learn.loopback_run import RunFiles, plan_for, run_files, traced
from lab.webapp.learn.results import Comparison, LearnRun, RunFailed

_LIFETIME = timedelta(seconds=3)  # certificates know whole seconds: two at the least are left
_TICK = 0.1  # by which the clock that OpenSSL reads may lag behind


@dataclass(slots=True, kw_only=True)
class _ReturningClient:
    """A client that comes back: its context, and the session of its last connection."""

    plan: Plan
    context: ssl.SSLContext
    session: ssl.SSLSession | None = None

    async def connect(self, server: TemporaryServer) -> Trace:
        """Connect with the session, if there is one; keep the new one."""
        return await traced(
            self.plan, self.context, self._get, server.events_of, session=self.session
        )

    async def _get(self, stream: TlsStream) -> None:
        # In TLS 1.3 the ticket comes behind the handshake, so it is here once there is an answer.
        await HttpClient(stream, self.plan.target.authority).request("GET", self.plan.request)
        self.session = stream.ssl_object.session


async def resume_session() -> LearnRun:
    """Connect, wait until the client's certificate has expired, resume; and connect anew.

    Takes about three seconds. Raises RunFailed where this machine was too slow for that.
    """
    with run_files() as files:
        async with temporary_server(files.server) as server:
            client = _short_lived(files)
            first = [_returning_client(server, version, files, client) for version in TlsVersion]
            await _connect_all(first, server)
            early = await _connect_all(first, server)
            await _expired(client)
            late = await _connect_all(first, server)
            anew = [_returning_client(server, version, files, client) for version in TlsVersion]
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


def _returning_client(
    server: TemporaryServer, version: TlsVersion, files: RunFiles, client: Identity
) -> _ReturningClient:
    plan = plan_for(server.port, version, files, client)
    return _ReturningClient(plan=plan, context=presenting(plan.tls, client))


async def _connect_all(
    clients: list[_ReturningClient], server: TemporaryServer
) -> tuple[Trace, ...]:
    return tuple([await client.connect(server) for client in clients])


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
