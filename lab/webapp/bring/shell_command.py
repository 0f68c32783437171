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


def shell_command(door: str, words: Sequence[str]) -> str:
    """Return ``python -m lab.DOOR WORDS`` for a shell; "" where a word cannot be typed there."""
    if not all(word.isprintable() for word in words):
        return ""
    return shlex.join(["python", "-m", f"lab.{door}", *words])
