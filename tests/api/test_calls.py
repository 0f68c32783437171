"""The functions of the library: both forms, their options, and the errors that they raise."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import socket
import ssl
from pathlib import Path

import pytest

from lab.api import (
    ArgumentError,
    ConnectionFailedError,
    FileError,
    LabCA,
    LabServer,
    NoTlsError,
    NotProbableError,
    ScenarioError,
    Verdict,
    explain_scenario,
    inspect_files,
    inspect_files_async,
    list_scenarios,
    load_identity,
    probe_server,
    probe_server_async,
    route_of,
    trace_server,
    trace_server_async,
)
from tests.support.peers import free_port
from tests.support.serving import in_thread


def test_a_trace_has_both_ends_of_a_lab_server() -> None:
    with LabServer(trust=LabCA()) as server:
        traces = trace_server(server)
        alone = trace_server(server.address, verify=False)
    assert isinstance(traces, tuple)
    assert [str(trace.requested_version) for trace in traces] == ["TLS 1.2", "TLS 1.3"]
    for trace in traces:
        assert trace.both_ends
        assert trace.outcome.rejected
        assert trace.outcome.server_handshake_returned is False
        assert trace.causes[0].code == "no-client-certificate"
    assert [trace.both_ends for trace in alone] == [False, False]
    with pytest.raises(dataclasses.FrozenInstanceError):
        traces[0].target = "another"  # type: ignore[misc]


def test_traces_at_once_keep_their_own_server_view() -> None:
    ca = LabCA()

    async def both() -> list[bool]:
        async with LabServer(trust=ca) as server:
            calls = [
                trace_server_async(server, identity=identity, versions=["1.3"])
                for identity in (ca.client(), None) * 4
            ]
            traces = [traces[0] for traces in await asyncio.gather(*calls)]
        for trace in traces:
            assert trace.outcome.server_handshake_returned is trace.outcome.accepted
        return [trace.outcome.accepted for trace in traces]

    assert asyncio.run(both()) == [True, False] * 4


async def test_a_blocking_call_inside_a_running_loop() -> None:
    """The server runs on a loop of its own, so a blocking client does not hold it up."""
    ca = LabCA()
    async with LabServer(trust=ca) as server:
        (trace,) = trace_server(server, identity=ca.client(), versions=["1.2"])
        assert trace.outcome.accepted
        (trace,) = await trace_server_async(server, identity=ca.client(), versions=["1.2"])
        assert trace.outcome.accepted


async def test_a_blocking_server_inside_a_running_loop() -> None:
    with LabServer(trust=LabCA()) as server:
        (trace,) = await trace_server_async(server, versions=["1.3"])
    assert trace.outcome.rejected


def test_the_callers_event_loop_stays_as_it_was() -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        with LabServer(trust=LabCA()) as server:
            trace_server(server, versions=["1.3"])
        assert asyncio.get_event_loop() is loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def test_whom_a_trace_trusts(tmp_path: Path) -> None:
    ca, other = LabCA(), LabCA()
    file = tmp_path / "ca.crt"
    file.write_bytes(ca.certificate_pem)
    with LabServer(trust=ca) as server:
        address = server.address
        for trust in (ca, file, str(file)):
            (trace,) = trace_server(address, trust=trust, versions=["1.3"])
            assert trace.causes[0].code == "no-client-certificate"
        (trace,) = trace_server(address, identity=ca.client(), versions=["1.3"])
        assert trace.outcome.accepted
        # Of another CA, or with nobody named: the client does not trust the server.
        for wrong in (
            trace_server(address, trust=other, versions=["1.3"]),
            trace_server(address, versions=["1.3"]),
            trace_server(address, identity=other.client(), versions=["1.3"]),
        ):
            assert wrong[0].outcome.by is not None
            assert wrong[0].outcome.by.value == "client"


def test_the_options_of_a_trace(tmp_path: Path) -> None:
    ca = LabCA()
    key_log = tmp_path / "keys"
    with LabServer(trust=ca) as server:
        (trace,) = trace_server(
            server,
            identity=ca.client(),
            versions=["1.3"],
            sni="localhost",
            alpn=["http/1.1"],
            request="/nothing",
            write_first=True,
            key_log=key_log,
        )
    assert trace.outcome.accepted
    assert trace.outcome.http_status == 404
    assert "SERVER_TRAFFIC_SECRET_0" in key_log.read_text()


def test_errors_of_a_trace(tmp_path: Path) -> None:
    port = free_port()
    with pytest.raises(ConnectionFailedError, match=f"cannot connect to 127.0.0.1:{port}: "):
        trace_server(f"127.0.0.1:{port}")
    for versions in (["1.1"], "1.3", []):
        with pytest.raises(ArgumentError, match="versions is"):
            trace_server("127.0.0.1:1", versions=versions)
    with pytest.raises(ArgumentError, match="is no path"):
        trace_server("127.0.0.1:1", request="a b")
    with pytest.raises(ArgumentError, match="does not lead to TLS"):
        trace_server("http://127.0.0.1:1")
    with pytest.raises(FileError, match="no such file"):
        trace_server("127.0.0.1:1", trust=tmp_path / "missing")
    with (
        LabServer(trust=LabCA()) as server,
        pytest.raises(FileError, match="name a file that this user may use"),
    ):
        trace_server(server, key_log=tmp_path / "no" / "folder")


def test_a_server_that_sends_no_tls() -> None:
    async def main() -> None:
        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example\r\n")
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(NoTlsError):
                await trace_server_async(str(port), verify=False)

    asyncio.run(main())


def test_an_interrupted_call_leaves_no_thread() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(NoTlsError):
            trace_server(str(port), timeout=0.2, versions=["1.2"])


async def test_a_cancelled_trace_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        task = asyncio.ensure_future(trace_server_async(str(port), timeout=60))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def test_a_probe_of_a_server_that_is_named() -> None:
    ca = LabCA()
    names = ["good", "expired", "no-certificate"]
    done: list[str] = []
    with LabServer(trust=ca) as server:
        report = probe_server(
            server.address,
            ca=ca,
            only=names,
            versions=["1.3"],
            request="/todo",
            progress=lambda _: done.append,
        )
    assert report.passed
    assert {found.scenario.name for found in report.findings} == set(names)
    assert set(names) <= set(done)


def test_a_probe_finds_a_server_that_does_not_require_certificates() -> None:
    ca = LabCA()
    with LabServer(trust=ca, client_auth="none") as server:
        report = probe_server(server.address, ca=ca, only=["no-certificate"], versions=["1.3"])
    assert not report.passed
    assert report.findings[0].verdict is Verdict.LET_IN


async def test_a_probe_of_the_labs_own_server() -> None:
    report = await probe_server_async(only=["expired"], versions=["1.2"])
    assert report.passed
    assert report.findings[0].verdict is Verdict.RIGHT


def test_errors_of_a_probe() -> None:
    with pytest.raises(ScenarioError, match="did you mean expired"):
        probe_server(only=["expird"])
    with pytest.raises(ArgumentError, match="needs ca"):
        probe_server("127.0.0.1:1")
    with (
        LabServer(trust=LabCA()) as server,
        pytest.raises(NotProbableError, match="its certificate is not accepted here"),
    ):
        probe_server(server.address, ca=LabCA(), only=["good"])


def test_a_scenario_explained() -> None:
    explanation = explain_scenario("expired", versions=["1.2"])
    assert explanation.scenario.name == "expired"
    assert explanation.traces[0].causes[0].code == "client-certificate-expired"


def test_scenarios_are_listed() -> None:
    everything = [scenario.name for scenario in list_scenarios()]
    elsewhere = [scenario.name for scenario in list_scenarios(elsewhere=True)]
    assert "server-expired" in everything
    assert "server-expired" not in elsewhere
    assert [scenario.name for scenario in list_scenarios(only=["good"])] == ["good"]


def test_files_are_inspected(tmp_path: Path) -> None:
    ca = LabCA()
    path = tmp_path / "client.pem"
    path.write_bytes(ca.client(scenario="expired").certificate_pem)
    inspection = inspect_files([path], role="client")
    assert {found.code for _, found in inspection.problems()} == {"certificate-expired"}
    assert asyncio.run(inspect_files_async([str(path)], role="client")).files[0].name == str(path)
    with pytest.raises(ArgumentError, match="role is 'peer'; give client or server"):
        inspect_files([path], role="peer")
    with pytest.raises(FileError, match="no such file"):
        inspect_files([tmp_path / "missing"])


def test_a_password_opens_a_key(tmp_path: Path) -> None:
    path = tmp_path / "client.pem"
    identity = LabCA().client().identity
    path.write_bytes(identity.chain_pem() + identity.key_pem(b"secret"))
    asked: list[Path] = []

    def ask(file: Path) -> bytes:
        asked.append(file)
        return b"secret"

    for password in ("secret", ask):
        _, key = inspect_files([path], password=password).files[0].entries
        assert not key.problems
    assert asked == [path]
    with pytest.raises(FileError, match="the password does not open the private key"):
        inspect_files([path], password="wrong")
    assert load_identity(path, password=b"secret").certificate_pem == identity.chain_pem()


async def test_another_client_of_the_server() -> None:
    """What a test-suite does: its own client, with files of an identity."""
    ca = LabCA()

    def get(address: str) -> bytes:
        host, port = address.split(":")
        with ca.certificate_file() as trusted, ca.client().files() as files:
            context = ssl.create_default_context(cafile=trusted)
            context.load_cert_chain(files.certificate, files.key)
        with (
            socket.create_connection((host, int(port)), timeout=20) as connection,
            context.wrap_socket(connection, server_hostname="localhost") as tls,
        ):
            tls.sendall(b"GET /todo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return tls.recv(65536)

    async with LabServer(trust=ca) as server:
        assert (await in_thread(lambda: get(server.address))).startswith(b"HTTP/1.1 200 ")


@pytest.mark.skipif(os.name == "nt", reason="needs a user whom file modes can stop")
def test_the_files_of_an_identity_are_private_and_go() -> None:
    with LabCA().client().files() as files:
        assert files.key.stat().st_mode & 0o777 == 0o600
    assert not files.key.exists()
    assert not files.certificate.exists()


def test_a_route_that_there_is_not_is_an_argument_error() -> None:
    with pytest.raises(ArgumentError, match="'smpt' is no protocol of STARTTLS"):
        route_of(starttls="smpt")


async def test_a_route_leads_to_a_server(certs: Path, dovecot_ports: dict[str, int]) -> None:
    server, ca = f"localhost:{dovecot_ports['pop3']}", certs / "ca.crt"
    way = route_of(starttls="pop3")
    (trace,) = await trace_server_async(server, route=way, trust=ca, versions=["1.3"])
    assert trace.route == ("STARTTLS (pop3)",)
    assert trace.negotiated_version is not None
