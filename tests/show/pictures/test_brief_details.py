"""The few details of an arrow that a picture has room for."""

from __future__ import annotations

from lab.show.pictures.brief_details import brief_details
from lab.show.sequence import Arrow, rows
from lab.show.text.event_text import Detail
from lab.tracing.results import Trace
from tests.support.traces import SERVER, EventBuilder, trace_of


def test_each_telling_label_is_there_once(accepted13: Trace) -> None:
    found = {
        (row.label, row.sender.value): [detail.label for detail in brief_details(row)]
        for row in rows(accepted13)
        if isinstance(row, Arrow)
    }
    assert found["ServerHello", "server"] == ["version"]
    assert found["Certificate", "client"] == ["subject"]
    assert found["CertificateRequest", "server"] == ["CA names"]
    assert found["CertificateVerify", "server"] == []


def test_what_is_notable_is_always_there() -> None:
    (row,) = rows(trace_of([EventBuilder().malformed(SERVER, "ServerHello", "too short")]))
    assert isinstance(row, Arrow)
    assert Detail("problem", "too short", True) in list(brief_details(row))


def test_an_empty_certificate_is_said_by_its_label_alone(refused13: Trace) -> None:
    (row,) = [row for row in rows(refused13) if isinstance(row, Arrow) and "empty" in row.label]
    assert list(brief_details(row)) == []
