"""The files that a server works with: its certificate and key, its CAs, and revocation lists.

Rules: they are loaded together, all or none, and everything that is wrong with one of them is a
:class:`~lab.pki.errors.PkiError` that names it. Nothing here waits for a file, or keeps one open.

This module must not know when files are read, nor who is served with them.
"""

from __future__ import annotations

import enum
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from lab.pki.errors import UnusableError
from lab.pki.files.crl_files import Coverage, ListEnd, load_coverage
from lab.pki.files.lab_set import (
    Role,
    RoleFiles,
    SetPaths,
    load_authorities,
    load_role,
)
from lab.pki.identity import certificates_pem
from lab.stream.contexts import (
    ClientAuth,
    IdentityFiles,
    ServerTls,
    TlsVersion,
    server_context,
)
from lab.x509.certificates import described, distinguished
from lab.x509.chains import parsed_path

Stamps = tuple[tuple[int, int, int] | None, ...]
"""What a change of files shows in: for each its mtime (ns), size and inode, None if it is gone."""


class Kind(enum.Enum):
    """What expires: the server's own certificate, one that it sends along, a CA, or a list."""

    SERVER = "server"
    CHAIN = "chain"
    CA = "ca"
    CRL = "crl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiration:
    """When one of them expires.

    ``subject`` is the name in RFC 4514 form, of a list its issuer's; ``serial`` the serial number
    in hexadecimal, of a list its CRL number, "" if it has none. ``at`` is a moment of UTC.
    """

    kind: Kind
    subject: str
    serial: str
    at: datetime


def expiries(
    chain: Sequence[x509.Certificate],
    authorities: Iterable[x509.Certificate],
    lists: Iterable[ListEnd],
) -> tuple[Expiration, ...]:
    """Those of a server's chain, its CAs, and its lists.

    Of several that differ in ``at`` alone, such as two lists of one CA without numbers, the last:
    until then there is one.
    """
    found = [
        *(_of(each, Kind.CHAIN if number else Kind.SERVER) for number, each in enumerate(chain)),
        *(_of(each, Kind.CA) for each in authorities),
        *map(_of_list, lists),
    ]
    last: dict[tuple[Kind, str, str], Expiration] = {}
    for each in found:
        key = (each.kind, each.subject, each.serial)
        last[key] = max(last.get(key, each), each, key=lambda expiry: expiry.at)
    return tuple(last.values())


def _of(certificate: x509.Certificate, kind: Kind) -> Expiration:
    return Expiration(
        kind=kind,
        subject=described(certificate).subject,
        serial=f"{certificate.serial_number:x}",
        at=certificate.not_valid_after_utc,
    )


def _of_list(end: ListEnd) -> Expiration:
    return Expiration(
        kind=Kind.CRL,
        subject=distinguished(end.issuer),
        serial="" if end.number is None else f"{end.number:x}",
        at=end.at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What was in the files: ``context`` works with it, ``tls`` is what it was made from.

    ``revocation`` is None where revocation is not checked. ``expiries`` tells when each of the
    certificates and lists expires.
    """

    tls: ServerTls
    context: ssl.SSLContext
    certificate: x509.Certificate
    authorities: tuple[x509.Certificate, ...]
    revocation: Coverage | None
    expiries: tuple[Expiration, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFiles:
    """Where the files are, and what is to be done with them.

    ``directory`` has the lab's set. The rest is as in :class:`~lab.stream.contexts.ServerTls`.
    """

    directory: Path
    crl: Path | None = None
    client_auth: ClientAuth = ClientAuth.REQUIRED
    minimum: TlsVersion = TlsVersion.TLS12
    maximum: TlsVersion = TlsVersion.TLS13

    def load(self, *, now: datetime) -> Loaded:
        """Read and check them all; ``now`` is aware. Raises a :class:`~lab.pki.errors.PkiError`."""
        authorities = load_authorities(self.directory, now=now)
        # Before the key, which takes far longer to check than all else.
        revocation = load_coverage(self.crl, authorities, now=now) if self.crl else None
        role = load_role(self.directory, Role.SERVER, now=now)
        tls = ServerTls(
            identity=IdentityFiles(certificate=role.certificate_path, key=role.key_path),
            client_ca=role.ca_path,
            chain=certificates_pem(_chain(role)),
            crl=self.crl,
            client_auth=self.client_auth,
            minimum=self.minimum,
            maximum=self.maximum,
        )
        return Loaded(
            tls=tls,
            context=context_of(tls),
            certificate=role.identity.certificate,
            authorities=role.authorities,
            revocation=revocation,
            expiries=expiries(
                role.identity.chain, role.authorities, revocation.ends if revocation else ()
            ),
        )

    @property
    def client_ca(self) -> Path:
        """The file of the CAs whose clients are let in."""
        return SetPaths(directory=self.directory).certificate(Role.CA)

    def stamps(self) -> Stamps:
        """What the files are like now; changed files have other stamps."""
        paths = SetPaths(directory=self.directory)
        watched = [
            self.client_ca,
            paths.certificate(Role.SERVER),
            paths.key(Role.SERVER),
            # While this is there, a set is being replaced, and loading it fails.
            paths.pending,
        ]
        return tuple(map(_stamp, [*watched, self.crl] if self.crl else watched))


def _chain(role: RoleFiles) -> Sequence[x509.Certificate]:
    """What OpenSSL would send: the file's chain, or where that is a leaf alone, up to its root."""
    chain = role.identity.chain
    return chain if len(chain) > 1 else parsed_path(role.identity.certificate, role.authorities)[0]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = path.stat()
    except OSError:  # loading says why
        return None
    return seen.st_mtime_ns, seen.st_size, seen.st_ino


def context_of(tls: ServerTls) -> ssl.SSLContext:
    """A new context for files that were found in order. Raises a PkiError."""
    directory = tls.client_ca.parent
    try:
        return server_context(tls)
    except ssl.SSLError as error:
        raise UnusableError(
            f"OpenSSL cannot use these files: {error}",
            remedy=f"Make new ones: {SetPaths(directory=directory).command()}",
            path=directory,
        ) from error
    except OSError as error:  # they were read just now
        raise UnusableError(
            f"the files are valid, but OpenSSL could not load them: {error}",
            remedy="Check disk space, memory and the limit of open files",
            path=directory,
        ) from error
