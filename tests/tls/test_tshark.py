"""The observer and tshark read the same connections with the same key log, and agree."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    ChangeCipherSpecSeen,
    Endpoint,
    MessageSeen,
)
from tests.support.capture import FIRST_CLIENT_PORT, SERVER_PORT, pcap
from tests.support.connections import KINDS, connect
from tests.support.harness import EventBuffer, Identities

pytestmark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark is not installed (Debian package tshark)"
)

FIELDS = [
    "tcp.srcport",
    "tcp.dstport",
    "tls.handshake.type",
    "tls.alert_message.level",
    "tls.alert_message.desc",
    "tls.change_cipher_spec",
]


@dataclass
class Side:
    """What one end of one connection sent, in order of each kind."""

    messages: list[int] = field(default_factory=list)
    alerts: list[tuple[int, int]] = field(default_factory=list)
    change_cipher_specs: int = 0


Sides = dict[Endpoint, Side]


def read_by_tshark(recordings: list[EventBuffer], directory: Path) -> list[Sides]:
    capture, key_log = directory / "connections.pcap", directory / "all.log"
    capture.write_bytes(pcap(recordings))
    key_log.write_text("".join(recording.key_log for recording in recordings))
    columns = [part for name in FIELDS for part in ("-e", name)]
    options = ["-o", f"tls.keylog_file:{key_log}", "-Y", "tls", "-T", "fields"]
    result = subprocess.run(
        ["tshark", "-r", str(capture), *options, "-E", "separator=|", *columns],
        check=True,
        capture_output=True,
        text=True,
    )
    found: list[Sides] = [{sender: Side() for sender in Endpoint} for _ in recordings]
    for line in result.stdout.splitlines():
        source, target, messages, levels, descriptions, changes = line.split("|")
        from_server = int(source) == SERVER_PORT
        number = int(target if from_server else source) - FIRST_CLIENT_PORT
        side = found[number][Endpoint.SERVER if from_server else Endpoint.CLIENT]
        side.messages += numbers(messages)
        side.alerts += zip(numbers(levels), numbers(descriptions), strict=True)
        side.change_cipher_specs += len(changes.split(",")) if changes else 0
    return found


def numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number]


def read_here(recording: EventBuffer) -> Sides:
    sides = {sender: Side() for sender in Endpoint}
    for event in recording.observe():
        side = sides[event.endpoint]
        if isinstance(event, MessageSeen):
            side.messages.append(event.raw[0])
        elif isinstance(event, AlertSeen):
            side.alerts.append((event.level, event.description))
        elif isinstance(event, ChangeCipherSpecSeen):
            side.change_cipher_specs += 1
        else:
            assert isinstance(event, ApplicationDataSeen)
    return sides


def test_both_read_the_same(identities: Identities, tmp_path: Path) -> None:
    recordings = [connect(kind, identities, tmp_path) for kind in KINDS.values()]
    assert len(recordings) >= 12
    theirs = read_by_tshark(recordings, tmp_path)
    ours = [read_here(recording) for recording in recordings]
    for name, one, other in zip(KINDS, ours, theirs, strict=True):
        assert one == other, name
    assert sum(len(side.messages) for sides in theirs for side in sides.values()) > 200
    assert sum(len(side.alerts) for sides in theirs for side in sides.values()) >= 6
