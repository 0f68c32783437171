"""The tap's way to its target: through a proxy, and announced by the PROXY protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.api import LabCA, LabServer, trace_server_async
from lab.tracing.route import route_of
from tests.support import more_starttls_servers as servers
from tests.support.answering import answering
from tests.support.serving import blocking, client_tls, in_thread
from tests.tracing.tap.test_tap_listener import tapping


async def test_through_a_proxy_both_ends_see_what_they_would_without_it(certs: Path) -> None:
    ca = LabCA()
    with servers.socks(certs) as proxy:
        async with LabServer(trust=ca) as server:
            port = int(server.address.rpartition(":")[2])
            way = route_of(proxy=f"socks5://al:s3cret%20word@127.0.0.1:{proxy}")
            async with tapping(port, route=way) as collected:
                (live,) = await trace_server_async(
                    collected.address.authority, identity=ca.client(), trust=ca, versions=["1.3"]
                )
                trace = await collected.one()
    assert live.outcome.accepted
    assert trace.flow is not None and trace.flow.server.port == proxy


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_the_header_names_the_client_of_the_tap(version: str, certs: Path) -> None:
    with servers.nginx_with_header(certs) as (port, _):
        async with tapping(port, route=route_of(proxy_protocol=version)) as collected:

            def ask() -> tuple[bytes, int]:
                with blocking(collected.address.port, client_tls(certs)) as tls:
                    tls.do_handshake()
                    own = int(tls.getsockname()[1])
                    tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    answer = b""
                    while part := tls.recv(4096):
                        answer += part
                    return answer, own

            answer, own = await in_thread(ask)
            await collected.one()
    assert answer.endswith(f"from 127.0.0.1:{own}\n".encode())


async def test_a_proxy_that_refuses_is_told_and_resets_the_client() -> None:
    refusal = b"HTTP/1.1 407 Wanted\r\nProxy-Authenticate: Basic\r\n\r\n"
    with answering(refusal, greets=False) as proxy:
        way = route_of(proxy=f"http://al:s3cret@127.0.0.1:{proxy}")
        async with tapping(443, route=way) as collected:
            (trace,) = await trace_server_async(collected.address.authority, versions=["1.3"])
            await collected.until(lambda collected: bool(collected.lines))
    assert trace.outcome.result.value == "failed"
    (line,) = collected.lines
    assert "reset, no connection to 127.0.0.1:443: proxy 127.0.0.1:" in line
    assert "it does not take the password of al" in line and "s3cret" not in line
