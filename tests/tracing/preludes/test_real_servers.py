"""Real servers and proxies, reached as the route says, with the lab's client and without."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from lab.api import (
    ConnectionFailedError,
    LabCA,
    LabServer,
    NoTlsError,
    Route,
    Trace,
    Verdict,
    load_identity,
    probe_server_async,
    read_capture,
    route_of,
    trace_server_async,
)
from lab.show.documents.probe_documents import probe_document
from lab.tls.events import Fact, LocalFact
from tests.support import more_starttls_servers as servers
from tests.support.peers import MAKES, served_by
from tests.support.serving import program

PROXY_USER = "al:s3cret%20word@"
DOVECOT = ("imap", "pop3", "lmtp", "sieve")
OTHERS: dict[str, Callable[[Path], AbstractContextManager[int]]] = {
    "xmpp": servers.prosody,
    "ftp": servers.proftpd,
    "rdp": servers.xrdp,
    "nntp": servers.nntp,
}
# Servers whose handshake completes without a client certificate: it is asked for at login, or not
# at all (xrdp), or looked at behind the handshake.
LENIENT = {"imap", "pop3", "lmtp", "sieve", "rdp", "postgres", "mysql", "smtp"}


async def traces(
    certs: Path, server: str, *, identity: bool = True, route: Route | None = None
) -> tuple[Trace, ...]:
    own = load_identity(certs / "client.crt", certs / "client.key") if identity else None
    way = route or Route()
    return await trace_server_async(
        server, route=way, identity=own, trust=certs / "ca.crt", after="none"
    )


def returned(trace: Trace) -> bool:
    return any(
        isinstance(event, LocalFact) and event.fact is Fact.HANDSHAKE_RETURNED
        for event in trace.events
    )


async def check(certs: Path, protocol: str, port: int) -> None:
    """A client with the certificate comes in by the scheme, and one without as the server likes."""
    url = f"{protocol}://localhost:{port}"
    for trace in await traces(certs, url):
        assert trace.route == (f"STARTTLS ({protocol})",)
        assert returned(trace) and not trace.outcome.rejected, trace.causes[0].summary
    for trace in await traces(certs, url, identity=False):
        assert trace.outcome.rejected is (protocol not in LENIENT), trace.causes[0].summary


@pytest.mark.parametrize("protocol", DOVECOT)
async def test_dovecot(protocol: str, certs: Path, dovecot_ports: dict[str, int]) -> None:
    await check(certs, protocol, dovecot_ports[protocol])


async def test_slapd(certs: Path, slapd_port: int) -> None:
    await check(certs, "ldap", slapd_port)


@pytest.mark.parametrize("protocol", OTHERS)
async def test_other_servers(protocol: str, certs: Path) -> None:
    with OTHERS[protocol](certs) as port:
        await check(certs, protocol, port)


@pytest.mark.slow
async def test_postgresql(certs: Path, postgresql_port: int) -> None:
    await check(certs, "postgres", postgresql_port)


@pytest.mark.slow
async def test_mariadb(certs: Path, mariadb_port: int) -> None:
    await check(certs, "mysql", mariadb_port)


@pytest.mark.slow
async def test_postfix(certs: Path, postfix_port: int) -> None:
    await check(certs, "smtp", postfix_port)


def test_openssl_takes_the_stand_in_for_a_news_server(certs: Path) -> None:
    with servers.nntp(certs) as port:
        words = (program("openssl", "openssl"), "s_client", "-starttls", "nntp", "-brief")
        files = ("-cert", certs / "client.crt", "-key", certs / "client.key")
        done = subprocess.run(
            [*words, "-connect", f"127.0.0.1:{port}", *files],
            input=b"",
            capture_output=True,
            timeout=20,
        )
        assert b"CONNECTION ESTABLISHED" in done.stderr


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("smtp", 'no greeting (220), but "* OK [CAPABILITY '),
        ("postgres", "that looks like IMAP (--starttls imap)"),
        ("mysql", "that looks like IMAP"),
        ("xmpp", "that looks like IMAP"),
    ],
)
async def test_a_server_of_another_protocol_is_named(
    name: str, says: str, certs: Path, dovecot_ports: dict[str, int]
) -> None:
    with pytest.raises(ConnectionFailedError) as caught:
        server = f"localhost:{dovecot_ports['imap']}"
        await traces(certs, server, route=route_of(starttls=name))
    assert says in str(caught.value)


async def test_a_capture_has_what_was_spoken_before_tls(
    certs: Path, dovecot_ports: dict[str, int], tmp_path: Path
) -> None:
    capture = tmp_path / "seen.pcapng"
    await trace_server_async(
        f"imap://localhost:{dovecot_ports['imap']}",
        trust=certs / "ca.crt",
        after="none",
        pcapng=capture,
    )
    for trace in read_capture(capture):
        assert trace.flow is not None and trace.flow.prelude == "IMAP STARTTLS"
        assert trace.negotiated_version is not None
    text = capture.read_bytes()
    assert text.count(b"a2 STARTTLS\r\n") == 2


# --- Proxies


@pytest.fixture(scope="module")
def squid(certs: Path) -> Iterator[str]:
    with servers.squid(certs) as port:
        yield f"127.0.0.1:{port}"


@pytest.fixture(scope="module")
def socks(certs: Path) -> Iterator[str]:
    with servers.socks(certs) as port:
        yield f"127.0.0.1:{port}"


async def test_connect_by_squid(squid: str) -> None:
    ca = LabCA()
    with LabServer(trust=ca) as server:
        way = route_of(proxy=f"http://{PROXY_USER}{squid}")
        (trace,) = await trace_server_async(
            server.address, route=way, identity=ca.client(), trust=ca, versions=["1.3"]
        )
    assert trace.outcome.accepted and trace.outcome.http_status == 200
    assert trace.route == (f"CONNECT by {squid}",)


@pytest.mark.parametrize(
    ("user", "server", "says"),
    [
        ("", "localhost:443", "the proxy answers 407 Proxy Authentication Required"),
        ("al:wrong@", "localhost:443", "it does not take the password of al"),
        (PROXY_USER, "localhost:1", "it does not reach the server"),
        (PROXY_USER, "nowhere.invalid:443", "it does not reach the server"),
    ],
)
async def test_squid_refuses(user: str, server: str, says: str, certs: Path, squid: str) -> None:
    with pytest.raises(ConnectionFailedError) as caught:
        await traces(certs, server, route=route_of(proxy=f"http://{user}{squid}"))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("user", "server", "says"),
    [
        ("", "localhost:443", "it may want a password"),
        ("al:wrong@", "localhost:443", "the proxy does not take the password of al"),
        (PROXY_USER, "127.0.0.1:1", "connection refused (5)"),
    ],
)
async def test_a_socks_proxy_refuses(
    user: str, server: str, says: str, certs: Path, socks: str
) -> None:
    with pytest.raises(ConnectionFailedError) as caught:
        await traces(certs, server, route=route_of(proxy=f"socks5://{user}{socks}"))
    assert says in str(caught.value)


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_nginx_takes_the_header_of_the_proxy_protocol(
    version: str, certs: Path, tmp_path: Path
) -> None:
    own = load_identity(certs / "client.crt", certs / "client.key")
    with servers.nginx_with_header(certs) as (port, unix_socket):
        for server in (f"127.0.0.1:{port}", f"unix:{unix_socket}"):
            found = await trace_server_async(
                server,
                route=route_of(proxy_protocol=version),
                identity=own,
                trust=certs / "ca.crt",
                pcapng=tmp_path / "seen.pcapng",
            )
            assert [trace.outcome.http_status for trace in found] == [200, 200]
            assert {trace.target for trace in found} == {server}
            captured = list(read_capture(tmp_path / "seen.pcapng"))
            assert [trace.outcome.http_status for trace in captured] == [200, 200]
            assert {trace.flow.prelude for trace in captured if trace.flow} == {"PROXY protocol"}
        (first, _) = await traces(certs, f"127.0.0.1:{port}")
        assert first.causes[0].code in ("refused-without-alert", "closed-at-once")
        assert "--proxy-protocol" in first.causes[0].fix


@pytest.mark.parametrize("make", ["nginx", "haproxy", "openssl s_server", "gnutls-serv"])
async def test_a_header_that_is_not_expected_is_named_first(
    make: str, certs: Path, tmp_path: Path
) -> None:
    with served_by(MAKES[make], certs, tmp_path) as port:
        way = route_of(proxy_protocol="v1")
        try:
            found = await traces(certs, f"127.0.0.1:{port}", route=way)
        except NoTlsError as error:
            assert "it may not expect one" in str(error), error
        else:
            assert [trace.causes[0].code for trace in found] == ["proxy-header"] * 2


async def test_all_layers_compose(certs: Path, squid: str, dovecot_ports: dict[str, int]) -> None:
    with servers.haproxy_in_front(certs, dovecot_ports["imap"]) as port:
        way = route_of(proxy=f"http://{PROXY_USER}{squid}", proxy_protocol="v2")
        for trace in await traces(certs, f"imap://localhost:{port}", route=way):
            assert returned(trace) and not trace.outcome.rejected
            assert trace.route == (
                f"CONNECT by {squid}",
                "PROXY protocol v2",
                "STARTTLS (imap)",
            )


@pytest.mark.slow
async def test_a_probe_goes_the_same_way(certs: Path, socks: str, slapd_port: int) -> None:
    report = await probe_server_async(
        f"ldap://localhost:{slapd_port}",
        route=route_of(proxy=f"socks5://{PROXY_USER}{socks}"),
        ca=LabCA.load(certs / "ca.crt", certs / "ca.key"),
        only=["good", "no-certificate", "wrong-ca", "plain-http"],
    )
    verdicts = {finding.scenario.name: finding.verdict for finding in report.findings}
    assert len(verdicts) == 4 and all(verdict.fine for verdict in verdicts.values()), verdicts
    assert verdicts["good"] is Verdict.RIGHT
    assert report.route == (f"SOCKS 5 by {socks}", "STARTTLS (ldap)")
    assert probe_document(report)["route"] == list(report.route)
