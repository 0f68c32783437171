"""Secrets on disk are never readable by others, and nothing is written over."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lab.pki.files.secret_files import temporary_pem, write_private, write_public
from tests.support.pki_fixtures import new_authority, utc_now

posix_only = pytest.mark.skipif(os.name != "posix", reason="Windows has no file modes")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@posix_only
def test_the_mode_is_there_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: modes.append(os.fstat(descriptor).st_mode & 0o777)
    )
    before = os.umask(0)
    try:
        write_private(tmp_path / "a.key", b"secret")
        write_public(tmp_path / "a.crt", b"open")
    finally:
        os.umask(before)
    assert modes == [0o600, 0o666]
    assert (mode(tmp_path / "a.key"), mode(tmp_path / "a.crt")) == (0o600, 0o666)


@pytest.mark.parametrize("write", [write_private, write_public])
def test_bytes_are_kept_and_never_written_over(tmp_path: Path, write: type) -> None:
    path = tmp_path / "file"
    write(path, b"one\nline\r\n\x1a\x00")
    with pytest.raises(FileExistsError):
        write(path, b"two")
    assert path.read_bytes() == b"one\nline\r\n\x1a\x00"


def test_a_temporary_identity_stays_in_memory_where_it_can() -> None:
    identity = new_authority(utc_now()).identity
    with temporary_pem(identity) as path:
        assert path.read_bytes() == identity.chain_pem() + identity.key_pem()
        assert (path.parent == Path("/proc/self/fd")) is (sys.platform == "linux")
    assert not path.exists()


def test_a_temporary_identity_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way of systems without anonymous memory files."""
    monkeypatch.setattr(sys, "platform", "darwin")
    identity = new_authority(utc_now()).identity
    with temporary_pem(identity) as path:
        assert path.read_bytes() == identity.chain_pem() + identity.key_pem()
        if os.name == "posix":
            assert mode(path) == 0o600 and mode(path.parent) == 0o700
    assert not path.parent.exists()
