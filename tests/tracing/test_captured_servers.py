"""Connections to servers of many makes, captured by real programs: read here, and by tshark."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest

from lab.tls.events import SealedSeen
from lab.tracing.read_capture import CaptureReader, KeyLogFile
from lab.tracing.results import Trace
from tests.support.live_capture import TOOLS, capturing
from tests.support.peers import served_by
from tests.support.raw_clients import Call, python
from tests.support.server_recordings import ALL_MAKES, make_files
from tests.support.serving import program
from tests.support.tshark import read_by_tshark, sides_of

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
SUCCESS = re.compile(rb"HTTP/1\.[01] 2")
SHOWN = ("good", "none", "wrong CA")
VERSIONS = ("1.2", "1.3")


def traces_of(capture: Path, key_log: Path | None) -> list[Trace]:
    with capture.open("rb") as file:
        if key_log is None:
            traces = list(CaptureReader(file).traces())
        else:
            with closing(KeyLogFile(key_log)) as log:
                traces = list(CaptureReader(file, key_log=log).traces())
    return sorted(traces, key=lambda trace: trace.flow.number if trace.flow else 0)


@pytest.mark.parametrize(
    ("make", "tool"),
    [
        ("nginx", "tcpdump"),
        pytest.param("nginx", "tshark", marks=pytest.mark.slow),
        *(
            pytest.param(make, TOOLS[number % 2], marks=pytest.mark.slow)
            for number, make in enumerate(("haproxy", "gnutls-serv", "node", "java"))
        ),
    ],
)
def test_a_capture_is_read_as_tshark_reads_it(make: str, tool: str, tmp_path: Path) -> None:
    program("tshark", "tshark")
    files = make_files(tmp_path / "certs")
    key_log = tmp_path / "key.log"
    # Apart: nginx gives its folder to another user, and tshark writes as one.
    folder, servers_own = tmp_path / "capture", tmp_path / "server"
    folder.mkdir()
    servers_own.mkdir()
    answers = []
    with (
        served_by(ALL_MAKES[make], files.certs, servers_own) as port,
        capturing(tool, port, folder) as path,
    ):
        for version in VERSIONS:
            for shown in SHOWN:
                identity = files.identities[shown]
                call = Call(
                    port=port,
                    version=version,
                    ca=files.certs / "ca.crt",
                    certificate=identity[0] if identity else None,
                    key=identity[1] if identity else None,
                    key_log=key_log,
                    request=REQUEST,
                    mark=b"never",
                )
                answers.append(SUCCESS.search(python(call)) is not None)
    traces = traces_of(path, key_log)
    assert [trace.outcome.accepted for trace in traces] == answers
    assert answers[::3] == [True, True]
    for trace in traces:
        assert not any(isinstance(event, SealedSeen) for event in trace.events)
    assert [sides_of(trace.events) for trace in traces] == read_by_tshark(path, port, key_log)
    closed = traces_of(path, None)
    assert [sides_of(trace.events) for trace in closed] == read_by_tshark(path, port, None)
    # What HTTP says cannot be seen then.
    by_tls = [trace.outcome.accepted or trace.outcome.http_status is not None for trace in traces]
    assert [trace.outcome.accepted for trace in closed] == by_tls
