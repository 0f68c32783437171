"""Certificates of the known truth: what both ends present, each flaw a field of its own.

Every identity has cached EC P-256 keys (unless its kind is the point), so that one costs a
millisecond, and is made once for each description.
"""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from lab.pki import profiles
from lab.pki.authority import (
    Authority,
    revocation_list,
    revocation_lists_pem,
    self_signed,
)
from lab.pki.catalogue import REVOKED_SERIAL, UNKNOWN_EXTENSION
from lab.pki.identity import Identity, KeyKind, cached
from lab.pki.malformed_certificates import tampered
from lab.pki.profiles import KeyUsageBit, Profile, general_name

_DAY = timedelta(days=1)
ROOT_AGE = 400 * _DAY
FOREIGN_NAME = "elsewhere.example"
_EXPIRED: dict[str, Any] = {"starts": -30 * _DAY, "lifetime": 29 * _DAY}
_FUTURE: dict[str, Any] = {"starts": 3 * _DAY, "lifetime": 30 * _DAY}
_GOOD: dict[str, Any] = {}


class Root(enum.Enum):
    """A root CA. SAME_NAME has the name of TRUSTED and another key."""

    TRUSTED = "Known Truth Root"
    OTHER = "Another Root"
    SAME_NAME = "Known Truth Root "
    EXPIRED = "Expired Root"
    CONSTRAINED = "Constrained Root"
    SERVERS = "Root of Servers"


class Dates(enum.Enum):
    """Where the present lies in a period of validity."""

    GOOD = "good"
    EXPIRED = "expired"
    FUTURE = "future"

    @property
    def changes(self) -> dict[str, Any]:
        return {Dates.GOOD: _GOOD, Dates.EXPIRED: _EXPIRED, Dates.FUTURE: _FUTURE}[self]


class Sent(enum.Enum):
    """Which certificates of a chain are sent."""

    WHOLE = "leaf and intermediates"
    LEAF = "leaf only"
    WITH_ROOT = "with the root"


class Purpose(enum.Enum):
    """The extendedKeyUsage of a certificate."""

    CLIENT = "clientAuth"
    SERVER = "serverAuth"
    NONE = "no extension"

    @property
    def usages(self) -> tuple[x509.ObjectIdentifier, ...]:
        return {
            Purpose.CLIENT: (ExtendedKeyUsageOID.CLIENT_AUTH,),
            Purpose.SERVER: (ExtendedKeyUsageOID.SERVER_AUTH,),
            Purpose.NONE: (),
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """A client's chain; the defaults are good. ``depth`` is the number of intermediates.

    What is said of the intermediate is of the one that issued the leaf.
    """

    kind: KeyKind = KeyKind.EC_P256
    root: Root = Root.TRUSTED
    depth: int = 0
    sent: Sent = Sent.WHOLE
    is_self_signed: bool = False
    dates: Dates = Dates.GOOD
    purpose: Purpose = Purpose.CLIENT
    may_sign: bool = True
    has_unknown_extension: bool = False
    has_forbidden_name: bool = False
    is_tampered: bool = False
    is_revoked: bool = False
    intermediate_dates: Dates = Dates.GOOD
    intermediate_purpose: Purpose = Purpose.NONE
    intermediate_is_ca: bool = True
    intermediate_is_constrained: bool = False
    intermediate_is_revoked: bool = False
    path_length_exceeded: bool = False
    ballast: int = 0


class ServerCertificate(enum.Enum):
    """What a server presents."""

    GOOD = "good"
    EXPIRED = "expired"
    FUTURE = "future"
    OTHER_NAME = "other name"
    OTHER_ROOT = "other root"
    SELF_SIGNED = "self-signed"
    CLIENTS = "for clients only"


@functools.cache
def present() -> datetime:
    """The moment at which all of them are made."""
    return datetime.now(timezone.utc)


@functools.cache
def root(kind: Root) -> Authority:
    profile = replace(
        profiles.root_ca(kind.value.strip()), starts=-ROOT_AGE, lifetime=ROOT_AGE + 3650 * _DAY
    )
    if kind is Root.EXPIRED:
        profile = replace(profile, lifetime=ROOT_AGE - _DAY)
    if kind is Root.CONSTRAINED:
        profile = replace(profile, extensions=(_constraints(),))
    key = cached(KeyKind.EC_P256, 3000 + list(Root).index(kind))
    return Authority(identity=self_signed(profile, key, now=present()))


def _constraints() -> x509.Extension[x509.ExtensionType]:
    permitted = x509.NameConstraints([x509.DNSName("lab.example")], None)
    return x509.Extension(permitted.oid, True, permitted)


@functools.cache
def client_identity(spec: ClientCertificate) -> Identity:
    """Issue the chain and the key of a client, as it is sent."""
    key = cached(spec.kind, 3100)
    if spec.is_self_signed:
        return self_signed(_leaf(spec), key, now=present())
    whole = issuers(spec)[-1].issue(_leaf(spec), key, now=present())
    leaf = tampered(whole.certificate) if spec.is_tampered else whole.certificate
    above = whole.chain[1:]
    if spec.sent is Sent.LEAF:
        above = ()
    elif spec.sent is Sent.WITH_ROOT:
        above = (*above, root(spec.root).identity.certificate)
    return replace(whole, chain=(leaf, *above))


@functools.cache
def issuers(spec: ClientCertificate) -> tuple[Authority, ...]:
    """Return the CAs of a chain from the root down; the last one issues the leaf."""
    chain = [root(spec.root)]
    for number in range(spec.depth):
        is_last = number == spec.depth - 1
        profile = _intermediate(spec, number, is_last=is_last)
        key = cached(KeyKind.EC_P256, 3200 + number)
        chain.append(Authority(identity=chain[-1].issue(profile, key, now=present())))
    return tuple(chain)


def _intermediate(spec: ClientCertificate, number: int, *, is_last: bool) -> Profile:
    name = f"{spec.root.value.strip()} Intermediate {number + 1}"
    profile = replace(
        profiles.intermediate_ca(name, path_length=0 if is_last else spec.depth - 1 - number),
        starts=-ROOT_AGE,
        lifetime=ROOT_AGE + 1000 * _DAY,
    )
    if spec.path_length_exceeded and not is_last:
        profile = replace(profile, basic_constraints=x509.BasicConstraints(ca=True, path_length=0))
    if not is_last:
        return profile
    if not spec.intermediate_is_ca:
        profile = replace(
            profile,
            basic_constraints=profiles.NOT_A_CA,
            key_usage=frozenset({KeyUsageBit.DIGITAL_SIGNATURE}),
        )
    if spec.intermediate_is_constrained:
        profile = replace(profile, extensions=(_constraints(),))
    return replace(
        profile,
        extended_key_usage=spec.intermediate_purpose.usages,
        serial=REVOKED_SERIAL if spec.intermediate_is_revoked else None,
        **spec.intermediate_dates.changes,
    )


def _leaf(spec: ClientCertificate) -> Profile:
    extensions: list[x509.Extension[x509.ExtensionType]] = []
    if spec.has_unknown_extension:
        value = x509.UnrecognizedExtension(UNKNOWN_EXTENSION, b"\x05\0")
        extensions.append(x509.Extension(UNKNOWN_EXTENSION, True, value))
    if spec.ballast:
        oid = x509.ObjectIdentifier("2.999.2")
        bulk = x509.UnrecognizedExtension(oid, b"\x04" * spec.ballast)
        extensions.append(x509.Extension(oid, False, bulk))
    host = FOREIGN_NAME if spec.has_forbidden_name else "lab.example"
    usage = KeyUsageBit.DIGITAL_SIGNATURE if spec.may_sign else KeyUsageBit.KEY_ENCIPHERMENT
    return replace(
        profiles.client("known-truth-client"),
        names=(x509.DNSName(f"client.{host}"),),
        extended_key_usage=spec.purpose.usages,
        key_usage=frozenset({usage}),
        extensions=tuple(extensions),
        serial=REVOKED_SERIAL if spec.is_revoked else None,
        **spec.dates.changes,
    )


@functools.cache
def server_identity(kind: ServerCertificate, key_kind: KeyKind) -> Identity:
    """Issue what a server presents; its root is SERVERS unless that is what is wrong."""
    names = ["localhost", "127.0.0.1", "known.example"]
    if kind is ServerCertificate.OTHER_NAME:
        names = [FOREIGN_NAME]
    profile = profiles.server(tuple(map(general_name, names)))
    if kind is ServerCertificate.CLIENTS:
        profile = replace(profile, extended_key_usage=Purpose.CLIENT.usages)
    if kind in (ServerCertificate.EXPIRED, ServerCertificate.FUTURE):
        profile = replace(profile, **Dates(kind.value).changes)
    key = cached(key_kind, 3300)
    if kind is ServerCertificate.SELF_SIGNED:
        return self_signed(profile, key, now=present())
    issuer = Root.OTHER if kind is ServerCertificate.OTHER_ROOT else Root.SERVERS
    return root(issuer).issue(profile, key, now=present())


@functools.cache
def lists_pem(spec: ClientCertificate, *, is_expired: bool, root_only: bool) -> bytes:
    """Return the CRLs of all CAs in a client's chain, as PEM; they revoke what is revoked."""
    authorities = issuers(spec)[:1] if root_only else issuers(spec)
    period = _EXPIRED if is_expired else {}
    return revocation_lists_pem(
        revocation_list(authority, (REVOKED_SERIAL,), now=present(), **period)
        for authority in authorities
    )
