"""The lab's CA as an issuer of test identities, good and broken.

Rules: everything is relative to ``now``, so that no identity depends on the date. Keys of
identities come from the cache, since a catalogue makes dozens that nobody is meant to trust; an RSA
key is asked for only where it matters that it is one. The keys of intermediate CAs are derived from
the CA's, so that what they have signed, a CRL among it, still verifies in the next process.

This module must not know which identities are good and which are broken.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lab.pki import malformed_certificates, profiles
from lab.pki.authority import Authority, self_signed
from lab.pki.identity import Identity, KeyKind, PrivateKey, cached, generate
from lab.pki.profiles import DEFAULT_HOSTNAMES, Profile, SignatureHash, general_name
from lab.tls.code_points import SignatureScheme as Scheme

INTERMEDIATE_NAME = "mTLS Lab Intermediate CA"
OTHER_ROOT_NAME = "Another Root CA"
CLIENT_SPIFFE_ID = "spiffe://mtls-lab.example/client"

# Keys of one kind are told apart by number; each role has its own, so that no two share a key.
_CLIENT, _SERVER, _OTHER_ROOT = 1000, 1001, 1003
# The order of P-256's group (FIPS 186-5 via SP 800-186, 3.2.1.3): private keys lie below it.
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


_PKCS1 = {
    Scheme.RSA_PKCS1_SHA256: SignatureHash.SHA256,
    Scheme.RSA_PKCS1_SHA384: SignatureHash.SHA384,
    Scheme.RSA_PKCS1_SHA512: SignatureHash.SHA512,
}
_PSS = {
    Scheme.RSA_PSS_RSAE_SHA256: SignatureHash.SHA256,
    Scheme.RSA_PSS_RSAE_SHA384: SignatureHash.SHA384,
    Scheme.RSA_PSS_RSAE_SHA512: SignatureHash.SHA512,
}
_ECDSA = {
    Scheme.ECDSA_SECP256R1_SHA256: SignatureHash.SHA256,
    Scheme.ECDSA_SECP384R1_SHA384: SignatureHash.SHA384,
    Scheme.ECDSA_SECP521R1_SHA512: SignatureHash.SHA512,
}
# RFC 9846 section 4.3.3: in TLS 1.3 a scheme is of one curve.
_OF_CURVE = {
    "secp256r1": Scheme.ECDSA_SECP256R1_SHA256,
    "secp384r1": Scheme.ECDSA_SECP384R1_SHA384,
    "secp521r1": Scheme.ECDSA_SECP521R1_SHA512,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTerms:
    """What the peer takes; by default it is not known, and the usual is made.

    ``kind`` is the kind of key of a leaf whose own kind does not matter; ``certificate_schemes``
    are the schemes that certificates may be signed by, empty for any.
    """

    kind: KeyKind | None = None
    certificate_schemes: tuple[Scheme, ...] = ()

    def signed_by(self, issuer_key: PrivateKey, profile: Profile) -> Profile:
        """Return the profile with a signature algorithm of this key that the peer takes.

        Where it takes none of them, the profile is left as it is.
        """
        taken = self.certificate_schemes
        if isinstance(issuer_key, ec.EllipticCurvePrivateKey):
            own = _OF_CURVE.get(issuer_key.curve.name)
            fitting = [own] if own in taken else [scheme for scheme in _ECDSA if scheme in taken]
            if fitting and fitting[0] is not None:
                return replace(profile, signature_hash=_ECDSA[fitting[0]])
        if isinstance(issuer_key, rsa.RSAPrivateKey):
            for schemes, is_pss in ((_PKCS1, False), (_PSS, True)):
                for scheme, digest in schemes.items():
                    if scheme in taken:
                        return replace(profile, signature_hash=digest, signature_pss=is_pss)
        return profile


@dataclass(frozen=True, slots=True, kw_only=True)
class LabAuthority:
    """``authority`` is the CA that the other end trusts, ``now`` the present (aware), and
    ``client_profile`` the good client that others are made from. ``terms`` say what keys and
    signatures the other end takes.

    Whatever takes ``changes`` takes fields of :class:`~lab.pki.profiles.Profile` by name, which
    replace those of a good profile.
    """

    authority: Authority
    now: datetime
    client_profile: Profile = field(default_factory=profiles.client)
    terms: KeyTerms = field(default_factory=KeyTerms)

    @property
    def root(self) -> x509.Certificate:
        """The certificate of the CA."""
        return self.authority.identity.certificate

    def leaf_kind(self, usual: KeyKind = KeyKind.EC_P256) -> KeyKind:
        """Return ``usual``, or the kind of key that the other end is known to want instead."""
        return self.terms.kind or usual

    def client(
        self,
        *,
        issuer: Authority | None = None,
        key: PrivateKey | None = None,
        kind: KeyKind | None = None,
        **changes: Any,
    ) -> Identity:
        """Issue a TLS client's identity, by the CA or by ``issuer``.

        Without ``key`` it has the clients' key of ``kind``, or of one that the other end takes.
        """
        profile: Profile = replace(self.client_profile, **changes)
        issuer = issuer or self.authority
        if key is not None:
            return self._issued(profile, issuer, key)
        return self.client_of(kind or self.leaf_kind(), profile, issuer)

    def client_of(self, kind: KeyKind, profile: Profile, issuer: Authority) -> Identity:
        """Certify the clients' key of ``kind``, by ``issuer`` as ``profile`` says."""
        identity = self._issued(profile, issuer, client_key(kind))
        if kind is KeyKind.RSA_PSS_2048:
            return malformed_certificates.with_pss_key(identity, issuer.identity.key)
        return identity

    def self_signed_client(self) -> Identity:
        """Make a client that is its own issuer."""
        kind = self.leaf_kind()
        key, is_pss = client_key(kind), kind is KeyKind.RSA_PSS_2048
        profile = self.terms.signed_by(key, self.client_profile)
        # A PSS key signs by nothing else, not even for itself.
        profile = replace(profile, signature_pss=profile.signature_pss or is_pss)
        identity = self_signed(profile, key, now=self.now)
        return malformed_certificates.with_pss_key(identity, key) if is_pss else identity

    def server(self, *, issuer: Authority | None = None, **changes: Any) -> Identity:
        """Issue a TLS server's identity for localhost, by the CA or by ``issuer``."""
        key = cached(KeyKind.EC_P256, _SERVER)
        return self._issued(self.server_profile(**changes), issuer or self.authority, key)

    def server_profile(self, **changes: Any) -> Profile:
        """Return the profile of a server for localhost."""
        names = tuple(general_name(name) for name in DEFAULT_HOSTNAMES)
        profile: Profile = replace(profiles.server(names), **changes)
        return profile

    def intermediate(
        self,
        name: str = INTERMEDIATE_NAME,
        *,
        issuer: Authority | None = None,
        **changes: Any,
    ) -> Authority:
        """Make a CA under the CA or ``issuer``; those of different names have different keys."""
        profile: Profile = replace(profiles.intermediate_ca(name), **changes)
        above = issuer or self.authority
        key = intermediate_key(self.authority, name)
        return Authority(identity=self._issued(profile, above, key), serials=above.serials)

    def other_root(self, subject: x509.Name | None = None) -> Authority:
        """Make a root with another key, and with another CA's name where one is given."""
        profile = profiles.root_ca(OTHER_ROOT_NAME)
        return Authority(
            identity=self_signed(
                replace(profile, subject=subject or profile.subject),
                cached(KeyKind.EC_P256, _OTHER_ROOT),
                now=self.now,
            )
        )

    def _issued(self, profile: Profile, issuer: Authority, key: PrivateKey) -> Identity:
        signed = self.terms.signed_by(issuer.identity.key, profile)
        return issuer.issue(signed, key, now=self.now)


def new_lab_authority(now: datetime) -> LabAuthority:
    """Make a CA with a new key, which nothing outside this process trusts."""
    root = self_signed(profiles.root_ca(), generate(KeyKind.EC_P256), now=now)
    return LabAuthority(authority=Authority(identity=root), now=now)


def client_key(kind: KeyKind = KeyKind.EC_P256) -> PrivateKey:
    """Return the clients' key of ``kind``; its certificate marks an RSA key for PSS."""
    return cached(KeyKind.RSA_2048 if kind is KeyKind.RSA_PSS_2048 else kind, _CLIENT)


def intermediate_key(
    authority: Authority, name: str = INTERMEDIATE_NAME
) -> ec.EllipticCurvePrivateKey:
    """Derive the key of the intermediate CA of this name from that of ``authority``."""
    secret = authority.identity.key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    info = f"mtls-lab intermediate CA {name}".encode()
    # 128 bits more than a key has, so that none is likelier than others (SP 800-56A, 5.6.1.2.1).
    octets = HKDF(algorithm=hashes.SHA256(), length=48, salt=None, info=info).derive(secret)
    scalar = int.from_bytes(octets, "big") % (_P256_ORDER - 1) + 1
    return ec.derive_private_key(scalar, ec.SECP256R1())
