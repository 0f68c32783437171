"""What is varied: certificates at hand, and requests, in short names."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from lab.tls.code_points import ProtocolVersion
from tests.diagnosis.certificate_selection.requests import Request

SCHEMES = {
    "p256": 0x0403,
    "p384": 0x0503,
    "p521": 0x0603,
    "ed25519": 0x0807,
    "ed448": 0x0808,
    "pss": 0x0804,
    "pss384": 0x0805,
    "pss512": 0x0806,
    "pss-pss": 0x0809,
    "brainpool": 0x081A,
    "pkcs1": 0x0401,
    "pkcs1-384": 0x0501,
    "pkcs1-512": 0x0601,
    "ecdsa-sha224": 0x0303,
    "pkcs1-sha224": 0x0301,
    "ecdsa-sha1": 0x0203,
    "pkcs1-sha1": 0x0201,
}
TYPES = {"rsa": 1, "dss": 2, "ecdsa": 64, "rsa-dh": 3}
ALL_SCHEMES = (
    *("p256", "p384", "p521", "ed25519", "pss-pss", "pss", "pss384", "pss512"),
    *("pkcs1", "pkcs1-384", "pkcs1-512"),
)
ALL_TYPES = ("rsa", "dss", "ecdsa")  # what OpenSSL's servers ask for
VERSIONS = {"1.2": ProtocolVersion.TLS_1_2, "1.3": ProtocolVersion.TLS_1_3}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A request in a version of TLS, and what the client has."""

    version: str
    at_hand: tuple[str, ...]
    authorities: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ALL_SCHEMES
    cert_schemes: tuple[str, ...] = ()
    types: tuple[str, ...] = ALL_TYPES

    def request(self, names: dict[str, bytes]) -> Request:
        """Return the request, with the names that the short names stand for."""
        return Request(
            types=tuple(TYPES[name] for name in self.types),
            schemes=tuple(SCHEMES[name] for name in self.schemes),
            cert_schemes=tuple(SCHEMES[name] for name in self.cert_schemes),
            authorities=tuple(names[name] for name in self.authorities),
        )


_NAMES: tuple[tuple[str, ...], ...] = (
    *((), ("ec-issuer",), ("ec-root",), ("nobody",), ("nobody", "ec-issuer")),
    *(("nobody", "ec-root"), ("ec-issuer-printable",), ("ec-issuer-upper",)),
    *(("ec-issuer-spaces",), ("ec-issuer-no-o",), ("ec-root-printable",), ("ec-itself",)),
    *(("ec-issuer-printable-upper",), ("ec-issuer-printable-spaces",)),
)
_KINDS = ("ec", "rsa", "ed25519", "p384", "p521")
_LISTS: tuple[tuple[str, ...], ...] = (
    *(("p256",), ("p384",), ("ed25519",), ("pss",), ("pkcs1",), ("pss-pss",)),
    *(("ecdsa-sha1", "pkcs1-sha1"), ("pss", "pkcs1"), ("p256", "pss")),
    *(("p521",), ("pss512",), ("pkcs1-512",), ("p384", "pss384")),
    *(("ecdsa-sha224", "pkcs1-sha224"), ("ecdsa-sha1",), ("pkcs1-sha1",)),
    (*ALL_SCHEMES, "ecdsa-sha224", "pkcs1-sha224", "ecdsa-sha1", "pkcs1-sha1"),
)
# Who signed the certificate, against what the request takes: with and without the list of its own.
_SIGNED: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("ec-by-rsa", ("p256",), ()),
    ("ec-by-rsa", ("p256", "pkcs1"), ()),
    ("ec-by-rsa", ("p256", "pss"), ()),
    ("ec-by-rsa", ("p256",), ("pkcs1",)),
    ("ec-by-rsa", ("p256", "pkcs1"), ("p256",)),
    ("rsa-by-ec", ("pss", "pkcs1"), ()),
    ("rsa-by-ec", ("pss", "pkcs1", "p256"), ()),
    ("rsa-by-ec", ("pss", "pkcs1"), ("p256",)),
    ("rsa-by-ec", ("pss", "pkcs1", "p256"), ("pkcs1",)),
    ("mixed", ("p256", "pkcs1"), ("p256",)),
    ("mixed", ("p256",), ()),
    ("mixed", ("p256", "pkcs1"), ("pkcs1",)),
    ("mixed", ("p256", "pkcs1"), ("p256", "pkcs1")),
    ("ec", ALL_SCHEMES, ("p256",)),
    ("ec", ALL_SCHEMES, ("pkcs1",)),
    ("rsa", ALL_SCHEMES, ("pkcs1",)),
    ("rsa", ALL_SCHEMES, ("p256",)),
)
_SIGNED_BY_OTHERS = ("rsa-384", "rsa-pss", "ec-384", "ec-by-p384")
_SIGNED_LISTS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (ALL_SCHEMES, ()),
    (("p256", "pss", "pkcs1"), ()),
    (("p256", "p384", "pss", "pkcs1", "pkcs1-384"), ()),
    (("p256", "pss384", "pss"), ()),
    (ALL_SCHEMES, ("p256", "pkcs1")),
    (ALL_SCHEMES, ("p384", "pkcs1-384")),
    (ALL_SCHEMES, ("p256", "pkcs1", "pss")),
)
# A name that fits, and no signature that does.
_NAMED = tuple(
    (kind, name, schemes)
    for kind, name in (("ec", "ec-issuer"), ("rsa", "rsa-issuer"), ("ed25519", "ed-root"))
    for schemes in (("p256",), ("pss", "pkcs1"), ("ed25519",), ("pss-pss", "p384"))
)
_CONTENTS = (
    *("server-only", "both-usages", "no-usage", "any-usage", "mail-only", "no-key-usage"),
    *("no-signing", "expired", "not-yet"),
)
_EC_NAMES: tuple[tuple[str, ...], ...] = ((), ("ec-issuer",))
_RSA_NAMES: tuple[tuple[str, ...], ...] = ((), ("rsa-issuer",), ("rsa-root",), ("nobody",))
_WITH_NAMES: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
    ("ec", _NAMES),
    ("ec-alone", _NAMES),
    *((name, _EC_NAMES) for name in (*_CONTENTS, "soon", "just-expired")),
    *((name, _RSA_NAMES) for name in ("rsa", "rsa-alone", "rsa-no-signing", "server-only-rsa")),
)
_SEVERAL: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (("other", "ec"), (), ALL_SCHEMES),
    (("ec", "other"), (), ALL_SCHEMES),
    (("other", "ec"), ("ec-issuer",), ALL_SCHEMES),
    (("ec", "other"), ("ec-issuer",), ALL_SCHEMES),
    (("ec", "other"), ("other-root",), ALL_SCHEMES),
    (("other", "ec"), ("ec-root",), ALL_SCHEMES),
    (("ec", "other"), ("other-root", "ec-issuer"), ALL_SCHEMES),
    (("ec", "other"), ("ec-issuer", "other-root"), ALL_SCHEMES),
    (("ec", "other"), ("nobody",), ALL_SCHEMES),
    (("ec", "rsa"), (), ALL_SCHEMES),
    (("rsa", "ec"), (), ALL_SCHEMES),
    (("rsa", "ec"), (), ("pkcs1", "pss", "p256")),
    (("ec", "rsa"), (), ("pkcs1", "pss", "p256")),
    (("ec", "rsa"), (), ("pss", "pkcs1")),
    (("rsa", "ec"), (), ("p256",)),
    (("ec", "rsa"), ("rsa-issuer",), ALL_SCHEMES),
    (("rsa", "ec"), ("ec-issuer",), ALL_SCHEMES),
    (("rsa", "ec"), ("nobody",), ALL_SCHEMES),
    (("expired", "ec"), (), ALL_SCHEMES),
    (("ec", "expired"), (), ALL_SCHEMES),
    (("server-only", "ec"), (), ALL_SCHEMES),
    (("ec", "server-only"), (), ALL_SCHEMES),
    (("no-signing", "ec"), (), ALL_SCHEMES),
    (("expired", "rsa"), (), ALL_SCHEMES),
    (("server-only", "rsa"), (), ALL_SCHEMES),
    (("not-yet", "ec"), (), ALL_SCHEMES),
    (("server-only", "expired"), (), ALL_SCHEMES),
    (("ed25519", "ec", "rsa"), (), ALL_SCHEMES),
    (("rsa", "ec", "ed25519"), (), ALL_SCHEMES),
)
# What some clients drop of a file, read otherwise, or break off at.
_ODD: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    *(("cross-signed", (name,), ALL_SCHEMES, ()) for name in ("ec-root", "other-root")),
    *(("ec", (name,), ALL_SCHEMES, ()) for name in ("empty", "cut-short")),
    ("ec", ("ec-issuer", "cut-short"), ALL_SCHEMES, ()),
    ("netscape-server", (), ALL_SCHEMES, ()),
    ("ed25519", (), ("ed448", "p256"), ()),
    ("ec", (), ALL_SCHEMES, ("p384", "brainpool")),
    ("ec", (), ALL_SCHEMES, ("ecdsa-sha224",)),
    ("self-signed", (), ALL_SCHEMES, ("p384", "pss")),
    ("under-root", (), ALL_SCHEMES, ("p256", "pss")),
    ("under-root", (), ("p256", "pss"), ()),
)
_COMBINED = 60  # for each version; every second one with two certificates
_SEVERAL_OF_ONE_CA: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (("rsa",), ("rsa-issuer",), ("pss", "p256")),
    (("rsa",), ("rsa-issuer",), ("pss", "pkcs1-sha224")),
    (("rsa",), ("rsa-issuer",), ("pss", "pkcs1-sha1")),
    (("ec", "p384"), ("ec-issuer",), ("p384", "pss")),
    (("p384", "ec"), ("ec-issuer",), ("p384", "pss")),
    (("ec", "rsa-by-ec"), ("ec-issuer",), ("ecdsa-sha1", "pkcs1", "pss")),
    (("ec", "rsa-by-ec"), ("ec-issuer",), ("ecdsa-sha224", "pkcs1", "pss")),
)
_TYPE_LISTS = (("rsa",), ("ecdsa",), ("dss",), ("rsa-dh",), ("rsa", "ecdsa"), ("ecdsa", "rsa"))


def cases() -> Iterator[Case]:
    """Yield all cases."""
    for version in VERSIONS:
        yield from _of_one(version)
        for at_hand, authorities, schemes in (*_SEVERAL, *_SEVERAL_OF_ONE_CA):
            yield Case(version=version, at_hand=at_hand, authorities=authorities, schemes=schemes)
        yield from _combined(version)
        yield from _odd(version)
    for kind in _KINDS:
        for types in _TYPE_LISTS:
            yield Case(version="1.2", at_hand=(kind,), types=types)
    for both in (("ec", "rsa"), ("rsa", "ec")):
        for types in _TYPE_LISTS:
            yield Case(version="1.2", at_hand=both, types=types)


def _combined(version: str) -> Iterator[Case]:
    """Yield cases that vary all at once, the same ones in each run."""
    chance = random.Random(14)
    identities = (*_KINDS, "ec-by-rsa", "rsa-by-ec", "other", "rsa-alone", *_CONTENTS)
    names = ("ec-issuer", "rsa-issuer", "ed-root", "nobody", "other-root", "ec-root", "rsa-root")
    for number in range(_COMBINED):
        cert_schemes = chance.sample(ALL_SCHEMES, chance.choice((0, 0, 0, 4, 8)))
        case = Case(
            version=version,
            at_hand=tuple(chance.sample(identities, 1 + number % 2)),
            authorities=tuple(chance.sample(names, chance.choice((0, 1, 2, 4)))),
            schemes=tuple(chance.sample(ALL_SCHEMES, chance.choice((2, 4, 8)))),
            cert_schemes=tuple(cert_schemes) if version == "1.3" else (),
            types=tuple(chance.sample(ALL_TYPES, 2)) if version == "1.2" else ALL_TYPES,
        )
        yield case


def _odd(version: str) -> Iterator[Case]:
    for name, authorities, schemes, cert_schemes in _ODD:
        if version == "1.3" or not cert_schemes:
            yield Case(
                version=version,
                at_hand=(name,),
                authorities=authorities,
                schemes=schemes,
                cert_schemes=cert_schemes,
            )


def _of_one(version: str) -> Iterator[Case]:
    for authorities in _EC_NAMES:
        yield Case(version=version, at_hand=(), authorities=authorities)
    for name, names in _WITH_NAMES:
        for authorities in names:
            yield Case(version=version, at_hand=(name,), authorities=authorities)
    for kind in _KINDS:
        for schemes in _LISTS:
            yield Case(version=version, at_hand=(kind,), schemes=schemes)
    for name, authority, schemes in _NAMED:
        yield Case(version=version, at_hand=(name,), authorities=(authority,), schemes=schemes)
    signed = [(name, *lists) for name, lists in itertools.product(_SIGNED_BY_OTHERS, _SIGNED_LISTS)]
    for name, schemes, cert_schemes in (*_SIGNED, *signed):
        if version == "1.3" or not cert_schemes:
            yield Case(version=version, at_hand=(name,), schemes=schemes, cert_schemes=cert_schemes)
