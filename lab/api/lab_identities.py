"""Certificates of a CA in memory, good or wrong in one way; and the errors of the library."""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from lab.pki import profiles
from lab.pki.authority import revocation_lists_pem
from lab.pki.catalogue import fresh_crl, good_server
from lab.pki.errors import PkiError, PlanError
from lab.pki.files import identity_files, pem
from lab.pki.files.crl_files import ensure_revocation_lists
from lab.pki.files.identity_files import load_authority
from lab.pki.files.secret_files import write_private, write_public
from lab.pki.identity import Identity, certificates_pem
from lab.pki.lab_ca import LabAuthority, new_lab_authority
from lab.pki.profiles import check_client_name, general_name
from lab.probing.preflight import NotProbable
from lab.probing.runner import NothingSelected
from lab.probing.scenarios.catalogue_order import UnknownScenario, find_scenario
from lab.probing.scenarios.scenario import TlsClient
from lab.stream.contexts import IdentityFiles, TlsVersion
from lab.todo.allow_list import NotAName
from lab.tracing.connection import NoConnection
from lab.tracing.tap.tap_listener import CannotTap
from lab.tracing.target import TargetError
from lab.tracing.trace_server import NotLoaded, NoTrace, PlanRefused

FilePath = str | os.PathLike[str]
Password = bytes | Callable[[], bytes] | None
"""The password of a key; a function is called only if the key is encrypted."""


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
    ((PkiError, NotLoaded), FileError),
    ((NoConnection,), ConnectionFailedError),
    ((NoTrace,), NoTlsError),
    ((NotProbable,), NotProbableError),
    ((CannotTap,), LabError),
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


def versions_of(names: Sequence[str]) -> tuple[TlsVersion, ...]:
    """Return the versions of these names. Raises ``ArgumentError``."""
    known = " and ".join(version.value for version in TlsVersion)
    if isinstance(names, str) or not names:
        raise ArgumentError(f"versions is {names!r}; give a sequence of {known}")
    try:
        return tuple(map(TlsVersion, names))
    except ValueError:
        raise ArgumentError(f"versions is {list(names)!r}; the lab has TLS {known}") from None


def bounds_of(names: Sequence[str]) -> tuple[TlsVersion, TlsVersion]:
    """Return the lowest and the highest version of these names. Raises ``ArgumentError``."""
    versions = sorted(versions_of(names), key=lambda version: version.value)
    return versions[0], versions[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabIdentity:
    """A certificate chain with its private key.

    * ``identity`` holds both as objects of the ``cryptography`` library.
    * ``authorities_pem`` are the certificates of the CA that issued it (PEM), b"" where they are
      not known. ``trace_server`` trusts them unless it is told whom to trust.
    """

    identity: Identity
    authorities_pem: bytes = b""

    @property
    def certificate_pem(self) -> bytes:
        """The chain as PEM, in the order in which it is sent, leaf first."""
        return self.identity.chain_pem()

    @property
    def key_pem(self) -> bytes:
        """The private key as unencrypted PEM (PKCS#8)."""
        return self.identity.key_pem()

    @contextlib.contextmanager
    def files(self) -> Iterator[IdentityFiles]:
        """Write ``certificate`` and ``key`` to files that exist inside the block.

        Only this user can read them. Raises ``FileError`` where they cannot be written.
        """
        with tempfile.TemporaryDirectory(prefix="mtls-lab-") as folder:
            files = IdentityFiles(
                certificate=Path(folder, "certificate.pem"), key=Path(folder, "key.pem")
            )
            with library_errors():
                write_public(files.certificate, self.certificate_pem, lasting=False)
                write_private(files.key, self.key_pem, lasting=False)
            yield files


def load_identity(
    certificate: FilePath, key: FilePath | None = None, password: Password = None
) -> LabIdentity:
    """Read an identity from PEM (certificate and key in one file or two) or PKCS#12.

    Raises ``FileError``: a file is missing, unreadable or of another kind, the password is missing
    or wrong, or the key is that of another certificate.
    """
    with library_errors():
        key_path = None if key is None else Path(key)
        identity = identity_files.load_identity(Path(certificate), key_path, password)
    return LabIdentity(identity=identity)


class LabCA:
    """A new CA in memory, which nothing trusts but what is told to.

    Certificates are valid from five minutes before it was made. The keys of its identities are made
    once for each process, and are secret to nobody in it: use them for tests only.
    """

    def __init__(self) -> None:
        self._authority = new_lab_authority(datetime.now(timezone.utc))

    @classmethod
    def load(cls, certificate: FilePath, key: FilePath, password: Password = None) -> LabCA:
        """Read a CA from PEM files, to issue with. Raises ``FileError``.

        ``certificate`` has the CA's certificate first, and may have those above it behind it.
        """
        now = datetime.now(timezone.utc)
        with library_errors():
            authority = load_authority(Path(certificate), Path(key), password, now=now)
        loaded = cls.__new__(cls)
        loaded._authority = LabAuthority(authority=authority, now=now)
        return loaded

    @property
    def authority(self) -> LabAuthority:
        """The CA as the lab's other modules take it."""
        return self._authority

    @property
    def certificate_pem(self) -> bytes:
        """The CA's certificate as PEM, and those above it."""
        return certificates_pem(self._authority.authority.identity.chain)

    @property
    def crl_pem(self) -> bytes:
        """Current CRLs of the CA and its intermediate CA as PEM.

        They revoke the identities of the scenarios ``revoked`` and ``intermediate-revoked``.
        """
        return revocation_lists_pem(fresh_crl(self._authority))

    @contextlib.contextmanager
    def certificate_file(self) -> Iterator[Path]:
        """Write the CA's certificate to a PEM file that exists inside the block.

        Raises ``FileError`` where it cannot be written.
        """
        with tempfile.TemporaryDirectory(prefix="mtls-lab-") as folder:
            path = Path(folder, "ca.crt")
            with library_errors():
                write_public(path, self.certificate_pem, lasting=False)
            yield path

    def ensure_crl_file(self, path: FilePath) -> bool:
        """Write ``crl_pem`` to ``path`` if there is no file; return whether that was done.

        Raises ``FileError`` where it cannot be written, or where the file there is not such a list.
        """
        with library_errors():
            return ensure_revocation_lists(Path(path), self._authority)

    def client(self, *, scenario: str | None = None, common_name: str | None = None) -> LabIdentity:
        """Issue a client's identity: a good one, or that of a scenario of ``lab.probe --list``.

        Raises ``ScenarioError`` where the scenario has no client certificate, and ``ArgumentError``
        for a name that no certificate can have.
        """
        authority = self._authority
        if common_name is not None:
            with library_errors():
                check_client_name(common_name)
            authority = replace(authority, client_profile=profiles.client(common_name))
        if scenario is None:
            return self._identity(authority.client())
        with library_errors():
            client = find_scenario(scenario).client
        if not isinstance(client, TlsClient) or client.identity is None:
            raise ScenarioError(f"the scenario {scenario} has no client certificate")
        return self._identity(client.identity(authority))

    def server(
        self, *, scenario: str | None = None, hostnames: Sequence[str] | None = None
    ) -> LabIdentity:
        """Issue a server's identity: a good one, or that of a scenario of ``lab.probe --list``.

        ``hostnames`` are host names and IP addresses, by default localhost, 127.0.0.1 and ::1,
        which are those of every scenario. Raises ``ScenarioError`` where the server of the scenario
        has a good certificate, and ``ArgumentError`` for a name that no certificate can have.
        """
        if scenario is None:
            if hostnames is None:
                return self._identity(self._authority.server())
            with library_errors():
                names = tuple(general_name(name) for name in hostnames)
            return self._identity(self._authority.server(names=names))
        if hostnames is not None:
            raise ArgumentError("a scenario has its own names: give hostnames or scenario")
        with library_errors():
            recipe = find_scenario(scenario).host.identity
        if recipe is good_server:
            raise ScenarioError(f"the scenario {scenario} has a good server certificate")
        return self._identity(recipe(self._authority))

    def _identity(self, identity: Identity) -> LabIdentity:
        return LabIdentity(identity=identity, authorities_pem=self.certificate_pem)


Trust = LabCA | str | os.PathLike[str] | bytes
"""The CAs that one end trusts: a CA of the lab, a PEM file, or what is in one."""


def authorities_pem(trust: Trust) -> bytes:
    """Return the certificates of ``trust`` as PEM. Raises ``FileError``."""
    if isinstance(trust, LabCA):
        return trust.certificate_pem
    path = Path("the CA file") if isinstance(trust, bytes) else Path(trust)
    with library_errors():
        if isinstance(trust, bytes):
            data = trust
        else:
            data = pem.read_file(path, remedy="Name a file that is there")
        pem.certificate_blocks(data, path)
    return data
