"""Revocation lists: what OpenSSL makes of them, and that a revoked client stays outside."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from lab.pki.authority import LIFETIME, revocation_list, revocation_lists_pem
from lab.pki.files.lab_set import Role
from lab.pki.profiles import CA_NAME
from lab.serving.temporary_server import temporary_server
from lab.stream.contexts import TlsVersion
from tests.support.pki_fixtures import new_authority, utc_now
from tests.support.reloading import (
    DAY,
    AcceptedClient,
    Lab,
    new_lab,
    refusal,
    reloading_server,
)
from tests.support.serving import client_tls, in_thread, server_tls


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return new_lab(tmp_path)


@pytest.mark.parametrize("version", list(TlsVersion), ids=lambda each: each.value)
@pytest.mark.parametrize("tickets", [True, False], ids=["tickets", "no-tickets"])
async def test_a_revoked_client_does_not_come_back_with_its_session(
    lab: Lab, version: TlsVersion, tickets: bool
) -> None:
    """OpenSSL checks nobody who resumes: what keeps it out is that the old keys are gone.

    Each context has ticket keys and a session cache of its own, so in the new one a session of the
    old one is unknown, and leads to a whole handshake.
    """
    context = client_tls(lab.folder, version=version)
    if not tickets:
        context.options |= ssl.OP_NO_TICKET

    def visit(
        port: int, session: ssl.SSLSession | None = None
    ) -> tuple[bool | None, ssl.SSLSession | None]:
        with AcceptedClient(port, context, session) as it:
            found = it.tls.session_reused, it.tls.session
            # OpenSSL forgets a session that it keeps itself, if its connection was cut.
            it.tls.unwrap().close()
            return found

    lab.new_list()
    async with reloading_server(lab, crl=lab.crl) as kept:
        reused, session = await in_thread(lambda: visit(kept.port))
        assert not reused
        lab.new_list(lab.identity(Role.CLIENT).certificate.serial_number)
        # The new list lies there, and nobody has loaded it.
        reused, session = await in_thread(lambda: visit(kept.port, session))
        assert reused
        (line,) = await kept.requested_reload()
        assert "CRL: 1 revoked" in line
        for each in (session, None):
            reason = await in_thread(lambda again=each: refusal(kept.port, context, again))  # type: ignore[misc]
            assert reason == "SSLV3_ALERT_CERTIFICATE_REVOKED"


REVOKED, SERVED = "SSLV3_ALERT_CERTIFICATE_REVOKED", ""
Lists = Sequence[tuple[timedelta, timedelta, bool]]
OLD, NOW, LONG = -3 * DAY, -DAY, LIFETIME


@pytest.mark.parametrize(
    ("lists", "signal"),
    [
        ([(NOW, LONG, False)], SERVED),
        ([(NOW, LONG, True)], REVOKED),
        ([(OLD, DAY, False)], "SSLV3_ALERT_CERTIFICATE_EXPIRED"),
        ([(DAY, LONG, False)], "SSLV3_ALERT_BAD_CERTIFICATE"),
        # Of several lists of one CA, OpenSSL asks the current ones, and of those the newest.
        ([(OLD, DAY, True), (NOW, LONG, False)], SERVED),
        ([(NOW, LONG, False), (OLD, DAY, True)], SERVED),
        ([(NOW, LONG, True), (OLD, LONG, False)], REVOKED),
        ([(OLD, LONG, True), (NOW, LONG, False)], SERVED),
    ],
)
async def test_what_openssl_makes_of_lists(lab: Lab, lists: Lists, signal: str) -> None:
    """Each is thisUpdate as seen from now, the time to nextUpdate, and whether it has the client.

    Loaded as they are, without the checks of the server's door.
    """
    client = lab.identity(Role.CLIENT).certificate.serial_number
    lab.crl.write_bytes(
        b"".join(
            listed(lab, *([client] if named else []), starts=starts, lifetime=lifetime)
            for starts, lifetime, named in lists
        )
    )
    assert await verdict(lab) == signal


@pytest.mark.parametrize("name", ["Another CA", CA_NAME])
async def test_what_openssl_makes_of_a_list_of_another_ca(lab: Lab, name: str) -> None:
    """As if there were none, even where the name is the same: the key identifier tells them apart.

    The alert does not say that it is about a list.
    """
    lab.new_list(authority=new_authority(utc_now(), name=name))
    assert await verdict(lab) == "TLSV1_ALERT_UNKNOWN_CA"


async def test_openssl_trusts_a_certificate_in_a_file_of_lists(lab: Lab, tmp_path: Path) -> None:
    """Which is why the server's door does not take such a file."""
    other = new_lab(tmp_path / "other")
    (tmp_path / "both.crl").write_bytes(
        listed(lab) + listed(other) + (other.folder / "ca.crt").read_bytes()
    )
    tls = replace(server_tls(lab.folder), crl=tmp_path / "both.crl")
    intruder = client_tls(other.folder)
    intruder.load_verify_locations(cafile=lab.folder / "ca.crt")
    async with temporary_server(tls) as server:
        await in_thread(lambda: AcceptedClient(server.port, intruder).tls.close())


def listed(lab: Lab, *serials: int, starts: timedelta = NOW, lifetime: timedelta = LONG) -> bytes:
    made = revocation_list(lab.authority, serials, now=utc_now(), starts=starts, lifetime=lifetime)
    return revocation_lists_pem((made,))


async def verdict(lab: Lab) -> str:
    """OpenSSL's name of the alert that the good client gets from a server with ``lab.crl``."""
    context = client_tls(lab.folder)

    def visit(port: int) -> str:
        try:
            AcceptedClient(port, context).tls.close()
        except ssl.SSLError as error:
            return error.reason
        return SERVED

    async with temporary_server(replace(server_tls(lab.folder), crl=lab.crl)) as server:
        return await in_thread(lambda: visit(server.port))
