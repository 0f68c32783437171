from __future__ import annotations

import itertools
import random
import shutil
import socket
import struct
import subprocess
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.capture.capture import Capture
from lab.capture.results import CaptureError, CaptureItem, FlowBytes, FlowClosed, SecretsFound
from lab.tls.events import Endpoint
from tests.capture.building import (
    CLIENT_HELLO,
    SERVER_HELLO,
    Conversation,
    Frame,
    PcapngFile,
    ethernet,
    items_of,
    pcap,
    record,
    told,
)

CAPTURES = Path(__file__).resolve().parent.parent / "vectors" / "captures"
CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER
ENDS = ["client FIN", "server FIN"]
SPECIMENS = {
    "tls10_mutual": ENDS,
    "tls12_3des": ENDS,
    "tls12_accepted_no_keylog": ENDS,
    "tls12_client_direction_only": ["server DIRECTION None", *ENDS],
    "tls12_reneg_refused": ENDS,
    "tls12_resumed_second_random_not_in_keylog": [*ENDS, "closed", *ENDS],
    "tls12_rpk_client": ENDS,
    "tls12_start_missed": ["client START None", "server START None", *ENDS],
    "tls13_accepted_server_closes_no_keylog": ENDS[::-1],
    "tls13_client_fin_before_server_data": ENDS,
    "tls13_dsb": ["secrets", *ENDS],
    "tls13_lost_segment": ["server MISSING 1400", *ENDS],
    "tls13_pha": ENDS,
    "tls13_rpk_refused": ENDS,
    "tls13_truncated_midway": ["client END None", "server END None"],
    "tls13_wrongca_closed_without_alert": ENDS[::-1],
    "tls13_wrongca_no_keylog": ENDS[::-1],
    "tls13_x25519mlkem768": ENDS,
}


def specimen(name: str) -> bytes:
    return next(CAPTURES.glob(f"{name}.pcap*")).read_bytes()


def read(data: bytes, cuts: Iterator[int] | None = None) -> list[CaptureItem]:
    capture = Capture()
    items: list[CaptureItem] = []
    at = 0
    while at < len(data):
        size = next(cuts) if cuts else len(data)
        items += capture.feed(data[at : at + size])
        at += size
    return [*items, *capture.end()]


@pytest.mark.parametrize(("name", "expected"), SPECIMENS.items())
def test_what_is_told_of_a_recorded_connection(name: str, expected: list[str]) -> None:
    items = read(specimen(name))
    assert [line for line in told(items) if not line[-1].isdigit() or "MISSING" in line] == [
        *expected,
        "closed",
    ]
    assert all(item.tls for item in items if isinstance(item, FlowClosed))


def test_each_specimen_is_read() -> None:
    assert {path.name.partition(".")[0] for path in CAPTURES.glob("*.pcap*")} == SPECIMENS.keys()


@given(st.sampled_from(sorted(SPECIMENS)), st.integers(1, 2000), st.integers(0, 99))
def test_how_a_file_is_cut_changes_nothing(name: str, most: int, seed: int) -> None:
    data, rng = specimen(name), random.Random(seed)
    assert read(data, iter(lambda: rng.randint(1, most), 0)) == read(data)


SEEDS = [specimen(name) for name in SPECIMENS] + [
    pcap(Conversation().open().client(CLIENT_HELLO).server(SERVER_HELLO).close().frames)
]


@st.composite
def damaged_captures(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 3)):
            case 0:
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=4))
            case 1:
                del data[at : at + draw(st.integers(1, 60))]
            case 2:
                data[at:at] = data[at : at + draw(st.integers(1, 200))]
            case _:
                other = draw(st.sampled_from(SEEDS))
                start = draw(st.integers(0, len(other)))
                data[at:at] = other[start : start + 300]
    return bytes(data)


@given(damaged_captures(), st.integers(1, 4000))
def test_a_damaged_capture_raises_nothing_but_that_it_is_one(data: bytes, size: int) -> None:
    capture = Capture()
    try:
        for at in range(0, len(data), size):
            told(capture.feed(data[at : at + size]))
        told(capture.end())
    except CaptureError as error:
        assert str(error).isprintable()


def test_what_came_before_the_damage_can_still_be_had() -> None:
    data = pcap(Conversation().open().client(CLIENT_HELLO).frames)
    capture = Capture()
    items: list[CaptureItem] = []
    with pytest.raises(CaptureError, match="damaged"):
        for item in capture.feed(data + b"\xff" * 40):
            items.append(item)
    items += capture.end()
    assert told(items) == ["client 50", "client END None", "server END None", "closed"]


def test_the_secrets_of_the_file_may_come_behind_its_packets() -> None:
    file = PcapngFile().interface()
    for frame in Conversation().open().client(CLIENT_HELLO).frames:
        file.packet(frame)
    items = read(file.secrets("CLIENT_RANDOM 00 11\n").data)
    assert items[1] == SecretsFound(key_log="CLIENT_RANDOM 00 11\n")


def test_a_link_type_that_is_not_read_is_named() -> None:
    with pytest.raises(CaptureError, match=r"link type 127 \(Wi-Fi\)"):
        list(Capture().feed(pcap([Frame(bytes(60))], link_type=127)))
    with pytest.raises(CaptureError, match="link type 147"):
        read(PcapngFile().interface(147).packet(Frame(bytes(60))).data)
    mixed = PcapngFile().interface(147).interface(1).packet(Frame(bytes(60)))
    for frame in Conversation().open().client(CLIENT_HELLO).close().frames:
        mixed.packet(frame, interface=1)
    assert told(read(mixed.data))[0] == "client 50", "the packets that are read are read"


def test_an_empty_capture_holds_nothing() -> None:
    assert read(pcap([])) == []
    assert read(PcapngFile().interface().data) == []
    with pytest.raises(CaptureError, match="empty"):
        read(b"")


# --- other programs -------------------------------------------------------------------------


def needs(name: str) -> pytest.MarkDecorator:
    missing = shutil.which(name) is None
    return pytest.mark.skipif(missing, reason=f"{name} is not installed (Debian package tshark)")


def untimed(items: list[CaptureItem]) -> list[tuple[object, ...]]:
    return [(item.flow, item.sender, item.data) for item in items if isinstance(item, FlowBytes)]


@needs("editcap")
@pytest.mark.parametrize("kind", ["pcapng", "nsecpcap", "modpcap", "pcap"])
def test_what_editcap_writes_is_read(kind: str, tmp_path: Path) -> None:
    name = "tls13_x25519mlkem768"
    path = tmp_path / "converted"
    subprocess.run(["editcap", "-F", kind, CAPTURES / f"{name}.pcap", path], check=True)
    assert untimed(read(path.read_bytes())) == untimed(read(specimen(name)))


@needs("editcap")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["-s", "96"], "client SNAPPED"),
        (["-D", "5"], ""),
        (["-A", "2023-11-14 22:13:20.006"], "client START None"),
    ],
)
def test_what_editcap_leaves_out_is_told(options: list[str], expected: str, tmp_path: Path) -> None:
    path = tmp_path / "less"
    source = CAPTURES / "tls13_x25519mlkem768.pcap"
    subprocess.run(["editcap", *options, source, path], check=True, env={"TZ": "UTC"})
    assert any(line.startswith(expected) for line in told(read(path.read_bytes())))


class Exchange:
    """Real connections over loopback, each of random turns; ``sent`` is what each end wrote."""

    def __init__(self, family: socket.AddressFamily, seed: int) -> None:
        self.rng = random.Random(seed)
        self.listener = socket.create_server(
            ("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), family=family
        )
        self.port: int = self.listener.getsockname()[1]
        self.sent: dict[tuple[int, Endpoint], bytes] = {}

    def connect(self) -> None:
        with socket.create_connection(self.listener.getsockname()[:2], timeout=10) as client:
            server, (_, port, *_) = self.listener.accept()
            with server:
                server.settimeout(10)
                for turn in range(6):
                    sender = (CLIENT, SERVER)[turn % 2]
                    data = (CLIENT_HELLO, SERVER_HELLO)[turn] if turn < 2 else b""
                    data += record(23, self.rng.randbytes(self.rng.randrange(1, 16000))) * 2
                    out, into = (client, server) if sender is CLIENT else (server, client)
                    out.sendall(data)
                    got = b""
                    while len(got) < len(data):
                        got += into.recv(2**16)
                    self.sent[port, sender] = self.sent.get((port, sender), b"") + data


def streams_by_port(items: list[CaptureItem]) -> dict[tuple[int, Endpoint], bytes]:
    ports = {
        item.flow.number: item.flow.client.port for item in items if isinstance(item, FlowClosed)
    }
    joined: dict[tuple[int, Endpoint], bytes] = {}
    for item in items:
        if isinstance(item, FlowBytes):
            key = ports[item.flow], item.sender
            joined[key] = joined.get(key, b"") + item.data
    return joined


def capture_of(
    exchange: Exchange, connections: int, options: list[str]
) -> tuple[bytes, list[CaptureItem]]:
    """What tcpdump writes of the connections, as it comes, and what that is read into."""
    command = ["tcpdump", "--immediate-mode", "-B", "65536", "-U", "-w", "-", *options]
    with (
        exchange.listener,
        subprocess.Popen(
            [*command, f"tcp port {exchange.port}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as tcpdump,
    ):
        # Packets that the system drops are not waited for.
        limit = threading.Timer(20, tcpdump.kill)
        limit.start()
        assert tcpdump.stdout is not None and tcpdump.stderr is not None
        first = tcpdump.stderr.readline()
        while first and b"listening on" not in first:
            if b"permission" in first:
                pytest.skip("needs a user who may capture packets")
            first = tcpdump.stderr.readline()
        assert first, "tcpdump has ended"
        for _ in range(connections):
            exchange.connect()
        capture = Capture()
        items: list[CaptureItem] = []
        raw = b""
        while sum(isinstance(item, FlowClosed) for item in items) < connections:
            data = tcpdump.stdout.read1(2**16)  # type: ignore[attr-defined]
            assert data, "tcpdump has ended"
            raw += data
            items += capture.feed(data)
        limit.cancel()
        tcpdump.terminate()
        tcpdump.communicate(timeout=10)
    return raw, [*items, *capture.end()]


needs_tcpdump = pytest.mark.skipif(
    shutil.which("tcpdump") is None, reason="tcpdump is not installed (Debian package tcpdump)"
)


@needs_tcpdump
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize(
    "options",
    [
        ["-i", "lo"],
        ["-i", "any", "-y", "LINUX_SLL"],
        ["-i", "any", "-y", "LINUX_SLL2"],
        ["-i", "lo", "--time-stamp-precision", "nano"],
    ],
    ids=lambda options: options[-1],
)
def test_what_tcpdump_writes_is_read_as_it_comes(
    family: socket.AddressFamily, options: list[str]
) -> None:
    exchange = Exchange(family, 1)
    _, items = capture_of(exchange, 3, options)
    assert streams_by_port(items) == exchange.sent
    flows = [item.flow for item in items if isinstance(item, FlowClosed)]
    assert [flow.lacks for flow in flows] == [()] * 3
    assert {flow.server.port for flow in flows} == {exchange.port}


@needs_tcpdump
@needs("tshark")
def test_streams_are_those_that_tshark_follows(tmp_path: Path) -> None:
    raw, items = capture_of(Exchange(socket.AF_INET, 2), 4, ["-i", "lo"])
    path = tmp_path / "real.pcap"
    path.write_bytes(raw)
    follow = [part for number in range(4) for part in ("-z", f"follow,tcp,raw,{number}")]
    result = subprocess.run(
        ["tshark", "-r", path, "-q", *follow], check=True, capture_output=True, text=True
    )
    theirs: list[dict[Endpoint, str]] = []
    for line in result.stdout.splitlines():
        if line.startswith("Follow: "):
            theirs.append({CLIENT: "", SERVER: ""})
        elif line.strip() and all(char in "0123456789abcdef" for char in line.strip()):
            theirs[-1][SERVER if line.startswith("\t") else CLIENT] += line.strip()
    ours: list[dict[Endpoint, str]] = [{CLIENT: "", SERVER: ""} for _ in range(4)]
    for item in items:
        if isinstance(item, FlowBytes):
            ours[item.flow - 1][item.sender] += item.data.hex()
    assert sorted(map(str, ours)) == sorted(map(str, theirs))


@needs_tcpdump
def test_a_real_snap_length() -> None:
    exchange = Exchange(socket.AF_INET, 3)
    _, items = capture_of(exchange, 2, ["-i", "lo", "-s", "96"])
    closed = [item for item in items if isinstance(item, FlowClosed)]
    told_of = {number: 0 for number in (1, 2)}
    for item in items:
        if isinstance(item, FlowBytes):
            told_of[item.flow] += len(item.data)
    for item in closed:
        missing = sum(lack.octets or 0 for lack in item.flow.lacks)
        port = item.flow.client.port
        sent = len(exchange.sent[port, CLIENT]) + len(exchange.sent[port, SERVER])
        assert told_of[item.flow.number] + missing == sent
        assert {lack.gap.name for lack in item.flow.lacks} == {"SNAPPED"}


# --- amounts ----------------------------------------------------------------------------------


def many_packets(count: int) -> Iterator[bytes]:
    """A capture of so many packets, of connections of which a third never end."""
    said = Conversation().open().client(CLIENT_HELLO).server(SERVER_HELLO)
    said.server(record(23, bytes(1000))).client(record(23, bytes(100)))
    unfinished, finished = list(said.frames), said.close().frames
    client, port = b"\x0a\0\0\x01", (50000).to_bytes(2, "big")
    yield pcap([])
    made = number = 0
    while made < count:
        number += 1
        address = b"\x0b" + number.to_bytes(3, "big")
        for frame in finished if number % 3 else unfinished:
            made += 1
            data = frame.data[:26] + frame.data[26:34].replace(client, address) + frame.data[34:]
            yield struct.pack("<IIII", made // 1000, made % 1000, len(data), len(data)) + data
    assert port in data


def peak_of(count: int) -> float:
    """The most memory in MiB that reading so many packets takes."""
    capture = Capture()
    closed = 0
    tracemalloc.start()
    try:
        packets = many_packets(count)
        while piece := b"".join(itertools.islice(packets, 500)):
            closed += sum(isinstance(item, FlowClosed) for item in capture.feed(piece))
        closed += sum(isinstance(item, FlowClosed) for item in capture.end())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert closed > count // 11
    return peak / 2**20


def test_what_is_read_is_not_kept() -> None:
    assert peak_of(2_000) < 2


@pytest.mark.slow
def test_a_million_packets_take_no_more_memory_than_those_of_the_open_connections() -> None:
    assert peak_of(1_000_000) < 60


def test_ethernet_padding_is_no_data() -> None:
    frames = Conversation().open().client(CLIENT_HELLO).server(SERVER_HELLO).close().frames
    padded = [Frame(frame.data.ljust(80, b"\0"), frame.time) for frame in frames]
    assert told(items_of(padded)) == told(items_of(frames))
    assert len(ethernet(0, b"")) == 14
