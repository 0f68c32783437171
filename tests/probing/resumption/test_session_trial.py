"""Sessions at real servers: those that let somebody past the check, and those that do not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import pytest

from lab.pki.files.identity_files import load_authority
from lab.pki.lab_ca import LabAuthority
from lab.probing.results import Finding, Verdict
from lab.probing.resumption.probe_sessions import probe_sessions
from lab.probing.resumption.session_grounds import SessionExtent, session_grounds
from lab.probing.resumption.session_trial import try_session
from lab.stream.contexts import ClientTls, TlsVersion
from lab.tracing.target import Target
from lab.tracing.trace_server import Plan
from tests.support.choosing_relay import choosing_relay
from tests.support.more_peers import MORE_MAKES
from tests.support.peers import MAKES, Maker, Setup, VerifyMode, served_by
from tests.support.session_servers import (
    ASKS_NOBODY,
    HERE,
    TRUSTS_ANOTHER,
    apache_by_name,
    haproxy_alone,
    haproxy_by_name,
    nginx_by_name,
    node_by_name,
    python_by_name,
    write_authorities,
)

BOTH = list(TlsVersion)
COMES_BACK = ("session-resumed", "session-with-another-certificate", "session-without-certificate")
NAMES = ("session-to-other-name", "session-from-other-name")
CHANGES = ("session-after-revocation", "session-after-ca-change")


async def tried(
    port: int,
    ca: LabAuthority,
    server_ca: Path,
    names: Sequence[str],
    *,
    sni: str | None = None,
    extent: SessionExtent | None = None,
    concurrency: int = 1,
    versions: Sequence[TlsVersion] = BOTH,
) -> dict[str, list[Finding]]:
    plan = Plan(
        target=Target(host="127.0.0.1", port=port), tls=ClientTls(server_ca=server_ca), sni=sni
    )
    extent = (extent or SessionExtent()).choosing(names, (), own=False)
    with session_grounds(extent, plan, dict.fromkeys(versions, ca)) as grounds:
        attempt = partial(try_session, grounds=grounds)
        found = await probe_sessions(
            extent.scenarios, versions, attempt, concurrency=concurrency, done=lambda _: None
        )
    by_name: dict[str, list[Finding]] = {}
    for finding in found.findings:
        by_name.setdefault(finding.scenario.name, []).append(finding)
    assert set(by_name) == set(names)
    return by_name


def verdicts(found: dict[str, list[Finding]], name: str) -> list[Verdict]:
    return [finding.verdict for finding in found[name]]


@contextlib.contextmanager
def by_name(make: Maker, folder: Path) -> Iterator[tuple[int, LabAuthority]]:
    ca = write_authorities(folder)
    with served_by(make, folder, folder) as port:
        yield port, ca


@pytest.mark.parametrize(
    "make", [haproxy_by_name, node_by_name, python_by_name], ids=["haproxy", "node", "python"]
)
async def test_names_that_share_sessions_and_trust_different_cas(
    make: Maker, tmp_path: Path
) -> None:
    """A client of one CA gets in where another is trusted, as if it were of that one."""
    extent = SessionExtent(also_sni=TRUSTS_ANOTHER)
    with by_name(make, tmp_path) as (port, ca):
        names = ("session-resumed", "session-to-other-name")
        found = await tried(port, ca, tmp_path / "ca.crt", names, sni=HERE, extent=extent)
    assert verdicts(found, "session-resumed") == [Verdict.RIGHT] * 2
    assert verdicts(found, "session-to-other-name") == [Verdict.LET_IN] * 2
    for finding in found["session-to-other-name"]:
        assert finding.admitted
        # Node closes the connection, and sends no alert.
        how = "FIN" if make is node_by_name else "unknown_ca (48)"
        assert finding.notes[0].endswith(f"the same client is refused by a full handshake ({how})")
        assert finding.notes[1] == "the server's answer names CN=mtls-client"


async def test_a_session_of_a_name_that_asks_nobody(tmp_path: Path) -> None:
    """A client without a certificate gets in where one is required."""
    extent = SessionExtent(also_sni=ASKS_NOBODY)
    with by_name(haproxy_by_name, tmp_path) as (port, ca):
        found = await tried(port, ca, tmp_path / "ca.crt", NAMES, sni=HERE, extent=extent)
    assert verdicts(found, "session-to-other-name") == [Verdict.RIGHT] * 2
    assert verdicts(found, "session-from-other-name") == [Verdict.LET_IN] * 2
    refusals = {finding.notes[0].partition("(")[2] for finding in found["session-from-other-name"]}
    assert refusals == {"handshake_failure (40))", "certificate_required (116))"}


async def test_a_session_of_nobody_where_nobody_is_let_in_as_well(tmp_path: Path) -> None:
    """It is worth no more than to have no certificate, though a wrong one is refused."""
    extent = SessionExtent(also_sni=ASKS_NOBODY)

    def make(setup: Setup) -> Sequence[str | Path]:
        return haproxy_by_name(setup, verify="optional")

    with by_name(make, tmp_path) as (port, ca):
        found = await tried(port, ca, tmp_path / "ca.crt", NAMES[1:], sni=HERE, extent=extent)
    assert verdicts(found, NAMES[1]) == [Verdict.NOT_TRIED] * 2
    assert all(finding.fine for finding in found[NAMES[1]])


async def offered_at_two(folder: Path, choose: Callable[[int, list[int]], int]) -> list[Finding]:
    """Offer sessions at an address of two servers that share ticket keys, with us and each other.

    ``choose`` takes the number of a connection, and the ports of one that trusts the same CA, one
    that trusts another, and one that does so, too, and shares nothing.
    """
    ca = write_authorities(folder)
    (folder / "tickets.key").write_text(f"{'A' * 64}\n" * 3, "utf-8")
    with contextlib.ExitStack() as stack:
        ports = []
        for name, trusted, shares in (
            ("here", "ca", True),
            ("same", "ca", True),
            ("other", "other", True),
            ("alone", "other", False),
        ):
            (place := folder / name).mkdir()
            make = partial(haproxy_alone, files=folder, ca=f"{trusted}.crt", shares=shares)
            ports.append(stack.enter_context(served_by(make, place, place)))
        port, *others = ports
        front = stack.enter_context(choosing_relay(lambda number, _: choose(number, others)))
        extent = SessionExtent(also=Target(host="127.0.0.1", port=front))
        names = ["session-to-other-address"]
        only = (TlsVersion.TLS13,)
        found = await tried(
            port, ca, folder / "ca.crt", names, sni=HERE, extent=extent, versions=only
        )
    return found[names[0]]


async def test_one_refusal_of_several_servers_is_held_against_none(tmp_path: Path) -> None:
    """A full handshake is refused by one, and the session is taken by one that takes all."""
    (finding,) = await offered_at_two(
        tmp_path, lambda number, ports: ports[1] if number < 2 else ports[0]
    )
    assert finding.verdict is Verdict.UNTOLD
    assert "(unknown_ca (48), then HTTP 200) cannot be told" in finding.notes[0]
    assert "do not end alike" in finding.notes[1]


async def test_a_session_that_one_server_does_not_know_is_offered_again(tmp_path: Path) -> None:
    """Behind one address, the second server takes it, and should not."""
    (finding,) = await offered_at_two(
        tmp_path, lambda number, ports: ports[1] if number == 3 else ports[2]
    )
    assert finding.verdict is Verdict.LET_IN


@pytest.mark.parametrize("make", [nginx_by_name, apache_by_name], ids=["nginx", "apache"])
async def test_names_that_refuse_each_others_sessions(make: Maker, tmp_path: Path) -> None:
    """These have the mending of CVE-2025-23419 and of CVE-2025-23048."""
    with by_name(make, tmp_path) as (port, ca):
        for other, refused in ((TRUSTS_ANOTHER, NAMES[0]), (ASKS_NOBODY, NAMES[1])):
            extent = SessionExtent(also_sni=other)
            found = await tried(port, ca, tmp_path / "ca.crt", NAMES, sni=HERE, extent=extent)
            assert all(each.fine for group in found.values() for each in group)
            assert [each.admitted for each in found[refused]] == [False] * 2
            endings = [each.ending for each in found[refused]]
            if make is nginx_by_name:
                assert endings == ["HTTP 421", "access_denied (49)"]


async def test_no_other_path_is_named_where_the_certificate_is_refused(tmp_path: Path) -> None:
    """nginx refuses it by HTTP, with 400, whatever the path."""
    with by_name(nginx_by_name, tmp_path) as (port, ca):
        trust = tmp_path / "ca.crt"
        found = await tried(port, ca, trust, ["session-resumed"], sni=TRUSTS_ANOTHER)
    for finding in found["session-resumed"]:
        assert finding.notes[0] == "the first connection was not let in (HTTP 400)"


def reloading(folder: Path, variable: str, name: str) -> str:
    return f'cp "${variable}" {folder}/{name} && kill -HUP $(cat {folder}/nginx.pid)'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "revoked"),
    [
        ("", [Verdict.RIGHT] * 2),
        ("ssl_session_ticket_key {folder}/tickets.key;", [Verdict.LET_IN] * 2),
        ("ssl_session_cache shared:lab:1m;", [Verdict.LET_IN, Verdict.RIGHT]),
        ("ssl_session_cache shared:lab:1m; ssl_session_tickets off;", [Verdict.LET_IN] * 2),
    ],
    ids=["new ticket keys", "kept ticket keys", "kept cache", "kept cache, no tickets"],
)
async def test_a_reload_that_keeps_sessions(
    more: str, revoked: list[Verdict], tmp_path: Path
) -> None:
    """By the operator's commands, which put the CA back at the end.

    A cache beside tickets is for clients of TLS 1.2 that take none.
    """
    (tmp_path / "tickets.key").write_bytes(bytes(80))

    def make(setup: Setup) -> Sequence[str | Path]:
        return nginx_by_name(setup, more.format(folder=tmp_path), one=True)

    extent = SessionExtent(
        revoke_by=reloading(tmp_path, "LAB_CRL", "crl.pem"),
        change_ca_by=reloading(tmp_path, "LAB_CA", "ca.crt"),
    )
    with by_name(make, tmp_path) as (port, ca):
        trust = tmp_path / "server-ca.crt"
        trust.write_bytes((tmp_path / "ca.crt").read_bytes())
        names = CHANGES if not more else CHANGES[:1]
        found = await tried(port, ca, trust, names, sni=HERE, extent=extent)
    assert verdicts(found, "session-after-revocation") == revoked
    if not more:
        assert verdicts(found, "session-after-ca-change") == [Verdict.RIGHT] * 2
    assert (tmp_path / "ca.crt").read_bytes() == trust.read_bytes()


@pytest.fixture(scope="module")
def ca(certs: Path) -> LabAuthority:
    now = datetime.now(timezone.utc)
    authority = load_authority(certs / "ca.crt", certs / "ca.key", None, now=now)
    return LabAuthority(authority=authority, now=now)


@pytest.mark.parametrize("make", list(MAKES))
async def test_a_client_that_comes_back_is_no_fault(
    make: str, certs: Path, ca: LabAuthority, tmp_path: Path
) -> None:
    with served_by(MAKES[make], certs, tmp_path) as port:
        found = await tried(port, ca, certs / "ca.crt", (*COMES_BACK, *CHANGES))
    for name in COMES_BACK:
        assert verdicts(found, name) == [Verdict.RIGHT] * 2
        assert all(finding.notes[0].startswith("resumed, and no") for finding in found[name])
    for name in CHANGES:
        assert verdicts(found, name) == [Verdict.NOT_TRIED] * 2
        assert all(finding.fine and "-by COMMAND" in finding.notes[0] for finding in found[name])


async def test_a_server_that_does_not_take_its_own_sessions(
    certs: Path, ca: LabAuthority, tmp_path: Path
) -> None:
    """socat sets no session ID context: OpenSSL then fails with whoever comes back."""
    with served_by(MORE_MAKES["socat"], certs, tmp_path) as port:
        found = await tried(port, ca, certs / "ca.crt", ["session-resumed"])
    assert verdicts(found, "session-resumed") == [Verdict.SHUT_OUT] * 2
    assert {each.ending for each in found["session-resumed"]} == {"internal_error (80)"}


OUTLIVING = {name: MAKES[name] for name in MAKES} | {
    name: MORE_MAKES[name] for name in ("apache", "node")
}


@pytest.mark.slow
async def test_most_servers_let_a_session_outlive_its_certificate(
    certs: Path, ca: LabAuthority, tmp_path: Path
) -> None:
    """The same client is refused by each of them in a full handshake."""
    with contextlib.ExitStack() as stack:
        ports = {}
        for name, make in OUTLIVING.items():
            (folder := tmp_path / name).mkdir()
            ports[name] = stack.enter_context(served_by(make, certs, folder))
        names = ["session-after-expiry"]
        found = await asyncio.gather(
            *(tried(port, ca, certs / "ca.crt", names, concurrency=2) for port in ports.values())
        )
    outlived = {name: verdicts(each, names[0]) for name, each in zip(ports, found, strict=True)}
    assert outlived == dict.fromkeys(ports, [Verdict.OUTLIVED] * 2)
    assert all(finding.fine for each in found for finding in each[names[0]])


async def test_an_address_that_shares_nothing_makes_full_handshakes(
    certs: Path, ca: LabAuthority, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with (
        served_by(MAKES["haproxy"], certs, tmp_path) as port,
        served_by(MAKES["haproxy"], certs, other, ask=VerifyMode.NONE) as second,
    ):
        extent = SessionExtent(also=Target(host="127.0.0.1", port=second))
        names = ("session-to-other-address", "session-from-other-address")
        found = await tried(port, ca, certs / "ca.crt", names, extent=extent)
    for name in names:
        assert verdicts(found, name) == [Verdict.RIGHT] * 2, found[name]
        assert all(
            each.notes == ("not resumed: the server made a full handshake",) for each in found[name]
        )


async def test_where_nobody_is_asked_there_is_no_check(
    certs: Path, ca: LabAuthority, tmp_path: Path
) -> None:
    with served_by(MAKES["haproxy"], certs, tmp_path, ask=VerifyMode.NONE) as port:
        found = await tried(
            port, ca, certs / "ca.crt", ["session-resumed", "session-to-other-name"]
        )
    assert verdicts(found, "session-resumed") == [Verdict.NOT_TRIED] * 2
    assert "no check to get past" in found["session-resumed"][0].notes[0]
    assert "--also-sni NAME" in found["session-to-other-name"][0].notes[0]
    assert not found["session-to-other-name"][0].fine
