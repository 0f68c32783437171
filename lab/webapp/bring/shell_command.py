"""The shell command that does what a form did: words of the user's and names of files, quoted."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath, PureWindowsPath

from lab.webapp.web_request import UploadedFile


def file_name(file: UploadedFile, otherwise: str) -> str:
    """Return the last part of a file's name; ``otherwise`` where no shell line can have it."""
    name = PurePosixPath(PureWindowsPath(file.name).as_posix()).name
    is_plain = name not in ("", "..") and name.isprintable() and len(name) <= 200
    return name if is_plain else otherwise


def file_word(name: str) -> str:
    """Return the word that names a file of this folder; a dash in front would begin an option."""
    return f"./{name}" if name.startswith("-") else name


def option_words(option: str, value: str) -> tuple[str, ...]:
    """Return the words for an option with its value, which may begin with a dash."""
    return (f"{option}={value}",) if value.startswith("-") else (option, value)


def shell_command(door: str, words: Sequence[str]) -> str:
    """Return ``python -m lab.DOOR WORDS`` for a shell; "" where a word cannot be typed there."""
    if not all(word.isprintable() for word in words):
        return ""
    return shlex.join(["python", "-m", f"lab.{door}", *words])
