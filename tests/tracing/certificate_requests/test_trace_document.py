"""Requests out of the JSON of traces: what they are in the trace itself, or an error."""

from __future__ import annotations

import copy
import dataclasses
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.api import LabCA, LabServer, Trace, read_capture, trace_server
from lab.show.documents.trace_json import document
from lab.tls.extensions import CertificateAuthorities, OidFilters, SignatureAlgorithms
from lab.tracing.certificate_requests.find_requests import asked_connection
from lab.tracing.certificate_requests.results import SeenRequest
from lab.tracing.certificate_requests.trace_document import (
    NotATraceDocument,
    connections_in_document,
)
from tests.support.post_handshake_server import post_handshake_server
from tests.support.traces import one_of_each_event, trace_of

NOW = datetime(2026, 11, 30, tzinfo=timezone.utc)
CAPTURES = Path(__file__).parents[2] / "vectors" / "captures"
CA = LabCA()


def lab_traces() -> tuple[Trace, ...]:
    with LabServer(trust=CA) as server:
        return (*trace_server(server), *trace_server(server, identity=CA.client()))


def read(value: object) -> list[Any]:
    return list(connections_in_document(json.dumps(value).encode(), NOW))


def test_a_document_has_what_the_traces_have(certs: Path) -> None:
    with post_handshake_server(certs) as port:
        later = trace_server(f"127.0.0.1:{port}", verify=False, request="/private")
    with LabServer(trust=CA, client_auth="none") as server:
        unasked = trace_server(server)
    traces = (*lab_traces(), *later, *unasked)
    assert read(document(traces)) == [asked_connection(trace, NOW) for trace in traces]


def cut(seen: SeenRequest) -> SeenRequest:
    """Return a request with those extensions only that say which certificate is asked for."""
    kept = (SignatureAlgorithms, CertificateAuthorities, OidFilters)
    extensions = [each for each in seen.request.extensions if isinstance(each, kept)]
    request = dataclasses.replace(seen.request, extensions=tuple(extensions))
    return dataclasses.replace(seen, request=request)


@pytest.mark.parametrize("path", sorted(CAPTURES.glob("*.pcap*")), ids=lambda path: path.name)
def test_so_it_does_of_captures(path: Path) -> None:
    traces = list(read_capture(path))
    for mine, theirs in zip(
        read(document(traces)), (asked_connection(each, NOW) for each in traces), strict=True
    ):
        assert (mine.requests, mine.lack) == (tuple(map(cut, theirs.requests)), theirs.lack)
        assert (mine.server, mine.number, mine.version) == (
            theirs.server,
            theirs.number,
            theirs.version,
        )
        assert abs((mine.began - theirs.began).total_seconds()) < 1e-5


def test_events_of_every_kind_are_passed_over() -> None:
    trace = trace_of(one_of_each_event())
    (mine,), theirs = read(document([trace])), asked_connection(trace, NOW)
    assert (mine.version, mine.number) == (theirs.version, theirs.number)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"{", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b'{"a": 1}', "no document of lab.trace"),
        (b'{"traces": [], "schema_version": 7}', "schema version 7; known is 1"),
        (b'{"traces": {}, "schema_version": 1}', "traces is no list"),
        (b'{"traces": [1], "schema_version": 1}', "traces 1 is no dict"),
        (b'{"traces": [{}], "schema_version": 1}', "traces 1: target is no str"),
    ],
)
def test_what_is_no_document_is_said(text: bytes, words: str) -> None:
    with pytest.raises(NotATraceDocument, match=words):
        connections_in_document(text, NOW)


DOCUMENT: dict[str, Any] = json.loads(json.dumps(document(lab_traces()[:2])))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where there is a value inside of ``value``, itself included."""
    if not isinstance(value, dict | list):
        return [path]
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return [path, *(place for key, inner in items for place in places(inner, (*path, key)))]


PLACES = [place for place in places(DOCUMENT) if place]


@given(place=st.sampled_from(PLACES), value=st.sampled_from([None, 1, "x", [], {}, [1], {"a": 1}]))
def test_any_other_value_is_read_or_an_error(place: tuple[Any, ...], value: object) -> None:
    changed = copy.deepcopy(DOCUMENT)
    inner: Any = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    try:
        read(changed)
    except NotATraceDocument as error:
        assert len(str(error)) < 500
