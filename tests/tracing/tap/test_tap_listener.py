"""The tap between real clients and real servers: what it tells, its limits, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from lab.api import LabCA, LabServer, trace_server_async
from lab.capture.results import Address
from lab.diagnosis.results import Result, Signal
from lab.tls.events import Endpoint, MessageSeen, StreamEnd, StreamEnded
from lab.tracing.packet_file import PacketFile
from lab.tracing.results import Trace
from lab.tracing.tap import tap_listener
from lab.tracing.tap.tap_key_log import KeyLogFollower
from lab.tracing.tap.tap_listener import CannotTap, Tap, TapSettings
from lab.tracing.tap.tap_relay import reset
from lab.tracing.target import Target
from tests.support.extent import Extent
from tests.support.peers import MAKES, VerifyMode, free_port, served_by

HOST = "127.0.0.1"
PATIENCE = 20.0


@dataclass
class Collected:
    """What came from a tap, and where it listens."""

    traces: list[Trace] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    address: Address = field(default_factory=lambda: Address(HOST, 0))

    async def until(self, condition: Callable[[Collected], bool]) -> None:
        async def wait() -> None:
            while not condition(self):
                await asyncio.sleep(0.005)

        await asyncio.wait_for(wait(), PATIENCE)

    async def one(self) -> Trace:
        await self.until(lambda collected: bool(collected.traces))
        (trace,) = self.traces
        return trace


@contextlib.asynccontextmanager
async def tapping(port: int, **more: object) -> AsyncIterator[Collected]:
    """A tap before the server at ``port``."""
    collected = Collected()
    settings = TapSettings(listen=Target(host=HOST, port=0), target=Target(host=HOST, port=port))
    tap = Tap(replace(settings, **more), collected.traces.append, collected.lines.append)  # type: ignore[arg-type]
    collected.address = await tap.open()
    try:
        yield collected
    finally:
        await tap.close(1.0)
    assert tap.failure is None


def messages(trace: Trace) -> list[tuple[Endpoint, bytes]]:
    return [(event.endpoint, event.raw) for event in trace.events if isinstance(event, MessageSeen)]


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("presents", [True, False], ids=["certificate", "none"])
async def test_with_the_secrets_it_tells_what_the_client_itself_sees(
    tmp_path: Path, version: str, presents: bool
) -> None:
    key_log, ca = tmp_path / "keylog", LabCA()
    async with LabServer(trust=ca) as server, contextlib.AsyncExitStack() as stack:
        port = int(server.address.rpartition(":")[2])
        follower = stack.enter_context(contextlib.closing(KeyLogFollower(key_log)))
        async with tapping(port, key_log=follower) as collected:
            (live,) = await trace_server_async(
                collected.address.authority,
                identity=ca.client() if presents else None,
                trust=ca,
                versions=[version],
                key_log=key_log,
            )
            trace = await collected.one()
    assert messages(trace) == messages(live)
    seen, wanted = trace.outcome, live.outcome
    assert (seen.result, seen.by, seen.signal) == (wanted.result, wanted.by, wanted.signal)
    assert seen.accepted is presents
    assert trace.causes[0].code == live.causes[0].code
    assert trace.flow is not None and trace.flow.server == Address(HOST, port)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("presents", [True, False], ids=["certificate", "none"])
@pytest.mark.parametrize(
    "make",
    [
        "nginx",
        "openssl s_server",
        *(
            pytest.param(make, marks=pytest.mark.slow)
            for make in MAKES
            if make not in ("nginx", "openssl s_server")
        ),
    ],
)
async def test_without_secrets_the_verdict_is_right(
    certs: Path, tmp_path: Path, make: str, version: str, presents: bool
) -> None:
    ca = LabCA.load(certs / "ca.crt", certs / "ca.key")
    with served_by(MAKES[make], certs, tmp_path, ask=VerifyMode.REQUIRED) as port:
        async with tapping(port) as collected:
            identity = ca.client() if presents else None
            await trace_server_async(
                collected.address.authority, identity=identity, trust=ca, versions=[version]
            )
            trace = await collected.one()
    assert (trace.outcome.result is Result.ACCEPTED) is (presents or make == "nginx")
    if not trace.outcome.accepted:
        assert (trace.outcome.result, trace.outcome.by) == (Result.REJECTED, Endpoint.SERVER)


@contextlib.asynccontextmanager
async def serving(
    serve: Callable[[socket.socket], None],
) -> AsyncIterator[int]:
    """A server of one line: what it does with each connection that it has accepted."""

    async def accept() -> None:
        loop = asyncio.get_running_loop()
        while True:
            end, _ = await loop.sock_accept(listening)
            serve(end)

    with socket.create_server((HOST, 0)) as listening:
        listening.setblocking(False)
        accepting = asyncio.create_task(accept())
        try:
            yield listening.getsockname()[1]
        finally:
            accepting.cancel()


@pytest.mark.parametrize("end", list(StreamEnd))
async def test_how_a_server_hangs_up_is_told(end: StreamEnd) -> None:
    hang_up = reset if end is StreamEnd.RESET else socket.socket.close
    async with serving(hang_up) as port, tapping(port) as collected:
        with socket.create_connection(collected.address) as client:
            client.setblocking(False)
            receiving = asyncio.get_running_loop().sock_recv(client, 1)
            if end is StreamEnd.RESET:
                with pytest.raises(ConnectionResetError):
                    await asyncio.wait_for(receiving, PATIENCE)
            else:
                assert await asyncio.wait_for(receiving, PATIENCE) == b""
        trace = await collected.one()
    ended = [event for event in trace.events if isinstance(event, StreamEnded)]
    assert (ended[0].endpoint, ended[0].end) == (Endpoint.SERVER, end)
    assert trace.outcome.signal is (Signal.RST if end is StreamEnd.RESET else Signal.FIN)


async def test_a_target_that_is_not_there_resets_the_client_and_no_other(certs: Path) -> None:
    async with tapping(port := free_port()) as collected:
        for _ in range(2):
            with socket.create_connection(collected.address) as client:
                client.setblocking(False)
                with pytest.raises(ConnectionResetError):
                    await asyncio.wait_for(
                        asyncio.get_running_loop().sock_recv(client, 1), PATIENCE
                    )
        await collected.until(lambda collected: len(collected.lines) == 2)
    assert collected.traces == []
    assert collected.lines[0].startswith(f"{HOST}:")
    assert f"no connection to {HOST}:{port}: Connection refused" in collected.lines[0]


async def test_a_name_that_does_not_exist_is_told() -> None:
    target = Target(host="no-such-name.invalid", port=1)
    async with tapping(1, target=target) as collected:
        with socket.create_connection(collected.address):
            await collected.until(lambda collected: bool(collected.lines))
    assert "no-such-name.invalid:1" in collected.lines[0]


async def test_beyond_the_limit_clients_are_reset_and_that_is_said_once() -> None:
    kept: list[socket.socket] = []
    async with serving(kept.append) as port, tapping(port, max_connections=2) as collected:
        with contextlib.ExitStack() as stack:
            for _ in range(2):
                stack.enter_context(socket.create_connection(collected.address))
            await _until(lambda: len(kept) == 2)
            for _ in range(3):
                client = stack.enter_context(socket.create_connection(collected.address))
                client.setblocking(False)
                with pytest.raises(ConnectionResetError):
                    await asyncio.wait_for(
                        asyncio.get_running_loop().sock_recv(client, 1), PATIENCE
                    )
        for end in kept:
            end.close()
    said = [line for line in collected.lines if not line.startswith("stopping; ")]
    assert said == ["too many connections (limit 2): new ones are reset"]


async def _until(condition: Callable[[], bool]) -> None:
    async def wait() -> None:
        while not condition():
            await asyncio.sleep(0.005)

    await asyncio.wait_for(wait(), PATIENCE)


async def test_a_hundred_connections_at_a_time(tmp_path: Path) -> None:
    async with serving(_Echo().serve) as port:
        with PacketFile(tmp_path / "seen.pcapng") as packets:
            async with tapping(port, packets=packets) as collected:
                clients = [await asyncio.open_connection(*collected.address) for _ in range(100)]
                for number, (_, writer) in enumerate(clients):
                    writer.write(b"%03d" % number * 1000)
                for number, (reader, _) in enumerate(clients):
                    assert await reader.readexactly(3000) == b"%03d" % number * 1000
                for _, writer in clients:
                    writer.close()
                    await writer.wait_closed()
                await collected.until(lambda collected: len(collected.traces) == 100)
    ports = {trace.flow.client.port for trace in collected.traces if trace.flow}
    assert len(ports) == 100


async def test_a_slow_end_slows_only_its_own_connection() -> None:
    """One server reads nothing and its client floods; others go on, and are told of."""
    kept: list[socket.socket] = []
    echo = _Echo()

    def serve(end: socket.socket) -> None:
        if kept:
            echo.serve(end)
        else:
            kept.append(end)

    async with serving(serve) as port, tapping(port) as collected:
        loop = asyncio.get_running_loop()
        flooding = socket.create_connection(collected.address)
        flooding.setblocking(False)
        with contextlib.suppress(asyncio.TimeoutError, TimeoutError):
            while True:
                await asyncio.wait_for(loop.sock_sendall(flooding, bytes(65536)), 0.2)
        for _ in range(3):
            reader, writer = await asyncio.open_connection(*collected.address)
            writer.write(b"x" * 100_000)
            assert await reader.readexactly(100_000) == b"x" * 100_000
            writer.close()
            await writer.wait_closed()
        await collected.until(lambda collected: len(collected.traces) == 3)
        reset(flooding)
        await collected.until(lambda collected: len(collected.traces) == 4)
        kept.pop().close()


class _Echo:
    """Sends back what comes, in a task a connection."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def serve(self, end: socket.socket) -> None:
        task = asyncio.create_task(self._echo(end))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _echo(self, end: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        end.setblocking(False)
        with end, contextlib.suppress(ConnectionError):
            while data := await loop.sock_recv(end, 65536):
                await loop.sock_sendall(end, data)


async def test_connections_in_flight_may_end_and_then_are_cut_and_told() -> None:
    kept: list[socket.socket] = []
    async with serving(kept.append) as port:
        async with tapping(port) as collected:
            client = socket.create_connection(collected.address)
            client.sendall(b"\x16\x03\x01")
            await _until(lambda: bool(kept))
        client.setblocking(False)
        with client, pytest.raises(ConnectionResetError):
            await asyncio.get_running_loop().sock_recv(client, 1)
        kept.pop().close()
    (trace,) = collected.traces
    assert trace.outcome.result is Result.UNKNOWN
    assert collected.lines == ["stopping; open connections have 1 s to end: 1"]


async def test_when_telling_falls_behind_connections_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tap_listener, "_MOST_WAITING", 0)
    async with serving(socket.socket.close) as port:
        tap = Tap(
            TapSettings(listen=Target(host=HOST, port=0), target=Target(host=HOST, port=port)),
            lambda _: None,
            (lines := list[str]()).append,
        )
        address = await tap.open()
        for _ in range(3):
            reader, writer = await asyncio.open_connection(*address)
            assert await reader.read() == b""
            writer.close()
        await tap.close(1.0)
    assert lines == [
        "3 connections were relayed and not explained: more came than can be explained"
    ]


async def test_what_cannot_be_told_ends_the_telling_and_not_the_relay() -> None:
    def fail(_: Trace) -> None:
        raise OSError("the disk is full")

    async with serving(socket.socket.close) as port:
        settings = TapSettings(
            listen=Target(host=HOST, port=0), target=Target(host=HOST, port=port)
        )
        tap = Tap(settings, fail, lambda _: None)
        address = await tap.open()
        for _ in range(2):
            reader, writer = await asyncio.open_connection(*address)
            assert await reader.read() == b""
            writer.close()
        await asyncio.wait_for(tap.failed.wait(), PATIENCE)
        await tap.close(1.0)
    assert str(tap.failure) == "the disk is full"


@pytest.mark.parametrize("host", [HOST, "localhost"])
async def test_a_port_in_use_and_the_tap_itself_are_refused(host: str) -> None:
    with socket.create_server((HOST, 0)) as listening:
        port = listening.getsockname()[1]
        settings = TapSettings(
            listen=Target(host=host, port=port), target=Target(host=HOST, port=1)
        )
        with pytest.raises(CannotTap, match=f"port {port} on {host} is in use"):
            await Tap(settings, lambda _: None, lambda _: None).open()
    for listen in (HOST, "0.0.0.0"):
        port = free_port()
        itself = TapSettings(
            listen=Target(host=listen, port=port), target=Target(host=host, port=port)
        )
        with pytest.raises(CannotTap, match="is the tap itself"):
            await Tap(itself, lambda _: None, lambda _: None).open()


async def test_a_host_with_two_addresses_has_one_port() -> None:
    settings = TapSettings(
        listen=Target(host="localhost", port=0), target=Target(host=HOST, port=1)
    )
    tap = Tap(settings, lambda _: None, lambda _: None)
    address = await tap.open()
    try:
        for family, _, _, _, where in socket.getaddrinfo("localhost", address.port, type=1):
            with socket.socket(family) as client:
                client.connect(where)
    finally:
        await tap.close(1.0)


@pytest.mark.parametrize(
    "streams", [60, pytest.param(10_000, marks=pytest.mark.slow)], ids=["few", "10,000"]
)
async def test_mutated_streams_come_out_as_they_went_in(streams: int) -> None:
    """Whatever the bytes are, and however they are cut, and however each end closes."""
    chance = random.Random(streams)
    hello = bytes.fromhex("160301002a0100002603030000000000000000") + bytes(300)
    received: dict[bytes, bytes] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.read(-1)
        received[data[:8]] = data
        writer.write(data[::-1])
        writer.close()

    async def one(number: int) -> None:
        stream = bytearray(number.to_bytes(8, "big") + hello * chance.randrange(1, 40))
        for _ in range(chance.randrange(20)):
            stream[chance.randrange(8, len(stream))] = chance.randrange(256)
        if chance.random() < 0.5:
            stream = stream[:8] + stream[chance.randrange(8, len(stream)) :]
        reader, writer = await asyncio.open_connection(*collected.address)
        while sent := stream[: chance.randrange(1, 4000)]:
            del stream[: len(sent)]
            whole[number] = whole.get(number, b"") + bytes(sent)
            writer.write(bytes(sent))
            await writer.drain()
        writer.write_eof()
        assert await reader.read(-1) == whole[number][::-1]
        writer.close()
        await writer.wait_closed()
        assert received.pop(number.to_bytes(8, "big")) == whole.pop(number)

    whole: dict[int, bytes] = {}
    server = await asyncio.start_server(serve, HOST, 0, backlog=200)
    async with server, tapping(server.sockets[0].getsockname()[1]) as collected:
        for start in range(0, streams, 50):
            await asyncio.gather(*map(one, range(start, min(start + 50, streams))))
        if not Extent.full:
            await collected.until(lambda collected: len(collected.traces) == streams)
