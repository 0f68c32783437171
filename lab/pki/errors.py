"""What can be wrong with certificates and keys on disk, as typed errors.

Rules: the text of an error is one line: the file, what is wrong with it, what to do. A door prints
it as it is. Text that may come from a file (names in a certificate) is quoted by ``repr``.
"""

from __future__ import annotations

from pathlib import Path


class PkiError(Exception):
    """Something that the user can put right.

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
    """A set of certificates was asked for that cannot be made."""


class SetExistsError(PkiError):
    """The folder has certificates already, and nobody said to replace them."""


class SetInterruptedError(PkiError):
    """The set in the folder is being replaced, or its replacement stopped half-way."""


class SetWriteError(PkiError):
    """The set could not be written. What was there before is there still."""


class SetFaultyError(PkiError):
    """A set that was just written does not work. It was thrown away."""


class MissingFileError(PkiError):
    """A file that is needed is not there."""


class UnreadableFileError(PkiError):
    """A file is there and cannot be read."""


class WrongFormatError(PkiError):
    """A file holds something else than was looked for."""


class PasswordNeededError(PkiError):
    """A private key is encrypted, and there is no password."""


class WrongPasswordError(PkiError):
    """The password does not open the file."""


class KeyMismatchError(PkiError):
    """A private key does not belong to the certificate."""


class ExpiredError(PkiError):
    """A certificate's notAfter has passed."""


class NotYetValidError(PkiError):
    """A certificate's notBefore is still to come."""


class UnusableError(PkiError):
    """Files are readable and in order, and OpenSSL will not work with them."""
