"""One connection as a part of a page: the answer first, rows side by side, every byte of them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import pytest

from lab.show.html.field_view import PageRoom
from lab.show.html.trace_view import shows_decrypted, traces_view
from lab.tls import messages as msg
from lab.tls.code_points import NameType
from lab.tls.events import Fact, WireEvent
from lab.tls.extensions import ServerName, ServerNameList
from lab.tls.layout import event_layout
from lab.tracing.results import Trace
from tests.support.traces import (
    CLIENT,
    EVENTS,
    FLOW,
    MESSAGES,
    SERVER,
    EventBuilder,
    one_of_each_event,
    sample,
    trace_of,
)

HOSTILE = "<script>alert(1)</script>\"'\u202e\0<img src=x onerror=alert(2)>"


def blocks(view: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield the bytes of each dump, and how many pieces and leaves of the tree it has."""
    for block in view.split('<div class="bytes"')[1:]:
        dump, _, tree = block.partition('<ul class="tree">')
        pieces = re.findall(r"<i[^>]*>([^<]*)</i>", dump)
        tree = tree.partition("</div>")[0]
        leaves = tree.count("<li>") - tree.count("<ul>")
        yield bytes.fromhex(" ".join(pieces)), len(pieces), leaves


def test_the_answer_comes_first(refused12: Trace, refused13: Trace) -> None:
    view = traces_view([refused12, refused13])
    answer, sequences = view.split('<section class="handshake"')
    assert "with TLS 1.2, by alert handshake_failure (40)" in answer
    assert "after the client&#39;s handshake call had returned" in answer
    assert "the server requires a client certificate" in answer
    assert "What to do:" in answer and "RFC 9846 section 4.5.1" in answer
    assert "ALERT fatal certificate_required (116)" in sequences


def test_a_cause_of_both_versions_stands_once(refused12: Trace, refused13: Trace) -> None:
    view = traces_view([refused12, refused13])
    assert view.count("the server requires a client certificate, and") == 1
    assert "<b>TLS 1.2:</b> the server sent the alert handshake_failure (40)" in view
    assert "<b>TLS 1.3:</b> the server sent the alert certificate_required (116)" in view


def test_both_columns_have_as_many_rows(refused12: Trace, refused13: Trace) -> None:
    _, left, right = traces_view([refused12, refused13]).split('<section class="column"')
    assert left.count('<li class="row ') == right.count('<li class="row ')
    assert "in TLS 1.2 the server&#39;s extensions are in its ServerHello" in left
    assert 'name="t0p' not in left, "a row is open together with none of another pair"


def test_the_decisive_row_is_marked_and_linked(refused13: Trace) -> None:
    view = traces_view([refused13])
    (name,) = re.findall(r'<li class="row [^"]* decisive[^"]*" id="([^"]+)"', view)
    assert f'href="#{name}"' in view
    assert view.count("this decided the outcome") == 1


def test_an_accepted_connection_has_no_decisive_row(accepted13: Trace) -> None:
    view = traces_view([accepted13])
    assert "decided the outcome" not in view
    assert '<article class="verdict accepted">' in view


def test_every_byte_of_every_captured_record_and_message_is_labelled(
    captured: dict[str, list[Trace]],
) -> None:
    for name, traces in captured.items():
        for trace in traces:
            view = traces_view([trace], room=PageRoom(octets=10**7, fields=10**7))
            if "not shown" in view or " more</b>" in view:
                continue  # a list that is longer than what is shown of one
            found = list(blocks(view))
            assert all(pieces == leaves for _, pieces, leaves in found), name
            dumps = [data for data, _, _ in found]
            carried = {
                (event.endpoint, span.offset)
                for event in trace.events
                if isinstance(event, WireEvent)
                for span in event.records
            }
            for record in trace.records:
                if (record.endpoint, record.span.offset) in carried:
                    assert record.raw in dumps, name
            for event in trace.events:
                layout = event_layout(event) if isinstance(event, WireEvent) else None
                if layout is not None and layout[0]:
                    assert any(layout[0] in dump for dump in dumps), name


def test_most_captures_are_shown_whole(captured: dict[str, list[Trace]]) -> None:
    views = [traces_view([trace]) for traces in captured.values() for trace in traces]
    whole = [view for view in views if "not shown" not in view and " more</b>" not in view]
    assert len(whole) > len(views) // 2


def test_plaintext_names_its_secret(captured: dict[str, list[Trace]]) -> None:
    view = traces_view(captured["tls13_pha"])
    assert "opened with CLIENT_HANDSHAKE_TRAFFIC_SECRET, record number 0 under its keys" in view
    sealed = traces_view(captured["tls13_wrongca_no_keylog"])
    assert "no known secret opens it" in sealed
    assert "opened with" not in sealed


def test_a_page_without_room_shows_no_bytes(captured: dict[str, list[Trace]]) -> None:
    view = traces_view(captured["tls13_pha"], room=PageRoom(octets=0))
    assert 'class="hex"' not in view
    assert '<article class="card' in view


def test_names_in_a_page_differ(refused12: Trace, refused13: Trace) -> None:
    view = traces_view([refused12], key="a") + traces_view([refused12, refused13], key="b")
    names = re.findall(r' id="([^"]+)"', view)
    assert len(names) == len(set(names))
    targets = re.findall(r'(?:href="#|aria-labelledby=")([^"]+)"', view)
    assert set(targets) <= set(names)


def test_the_certificate_of_a_captured_client_is_not_denied(
    captured: dict[str, list[Trace]],
) -> None:
    for traces in captured.values():
        view = traces_view(traces[:1])
        assert "no client certificate</" not in view


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_every_message_can_be_shown(kind: type[msg.HandshakeMessage]) -> None:
    make = EventBuilder()
    message = sample(kind)
    if isinstance(message, msg.ClientHello):
        message = dataclasses.replace(message, in_sslv2_form=False)
    trace = trace_of([make.message(CLIENT, message), make.ended(SERVER)])
    assert kind.__name__ in traces_view([trace]) or kind is msg.UnknownMessage


def test_every_event_can_be_shown() -> None:
    events = one_of_each_event()
    assert {type(event) for event in events} == set(EVENTS)
    view = traces_view([trace_of(events), dataclasses.replace(trace_of(events), flow=FLOW)])
    assert "an alert that ends" not in view
    assert view.count('class="row ') >= 2 * len(events)


def hostile_trace(text: str) -> Trace:
    """Return a trace in which a peer says ``text`` wherever it can."""
    make = EventBuilder()
    hello = dataclasses.replace(
        sample(msg.ClientHello),
        in_sslv2_form=False,
        extensions=(
            ServerNameList(
                server_name_list=(
                    ServerName(name_type=NameType.HOST_NAME, name=text.encode("utf-8")),
                )
            ),
        ),
    )
    body = b"HTTP/1.1 403 Forbidden\r\nX: " + text.encode() + b"\r\n\r\n" + text.encode()
    events = [
        make.message(CLIENT, hello),
        make.data(SERVER, body),
        make.fact(CLIENT, Fact.READ_FAILED, text),
        make.not_tls(CLIENT, text.encode()),
        make.malformed(SERVER, text, text),
        make.ended(SERVER),
    ]
    return trace_of(events, target=text)


def test_hostile_text_stays_text() -> None:
    view = traces_view([hostile_trace(HOSTILE)])
    for markup in ("<script", "<img", "\u202e", "\0"):
        assert markup not in view
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in view


def test_decrypted_content_is_known(captured: dict[str, list[Trace]]) -> None:
    assert shows_decrypted(captured["tls13_pha"])
    assert not shows_decrypted(captured["tls13_wrongca_no_keylog"])
