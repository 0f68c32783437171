"""The server that is started along: whose certificates it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.pki.errors import PkiError
from lab.webapp.watch.connection_list import ConnectionList
from lab.webapp.watch.lab_clients import clients_of, commands
from lab.webapp.watch.watched_server import ServerSettings, watched_server


async def test_without_certificates_a_set_is_made_for_the_occasion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with watched_server(ServerSettings(), ConnectionList()) as server:
        assert server.made and server.own_set
        assert (server.directory / "client.pfx").exists()
        assert [client.name for client in clients_of(server)] == [
            "good",
            "none",
            "other-ca",
            "expired",
        ]
    assert not server.directory.exists()
    assert list(tmp_path.iterdir()) == []


async def test_a_named_folder_is_used_as_it_is(certs: Path) -> None:
    async with watched_server(ServerSettings(directory=certs), ConnectionList()) as server:
        assert (server.made, server.directory) == (False, certs)


async def test_certificates_of_anyone(certs: Path, tmp_path: Path) -> None:
    settings = ServerSettings(
        directory=tmp_path / "none",
        certificate=certs / "server.crt",
        key=certs / "server.key",
        authorities=certs / "ca.crt",
    )
    async with watched_server(settings, ConnectionList()) as server:
        assert not server.own_set
        assert [client.name for client in clients_of(server)] == ["none", "other-ca"]
        assert all("--cacert" not in command for _, command in commands(server))


async def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(PkiError):
        async with watched_server(ServerSettings(directory=tmp_path), ConnectionList()):
            raise AssertionError("it must not start")
