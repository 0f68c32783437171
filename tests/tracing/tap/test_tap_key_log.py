"""A key log that another program writes, while it is followed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.tls.key_log import Secret, SecretLabel, parse_key_log
from lab.tracing.tap import tap_key_log
from lab.tracing.tap.tap_key_log import KeyLogFollower

ONE, TWO = b"\x01" * 32, b"\xab" * 32


def line(label: str, client_random: bytes, secret: str = "11" * 48) -> str:
    return f"{label} {client_random.hex()} {secret}\n"


def secrets(text: str) -> list[Secret]:
    return list(parse_key_log(text))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.log"


@pytest.fixture
def follower(path: Path) -> Iterator[KeyLogFollower]:
    follower = KeyLogFollower(path)
    yield follower
    follower.close()


def test_a_file_that_comes_into_being_and_grows(path: Path, follower: KeyLogFollower) -> None:
    assert not follower.find(ONE)
    first, second = line("CLIENT_RANDOM", ONE), line("CLIENT_TRAFFIC_SECRET_0", ONE)
    path.write_text(first)
    assert follower.find(ONE) == secrets(first)
    with path.open("a") as file:
        file.write(second[:50])
        file.flush()
        assert follower.find(ONE) == secrets(first)
        file.write(second[50:] + line("CLIENT_RANDOM", TWO))
    assert follower.find(ONE) == secrets(first + second)
    assert follower.find(TWO) == secrets(line("CLIENT_RANDOM", TWO))


def test_a_file_that_is_cut_or_replaced_is_read_anew_and_what_was_known_stays(
    path: Path, follower: KeyLogFollower
) -> None:
    path.write_text(line("CLIENT_RANDOM", ONE) * 3)
    assert follower.find(ONE) == secrets(line("CLIENT_RANDOM", ONE))
    path.write_text(line("CLIENT_RANDOM", TWO))
    assert follower.find(TWO) and follower.find(ONE)
    other = path.with_suffix(".new")
    newer = line("CLIENT_RANDOM", TWO, "22" * 48) + line("CLIENT_TRAFFIC_SECRET_0", TWO)
    other.write_text(newer)
    other.replace(path)
    assert follower.find(TWO) == secrets(newer)
    path.unlink()
    assert follower.find(ONE) and follower.find(TWO)


def test_comments_and_what_is_no_line_are_passed_over(path: Path, follower: KeyLogFollower) -> None:
    label, digits, secret = line("CLIENT_RANDOM", TWO).split()
    text = f"# a comment\n\n\xff\xfe nonsense\n{label} {digits.upper()} {secret}\r\n"
    path.write_bytes(text.encode("latin-1"))
    assert follower.find(TWO) == [(SecretLabel.CLIENT_RANDOM, TWO, bytes.fromhex(secret))]


def test_only_the_newest_files_stay_open(path: Path, follower: KeyLogFollower) -> None:
    for number in range(3 * tap_key_log._MOST_LOGS):
        other = path.with_suffix(".new")
        other.write_text(line("CLIENT_RANDOM", bytes((number,)) * 32))
        other.replace(path)
        assert follower.find(bytes((number,)) * 32)
    assert not follower.find(bytes(32))


def test_a_line_without_end_and_a_folder_cost_nothing(
    path: Path, tmp_path: Path, follower: KeyLogFollower
) -> None:
    path.write_bytes(b"x" * 3_000_000)
    assert not follower.find(ONE)
    path.unlink()
    path.mkdir()
    assert not follower.find(ONE)


def test_what_cannot_be_followed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=f"no regular file, .*: '{tmp_path}'"):
        KeyLogFollower(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_a_pipe_keeps_nobody_waiting(path: Path, follower: KeyLogFollower) -> None:
    os.mkfifo(path)
    assert not follower.find(ONE)
    with pytest.raises(OSError, match="no regular file"):
        KeyLogFollower(path)


def test_what_is_there_at_the_beginning_is_read_then(path: Path) -> None:
    path.write_text(line("CLIENT_RANDOM", ONE))
    follower = KeyLogFollower(path)
    path.unlink()
    assert follower.find(ONE)
    follower.close()
