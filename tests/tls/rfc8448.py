"""The traces of RFC 8448, loaded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from lab.tls.events import Endpoint

VECTORS = Path(__file__).resolve().parent.parent / "vectors"

_LABELS = {
    "c e traffic": "CLIENT_EARLY_TRAFFIC_SECRET",
    "c hs traffic": "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    "s hs traffic": "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    "c ap traffic": "CLIENT_TRAFFIC_SECRET_0",
    "s ap traffic": "SERVER_TRAFFIC_SECRET_0",
}


@dataclass(frozen=True)
class Trace:
    """One connection. ``records`` are (sender, plaintext, wire bytes)."""

    section: str
    title: str
    key_log: str
    messages: tuple[tuple[Endpoint, str, bytes], ...]
    records: tuple[tuple[Endpoint, bytes, bytes], ...]


def _load() -> tuple[Trace, ...]:
    document = json.loads((VECTORS / "rfc8448.json").read_text(encoding="utf-8"))
    return tuple(
        Trace(
            section=str(trace["section"]),
            title=trace["title"],
            key_log="".join(
                f"{_LABELS[name]} {trace['client_random']} {secret}\n"
                for name, secret in trace["secrets"].items()
                if name in _LABELS
            ),
            messages=tuple(
                (Endpoint(message["from"]), message["name"], bytes.fromhex(message["bytes"]))
                for message in trace["messages"]
            ),
            records=tuple(
                (
                    Endpoint(record["from"]),
                    bytes.fromhex(record["plaintext"]),
                    bytes.fromhex(record["record"]),
                )
                for record in trace["records"]
            ),
        )
        for trace in document["traces"]
    )


TRACES = _load()
