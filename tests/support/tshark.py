"""What tshark reads out of a capture, to compare what the lab reads with."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from lab.tls.events import AlertSeen, ChangeCipherSpecSeen, Endpoint, Event, MessageSeen

_FIELDS = [
    "tcp.stream",
    "tcp.srcport",
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


def _no_sides() -> Sides:
    return {sender: Side() for sender in Endpoint}


def read_by_tshark(capture: Path, server_port: int, key_log: Path | None) -> list[Sides]:
    """Return what the ends of each connection with TLS sent, in the order of the connections."""
    columns = [part for name in _FIELDS for part in ("-e", name)]
    options = [] if key_log is None else ["-o", f"tls.keylog_file:{key_log}"]
    # On another port than those that it knows, tshark has to be told what it is.
    options += ["-d", f"tcp.port=={server_port},tls", "-Y", "tls", "-T", "fields"]
    result = subprocess.run(
        ["tshark", "-r", str(capture), *options, "-E", "separator=|", *columns],
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[int, Sides] = defaultdict(_no_sides)
    for line in result.stdout.splitlines():
        stream, source, messages, levels, descriptions, changes = line.split("|")
        sender = Endpoint.SERVER if int(source) == server_port else Endpoint.CLIENT
        side = found[int(stream)][sender]
        side.messages += _numbers(messages)
        side.alerts += zip(_numbers(levels), _numbers(descriptions), strict=True)
        side.change_cipher_specs += len(changes.split(",")) if changes else 0
    return [sides for _, sides in sorted(found.items())]


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number]


def sides_of(events: Iterable[Event]) -> Sides:
    """Return the same of events."""
    sides = _no_sides()
    for event in events:
        side = sides[event.endpoint]
        if isinstance(event, MessageSeen):
            side.messages.append(event.raw[0])
        elif isinstance(event, AlertSeen):
            side.alerts.append((event.level, event.description))
        elif isinstance(event, ChangeCipherSpecSeen):
            side.change_cipher_specs += 1
    return sides
