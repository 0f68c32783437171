"""Revocation lists: what OpenSSL makes of them, and that a revoked client stays outside."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from lab.pki.files import Role
from lab.stream.contexts import TlsVersion
from tests.service.renewing import Lab, Visit, keeping, new_lab, refusal
from tests.serving import client_tls, in_thread


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
        with Visit(port, context, session) as it:
            found = it.tls.session_reused, it.tls.session
            # OpenSSL forgets a session that it keeps itself, if its connection was cut.
            it.tls.unwrap().close()
            return found

    lab.new_list()
    async with keeping(lab, crl=lab.crl) as kept:
        reused, session = await in_thread(lambda: visit(kept.port))
        assert not reused
        lab.new_list(lab.identity(Role.CLIENT).certificate.serial_number)
        # The new list lies there, and nobody has loaded it.
        reused, session = await in_thread(lambda: visit(kept.port, session))
        assert reused
        (line,) = await kept.asked()
        assert "revocation list: 1 revoked" in line
        for each in (session, None):
            reason = await in_thread(lambda again=each: refusal(kept.port, context, again))  # type: ignore[misc]
            assert reason == "SSLV3_ALERT_CERTIFICATE_REVOKED"
