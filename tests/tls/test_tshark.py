"""The observer and tshark read the same connections with the same key log, and agree."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.capture import SERVER_PORT, pcap
from tests.support.connections import KINDS, connect
from tests.support.harness import Identities
from tests.support.tshark import read_by_tshark, sides_of

pytestmark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark is not installed (Debian package tshark)"
)


def test_both_read_the_same(identities: Identities, tmp_path: Path) -> None:
    recordings = [connect(kind, identities, tmp_path) for kind in KINDS.values()]
    assert len(recordings) >= 12
    capture, key_log = tmp_path / "connections.pcap", tmp_path / "all.log"
    capture.write_bytes(pcap(recordings))
    key_log.write_text("".join(recording.key_log for recording in recordings))
    theirs = read_by_tshark(capture, SERVER_PORT, key_log)
    ours = [sides_of(recording.observe()) for recording in recordings]
    for name, one, other in zip(KINDS, ours, theirs, strict=True):
        assert one == other, name
    assert sum(len(side.messages) for sides in theirs for side in sides.values()) > 200
    assert sum(len(side.alerts) for sides in theirs for side in sides.values()) >= 6
