"""When what a server works with expires, as it was loaded."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from lab.pki.authority import revocation_list, revocation_lists_pem
from lab.pki.files.lab_set import Role
from lab.serving.server_files import Expiration, Kind, Loaded, ServerFiles
from tests.support.pki_fixtures import utc_now
from tests.support.reloading import DAY, Lab, new_lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return new_lab(tmp_path)


def load(lab: Lab, *, crl: bool = False) -> Loaded:
    return ServerFiles(directory=lab.folder, crl=lab.crl if crl else None).load(now=utc_now())


def lists(lab: Lab) -> list[Expiration]:
    return [each for each in load(lab, crl=True).expiries if each.kind is Kind.CRL]


def test_a_set_has_its_server_and_its_ca(lab: Lab) -> None:
    server, ca = load(lab).expiries
    assert (server.kind, ca.kind) == (Kind.SERVER, Kind.CA)
    assert server.at == lab.served.not_valid_after_utc
    authority = lab.identity(Role.CA).certificate
    assert ca.at == authority.not_valid_after_utc
    assert ca.subject == "CN=mTLS Lab Root CA"
    assert int(ca.serial, 16) == authority.serial_number


def test_a_chain_and_a_ca_that_comes_twice(lab: Lab) -> None:
    ca = lab.folder / "ca.crt"
    lab.server_crt.write_bytes(lab.server_crt.read_bytes() + ca.read_bytes())
    ca.write_bytes(ca.read_bytes() * 2)
    assert [each.kind for each in load(lab).expiries] == [Kind.SERVER, Kind.CHAIN, Kind.CA]


def test_a_revocation_list_expires_at_its_next_update(lab: Lab) -> None:
    lab.new_list(7, lifetime=3 * DAY)
    loaded = load(lab, crl=True)
    (found,) = lists(lab)
    assert (found.subject, found.serial) == ("CN=mTLS Lab Root CA", "1")
    assert loaded.revocation is not None
    assert found.at == loaded.revocation.until


def test_what_has_the_same_name_and_number_is_told_once(lab: Lab) -> None:
    """Or a scrape would have one series twice, with two values, and be refused as a whole."""
    made = [
        revocation_list(lab.authority, [], now=utc_now(), lifetime=timedelta(days=days))
        for days in (2, 5, 3)
    ]
    lab.crl.write_bytes(revocation_lists_pem(made))
    (found,) = lists(lab)
    assert found.at == made[1].next_update_utc


def test_it_is_known_without_the_files(lab: Lab) -> None:
    lab.new_list()
    loaded = load(lab, crl=True)
    lab.crl.unlink()
    assert [each.kind for each in loaded.expiries] == [Kind.SERVER, Kind.CA, Kind.CRL]
