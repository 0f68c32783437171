"""Sequences as Mermaid: the kept diagrams, and that no text of a peer's is more than text."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.diagnosis.results import Outcome, Result
from lab.show.pictures.mermaid import MOST_CHARACTERS, quoted_text, sequence_diagram
from lab.tls.code_points import AlertDescription
from lab.tls.escape import printable
from lab.tls.events import Event, Gap
from lab.tracing.results import Trace
from tests.show.text.test_trace_text import hostile_trace
from tests.support.picture_cases import NAMES, PICTURES, traces_of
from tests.support.traces import CLIENT, SERVER, EventBuilder, one_of_each_event, trace_of

FAILED = Outcome(result=Result.FAILED)
STATEMENT = re.compile(
    r"sequenceDiagram|    (?:participant [CS] as (?:client|server)|acc(?:Title|Descr): .*|"
    r"Note (?:over C,S|left of C|right of S): .+|"
    r"(?:C(?:->>|-->>|-\)|--?x)S|S(?:->>|-->>|-\)|--?x)C): .+)"
)


@pytest.mark.parametrize("name", NAMES)
def test_the_diagram_is_as_it_was_looked_at(name: str) -> None:
    kept = (PICTURES / f"{name}.mmd").read_text(encoding="utf-8")
    assert sequence_diagram(traces_of(name)) == kept, "see tests/support/picture_cases.py"


@pytest.mark.parametrize(
    "traces",
    [[hostile_trace()], [hostile_trace()] * 9, [trace_of(one_of_each_event(), outcome=FAILED)]],
    ids=["hostile", "nine of them", "one of each"],
)
def test_each_line_is_one_statement(traces: list[Trace]) -> None:
    diagram = sequence_diagram(traces)
    assert len(diagram) <= 50_000
    for line in diagram.splitlines():
        assert STATEMENT.fullmatch(line), line


@given(st.text(st.characters(), max_size=80))
def test_a_text_is_what_its_entities_say_and_has_no_sign_of_the_language(words: str) -> None:
    shown = quoted_text(words)
    without = re.sub(r"#\d+;", "", shown)
    assert not re.search(r"[#;<>{}\[\]%\"'`\\$|\n&]", without)
    assert not re.search(r"\bend\b", shown, re.IGNORECASE)
    decoded = re.sub(r"#(\d+);", lambda found: chr(int(found[1])), shown)
    assert decoded == printable(words)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("CN=client-1, O=Lab", "CN=client-1, O=Lab"),
        ("a;b#c", "a#59;b#35;c"),
        ("the end", "the #101;nd"),
        ("wrap: x", "#119;rap: x"),
        ("the endpoint", "the endpoint"),
        ("<b>%%", "#60;b#62;#37;#37;"),
        ("Straße", "Stra#223;e"),
    ],
)
def test_only_what_must_be_is_an_entity(words: str, expected: str) -> None:
    assert quoted_text(words) == expected


def test_a_refusal_is_marked_by_its_arrow_and_in_words(refused13: Trace) -> None:
    lines = sequence_diagram([refused13]).splitlines()
    (decisive,) = [line for line in lines if "--x" in line]
    assert decisive.strip().startswith(
        "S--xC: #10007; ALERT fatal certificate_required (116)<br/>(encrypted)"
    )
    assert "    Note left of C: client: handshake call returned" in lines
    assert "    C->>S: ClientHello<br/>SNI: localhost" in lines
    assert "    C-->>S: Certificate (empty) (encrypted)" in lines


def test_a_gap_is_a_note_over_both() -> None:
    make = EventBuilder()
    trace = trace_of([make.not_captured(SERVER, Gap.MISSING, 9)], outcome=FAILED)
    assert "Note over C,S: #8230; 9 bytes not captured: " in sequence_diagram([trace])


def test_a_long_connection_is_shortened_and_keeps_what_decided() -> None:
    make = EventBuilder()
    events: list[Event] = []
    for _ in range(900):
        events += [make.data(CLIENT, b"x"), make.data(SERVER, b"x")]
    alert = make.alert(SERVER, AlertDescription.UNKNOWN_CA)
    outcome = replace(FAILED, decided_by=alert)
    diagram = sequence_diagram([trace_of([*events, alert], outcome=outcome)])
    assert len(diagram) <= MOST_CHARACTERS
    assert re.search(r"Note over C,S: \d+ more, left out here\n    S--xC: ", diagram)
