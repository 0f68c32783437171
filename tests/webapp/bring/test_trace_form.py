"""Tracing a host by form: the options, the words of errors, the command for the same."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from lab.api import LabCA, LabServer
from lab.webapp.bring.answers import BroughtAnswer, NotAnswered
from lab.webapp.bring.trace_form import traced
from lab.webapp.jobs import Jobs
from lab.webapp.watch.connection_list import ConnectionList
from lab.webapp.watch.watched_server import ServerSettings, watched_server
from lab.webapp.web_request import Form, UploadedFile


async def answer(fields: dict[str, str], **files: bytes) -> BroughtAnswer:
    jobs = Jobs()
    uploaded = {name: [UploadedFile(name=f"{name}.pem", data=data)] for name, data in files.items()}
    try:
        return await traced(Form(fields=fields, files=uploaded), jobs, None)
    finally:
        jobs.close()


async def test_with_a_certificate_and_its_key_and_a_ca() -> None:
    ca = LabCA()
    client = ca.client(common_name="alice")
    async with LabServer(trust=ca) as server:
        address = server.address
        found = await answer(
            {"target": address, "version": "1.3", "sni": "localhost", "request": "/todo"},
            ca=ca.certificate_pem,
            cert=client.certificate_pem,
            key=client.key_pem,
        )
    assert "CN=alice" in found.view and "ccepted" in found.view
    assert found.warning
    words = ["--tls1.3", "--ca", "ca.pem", "--cert", "cert.pem", "--key", "key.pem"]
    words += ["--sni", "localhost", "--request", "/todo"]
    assert shlex.split(found.command) == ["python", "-m", "lab.trace", address, *words]


async def test_with_pkcs12_and_its_password() -> None:
    ca = LabCA()
    data = ca.client().identity.pkcs12(b"secret", friendly_name="x", authorities=[])
    async with LabServer(trust=ca) as server:
        fields = {"target": server.address, "insecure": "yes", "password": "secret"}
        found = await answer(fields, cert=data)
        assert "secret" not in found.command and found.command.endswith("--insecure")
        for password in ("", "wrong"):
            with pytest.raises(NotAnswered, match="password"):
                await answer({**fields, "password": password}, cert=data)


async def test_the_labs_own_server_is_verified_by_its_own_ca(certs: Path) -> None:
    async with watched_server(ServerSettings(directory=certs), ConnectionList()) as own:
        jobs = Jobs()
        fields = {"target": f"localhost:{own.address.port}", "version": "1.3"}
        found = await traced(Form(fields=fields), jobs, own)
        jobs.close()
    assert "certificate_required" in found.view
    assert found.command.endswith(f"--ca {certs}/ca.crt")


@pytest.mark.parametrize(
    ("fields", "files", "message"),
    [
        ({}, {}, "name a server"),
        ({"target": "http://x"}, {}, "has a scheme that does not lead to TLS"),
        ({"target": "127.0.0.1:1"}, {}, "127.0.0.1:1"),
        ({"target": "127.0.0.1:1"}, {"key": b"x"}, "The key goes with a certificate"),
        ({"target": "127.0.0.1:1"}, {"cert": b"x"}, "cert.pem"),
        ({"target": "127.0.0.1:1"}, {"ca": b"x"}, "the CA file"),
        ({"target": "127.0.0.1:1", "sni": "a b"}, {}, "a b"),
    ],
)
async def test_what_cannot_be_traced(
    fields: dict[str, str], files: dict[str, bytes], message: str
) -> None:
    with pytest.raises(NotAnswered, match=message):
        await answer(fields, **files)


async def test_the_ca_in_the_folder_is_trusted_as_by_the_command(
    certs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched_server(ServerSettings(directory=certs), ConnectionList()) as server:
        fields = {"target": f"localhost:{server.address.port}", "version": "1.3"}
        assert "unknown_ca" in (await answer(fields)).view
        monkeypatch.chdir(certs.parent)
        assert certs.name == "certs"
        found = await answer(fields)
    assert "certificate_required" in found.view
    assert "--ca" not in shlex.split(found.command)
