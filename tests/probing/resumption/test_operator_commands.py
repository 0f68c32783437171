"""Commands that are to change the server: what they get, and what becomes of those that fail."""

from __future__ import annotations

import contextlib
import os
import select
from pathlib import Path

import pytest
from cryptography import x509

from lab.pki.lab_ca import LabAuthority, new_lab_authority
from lab.probing.resumption import operator_commands
from lab.probing.resumption.operator_commands import operator_acts
from lab.probing.resumption.session_scenarios import Change
from tests.support.pki_fixtures import utc_now
from tests.support.serving import PATIENCE


@pytest.fixture(scope="module")
def ca() -> LabAuthority:
    return new_lab_authority(utc_now())


async def test_what_a_command_gets(ca: LabAuthority, tmp_path: Path) -> None:
    identity = ca.client()
    lists, authorities = tmp_path / "lists.pem", tmp_path / "authorities.pem"
    copies = f'cp "$LAB_CRL" {lists}', f'cat "$LAB_CA" >> {authorities}'
    with operator_acts(*copies, ca) as found:
        assert set(found.acts) == {Change.REVOKED, Change.OTHER_CA}
        assert await found.acts[Change.REVOKED](identity) == ""
        assert await found.acts[Change.OTHER_CA](identity) == ""
        assert await found.undo[Change.OTHER_CA]() == ""
    crl = x509.load_pem_x509_crl(lists.read_bytes())
    serial = identity.certificate.serial_number
    assert crl.get_revoked_certificate_by_serial_number(serial) is not None
    other, own = x509.load_pem_x509_certificates(authorities.read_bytes())
    assert own == ca.root
    assert other.subject != own.subject


async def test_none_given_none_there(ca: LabAuthority) -> None:
    with operator_acts(None, None, ca) as found:
        assert (found.acts, found.undo) == ({}, {})


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo one; echo two >&2; exit 3", "ended with exit code 3: two"),
        ("exit 1", "ended with exit code 1"),
        ("no-such-program-here", "ended with exit code 127: "),
        ("head -c 300000 /dev/zero | tr '\\0' x; printf '\\033[31m'; exit 1", "code 1: xxx"),
    ],
)
async def test_one_that_fails(command: str, said: str, ca: LabAuthority) -> None:
    with operator_acts(command, None, ca) as found:
        words = await found.acts[Change.REVOKED](ca.client())
    assert said in words
    assert words.isprintable()
    assert len(words) < 600


async def test_one_that_never_ends_is_ended_with_its_children(
    ca: LabAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator_commands, "_PATIENCE", 0.3)
    pids = tmp_path / "pids"
    command = f"sleep 1000 & echo $! > {pids}; wait"
    with operator_acts(command, None, ca) as found:
        words = await found.acts[Change.REVOKED](ca.client())
    assert "did not end within 0.3 s" in words
    with contextlib.suppress(ProcessLookupError):  # it is gone
        descriptor = os.pidfd_open(int(pids.read_text()))
        try:
            assert select.select([descriptor], [], [], PATIENCE)[0]
        finally:
            os.close(descriptor)


async def test_a_server_that_it_starts_does_not_hold_it_up(
    ca: LabAuthority, tmp_path: Path
) -> None:
    """It inherits the output, and goes on when the command has ended."""
    pids = tmp_path / "pids"
    with operator_acts(f"sleep 1000 & echo $! > {pids}", None, ca) as found:
        assert await found.acts[Change.REVOKED](ca.client()) == ""
    os.kill(int(pids.read_text()), 9)
