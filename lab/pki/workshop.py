"""The workshop in which a catalogue's identities are made: a CA, the present, and keys at hand.

Rules: everything is relative to ``now``, so that nothing rots. Keys come from the cache, since a
catalogue makes dozens of identities that nobody is meant to trust; an RSA key is asked for only
where it matters that it is one.

This module must not know which identities are good and which are broken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cryptography import x509

from lab.pki import profiles
from lab.pki.authority import Authority, self_signed
from lab.pki.identity import Identity
from lab.pki.keys import KeyKind, PrivateKey, cached
from lab.pki.plan import DEFAULT_HOSTNAMES, general_name
from lab.pki.profiles import Profile

INTERMEDIATE_NAME = "mTLS Lab Intermediate CA"
OTHER_ROOT_NAME = "Another Root CA"
CLIENT_SPIFFE_ID = "spiffe://mtls-lab.example/client"

# Keys of one kind are told apart by number; each role has its own, so that no two share a key.
_CLIENT, _SERVER, _ROOT, _OTHER_ROOT, _INTERMEDIATES = 1000, 1001, 1002, 1003, 1010


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """``authority`` is the CA that the other end trusts, ``now`` the present (aware).

    Whatever takes ``changes`` takes fields of :class:`~lab.pki.profiles.Profile` by name, which
    replace those of a good profile.
    """

    authority: Authority
    now: datetime

    @property
    def root(self) -> x509.Certificate:
        """The certificate of the CA."""
        return self.authority.identity.certificate

    def client(
        self, *, issuer: Authority | None = None, key: PrivateKey | None = None, **changes: Any
    ) -> Identity:
        """A TLS client's identity, issued by the CA or by ``issuer``."""
        profile: Profile = replace(profiles.client(), **changes)
        return (issuer or self.authority).issue(profile, key or client_key(), now=self.now)

    def server(self, *, issuer: Authority | None = None, **changes: Any) -> Identity:
        """A TLS server's identity for localhost, issued by the CA or by ``issuer``."""
        names = tuple(general_name(name) for name in DEFAULT_HOSTNAMES)
        profile: Profile = replace(profiles.server(names), **changes)
        key = cached(KeyKind.EC_P256, _SERVER)
        return (issuer or self.authority).issue(profile, key, now=self.now)

    def intermediate(
        self,
        name: str = INTERMEDIATE_NAME,
        *,
        issuer: Authority | None = None,
        number: int = 0,
        **changes: Any,
    ) -> Authority:
        """A CA under the CA or under ``issuer``; those of different numbers have different keys."""
        profile: Profile = replace(profiles.intermediate_ca(name), **changes)
        above = issuer or self.authority
        return Authority(
            identity=above.issue(profile, intermediate_key(number), now=self.now),
            serials=above.serials,
        )

    def other_root(self, subject: x509.Name | None = None) -> Authority:
        """A root with a key of its own, and with another CA's name where one is given."""
        profile = profiles.root_ca(OTHER_ROOT_NAME)
        return Authority(
            identity=self_signed(
                replace(profile, subject=subject or profile.subject),
                cached(KeyKind.EC_P256, _OTHER_ROOT),
                now=self.now,
            )
        )


def new_workshop(now: datetime) -> Workshop:
    """A workshop with a CA of its own, which nothing outside this process trusts."""
    root = self_signed(profiles.root_ca(), cached(KeyKind.EC_P256, _ROOT), now=now)
    return Workshop(authority=Authority(identity=root), now=now)


def client_key(kind: KeyKind = KeyKind.EC_P256) -> PrivateKey:
    """The key of clients, one for each kind."""
    return cached(kind, _CLIENT)


def intermediate_key(number: int = 0) -> PrivateKey:
    """The key of an intermediate CA."""
    return cached(KeyKind.EC_P256, _INTERMEDIATES + number)
