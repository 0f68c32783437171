"""Files that a command writes at its end: whole, or not at all."""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from lab.cli.output_files import output_file

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs macOS or Linux")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    with output_file(path) as file:
        assert not path.exists()
        file.write("Zoë \udcff")
        assert path.read_bytes() == "Zoë \\udcff".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    path.write_text("old")
    with pytest.raises(ValueError, match="no trace"), output_file(path):
        raise ValueError("no trace")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@POSIX
def test_a_private_file_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        for private, expected in ((True, 0o600), (False, 0o644)):
            path = tmp_path / str(private)
            with output_file(path, private=private) as file:
                file.write("x")
            assert mode(path) == expected
    finally:
        os.umask(before)


def test_a_file_that_there_cannot_be_is_refused_at_once(tmp_path: Path) -> None:
    missing = tmp_path / "none" / "x.svg"
    for path, reason in ((missing, "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(OSError, match=reason) as raised, output_file(path):
            pytest.fail("not refused")
        assert raised.value.filename == str(path)


@POSIX
def test_a_link_keeps_pointing_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    link = tmp_path / "link"
    link.symlink_to("real")
    with output_file(link) as file:
        file.write("new")
    assert link.is_symlink() and (tmp_path / "real").read_text() == "new"


@POSIX
def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(path.read_text()))
    reader.start()
    with output_file(path) as file:
        file.write("through")
    reader.join(10)
    assert read == ["through"]
    assert stat.S_ISFIFO(path.stat().st_mode)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs macOS or Linux")
def test_an_error_while_writing_names_the_file() -> None:
    path = Path("/dev/full")
    with pytest.raises(OSError, match="No space") as raised, output_file(path) as file:
        file.write("x" * 100_000)
    assert raised.value.filename == "/dev/full"
