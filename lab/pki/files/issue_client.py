"""One more client under the lab's CA: what may be asked for, making it, and writing its files.

Rules: as for a set, nothing is generated before the plan is checked, and the files come all or
none, read back before they take their place. How the client is broken, if it is, comes in as a
recipe.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from lab.pki import profiles
from lab.pki.authority import Authority, revocation_lists_pem
from lab.pki.catalogue import Recipe
from lab.pki.errors import PlanError, SetFaultyError
from lab.pki.files.identity_files import load_identity
from lab.pki.files.lab_set import Role
from lab.pki.files.replace_files import replacing
from lab.pki.files.secret_files import write_private, write_public
from lab.pki.identity import Identity, KeyKind, generate
from lab.pki.lab_ca import LabAuthority
from lab.pki.profiles import DEFAULT_PFX_PASSWORD, check_client_name, check_pfx_password
from lab.x509.certificates import described

_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RESERVED = frozenset(role.value for role in Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientPlan:
    """What a client shall be: its commonName, its other names, its lifetime in days (None: as long
    as a client of a set). Raises :class:`~lab.pki.errors.PlanError`.
    """

    cn: str
    names: tuple[x509.GeneralName, ...] = ()
    days: int | None = None
    pfx_password: str = DEFAULT_PFX_PASSWORD

    def __post_init__(self) -> None:
        """Refuse what cannot be made."""
        check_client_name(self.cn)
        check_pfx_password(self.pfx_password)

    def profile(self, authority: x509.Certificate, *, now: datetime) -> profiles.Profile:
        """Return a good client of this plan. Raises ``PlanError`` where it would outlive the CA."""
        days = profiles.LEAF_DAYS if self.days is None else self.days
        most = (authority.not_valid_after_utc - now) // timedelta(days=1)
        if not 1 <= days <= most:
            raise PlanError(
                f"a lifetime of {days} days is not possible",
                remedy=f"Ask for 1 to {most} days: no certificate outlives its CA",
            )
        return replace(profiles.client(self.cn, days=days), names=self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientPaths:
    """Where the files of one client are: ``stem`` with the endings .crt, .key, .pfx and .crl,
    of which the last two are not there for every client.
    """

    stem: Path

    def __post_init__(self) -> None:
        """Raise :class:`~lab.pki.errors.PlanError` for a name that no file should have."""
        _check_file_name(self.stem.name)

    @classmethod
    def of(cls, directory: Path, name: str) -> ClientPaths:
        """Return those of this name in ``directory``, which the name may not leave."""
        _check_file_name(name)
        return cls(stem=directory / name)

    @property
    def directory(self) -> Path:
        """The folder."""
        return self.stem.parent

    @property
    def pending(self) -> Path:
        """A folder that is here only while the files take their place."""
        return self.directory / f".incoming-{self.stem.name}"

    @property
    def certificate(self) -> Path:
        """The chain, as PEM."""
        return self._with(".crt")

    @property
    def key(self) -> Path:
        """The private key, as PEM."""
        return self._with(".key")

    @property
    def pfx(self) -> Path:
        """Key, chain and the CA's certificate, as PKCS#12."""
        return self._with(".pfx")

    @property
    def lists(self) -> Path:
        """Revocation lists, as PEM."""
        return self._with(".crl")

    def files(self) -> tuple[Path, ...]:
        """Return all of them."""
        return (self.certificate, self.key, self.pfx, self.lists)

    def existing(self) -> tuple[Path, ...]:
        """Return the files that exist, dangling links included."""
        return tuple(path for path in self.files() if path.exists() or path.is_symlink())

    def command(self) -> str:
        """Return what to do in order to replace them."""
        return "run it again with --force"

    def _with(self, ending: str) -> Path:
        return self.directory / f"{self.stem.name}{ending}"


def _check_file_name(name: str) -> None:
    if not _STEM.fullmatch(name):
        raise PlanError(
            f"{name!r} is no good name for files",
            remedy="Name them with --out DIR/NAME: ASCII letters, digits, dots and hyphens",
        )
    if name.lower() in _RESERVED:
        raise PlanError(
            f"{name} is what files of the lab's own set are called",
            remedy="Name the client's with --out DIR/NAME",
        )


def lab_authority_for(plan: ClientPlan, identity: Identity, *, now: datetime) -> LabAuthority:
    """Return a CA whose good clients are of this plan. Raises ``PlanError``."""
    profile = plan.profile(identity.certificate, now=now)
    return LabAuthority(authority=Authority(identity=identity), now=now, client_profile=profile)


def good_client(ca: LabAuthority) -> Identity:
    """Return a client with nothing wrong, and a new key of the CA's kind."""
    is_rsa = isinstance(ca.authority.identity.key, rsa.RSAPrivateKey)
    return ca.client(key=generate(KeyKind.RSA_2048 if is_rsa else KeyKind.EC_P256))


def deviations(plan: ClientPlan, certificate: x509.Certificate) -> tuple[str, ...]:
    """Return what a recipe did not keep of the plan, because what it makes is about just that."""
    seen = described(certificate)
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    found = []
    if certificate.subject != profiles.common_name(plan.cn):
        found.append(f"its subject cannot be chosen: it is {seen.subject}")
    if plan.names and _names(certificate) != plan.names:
        shown = ", ".join(seen.subject_alt_names) or "none"
        found.append(f"its subjectAltName cannot be chosen: it is {shown}")
    if plan.days is not None and lifetime != timedelta(days=plan.days):
        found.append("its dates cannot be chosen")
    return tuple(found)


def _names(certificate: x509.Certificate) -> tuple[x509.GeneralName, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(found.value)


def write_client(
    paths: ClientPaths,
    make: Recipe,
    ca: LabAuthority,
    *,
    pfx_password: str,
    lists: Sequence[x509.CertificateRevocationList] = (),
    replace: bool = False,
) -> Identity:
    """Make a client and write its files; with ``replace`` in the place of others of their names.

    Raises a :class:`~lab.pki.errors.PkiError`, and then the folder is as it was.
    """
    with replacing(paths, replace=replace) as folder:
        identity = make(ca)
        staged = ClientPaths(stem=folder / paths.stem.name)
        write_public(staged.certificate, identity.chain_pem())
        write_private(staged.key, identity.key_pem())
        if identity.fits_pkcs12:
            write_private(staged.pfx, _packed(identity, ca.root, pfx_password))
        if lists:
            write_public(staged.lists, revocation_lists_pem(lists))
        _prove(staged, identity, pfx_password)
        return identity


def _packed(identity: Identity, root: x509.Certificate, password: str) -> bytes:
    name = described(identity.certificate).subject
    return identity.pkcs12(password.encode(), friendly_name=name, authorities=[root])


def _prove(paths: ClientPaths, identity: Identity, password: str) -> None:
    """Read the files back. Raises where they hold something else than was made."""
    read = load_identity(paths.certificate, paths.key)
    whole = read.chain == identity.chain
    if paths.pfx.exists():
        packed = load_identity(paths.pfx, None, password.encode())
        whole = whole and packed.certificate == identity.certificate
    if not whole:
        raise SetFaultyError(
            "the files do not hold what was made",
            remedy="Report this, with the version of cryptography",
            path=paths.stem,
        )
