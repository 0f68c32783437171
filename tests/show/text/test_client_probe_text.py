"""The text of a probe of a client: its table, its mistakes, its conclusion."""

from __future__ import annotations

import io

import pytest

from lab.probing.clients.results import ClientReport, ClientVerdict
from lab.probing.clients.server_selection import TESTED_SERVERS, find_server
from lab.show.text.client_probe_text import (
    client_conclusion,
    print_client_report,
    print_server,
    print_servers,
)
from tests.support.client_reports import HOSTILE, client_finding, client_report, good


def text_of(report: ClientReport) -> str:
    file = io.StringIO()
    print_client_report(report, file)
    return file.getvalue()


def test_the_table_has_a_row_for_each_server() -> None:
    text = text_of(
        client_report(
            good(),
            client_finding("expired"),
            client_finding("wrong-name", ClientVerdict.LET_IN),
            client_finding("finished-wrong", ClientVerdict.UNTOLD, matters=False, notes=("why",)),
        )
    )
    rows = text.partition("\n\n")[0].splitlines()
    assert [row.split() for row in rows] == [
        ["server", "TLS", "client", "exit", "by"],
        ["✓", "good", "-", "accepted", "0", "unknown_ca", "(48)"],
        ["✓", "expired", "-", "refused", "0", "unknown_ca", "(48)"],
        ["✗", "wrong-name", "-", "accepted", "0", "its", "request"],
        ["?", "finished-wrong", "-", "-", "0", "unknown_ca", "(48)"],
    ]
    assert "── Mistakes ──" in text and "it does not check that the certificate is for" in text
    assert "wrong-name: should have been refused" in text
    assert "- cannot be told: finished-wrong: why" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("server", TESTED_SERVERS, ids=lambda server: server.name)
def test_each_server_fits_the_paper_and_is_described(server: object) -> None:
    name = getattr(server, "name", "")
    text = text_of(client_report(good(), client_finding(name, ClientVerdict.LET_IN)))
    assert max(map(len, text.splitlines())) <= 80
    file = io.StringIO()
    print_server(find_server(name), (), file)
    assert f"── {name} ──" in file.getvalue()
    assert "a client    " in file.getvalue()


def test_what_a_command_printed_is_escaped_and_short() -> None:
    output = "\n".join([*map(str, range(50)), HOSTILE])
    text = text_of(client_report(client_finding("good", ClientVerdict.SHUT_OUT, output=output)))
    assert "\x1b" not in text and "\u202e" not in text and "\x00" not in text
    assert r"\x1b[31mred" in text
    assert "\n              48\n" in text or "48" in text
    assert "  45" not in text


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (
            client_report(good(), client_finding("expired")),
            "2 runs in 1.5 s: all is as it should be; 1 bad server was refused.",
        ),
        (
            client_report(good()),
            "1 run in 1.5 s: nothing is wrong with what was tried; no bad server was refused, so "
            "this run does not show that the client verifies.",
        ),
        (
            client_report(
                good(),
                client_finding("expired"),
                client_finding("finished-wrong", ClientVerdict.UNTOLD, matters=False),
            ),
            "3 runs in 1.5 s: all is as it should be (1 cannot be told); 1 bad server was refused.",
        ),
        (
            client_report(
                good(),
                client_finding("expired", ClientVerdict.LET_IN),
                client_finding("self-signed", ClientVerdict.CONCEALED),
            ),
            "3 runs in 1.5 s. Accepted, and should have been refused: expired. Refused, but with "
            "exit code 0: self-signed.",
        ),
        (
            client_report(good(), client_finding("expired", ClientVerdict.UNTOLD)),
            "2 runs in 1.5 s. Inconclusive: no fault was found, but not all could be told. Cannot "
            "be told: expired.",
        ),
        (
            client_report(client_finding("good", ClientVerdict.SHUT_OUT)),
            "1 run in 1.5 s: the client refused the good server, so its refusal of others would "
            "prove nothing, and no other was tried. Let it trust {ca} (LAB_CA), and connect to "
            "{url} (LAB_URL).",
        ),
    ],
)
def test_a_conclusion(report: ClientReport, words: str) -> None:
    assert client_conclusion(report) == words


def test_the_list() -> None:
    file = io.StringIO()
    print_servers(TESTED_SERVERS, file)
    lines = file.getvalue().splitlines()
    assert len(lines) == len(TESTED_SERVERS) + 1
    assert lines[0].split() == ["server", "should", "be", "what", "it", "is"]
