"""A certificate authority: profiles and keys in, certificates out.

Rules: the present comes in as ``now`` (aware, UTC) and serial numbers come from a source that the
caller may replace; an authority reads no clock and no file. It signs whatever the
profile says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519, padding, rsa

from lab.pki.identity import Identity, PrivateKey, PublicKey
from lab.pki.profiles import CLOCK_SKEW, KeyUsageBit, Profile, SignatureHash

_HASHES: dict[SignatureHash, hashes.SHA256 | hashes.SHA384 | hashes.SHA512] = {
    SignatureHash.SHA256: hashes.SHA256(),
    SignatureHash.SHA384: hashes.SHA384(),
    SignatureHash.SHA512: hashes.SHA512(),
}

SerialSource = Callable[[], int]
"""Gives serial numbers: positive and of at most 20 octets (RFC 5280, 4.1.2.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """An identity that issues others.

    ``serials`` gives a number to each certificate whose profile has none; the default draws 159
    random bits.
    """

    identity: Identity
    serials: SerialSource = x509.random_serial_number

    def issue(self, profile: Profile, key: PrivateKey, *, now: datetime) -> Identity:
        """Certify ``key``.

        The chain of what comes back is the new certificate and the authorities above it, without
        the self-issued root, which the peer must have already (RFC 9846, 4.5.1).
        """
        certificate = _sign(
            profile,
            key.public_key(),
            issuer_name=self.identity.certificate.subject,
            issuer_key=self.identity.key,
            serial=self.serials() if profile.serial is None else profile.serial,
            now=now,
        )
        above = (
            certificate
            for certificate in self.identity.chain
            if certificate.subject != certificate.issuer
        )
        return Identity(chain=(certificate, *above), key=key)


def self_signed(
    profile: Profile,
    key: PrivateKey,
    *,
    now: datetime,
    serials: SerialSource = x509.random_serial_number,
) -> Identity:
    """Return a certificate signed with its own key: a root, or a leaf."""
    certificate = _sign(
        profile,
        key.public_key(),
        issuer_name=profile.subject,
        issuer_key=key,
        serial=serials() if profile.serial is None else profile.serial,
        now=now,
    )
    return Identity(chain=(certificate,), key=key)


def _sign(
    profile: Profile,
    public_key: PublicKey,
    *,
    issuer_name: x509.Name,
    issuer_key: PrivateKey,
    serial: int,
    now: datetime,
) -> x509.Certificate:
    # Certificates know whole seconds only (RFC 5280, 4.1.2.5).
    not_before = now.replace(microsecond=0) + profile.starts
    builder = (
        x509.CertificateBuilder()
        .subject_name(profile.subject)
        .issuer_name(issuer_name if profile.issuer is None else profile.issuer)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(not_before)
        .not_valid_after(not_before + profile.lifetime)
    )
    for extension in _extensions(profile, public_key, issuer_key.public_key()):
        builder = builder.add_extension(extension.value, extension.critical)
    if isinstance(issuer_key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return builder.sign(issuer_key, None)
    digest = _HASHES[profile.signature_hash]
    if profile.signature_pss and isinstance(issuer_key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH)
        return builder.sign(issuer_key, digest, rsa_padding=pss)
    return builder.sign(issuer_key, digest)


def _extensions(
    profile: Profile, public_key: PublicKey, issuer_key: PublicKey
) -> Iterator[x509.Extension[x509.ExtensionType]]:
    if profile.basic_constraints is not None:
        yield _extension(profile.basic_constraints, critical=True)
    if profile.key_usage:
        yield _extension(_key_usage(profile.key_usage), critical=True)
    if profile.extended_key_usage:
        yield _extension(x509.ExtendedKeyUsage(profile.extended_key_usage), critical=False)
    if profile.names:
        # RFC 5280, 4.2.1.6: critical where the subject is empty, because then it is the name.
        names = x509.SubjectAlternativeName(profile.names)
        yield _extension(names, critical=not list(profile.subject))
    if profile.subject_key_identifier:
        yield _extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    if profile.authority_key_identifier:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key)
        yield _extension(identifier, critical=False)
    yield from profile.extensions


def _extension(value: x509.ExtensionType, *, critical: bool) -> x509.Extension[x509.ExtensionType]:
    return x509.Extension(value.oid, critical, value)


def _key_usage(bits: frozenset[KeyUsageBit]) -> x509.KeyUsage:
    # The library's parameters have the names of the enum's members.
    return x509.KeyUsage(**{bit.name.lower(): bit in bits for bit in KeyUsageBit})


LIFETIME = timedelta(days=30)


def revocation_list(
    authority: Authority,
    serials: Iterable[int],
    *,
    now: datetime,
    starts: timedelta = -CLOCK_SKEW,
    lifetime: timedelta = LIFETIME,
) -> x509.CertificateRevocationList:
    """Return the list of ``authority`` with these serial numbers on it.

    ``starts`` is where thisUpdate lies as seen from ``now``, ``lifetime`` the time from there to
    nextUpdate, after which the list counts no more.
    """
    issuer = authority.identity
    this_update = now.replace(microsecond=0) + starts
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(this_update)
        .next_update(this_update + lifetime)
        # Both are demanded of a conforming CA (RFC 5280, 5.2.1 and 5.2.3).
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
            critical=False,
        )
        .add_extension(x509.CRLNumber(1), critical=False)
    )
    for serial in serials:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(serial)
            .revocation_date(this_update)
            .build()
        )
    if isinstance(issuer.key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return builder.sign(issuer.key, None)
    return builder.sign(issuer.key, hashes.SHA256())


def revocation_lists_pem(lists: Iterable[x509.CertificateRevocationList]) -> bytes:
    """Return lists as PEM, one behind the other."""
    return b"".join(crl.public_bytes(serialization.Encoding.PEM) for crl in lists)
