"""Traces whose pictures are kept, from the recorded connections and captures of tests/vectors.

``python -m tests.support.picture_cases`` writes ``tests/vectors/pictures`` anew: look at what has
changed before it is committed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lab.show.pictures.mermaid import sequence_diagram
from lab.show.pictures.svg import sequence_svg
from lab.tls.code_points import ProtocolVersion
from lab.tls.events import Endpoint, Event
from lab.tls.observer import Observer
from lab.tracing.read_capture import CaptureReader, KeyLogFile
from lab.tracing.results import Trace
from tests.support.traces import START, trace_of, with_facts

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
PICTURES = VECTORS / "pictures"
_BOTH = {ProtocolVersion.TLS_1_2: "TLS 1.2", ProtocolVersion.TLS_1_3: "TLS 1.3"}
# The name of each picture: how the recorded connections of both versions end, or the capture.
_RECORDED = {"accepted": "accepted", "refused": "no certificate"}
_CAPTURED = {
    "closed-without-alert": "tls13_wrongca_closed_without_alert",
    "gap": "tls13_lost_segment",
    "post-handshake": "tls13_pha",
    "truncated": "tls13_truncated_midway",
    "without-keys": "tls13_wrongca_no_keylog",
}
NAMES = sorted([*_RECORDED, *_CAPTURED])


def traces_of(name: str) -> list[Trace]:
    """The traces that a picture is of, the same each time."""
    if name in _RECORDED:
        return [_recorded(version, _RECORDED[name]) for version in _BOTH]
    return list(_captured(_CAPTURED[name]))


def _recorded(version: ProtocolVersion, ending: str) -> Trace:
    document = json.loads((VECTORS / "openssl.json").read_text(encoding="utf-8"))
    name = f"{_BOTH[version]} {ending}"
    (connection,) = [one for one in document["connections"] if one["name"] == name]
    observer = Observer()
    events: list[Event] = list(observer.learn("\n".join([*connection["key_log"], ""])))
    for number, (sender, piece) in enumerate(connection["pieces"]):
        time = START + number / 1000
        events += observer.feed(Endpoint(sender), bytes.fromhex(piece), time)
    events += observer.finish()
    return replace(trace_of(with_facts(events, version), requested=version), target="localhost:443")


def _captured(name: str) -> Iterator[Trace]:
    (capture,) = (VECTORS / "captures").glob(f"{name}.pcap*")
    log = capture.with_suffix(".keylog")
    key_log = KeyLogFile(log) if log.exists() else None
    with capture.open("rb") as file:
        yield from CaptureReader(file, key_log=key_log).traces()
    if key_log is not None:
        key_log.close()


def pictures(name: str) -> dict[str, str]:
    """The texts of the files of one picture, by the file's name."""
    traces = traces_of(name)
    return {f"{name}.svg": sequence_svg(traces), f"{name}.mmd": sequence_diagram(traces)}


def main() -> int:
    """Write all pictures; exit code 0."""
    PICTURES.mkdir(exist_ok=True)
    for name in NAMES:
        for file, content in pictures(name).items():
            (PICTURES / file).write_text(content, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
