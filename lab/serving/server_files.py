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
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from lab.pki.errors import PasswordNeededError, UnusableError
from lab.pki.files import pem
from lab.pki.files.crl_files import LISTS, Coverage, ListEnd, lists_in, load_coverage
from lab.pki.files.lab_set import (
    Role,
    SetPaths,
    load_authorities,
    load_role,
)
from lab.pki.identity import Identity, certificates_pem
from lab.stream.chain_judge import judge_chain
from lab.stream.contexts import (
    ClientAuth,
    IdentityFiles,
    ServerContexts,
    ServerTls,
    TlsVersion,
    server_contexts,
)
from lab.x509.certificates import described, distinguished
from lab.x509.chains import parsed_path

_NAME_ANOTHER = "Name a file that is there"
# X509_V_ERR_…: no list found, its signature, its times (three), its issuer's list, keyUsage of its
# issuer, a critical extension, its scope, its path.
_ABOUT_LISTS = frozenset({3, 8, 11, 12, 16, 33, 35, 36, 44, 54})

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
    """What was in the files: ``contexts`` work with it, ``tls`` is what it was made from.

    ``revocation`` is None where revocation is not checked. ``expiries`` tells when each of the
    certificates and lists expires.
    """

    tls: ServerTls
    contexts: ServerContexts
    certificate: x509.Certificate
    authorities: tuple[x509.Certificate, ...]
    revocation: Coverage | None
    expiries: tuple[Expiration, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFiles:
    """Where the files are, and what is to be done with them.

    ``directory`` has the lab's set. ``certificate`` (PEM, with its chain), ``key`` (the same file
    where it is None) and ``authorities`` are files to use instead of those of the set. The rest is
    as in :class:`~lab.stream.contexts.ServerTls`.
    """

    directory: Path
    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None
    crl: Path | None = None
    client_auth: ClientAuth = ClientAuth.REQUIRED
    minimum: TlsVersion = TlsVersion.TLS12
    maximum: TlsVersion = TlsVersion.TLS13

    def load(self, *, now: datetime) -> Loaded:
        """Read and check them all; ``now`` is aware. Raises a :class:`~lab.pki.errors.PkiError`."""
        authorities = self._load_authorities(now)
        # Before the key, which takes far longer to check than all else.
        revocation = load_coverage(self.crl, authorities, now=now) if self.crl else None
        if self.crl is not None and revocation is not None:
            covered = [ca for ca in authorities if ca not in revocation.uncovered]
            _check_lists(self.crl, covered, authorities, now)
        identity = self._load_identity(now)
        leaf, chain = identity.certificate, identity.chain
        # As OpenSSL would: a leaf alone is sent with what leads up to its root.
        sent = chain if len(chain) > 1 else parsed_path(leaf, authorities)[0]
        tls = ServerTls(
            identity=IdentityFiles(certificate=self._certificate, key=self._key),
            client_ca=self.client_ca,
            chain=certificates_pem(sent),
            crl=self.crl,
            client_auth=self.client_auth,
            minimum=self.minimum,
            maximum=self.maximum,
        )
        return Loaded(
            tls=tls,
            contexts=contexts_of(tls),
            certificate=leaf,
            authorities=authorities,
            revocation=revocation,
            expiries=expiries(chain, authorities, revocation.ends if revocation else ()),
        )

    @property
    def _set(self) -> SetPaths:
        return SetPaths(directory=self.directory)

    @property
    def client_ca(self) -> Path:
        """The file of the CAs whose clients are let in."""
        return self.authorities or self._set.certificate(Role.CA)

    @property
    def _certificate(self) -> Path:
        return self.certificate or self._set.certificate(Role.SERVER)

    @property
    def _key(self) -> Path:
        return self.key or self.certificate or self._set.key(Role.SERVER)

    def _load_authorities(self, now: datetime) -> tuple[x509.Certificate, ...]:
        path = self.authorities
        if path is None:
            return load_authorities(self.directory, now=now)
        found = pem.certificates_in(pem.read_file(path, remedy=_NAME_ANOTHER), path)
        if not any(ca.not_valid_before_utc <= now <= ca.not_valid_after_utc for ca in found):
            pem.check_time(found[0], now=now, path=path, remedy="Name a CA that is valid")
        return found

    def _load_identity(self, now: datetime) -> Identity:
        path = self.certificate
        if path is None:
            return load_role(self.directory, Role.SERVER, now=now).identity
        chain = pem.certificates_in(pem.read_file(path, remedy=_NAME_ANOTHER), path)
        try:
            key = pem.key_in(pem.read_file(self._key, remedy=_NAME_ANOTHER), self._key)
        except PasswordNeededError as error:
            raise PasswordNeededError(
                "the private key is encrypted, and the server asks for no password",
                remedy=f"Decrypt it: openssl pkey -in {self._key} -out NEW",
                path=self._key,
            ) from error
        remedy = "Name the key that belongs to the certificate"
        identity = pem.fit(chain, key, path=path, key_path=self._key, remedy=remedy)
        pem.check_time(chain[0], now=now, path=path, remedy="Renew it")
        return identity

    def stamps(self) -> Stamps:
        """What the files are like now; changed files have other stamps."""
        watched = [self.client_ca, self._certificate, self._key]
        if self.authorities is None or self.certificate is None:
            # While this is there, a set is being replaced, and loading it fails.
            watched.append(self._set.pending)
        return tuple(map(_stamp, [*watched, self.crl] if self.crl else watched))


def _check_lists(
    path: Path,
    covered: Iterable[x509.Certificate],
    authorities: Sequence[x509.Certificate],
    now: datetime,
) -> None:
    """Raise UnusableError where OpenSSL does not use a list of a CA in ``covered``.

    It is asked about a certificate that names the CA as its issuer, and bears another signature.
    OpenSSL looks for revocation before it checks signatures: where it finds fault with that, it
    has used the list.
    """
    lists = lists_in(pem.read_file(path, remedy=_NAME_ANOTHER, bound=LISTS), path)
    for ca in covered:
        if not ca.not_valid_before_utc <= now <= ca.not_valid_after_utc:
            continue
        verdict = judge_chain(
            [_unsigned_by(ca, now)],
            trust=[authority.public_bytes(Encoding.DER) for authority in authorities],
            crls=[crl.public_bytes(Encoding.DER) for crl in lists],
            purpose=ssl.Purpose.CLIENT_AUTH,
        )
        if verdict.verify_code in _ABOUT_LISTS:
            raise UnusableError(
                f"OpenSSL does not use the CRL of {distinguished(ca.subject)!r}, and would refuse "
                f"all its clients: {verdict.verify_message}",
                remedy="Issue a list that it uses, or leave out --crl",
                path=path,
            )


def _unsigned_by(ca: x509.Certificate, now: datetime) -> bytes:
    """Return a certificate that names ``ca`` as its issuer, and is not signed by it, in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "any client")]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    identifier = described(ca).subject_key_identifier
    if identifier is not None:
        extension = x509.AuthorityKeyIdentifier(identifier, None, None)
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = path.stat()
    except OSError:  # loading says why
        return None
    return seen.st_mtime_ns, seen.st_size, seen.st_ino


def contexts_of(tls: ServerTls) -> ServerContexts:
    """New contexts for files that were found in order. Raises a PkiError."""
    path = tls.identity.certificate
    try:
        return server_contexts(tls)
    except ssl.SSLError as error:
        raise UnusableError(
            f"OpenSSL cannot use this certificate, its key or its CAs: {error}",
            remedy="Make others, such as those of python -m lab.certs",
            path=path,
        ) from error
    except OSError as error:  # they were read just now
        raise UnusableError(
            f"the files are valid, but OpenSSL could not load them: {error}",
            remedy="Check disk space, memory and the limit of open files",
            path=path,
        ) from error
