"""What can be wrong with certificates and keys on disk, as typed errors.

Rules: the text of an error is one line: the file, what is wrong with it, what to do. A door prints
it as it is. Text that may come from a file (names in a certificate) is quoted by ``repr``.
"""

from __future__ import annotations

from pathlib import Path


class PkiError(Exception):
    """An error that the user can correct.

    ``path`` is the file or folder that it is about (``None`` for an argument), ``problem`` a
    phrase, ``remedy`` a sentence without its full stop.
    """

    def __init__(self, problem: str, *, remedy: str, path: Path | None = None) -> None:
        self.problem = problem
        self.remedy = remedy
        self.path = path
        super().__init__(problem)

    def __str__(self) -> str:
        where = "" if self.path is None else f"{self.path}: "
        return f"{where}{self.problem}. {self.remedy}."


class PlanError(PkiError):
    """A certificate set cannot be made as requested."""


class SetExistsError(PkiError):
    """The folder has certificates already, and replacing them was not requested."""


class SetInterruptedError(PkiError):
    """The set in the folder is being replaced, or its replacement stopped half-way."""


class SetWriteError(PkiError):
    """The set could not be written; the previous files are unchanged."""


class SetFaultyError(PkiError):
    """A set that was just written failed its test, and was removed."""


class MissingFileError(PkiError):
    """A required file does not exist."""


class UnreadableFileError(PkiError):
    """A file exists and cannot be read."""


class WrongFormatError(PkiError):
    """A file has other contents than required."""


class PasswordNeededError(PkiError):
    """A private key is encrypted, and no password was given."""


class WrongPasswordError(PkiError):
    """The password does not open the file."""


class KeyMismatchError(PkiError):
    """A private key does not belong to the certificate."""


class ExpiredError(PkiError):
    """A certificate's notAfter has passed."""


class NotYetValidError(PkiError):
    """A certificate's notBefore is in the future."""


class UnusableError(PkiError):
    """Files are readable and correct, but OpenSSL refuses them."""
