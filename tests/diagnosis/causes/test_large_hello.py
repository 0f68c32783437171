"""A large ClientHello that is not answered, by servers that read once and take that for all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timezone

import pytest

from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.outcome import judge
from lab.pki.lab_ca import LabAuthority, new_lab_authority
from lab.probing.attempt import ScenarioTrace, try_scenario
from lab.probing.scenarios.catalogue_order import find_scenario
from lab.stream.contexts import ClientTls, TlsVersion
from lab.tracing.results import Trace
from lab.tracing.target import Target
from lab.tracing.trace_server import Plan, record, trace_of
from tests.support.serving import PATIENCE

DECODE_ERROR = bytes.fromhex("15030300020232")
UNRECOGNIZED_NAME = bytes.fromhex("15030300020270")
LARGE = "large-client-hello"
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def ca() -> LabAuthority:
    return new_lab_authority(datetime.now(timezone.utc))


def alert(data: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return answer


async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close with the rest unread, which the kernel makes RST of."""


async def waiting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(4096):
        pass


@contextlib.asynccontextmanager
async def reading_once(answer: Answer) -> AsyncIterator[Target]:
    """Serve what takes the first bytes that come for the whole ClientHello."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            assert len(await reader.read(4096)) <= 1460
            await answer(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Target(host="127.0.0.1", port=server.sockets[0].getsockname()[1])


def plan(target: Target, limit: float = PATIENCE) -> Plan:
    return Plan(target=target, tls=ClientTls(verify_server=False), limit=limit)


async def tried(answer: Answer, ca: LabAuthority, limit: float = PATIENCE) -> ScenarioTrace:
    scenario = find_scenario("post-quantum-hello")
    async with reading_once(answer) as target:
        return await try_scenario(scenario, TlsVersion.TLS13, plan(target, limit), ca)


@pytest.mark.parametrize(
    ("answer", "first", "limit"),
    [
        (nothing, "refused-without-alert", PATIENCE),
        (waiting, "silence", 0.3),
        (alert(DECODE_ERROR), LARGE, PATIENCE),
    ],
    ids=["closes", "says nothing", "decode_error"],
)
async def test_a_server_that_reads_one_segment(
    answer: Answer, first: str, limit: float, ca: LabAuthority
) -> None:
    trace = (await tried(answer, ca, limit)).trace
    causes = {cause.code: cause for cause in trace.causes}
    assert next(iter(causes)) == first
    assert any("X25519MLKEM768" in line for line in causes[LARGE].evidence)
    assert "cannot be told" in causes[LARGE].evidence[-1]
    assert "X25519" in causes[LARGE].fix


async def test_an_alert_that_is_about_something_else(ca: LabAuthority) -> None:
    trace = (await tried(alert(UNRECOGNIZED_NAME), ca)).trace
    assert LARGE not in [cause.code for cause in trace.causes]


async def small(answer: Answer, limit: float = PATIENCE) -> Trace:
    async with reading_once(answer) as target:
        # TLS 1.2: no key share, with any OpenSSL.
        tls = ClientTls(verify_server=False, maximum=TlsVersion.TLS12)
        given = Plan(target=target, tls=tls, limit=limit)
        return trace_of(given, (await record(given)).events)


async def test_a_small_client_hello_is_not_blamed() -> None:
    for trace in (
        await small(nothing),
        await small(waiting, 0.3),
        await small(alert(DECODE_ERROR)),
    ):
        assert LARGE not in [cause.code for cause in trace.causes]


async def test_a_client_that_was_answered_is_not_told_of_its_size(ca: LabAuthority) -> None:
    trace = (await tried(alert(DECODE_ERROR), ca)).trace
    events = [event for event in trace.events if type(event).__name__ != "MessageSeen"]
    causes = diagnose(events, judge(events))
    assert LARGE not in [cause.code for cause in causes]
