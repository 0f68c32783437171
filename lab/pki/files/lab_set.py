"""The lab's set of certificates on disk: its files, and loading them.

Rules: every error in a set is reported here, before OpenSSL would report a code or ask for a
password on the terminal. Loading changes nothing on disk.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from lab.pki.errors import PasswordNeededError, SetInterruptedError
from lab.pki.files import pem
from lab.pki.identity import Identity
from lab.x509.certificates import HEADERS, row

DEFAULT_DIRECTORY = Path("certs")
SET_HEADERS = ("file", *HEADERS)


class Role(enum.Enum):
    """Whose certificate and key; the value is the stem of the files' names."""

    CA = "ca"
    SERVER = "server"
    CLIENT = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPaths:
    """Where the files of a set are, whether they exist or not."""

    directory: Path

    def certificate(self, role: Role) -> Path:
        """Return the PEM file with the certificate of ``role``, and what else it sends."""
        return self.directory / f"{role.value}.crt"

    def key(self, role: Role) -> Path:
        """Return the PEM file with the private key of ``role``."""
        return self.directory / f"{role.value}.key"

    @property
    def client_pfx(self) -> Path:
        """The PKCS#12 file for browsers: the client's key and certificate, and the CA's."""
        return self.directory / "client.pfx"

    @property
    def pending(self) -> Path:
        """The folder that exists only while a complete and tested new set is moved in."""
        return self.directory / ".incoming"

    def files(self) -> tuple[Path, ...]:
        """Return all files of a set."""
        pairs = ((self.certificate(role), self.key(role)) for role in Role)
        return (*(path for pair in pairs for path in pair), self.client_pfx)

    def secret_files(self) -> tuple[Path, ...]:
        """Return the files that contain a private key."""
        return (*(self.key(role) for role in Role), self.client_pfx)

    def existing(self) -> tuple[Path, ...]:
        """Return the files that exist, dangling links included."""
        return tuple(path for path in self.files() if path.exists() or path.is_symlink())

    def command(self) -> str:
        """Return the command that makes a set here, replacing an existing one."""
        directory = f'"{self.directory}"' if " " in str(self.directory) else str(self.directory)
        force = " --force" if self.existing() or self.pending.exists() else ""
        return f"python -m lab.certs --dir {directory}{force}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleFiles:
    """The files of a server or a client, loaded and checked.

    The paths are for ``ssl.SSLContext``, which takes files only. ``authorities`` are the
    certificates in ``ca_path``: the CAs that this role trusts.
    """

    role: Role
    ca_path: Path
    certificate_path: Path
    key_path: Path
    authorities: tuple[x509.Certificate, ...]
    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class LabSet:
    """The identities of a whole set."""

    ca: Identity
    server: Identity
    client: Identity

    def identity(self, role: Role) -> Identity:
        """Return the one of ``role``."""
        return {Role.CA: self.ca, Role.SERVER: self.server, Role.CLIENT: self.client}[role]


def load_authorities(directory: Path, *, now: datetime) -> tuple[x509.Certificate, ...]:
    """Return the certificates in ``ca.crt``, of which one at least is valid at ``now``.

    Raises a :class:`~lab.pki.errors.PkiError`: file missing, unreadable or of another kind,
    certificate expired or not yet valid, set half replaced.
    """
    paths = SetPaths(directory=directory)
    _refuse_half_replaced(paths)
    path = paths.certificate(Role.CA)
    certificates = pem.certificates_in(pem.read_file(path, remedy=_missing(paths)), path)
    if not any(
        certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
        for certificate in certificates
    ):
        pem.check_time(certificates[0], now=now, path=path, remedy=_renew(paths))
    return certificates


def load_role(directory: Path, role: Role, *, now: datetime) -> RoleFiles:
    """Return the files that ``role`` needs (``ca.crt``, its own certificate and key), checked.

    Raises what :func:`load_authorities` raises, and where the key is encrypted or does not belong
    to the certificate. The CA's own key is read for :attr:`Role.CA` only.
    """
    paths = SetPaths(directory=directory)
    authorities = load_authorities(directory, now=now)
    certificate_path, key_path = paths.certificate(role), paths.key(role)
    chain = pem.certificates_in(
        pem.read_file(certificate_path, remedy=_missing(paths)), certificate_path
    )
    try:
        key = pem.key_in(pem.read_file(key_path, remedy=_missing(paths)), key_path)
    except PasswordNeededError as error:
        raise PasswordNeededError(
            "the private key is encrypted, and the lab does not ask for passwords here",
            remedy=f"Decrypt it (openssl pkey), or {_make(paths)}",
            path=key_path,
        ) from error
    identity = pem.fit(
        chain,
        key,
        path=certificate_path,
        key_path=key_path,
        remedy=f"Use the key that belongs to the certificate, or {_make(paths)}",
    )
    pem.check_time(identity.certificate, now=now, path=certificate_path, remedy=_renew(paths))
    return RoleFiles(
        role=role,
        ca_path=paths.certificate(Role.CA),
        certificate_path=certificate_path,
        key_path=key_path,
        authorities=authorities,
        identity=identity,
    )


def load_set(directory: Path, *, now: datetime) -> LabSet:
    """Return every identity of the set; raises as :func:`load_role` does."""
    return LabSet(
        ca=load_role(directory, Role.CA, now=now).identity,
        server=load_role(directory, Role.SERVER, now=now).identity,
        client=load_role(directory, Role.CLIENT, now=now).identity,
    )


def set_rows(paths: SetPaths, lab_set: LabSet) -> list[tuple[str, ...]]:
    """Return a row under :data:`SET_HEADERS` for each file of the set with certificates in it."""
    files = [(paths.certificate(role), lab_set.identity(role)) for role in Role]
    files.append((paths.client_pfx, lab_set.client))
    return [(path.name, *row(identity.certificate)) for path, identity in files]


def _refuse_half_replaced(paths: SetPaths) -> None:
    if paths.pending.exists():
        raise SetInterruptedError(
            "this set is being replaced, or its replacement was interrupted",
            remedy=f"Try again; if this persists, make a new set: {paths.command()}",
            path=paths.directory,
        )


def _make(paths: SetPaths) -> str:
    return f"make a new set: {paths.command()}"


def _missing(paths: SetPaths) -> str:
    return f"Put it there, or {_make(paths)}"


def _renew(paths: SetPaths) -> str:
    return f"Renew it, or {_make(paths)}"
