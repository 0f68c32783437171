"""What the parent of workers keeps of files that change: always what was in order last."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from lab.pki.errors import PkiError
from lab.serving.last_good_files import LastGoodFiles
from lab.serving.server_files import ServerFiles
from tests.support.pki_fixtures import utc_now
from tests.support.reloading import DAY, Lab, new_lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return new_lab(tmp_path)


def kept(keepsake: LastGoodFiles, *, looks: int = 0, asked: bool = False) -> int:
    """The serial number of the server certificate that is kept, after so many looks."""
    for _ in range(looks):
        keepsake.look(asked=asked)
    return keepsake.loaded.certificate.serial_number


def test_files_that_are_not_in_order_at_first(lab: Lab) -> None:
    lab.server_crt.write_bytes(b"")
    with pytest.raises(PkiError):
        LastGoodFiles(ServerFiles(directory=lab.folder))


def test_files_are_loaded_once_they_stand_still(lab: Lab) -> None:
    keepsake = LastGoodFiles(ServerFiles(directory=lab.folder))
    old = kept(keepsake)
    loaded = keepsake.loaded
    assert kept(keepsake, looks=3) == old
    assert keepsake.loaded is loaded  # nothing was loaded for nothing
    lab.new_server()
    assert kept(keepsake, looks=1) == old
    assert kept(keepsake, looks=1) == lab.served.serial_number != old


def test_who_is_asked_waits_for_nothing(lab: Lab) -> None:
    keepsake = LastGoodFiles(ServerFiles(directory=lab.folder))
    lab.new_server()
    assert kept(keepsake, looks=1, asked=True) == lab.served.serial_number


def test_what_is_broken_changes_nothing(lab: Lab) -> None:
    keepsake = LastGoodFiles(ServerFiles(directory=lab.folder))
    lab.new_server()
    good, new = lab.server_crt.read_bytes(), lab.served.serial_number
    kept(keepsake, looks=2)
    lab.server_crt.write_bytes(b"")
    assert kept(keepsake, looks=3) == new
    assert kept(keepsake, looks=1, asked=True) == new
    lab.server_crt.unlink()
    assert kept(keepsake, looks=3) == new
    loaded = keepsake.loaded
    lab.server_crt.write_bytes(good)
    assert kept(keepsake, looks=2) == new
    assert keepsake.loaded is not loaded


def test_what_is_replaced_while_it_is_loaded_is_not_kept(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    keepsake = LastGoodFiles(ServerFiles(directory=lab.folder))
    old = kept(keepsake)
    lab.new_server()
    load = ServerFiles.load

    def load_too_late(files: ServerFiles, *, now: datetime) -> object:
        loaded = load(files, now=now)
        lab.new_server()
        return loaded

    with monkeypatch.context() as patched:
        patched.setattr(ServerFiles, "load", load_too_late)
        assert kept(keepsake, looks=2) == old
    assert kept(keepsake, looks=2) == lab.served.serial_number


def test_what_only_time_mends_is_tried_again(lab: Lab) -> None:
    now = utc_now()
    keepsake = LastGoodFiles(ServerFiles(directory=lab.folder), clock=lambda: now)
    old = kept(keepsake)
    lab.new_server(now=now + 3 * DAY)
    assert kept(keepsake, looks=3) == old
    now += 4 * DAY
    assert kept(keepsake, looks=1) == lab.served.serial_number
