"""``explain_request``: servers, captures and documents as sources, and its errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.api import (
    ArgumentError,
    ConnectionFailedError,
    FileError,
    LabCA,
    LabServer,
    RequestReport,
    explain_request,
    explain_request_async,
    read_capture,
    trace_server,
)
from lab.show.documents.trace_json import document
from tests.support.peers import free_port

CA = LabCA()


def asked(report: RequestReport) -> list[tuple[str, tuple[int, ...]]]:
    return [(str(each.version), each.numbers) for each in report.requests]


async def test_a_server_is_asked_in_both_versions(certs: Path) -> None:
    with LabServer(trust=CA) as server:
        report = await explain_request_async(server, certificates=[certs / "client.crt"])
        assert asked(report) == [("TLS 1.2", ()), ("TLS 1.3", ())]
        assert (report.source, report.dialled) == (server.address, True)
        assert [each.name for each in report.certificates] == [str(certs / "client.crt")]
        (request,) = (
            await explain_request_async(server.address, versions=["1.3"], timeout=5)
        ).requests
        assert request.selections == ()


def test_a_capture_and_the_document_of_it_say_the_same(tmp_path: Path) -> None:
    capture, text = tmp_path / "seen.pcapng", tmp_path / "seen.txt"
    with LabServer(trust=CA) as server:
        trace_server(server, pcapng=capture)
    text.write_text(json.dumps(document([*read_capture(capture)]), indent=2), encoding="utf-8")
    reports = [explain_request(path) for path in (capture, text)]
    for report in reports:
        assert asked(report) == [("TLS 1.2", (1,)), ("TLS 1.3", (2,))]
        assert not report.dialled
    assert reports[0].requests[0].terms == reports[1].requests[0].terms


def test_errors(tmp_path: Path, certs: Path) -> None:
    with pytest.raises(ConnectionFailedError):
        explain_request(f"127.0.0.1:{free_port()}")
    with pytest.raises(ArgumentError):
        explain_request("127.0.0.1:1", versions=["1.1"])
    with pytest.raises(FileError, match="not a capture"):
        explain_request(certs / "client.crt")
    with pytest.raises(FileError, match="missing"):
        explain_request(tmp_path / "missing")
    with pytest.raises(FileError, match="missing"):
        explain_request("127.0.0.1:1", certificates=[tmp_path / "missing"])
    (tmp_path / "x.json").write_bytes(b" {}")
    with pytest.raises(FileError, match="and no document"):
        explain_request(tmp_path / "x.json")


def test_a_document_that_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with path.open("wb") as file:
        file.write(b"{")
        file.truncate((64 << 20) + 1)
    with pytest.raises(FileError, match="more than 64 MB"):
        explain_request(path)
