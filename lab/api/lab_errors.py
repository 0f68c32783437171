"""The errors of the library: one line each, which says what is wrong, with what, and what to do."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator

from lab.pki.errors import PkiError, PlanError
from lab.probing.attempt import NotLoaded
from lab.probing.preflight import NotProbable
from lab.probing.runner import NothingSelected
from lab.probing.scenarios.catalogue_order import UnknownScenario
from lab.todo.allow_list import NotAName
from lab.tracing.connection import NoConnection
from lab.tracing.target import TargetError
from lab.tracing.trace_server import NoTrace, PlanRefused


class LabError(Exception):
    """The base of all errors that the library raises for a reason outside itself.

    ``str(error)`` is the line that a command of the lab would print.
    """


class ArgumentError(LabError, ValueError):
    """An argument cannot be used: an address, a name, a path, a version."""


class ScenarioError(ArgumentError):
    """There is no such scenario, or it cannot be tried as asked."""


class FileError(LabError):
    """A file, a certificate or a key cannot be used, or the system denies it."""


class ConnectionFailedError(LabError):
    """TCP could not be connected: the name does not resolve, nothing listens, or no answer came."""


class NoTlsError(LabError):
    """The server was reached, and sent no TLS."""


class NotProbableError(LabError):
    """No attempt could show anything: the server accepts no ClientHello, or is not trusted."""


_ERRORS: tuple[tuple[tuple[type[Exception], ...], type[LabError]], ...] = (
    ((UnknownScenario, NothingSelected), ScenarioError),
    ((TargetError, PlanRefused, NotAName, PlanError), ArgumentError),
    ((PkiError,), FileError),
    ((NoConnection,), ConnectionFailedError),
    ((NoTrace,), NoTlsError),
    ((NotProbable, NotLoaded), NotProbableError),
)


@contextlib.contextmanager
def library_errors() -> Iterator[None]:
    """Raise the errors of the rooms, of OpenSSL and of the system as those of the library."""
    try:
        yield
    except ssl.SSLError as error:
        raise FileError(f"OpenSSL cannot use the certificates given: {error}") from error
    except OSError as error:
        raise FileError(os_error_text(error)) from error
    except Exception as error:
        for causes, kind in _ERRORS:
            if isinstance(error, causes):
                raise kind(str(error)) from error
        raise


def os_error_text(error: OSError) -> str:
    """Return one line for a file that cannot be used, or for what the system denies."""
    reason = error.strerror or str(error)
    if error.filename is None:
        return f"the system denies it: {reason}"
    return f"{error.filename}: {reason}; name a file that this user may use"
