"""Chains composed at random, with any number of flaws, as files for OpenSSL and for the lab."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.pki import malformed_certificates, profiles
from lab.pki.authority import Authority, revocation_list, revocation_lists_pem, self_signed
from lab.pki.identity import Identity, KeyKind, PrivateKey, cached, certificates_pem
from lab.pki.profiles import KeyUsageBit as Bit
from lab.pki.profiles import Profile
from lab.x509.chains import is_self_signed
from tests.support.pki_fixtures import utc_now

DAY = timedelta(days=1)
CLIENT_AUTH, SERVER_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
PURPOSES: list[tuple[x509.ObjectIdentifier, ...]] = [
    (CLIENT_AUTH,),
    (SERVER_AUTH,),
    (CLIENT_AUTH, SERVER_AUTH),
    (),
    (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,),
    (ExtendedKeyUsageOID.CODE_SIGNING,),
]
USAGES = [
    frozenset({Bit.DIGITAL_SIGNATURE}),
    frozenset({Bit.KEY_ENCIPHERMENT}),
    frozenset({Bit.KEY_AGREEMENT}),
    frozenset({Bit.CONTENT_COMMITMENT}),
    frozenset({Bit.DIGITAL_SIGNATURE, Bit.KEY_CERT_SIGN}),
    frozenset[Bit](),
]
NAMES: list[tuple[x509.GeneralName, ...]] = [
    (),
    (x509.DNSName("a.lab.example"),),
    (x509.DNSName("elsewhere.example"),),
    (x509.IPAddress(ip_address("192.0.2.7")),),
    (x509.RFC822Name("a@lab.example"),),
    (x509.UniformResourceIdentifier("spiffe://lab.example/a"),),
    (x509.DNSName("a.lab.example"), x509.RFC822Name("a@elsewhere.example")),
]
TREES: list[x509.GeneralName] = [
    x509.DNSName("lab.example"),
    x509.IPAddress(ip_network("192.0.2.0/24")),
    x509.RFC822Name("lab.example"),
    x509.UniformResourceIdentifier("lab.example"),
    x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Lab")])),
]
KEYS = [KeyKind.EC_P256, KeyKind.EC_P384, KeyKind.RSA_2048, KeyKind.RSA_1024, KeyKind.ED25519]
ODD_CURVES = [ec.BrainpoolP256R1(), ec.SECP256K1(), ec.SECP192R1()]
_odd_keys: dict[str, PrivateKey] = {}


def odd_key(curve: ec.EllipticCurve) -> PrivateKey:
    return _odd_keys.setdefault(curve.name, ec.generate_private_key(curve))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFiles:
    """What is presented, who is trusted and which lists there are, with the flaws by name."""

    chain: tuple[x509.Certificate, ...]
    trust: tuple[x509.Certificate, ...]
    lists: tuple[x509.CertificateRevocationList, ...]
    flaws: tuple[str, ...]

    def write(self, folder: Path) -> list[Path]:
        """Write the files; return those of the chain, the trust store and maybe the lists."""
        chain, trust, lists = (folder / name for name in ("chain.pem", "trust.pem", "crl.pem"))
        chain.write_bytes(certificates_pem(self.chain))
        trust.write_bytes(certificates_pem(self.trust))
        lists.unlink(missing_ok=True)
        if self.lists:
            lists.write_bytes(revocation_lists_pem(self.lists))
        return [chain, trust, *([lists] if self.lists else [])]


@dataclass(slots=True, kw_only=True)
class Composer:
    """Composes chains from a seed."""

    seed: int
    now: datetime = field(default_factory=utc_now)
    flaws: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    random: random.Random = field(init=False)

    def one_in(self, number: int, flaw: str) -> bool:
        """Return true once in ``number`` times, and note the flaw then."""
        chosen = self.random.randrange(number) == 0
        if chosen:
            self.flaws.append(flaw)
        return chosen

    def compose(self) -> ChainFiles:
        self.flaws.clear()
        root = Authority(
            identity=self_signed(self._root(), cached(KeyKind.EC_P256, 800), now=self.now)
        )
        issuer, authorities = root, [root]
        for number in range(self.random.choice((0, 1, 1, 2))):
            key = cached(KeyKind.EC_P256, 810 + number)
            made = issuer.issue(self._intermediate(number, issuer), key, now=self.now)
            issuer = Authority(identity=self._again(made, issuer, "intermediate"))
            authorities.append(issuer)
        key = self._key()
        if self.one_in(15, "self-signed"):
            leaf = self_signed(self._leaf(issuer), key, now=self.now)
        else:
            leaf = self._again(issuer.issue(self._leaf(issuer), key, now=self.now), issuer, "leaf")
        return ChainFiles(
            chain=self._sent(leaf, root),
            trust=self._trust(root, authorities, leaf),
            lists=self._lists(authorities, leaf),
            flaws=tuple(self.flaws),
        )

    def _key(self) -> PrivateKey:
        if self.one_in(12, "odd curve"):
            return odd_key(self.random.choice(ODD_CURVES))
        return cached(self.random.choice([KeyKind.EC_P256, *KEYS]), 820)

    def _common(self, profile: Profile, issuer: Authority | None) -> Profile:
        changes: dict[str, Any] = {}
        extensions: list[x509.Extension[x509.ExtensionType]] = []
        if self.one_in(14, "expired"):
            changes |= {"starts": -30 * DAY, "lifetime": 29 * DAY}
        elif self.one_in(20, "not yet valid"):
            changes |= {"starts": 3 * DAY}
        if self.one_in(14, "no SKI"):
            changes["subject_key_identifier"] = False
        if issuer is not None and self.one_in(8, "odd AKI"):
            changes["authority_key_identifier"] = False
            if value := self._authority_identifier(issuer):
                extensions.append(x509.Extension(value.oid, False, value))
        if self.one_in(30, "unknown critical extension"):
            oid = x509.ObjectIdentifier("2.999.1")
            extensions.append(x509.Extension(oid, True, x509.UnrecognizedExtension(oid, b"\5\0")))
        if self.one_in(25, "Netscape certificate type"):
            oid = x509.ObjectIdentifier("2.16.840.1.113730.1.1")
            bits = bytes((3, 2, 0, self.random.choice((0x80, 0x40, 0x04))))
            extensions.append(x509.Extension(oid, False, x509.UnrecognizedExtension(oid, bits)))
        return replace(profile, extensions=tuple(extensions), **changes)

    def _authority_identifier(self, issuer: Authority) -> x509.AuthorityKeyIdentifier | None:
        certificate = issuer.identity.certificate
        name = [x509.DirectoryName(certificate.issuer)]
        return self.random.choice(
            [
                None,
                x509.AuthorityKeyIdentifier(b"\1" * 20, None, None),
                x509.AuthorityKeyIdentifier(None, name, certificate.serial_number),
                x509.AuthorityKeyIdentifier(None, name, 5),
            ]
        )

    def _authority(self, profile: Profile) -> Profile:
        changes: dict[str, Any] = {}
        extensions = list(profile.extensions)
        if self.one_in(12, "odd basicConstraints"):
            ca = x509.BasicConstraints(ca=True, path_length=None)
            unmarked = x509.Extension(ca.oid, False, ca)
            changes["basic_constraints"] = self.random.choice((None, None, profiles.NOT_A_CA))
            if changes["basic_constraints"] is None and self.random.randrange(2):
                extensions.append(unmarked)
        if self.one_in(12, "odd keyUsage of a CA"):
            changes["key_usage"] = frozenset(
                self.random.choice(((), (Bit.CRL_SIGN,), (Bit.KEY_CERT_SIGN,)))
            )
        if self.one_in(8, "purposes of a CA"):
            changes["extended_key_usage"] = self.random.choice(PURPOSES)
        if self.one_in(5, "name constraints"):
            tree = self.random.choice(TREES)
            permitted = self.random.randrange(3) > 0
            value = x509.NameConstraints(*(([tree], None) if permitted else (None, [tree])))
            extensions.append(x509.Extension(value.oid, True, value))
        return replace(profile, extensions=tuple(extensions), **changes)

    def _root(self) -> Profile:
        return self._authority(self._common(profiles.root_ca("Test Root"), None))

    def _intermediate(self, number: int, issuer: Authority) -> Profile:
        length = self.random.choice((None, 0, 1))
        name = "Test Root" if self.one_in(25, "self-issued") else f"Test CA {number}"
        profile = profiles.intermediate_ca(name, path_length=length)
        return self._authority(self._common(profile, issuer))

    def _leaf(self, issuer: Authority) -> Profile:
        common_name = self.random.choice(("a client", "host.elsewhere.example"))
        attributes = [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, self.random.choice(("Lab", "Other"))),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
        profile = replace(
            profiles.client(),
            subject=x509.Name([] if self.one_in(20, "no subject") else attributes),
            extended_key_usage=self.random.choice([*PURPOSES, *PURPOSES[:3] * 3]),
            key_usage=self.random.choice([USAGES[0]] * 10 + USAGES),
            names=self.random.choice(NAMES),
        )
        if self.one_in(15, "no basicConstraints"):
            profile = replace(profile, basic_constraints=None)
        profile = self._common(profile, issuer)
        if self.one_in(20, "leaf with a path length"):
            oid = x509.BasicConstraints.oid
            value = x509.UnrecognizedExtension(oid, bytes.fromhex("3003020100"))
            extensions = (*profile.extensions, x509.Extension(oid, True, value))
            profile = replace(profile, basic_constraints=None, extensions=extensions)
        if not profile.names and self.one_in(5, "empty SAN"):
            oid = x509.SubjectAlternativeName.oid
            value = x509.UnrecognizedExtension(oid, b"\x30\0")
            extensions = (*profile.extensions, x509.Extension(oid, False, value))
            profile = replace(profile, extensions=extensions)
        if self.one_in(15, "issuer in other letters"):
            shown = issuer.identity.certificate.subject.rfc4514_string().partition("=")[2]
            profile = replace(
                profile, issuer=profiles.common_name(shown.upper().replace(" ", "  "))
            )
        return profile

    def _again(self, identity: Identity, issuer: Authority, what: str) -> Identity:
        """Return the same, its signature damaged or by SHA-1, or of version 1, now and then."""
        certificate, key = identity.certificate, issuer.identity.key
        if self.one_in(25, f"signature of the {what}"):
            certificate = malformed_certificates.tampered(certificate)
        elif isinstance(key, ec.EllipticCurvePrivateKey) and self.one_in(
            25, f"SHA-1 on the {what}"
        ):
            certificate = malformed_certificates.with_sha1(certificate, key)
        elif self.one_in(40, f"version 1 of the {what}"):
            certificate = malformed_certificates.as_version_1(certificate, key)
        return replace(identity, chain=(certificate, *identity.chain[1:]))

    def _sent(self, leaf: Identity, root: Authority) -> tuple[x509.Certificate, ...]:
        first, *above = leaf.chain
        if above and self.one_in(12, "intermediate not sent"):
            above.pop()
        if self.one_in(15, "wrong order"):
            above.reverse()
        if self.one_in(15, "root sent"):
            above.append(root.identity.certificate)
        if self.one_in(15, "repeated"):
            above.append(first)
        return (first, *above)

    def _trust(
        self, root: Authority, authorities: list[Authority], leaf: Identity
    ) -> tuple[x509.Certificate, ...]:
        own = root.identity.certificate
        if self.one_in(15, "another root"):
            name = self.random.choice(("Another Root", "Test Root"))
            other = self_signed(profiles.root_ca(name), cached(KeyKind.EC_P256, 830), now=self.now)
            return (other.certificate, own) if self.random.randrange(2) else (other.certificate,)
        if self.one_in(20, "intermediates trusted"):
            return (own, *(one.identity.certificate for one in authorities[1:]))
        if is_self_signed(leaf.certificate.public_bytes(Encoding.DER)) and self.random.randrange(2):
            return (leaf.certificate,)
        return (own,)

    def _lists(
        self, authorities: list[Authority], leaf: Identity
    ) -> tuple[x509.CertificateRevocationList, ...]:
        if not self.one_in(4, "CRLs"):
            return ()
        if self.one_in(4, "a CRL is missing"):
            authorities = authorities[: self.random.randrange(1, len(authorities) + 1)]
        made = []
        for authority in authorities:
            serials = [leaf.certificate.serial_number] if self.one_in(5, "revoked") else []
            starts = self.random.choice((-DAY, -DAY, -DAY, -60 * DAY, 5 * DAY))
            made.append(revocation_list(authority, serials, now=self.now, starts=starts))
        if self.one_in(6, "odd CRL"):
            made[0] = self._odd_list(authorities[0])
        return tuple(made)

    def _odd_list(self, authority: Authority) -> x509.CertificateRevocationList:
        value, critical = self.random.choice(
            [
                (x509.DeltaCRLIndicator(1), True),
                (x509.CRLNumber(1), True),
                (x509.AuthorityKeyIdentifier(b"\2" * 20, None, None), False),
                (
                    x509.IssuingDistributionPoint(None, None, False, True, None, False, False),
                    True,
                ),
            ]
        )
        builder = x509.CertificateRevocationListBuilder(
            issuer_name=authority.identity.certificate.subject,
            last_update=self.now - DAY,
            next_update=self.now + DAY,
        ).add_extension(value, critical)
        key = authority.identity.key
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return builder.sign(key, hashes.SHA256())
