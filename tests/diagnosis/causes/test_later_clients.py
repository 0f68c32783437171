"""The table of clients that are asked after the handshake, row by row, by runs of the clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.diagnosis.causes.later_clients import LATER_CLIENTS
from lab.diagnosis.results import LaterAnswer, LaterClient
from tests.support.certificate_browser import certificate_browser
from tests.support.doors import served
from tests.support.late_apache import PRIVATE, late_apache
from tests.support.later_clients import CLIENTS, Client, Visit

ROWS = {client.name: client for client in LATER_CLIENTS}
# What takes a second and more.
SLOW = ("java", "go", "deno")


@pytest.fixture(scope="module")
def apache(certs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with late_apache(certs, tmp_path_factory.mktemp("apache")) as port:
        yield port


@pytest.fixture(scope="module")
def lab(certs: Path) -> Iterator[int]:
    with served("--certs", certs, "--port", "0", "--client-auth", "on-demand") as server:
        yield server.port


# What cannot be held to TLS 1.2, as the servers here have both versions.
ANY_VERSION = ("deno",)


def each_client(*, but: tuple[str, ...] = ()) -> pytest.MarkDecorator:
    found = [
        pytest.param(ROWS[name], client, id=what, marks=[pytest.mark.slow] if what in SLOW else [])
        for name, clients in CLIENTS.items()
        for what, client in clients.items()
        if what not in but
    ]
    return pytest.mark.parametrize(("row", "client"), found)


@each_client()
def test_post_handshake_authentication(
    row: LaterClient, client: Client, certs: Path, apache: int, lab: int, tmp_path: Path
) -> None:
    for port, path in ((lab, "/todo"), (apache, PRIVATE)):
        for told in (False, True):
            visit = Visit(
                port=port, path=path, version="1.3", certs=certs, folder=tmp_path, told=told
            )
            expected = {
                LaterAnswer.YES: 200,
                LaterAnswer.IF_TOLD: 200 if told else 403,
                LaterAnswer.NO: 403,
            }[row.post_handshake]
            assert client(visit) == expected, (path, told)
            if row.post_handshake is not LaterAnswer.IF_TOLD:
                break


@each_client(but=ANY_VERSION)
def test_renegotiation(
    row: LaterClient, client: Client, certs: Path, apache: int, tmp_path: Path
) -> None:
    told = row.renegotiation is LaterAnswer.IF_TOLD
    visit = Visit(port=apache, path=PRIVATE, version="1.2", certs=certs, folder=tmp_path, told=told)
    answered = client(visit)
    assert answered == (None if row.renegotiation is LaterAnswer.NO else 200)
    if told:
        visit = Visit(port=apache, path=PRIVATE, version="1.2", certs=certs, folder=tmp_path)
        assert client(visit) is None


@pytest.mark.slow
def test_chromium(certs: Path, apache: int, lab: int, tmp_path: Path) -> None:
    """It has TLS 1.3 with both, and offers no post-handshake authentication."""
    assert ROWS["Chromium"].post_handshake is LaterAnswer.NO
    for port, path in ((lab, "/todo"), (apache, PRIVATE)):
        home = tmp_path / str(port)
        home.mkdir()
        origin = f"https://localhost:{port}"
        ca, pfx = certs / "ca.crt", certs / "client.pfx"
        with certificate_browser(home, origin=origin, ca=ca, pfx=pfx) as guarded:
            guarded.allow("403")
            response = guarded.page.goto(origin + path)
            assert response is not None
            assert response.status == 403


def test_each_row_says_how_it_is_known() -> None:
    assert len(ROWS) == len(LATER_CLIENTS)
    for row in LATER_CLIENTS:
        assert row.measured or row.source, row
        told = LaterAnswer.IF_TOLD in (row.post_handshake, row.renegotiation)
        assert bool(row.setting) is told, row
        if LaterAnswer.UNKNOWN in (row.post_handshake, row.renegotiation):
            assert not row.measured, row
