"""Writing a set of certificates to disk: the whole set, or nothing.

A set is written into a folder of its own inside the target folder, read back and tested there, and
then moved into place (:mod:`lab.pki.files.replace_files`).

Rules: existing files are not changed before the new set has been tested.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from lab.pki import profiles
from lab.pki.authority import Authority, self_signed
from lab.pki.errors import PlanError, SetExistsError
from lab.pki.files.lab_set import LabSet, Role, SetPaths
from lab.pki.files.replace_files import replacing
from lab.pki.files.secret_files import write_private, write_public
from lab.pki.files.verify_set import load_verified_set
from lab.pki.identity import KeyKind, KeySource, generate


class KeyType(enum.Enum):
    """Which keys a set has: RSA of 4096 bits for the CA and 2048 for the rest, or EC P-256."""

    RSA = "rsa"
    EC = "ec"


_KINDS = {
    KeyType.RSA: (KeyKind.RSA_4096, KeyKind.RSA_2048),
    KeyType.EC: (KeyKind.EC_P256, KeyKind.EC_P256),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPlan:
    """The parameters of a set.

    ``hostnames`` are host names and IP addresses of the server, besides ``localhost``,
    ``127.0.0.1`` and ``::1``, which it always has. ``days`` is the lifetime of the server's and the
    client's certificate; the CA's is fixed, and nothing may outlive it.

    Raises :class:`~lab.pki.errors.PlanError` for what no certificate can or should say.
    """

    key_type: KeyType = KeyType.RSA
    hostnames: tuple[str, ...] = ()
    client_cn: str = profiles.CLIENT_NAME
    days: int = profiles.LEAF_DAYS
    pfx_password: str = profiles.DEFAULT_PFX_PASSWORD

    def __post_init__(self) -> None:
        """Refuse what cannot be made."""
        self.server_names()
        profiles.check_client_name(self.client_cn)
        if not 1 <= self.days <= profiles.CA_DAYS:
            raise PlanError(
                f"a lifetime of {self.days} days is not possible",
                remedy=f"Ask for 1 to {profiles.CA_DAYS} days: no certificate outlives its CA",
            )
        profiles.check_pfx_password(self.pfx_password)

    def server_names(self) -> tuple[x509.GeneralName, ...]:
        """Return the server's subjectAltName, without repetitions."""
        names = (
            profiles.general_name(name) for name in (*profiles.DEFAULT_HOSTNAMES, *self.hostnames)
        )
        return tuple(dict.fromkeys(names))


def make_set(plan: SetPlan, *, now: datetime, new_key: KeySource = generate) -> LabSet:
    """Make a new CA, and a server and a client under it."""
    ca_kind, leaf_kind = _KINDS[plan.key_type]
    ca = self_signed(profiles.root_ca(), new_key(ca_kind), now=now)
    authority = Authority(identity=ca)
    server = profiles.server(plan.server_names(), days=plan.days)
    client = profiles.client(plan.client_cn, days=plan.days)
    return LabSet(
        ca=ca,
        server=authority.issue(server, new_key(leaf_kind), now=now),
        client=authority.issue(client, new_key(leaf_kind), now=now),
    )


def write_set(
    directory: Path,
    plan: SetPlan,
    *,
    now: datetime,
    replace: bool = False,
    new_key: KeySource = generate,
) -> LabSet:
    """Make a set, write it to ``directory`` (made where missing), and verify that it works.

    With ``replace`` an old set is replaced, in the last step. What comes back was read from disk.

    Raises a :class:`~lab.pki.errors.PkiError`, and then ``directory`` is as it was: where it has
    one of the set's files already and ``replace`` is false, or where it cannot be written to.
    """
    with replacing(SetPaths(directory=directory), replace=replace) as folder:
        staged = SetPaths(directory=folder)
        _write_files(staged, make_set(plan, now=now, new_key=new_key), plan.pfx_password)
        return load_verified_set(staged, now=now, pfx_password=plan.pfx_password)


def ensure_set(
    directory: Path,
    *,
    now: datetime,
    plan: SetPlan | None = None,
    new_key: KeySource = generate,
) -> bool:
    """Make a set where ``directory`` has no file of one; tell whether it did.

    Where there is any file of a set nothing is written: it may be the user's own, and loading says
    what is wrong with it. Raises as :func:`write_set` does.
    """
    paths = SetPaths(directory=directory)
    if paths.existing() or paths.pending.exists():
        return False
    try:
        write_set(directory, plan or SetPlan(), now=now, new_key=new_key)
    except SetExistsError:
        return False  # another process was faster
    return True


def _write_files(paths: SetPaths, made: LabSet, pfx_password: str) -> None:
    for role in Role:
        identity = made.identity(role)
        write_public(paths.certificate(role), identity.chain_pem())
        write_private(paths.key(role), identity.key_pem())
    pfx = made.client.pkcs12(
        pfx_password.encode(),
        friendly_name=_client_name(made),
        authorities=[made.ca.certificate],
    )
    write_private(paths.client_pfx, pfx)


def _client_name(made: LabSet) -> str:
    (attribute,) = made.client.certificate.subject
    return str(attribute.value)
