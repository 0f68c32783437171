"""The pages of Watch, on real sockets: the table, its events, a connection, what acts."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lab.api import LabCA, LabServer, trace_server_async
from lab.webapp.services import Services
from lab.webapp.watch.watched_server import ServerSettings, watched_server
from tests.support.web_rig import EventReader, Pages, served_pages
from tests.webapp.watch.test_recorded_connection import ended


@contextlib.asynccontextmanager
async def watched_pages(certs: Path) -> AsyncIterator[Pages]:
    services = Services()
    settings = ServerSettings(directory=certs)
    async with (
        watched_server(settings, services.connections) as services.server,
        served_pages(services) as pages,
    ):
        yield pages


async def test_the_table_names_the_server_and_its_commands(certs: Path) -> None:
    async with watched_pages(certs) as pages:
        answer = await pages.ask("/watch")
        text = answer.body.decode()
        server = pages.services.server
        assert server is not None
        assert f"https://127.0.0.1:{server.address.port}" in text
        assert f"curl --cacert {certs}/ca.crt --cert {certs}/client.crt" in text


@pytest.mark.parametrize(
    ("name", "state"),
    [("good", "accepted"), ("none", "rejected"), ("other-ca", "rejected"), ("expired", "rejected")],
)
async def test_a_client_that_a_button_sends_appears(certs: Path, name: str, state: str) -> None:
    async with watched_pages(certs) as pages:
        events = EventReader(await pages.connect())
        await events.begin(pages)
        assert (await events.next())["rows"] == []
        form = f"client={name}&version=1.3".encode()
        acted = await pages.ask("/watch/connect", method="POST", body=form)
        assert (acted.status, acted.headers["location"]) == (303, "/watch")
        row = (await events.next())["rows"][0]
        while not row["ended"]:
            row = (await events.next())["rows"][0]
        assert (row["number"], row["state"]) == (1, state)
        view = await pages.ask("/watch/connections/1/view")
        assert b"ClientHello" in view.body and b"<html" not in view.body
        whole = await pages.ask("/watch/connections/1")
        assert b"ClientHello" in whole.body and b"<h1>Connection 1</h1>" in whole.body


async def test_the_table_needs_no_script(certs: Path) -> None:
    async with watched_pages(certs) as pages:
        await pages.ask("/watch/connect", method="POST", body=b"client=none&version=1.2")
        await ended(pages.services.connections)
        text = (await pages.ask("/watch")).body.decode()
    assert re.search(r'data-label="Began">[0-9]{2}:[0-9]{2}:[0-9]{2} UTC</td>', text)
    assert 'data-label="TLS">1.2</td>' in text


@pytest.mark.parametrize("number", ["9", "x", "-1", "1" * 50, "%00"])
async def test_a_connection_that_is_not_kept(certs: Path, number: str) -> None:
    async with watched_pages(certs) as pages:
        assert (await pages.ask(f"/watch/connections/{number}")).status == 404
        assert (await pages.ask(f"/watch/connections/{number}/view")).status == 404


@pytest.mark.parametrize("form", [b"", b"client=evil", b"client=none&version=1.1"])
async def test_a_client_that_there_is_not(certs: Path, form: bytes) -> None:
    async with watched_pages(certs) as pages:
        assert (await pages.ask("/watch/connect", method="POST", body=form)).status == 400
        assert pages.services.connections.total == 0


@pytest.mark.parametrize("name", ["good", "expired", "none"])
async def test_a_client_whose_files_have_gone(certs: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(certs, tmp_path / "certs")
    async with watched_pages(folder) as pages:
        shutil.rmtree(folder)
        body = f"client={name}".encode()
        answer = await pages.ask("/watch/connect", method="POST", body=body)
    assert answer.status == 400
    assert b"The client could not connect: " in answer.body and b"no such file" in answer.body
    assert b".." not in answer.body


async def test_the_stream_goes_on_where_it_was_left(certs: Path) -> None:
    async with watched_pages(certs) as pages:
        await pages.ask("/watch/connect", method="POST", body=b"client=none")
        await ended(pages.services.connections)
        events = EventReader(await pages.connect())
        await events.begin(pages)
        assert [row["number"] for row in (await events.next())["rows"]] == [1]
        again = EventReader(await pages.connect())
        await again.begin(pages, events.last_id)
        await pages.ask("/watch/connect", method="POST", body=b"client=none")
        while not (data := await again.next())["rows"]:
            assert not data["new"]
        assert (data["new"], [row["number"] for row in data["rows"]]) == (False, [2])


async def test_streams_end_in_order_when_the_pages_do(certs: Path) -> None:
    async with watched_pages(certs) as pages:
        client = await pages.connect()
        events = EventReader(client)
        await events.begin(pages)
        await events.next()
        pages.clients.remove(client)
    assert (await client.reader.read()).endswith(b"0\r\n\r\n")
    await client.close()


async def test_a_tap_is_started_and_stopped() -> None:
    ca = LabCA()
    async with LabServer(trust=ca) as server, served_pages() as pages:
        form = f"target={server.address}".encode()
        assert (await pages.ask("/watch/taps", method="POST", body=form)).status == 303
        (tap,) = pages.services.taps.running.values()
        assert f"{tap.address.authority}</code> relays".encode() in (await pages.ask("/watch")).body
        await trace_server_async(tap.address.authority, trust=ca, versions=("1.3",))
        row = await ended(pages.services.connections)
        assert (row.source, row.state) == ("tap", "rejected")
        assert (await pages.ask("/watch/taps/1/stop", method="POST")).status == 303
        assert (await pages.ask("/watch/taps/1x/stop", method="POST")).status == 303
        assert not pages.services.taps.running


@pytest.mark.parametrize("target", ["", "http://x", "a b", "x:99999"])
async def test_what_no_tap_can_have_as_target(target: str) -> None:
    async with served_pages() as pages:
        form = f"target={target}".encode()
        answer = await pages.ask("/watch/taps", method="POST", body=form)
        assert answer.status == 400
        assert b'role="alert"' in answer.body


async def test_nothing_acts_by_get(certs: Path) -> None:
    async with watched_pages(certs) as pages:
        for path in ("/watch/connect?client=good", "/watch/taps?target=x:1", "/watch/taps/1/stop"):
            assert (await pages.ask(path)).status == 405
        await asyncio.sleep(0)
        assert pages.services.connections.total == 0
