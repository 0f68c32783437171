"""What is found out before scenarios are tried: TLS or not, which versions, which keys."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lab.pki.files.identity_files import load_authority
from lab.pki.identity import KeyKind
from lab.pki.lab_ca import LabAuthority
from lab.probing.preflight import NotProbable, Preflight, survey
from lab.stream.contexts import ClientAuth, ClientTls, TlsVersion
from lab.tracing.connection import NoConnection
from lab.tracing.target import Target
from lab.tracing.trace_server import NoTrace, Plan
from tests.support.peers import free_port
from tests.support.serving import PATIENCE, running

BOTH = list(TlsVersion)
ALERT = bytes.fromhex("15030300020246")  # protocol_version


@pytest.fixture(scope="module")
def ca(certs: Path) -> LabAuthority:
    now = datetime.now(timezone.utc)
    authority = load_authority(certs / "ca.crt", certs / "ca.key", None, now=now)
    return LabAuthority(authority=authority, now=now)


def plan_for(port: int, certs: Path) -> Plan:
    target = Target(host="127.0.0.1", port=port)
    tls = ClientTls(server_ca=certs / "ca.crt")
    return Plan(target=target, tls=tls, request="/todo", limit=PATIENCE)


async def surveyed(port: int, certs: Path, ca: LabAuthority) -> Preflight:
    return await survey(plan_for(port, certs), BOTH, ca)


@contextlib.asynccontextmanager
async def plain_server(answer: bytes) -> AsyncIterator[int]:
    """A server that reads once, answers these bytes and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read(65536)
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_the_labs_server_takes_both_versions_and_the_first_kind_of_key(
    certs: Path, ca: LabAuthority
) -> None:
    async with running(certs) as server:
        found = await surveyed(server.port, certs, ca)
    assert found.versions == BOTH
    assert found.silent == {}
    # One call with the usual key in each version, and one with a key that the server names.
    assert found.connections == 4
    assert all(trial.outcome.http_status == 200 for trial in found.trials.values())
    assert {ca.terms.kind for ca in found.authorities.values()} == {KeyKind.RSA_2048}


async def test_a_server_that_asks_for_no_certificate_is_called_once_a_version(
    certs: Path, ca: LabAuthority
) -> None:
    async with running(certs, client_auth=ClientAuth.NONE) as server:
        found = await surveyed(server.port, certs, ca)
    assert (found.versions, found.connections) == (BOTH, 2)
    assert {ca.terms.kind for ca in found.authorities.values()} == {None}


async def test_a_good_client_that_is_refused_is_tried_with_each_key_that_the_server_takes(
    certs: Path, ca: LabAuthority
) -> None:
    """The server trusts another CA, so no key gets in, and the last kind is as good as any."""
    other = LabAuthority(authority=ca.other_root(), now=ca.now)
    async with running(certs) as server:
        found = await survey(plan_for(server.port, certs), [TlsVersion.TLS13], other)
    kinds = 7  # RSA, three curves, Ed25519, Ed448 and RSA-PSS
    assert found.connections == 1 + kinds
    assert found.trials[TlsVersion.TLS13].outcome.alert is not None


async def test_a_server_whose_certificate_is_not_trusted(certs: Path, ca: LabAuthority) -> None:
    async with running(certs) as server:
        named = replace(plan_for(server.port, certs), sni="elsewhere.example")
        with pytest.raises(NotProbable, match=r"not accepted here: .*; name its CA \(--server-ca"):
            await survey(named, BOTH, ca)


async def test_a_server_that_refuses_every_hello(certs: Path, ca: LabAuthority) -> None:
    async with plain_server(ALERT) as port:
        with pytest.raises(
            NotProbable, match=r"answers no ClientHello of TLS 1\.2 or TLS 1\.3 \("
        ) as told:
            await surveyed(port, certs, ca)
    assert "protocol_version (70)" in str(told.value)


async def test_a_server_that_does_not_speak_tls(certs: Path, ca: LabAuthority) -> None:
    async with plain_server(b"220 mail.example ESMTP\r\n") as port:
        with pytest.raises(NoTrace):
            await surveyed(port, certs, ca)


async def test_a_server_that_is_not_there(certs: Path, ca: LabAuthority) -> None:
    with pytest.raises(NoConnection):
        await surveyed(free_port(), certs, ca)


@pytest.mark.parametrize(("answer", "silent"), [(b"", {TlsVersion.TLS13: "FIN"}), (ALERT, {})])
async def test_a_version_is_silent_if_not_even_an_alert_refuses_it(
    answer: bytes, silent: dict[TlsVersion, str], certs: Path, ca: LabAuthority
) -> None:
    """It serves TLS 1.2; where the ClientHello offers TLS 1.3 alone, it answers and closes."""
    offer = bytes.fromhex("002b0003020304")
    async with running(certs) as server:

        async def choose(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            first = await reader.read(65536)
            if offer in first:
                writer.write(answer)
            else:
                await carry(first, reader, writer, server.port)
            writer.close()

        async with await asyncio.start_server(choose, "127.0.0.1", 0) as front:
            found = await surveyed(front.sockets[0].getsockname()[1], certs, ca)
    assert found.versions == [TlsVersion.TLS12]
    assert found.silent == silent


async def carry(
    first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int
) -> None:
    """Carry one connection to a server, and its answers back, until both ends have closed."""
    server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
    server_writer.write(first)

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
            sink.write_eof()

    await asyncio.gather(copy(reader, server_writer), copy(server_reader, writer))
    server_writer.close()
