"""What a certificate shall say: profiles, as data.

Rules: a profile is complete and frozen; a certificate that is broken in one way is a good profile
with one field changed by :func:`dataclasses.replace`. Nothing here checks that a profile makes
sense, because some exist in order not to.

This module must not know keys, signatures, or what time it is: validity is relative to the moment
of issue.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_NAME = "mTLS Lab Root CA"
SERVER_NAME = "localhost"
CLIENT_NAME = "mtls-client"
CA_DAYS = 3650
LEAF_DAYS = 365

# A new certificate is valid from a little before it was made, for the machine (a container, a
# virtual machine) that shares the folder and whose clock is a little behind. The lifetime is
# counted from there, so that it is as long as `openssl x509 -days` makes it.
CLOCK_SKEW = timedelta(minutes=5)

NOT_A_CA = x509.BasicConstraints(ca=False, path_length=None)


class KeyUsageBit(enum.Enum):
    """A bit of the keyUsage extension (RFC 5280, 4.2.1.3), by its ASN.1 name."""

    DIGITAL_SIGNATURE = "digitalSignature"
    CONTENT_COMMITMENT = "contentCommitment"
    KEY_ENCIPHERMENT = "keyEncipherment"
    DATA_ENCIPHERMENT = "dataEncipherment"
    KEY_AGREEMENT = "keyAgreement"
    KEY_CERT_SIGN = "keyCertSign"
    CRL_SIGN = "cRLSign"
    ENCIPHER_ONLY = "encipherOnly"
    DECIPHER_ONLY = "decipherOnly"


class SignatureHash(enum.Enum):
    """The hash in a certificate's signature; the name as OpenSSL writes it."""

    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a certificate says, apart from its key and its issuer's.

    ``starts`` is where notBefore lies as seen from the moment of issue, ``lifetime`` the length
    from notBefore to notAfter. An extension whose field is ``None``, empty or ``False`` is left
    out. ``serial`` and ``issuer`` of ``None`` mean a random number and the issuer's true name.
    ``extensions`` are added as they stand, behind all others; they must not repeat one.
    ``signature_hash`` is the hash that the issuer signs with, where its key's algorithm has a
    choice (Ed25519 has none); with ``signature_pss`` an RSA key signs by RSASSA-PSS.
    """

    subject: x509.Name
    lifetime: timedelta
    starts: timedelta = -CLOCK_SKEW
    names: tuple[x509.GeneralName, ...] = ()
    basic_constraints: x509.BasicConstraints | None = NOT_A_CA
    key_usage: frozenset[KeyUsageBit] = frozenset({KeyUsageBit.DIGITAL_SIGNATURE})
    extended_key_usage: tuple[x509.ObjectIdentifier, ...] = ()
    subject_key_identifier: bool = True
    authority_key_identifier: bool = True
    extensions: tuple[x509.Extension[x509.ExtensionType], ...] = ()
    serial: int | None = None
    issuer: x509.Name | None = None
    signature_hash: SignatureHash = SignatureHash.SHA256
    signature_pss: bool = False


def common_name(text: str) -> x509.Name:
    """Return a name that is one commonName, as UTF8String.

    Raises :class:`ValueError` where ``text`` is empty or longer than 64 bytes in UTF-8.
    """
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def root_ca(name: str = CA_NAME, *, days: int = CA_DAYS) -> Profile:
    """Return a self-signed root. It has no AKI, which a root may leave out (RFC 5280, 4.2.1.1)."""
    return Profile(
        subject=common_name(name),
        lifetime=timedelta(days=days),
        basic_constraints=x509.BasicConstraints(ca=True, path_length=None),
        key_usage=frozenset({KeyUsageBit.KEY_CERT_SIGN, KeyUsageBit.CRL_SIGN}),
        authority_key_identifier=False,
    )


def intermediate_ca(name: str, *, path_length: int | None = 0, days: int = CA_DAYS) -> Profile:
    """Return an authority under another; ``path_length`` of 0 lets it issue end entities only."""
    return Profile(
        subject=common_name(name),
        lifetime=timedelta(days=days),
        basic_constraints=x509.BasicConstraints(ca=True, path_length=path_length),
        key_usage=frozenset({KeyUsageBit.KEY_CERT_SIGN, KeyUsageBit.CRL_SIGN}),
    )


def server(
    names: tuple[x509.GeneralName, ...], *, cn: str = SERVER_NAME, days: int = LEAF_DAYS
) -> Profile:
    """Return a TLS server, which clients know by ``names`` (RFC 9525, 6.3), not its commonName.

    The key only signs: TLS 1.3 and the (EC)DHE cipher suites of TLS 1.2 ask for nothing else
    (RFC 5246, 7.4.2), so one profile serves RSA and EC keys.
    """
    return Profile(
        subject=common_name(cn),
        lifetime=timedelta(days=days),
        names=names,
        extended_key_usage=(ExtendedKeyUsageOID.SERVER_AUTH,),
    )


def client(cn: str = CLIENT_NAME, *, days: int = LEAF_DAYS) -> Profile:
    """Return a TLS client, known by its commonName."""
    return Profile(
        subject=common_name(cn),
        lifetime=timedelta(days=days),
        extended_key_usage=(ExtendedKeyUsageOID.CLIENT_AUTH,),
    )
