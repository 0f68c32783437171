"""The catalogue of identities: good ones, and others that are broken in one named way.

Rules: a recipe is a function from a lab CA to an identity, and differs from a good one in
nothing but what its name says. What a server makes of it is not written here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, mldsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from lab.pki import malformed_certificates, profiles
from lab.pki.authority import revocation_list, self_signed
from lab.pki.errors import PlanError
from lab.pki.identity import Identity, KeyKind
from lab.pki.lab_ca import (
    CLIENT_SPIFFE_ID,
    INTERMEDIATE_NAME,
    LabAuthority,
    intermediate_key,
)
from lab.pki.profiles import KeyUsageBit

Recipe = Callable[[LabAuthority], Identity]
"""How an identity is made."""

CrlRecipe = Callable[[LabAuthority], tuple[x509.CertificateRevocationList, ...]]
"""How the revocation lists are made that go with an identity."""

SECONDS_LEFT = timedelta(seconds=3)
"""How long the certificate is still valid that is to expire while a connection is open."""

REVOKED_SERIAL = int.from_bytes(b"mtls-lab:revoked", "big")
"""The serial number of every revoked identity, so that a CRL can be made before or after it."""

STRANGER_NAME = "mtls-stranger"
FOREIGN_DOMAIN = "elsewhere.example"
TRUST_DOMAIN_ID = CLIENT_SPIFFE_ID.removesuffix("/client")
OTHER_SPIFFE_ID = f"{TRUST_DOMAIN_ID}/admin"
CAPITAL_SPIFFE_ID = CLIENT_SPIFFE_ID.replace("mtls-lab", "mTLS-Lab")
PERMITTED_DOMAIN = "lab.example"

# 2.999 is the arc for examples (X.660, A.3.7): no software knows what lies under it.
UNKNOWN_EXTENSION = x509.ObjectIdentifier("2.999.1")
BULK_EXTENSION = x509.ObjectIdentifier("2.999.2")

OVER_ONE_RECORD = 20_000
"""Octets of ballast: a record's plaintext has 16,384 at most (RFC 9846, 5.1)."""

OVER_OPENSSL_LIMIT = 110_000
"""Octets of ballast: OpenSSL takes Certificate messages of 102,400 unless told otherwise."""

_DAY = timedelta(days=1)
_REVOKED = "revoked"
_EXPIRED: dict[str, Any] = {"starts": -30 * _DAY, "lifetime": 29 * _DAY}


def client(kind: KeyKind | None = None, **changes: Any) -> Recipe:
    """A client under the CA, with these fields of its profile changed.

    ``kind`` is that of its key where it matters; else it is one that the other end takes.
    """
    return lambda ca: ca.client(kind=kind, **changes)


def client_under(name: str = "", **changes: Any) -> Recipe:
    """A good client, sent with the intermediate that issued it; that one's profile is changed.

    ``name`` tells that intermediate apart, which has a key of its own then: some servers keep the
    intermediates that they have seen, and would complete or spoil another chain by them.
    """
    return lambda ca: ca.client(issuer=ca.intermediate(_intermediate_name(name), **changes))


def _intermediate_name(name: str) -> str:
    return f"{INTERMEDIATE_NAME} ({name})" if name else INTERMEDIATE_NAME


good_ec = client(KeyKind.EC_P256)
good_ed25519 = client(KeyKind.ED25519)
through_intermediate = client_under()
expired = client(**_EXPIRED)
soon_expired = client(lifetime=profiles.CLOCK_SKEW + SECONDS_LEFT)
# Some servers (NSS) let a certificate in about a day before it begins.
not_yet_valid = client(starts=3 * _DAY)
eku_server_only = client(extended_key_usage=(ExtendedKeyUsageOID.SERVER_AUTH,))
eku_missing = client(extended_key_usage=())
eku_any = client(extended_key_usage=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,))
key_usage_without_signature = client(key_usage=frozenset({KeyUsageBit.CONTENT_COMMITMENT}))
rsa_1024 = client(KeyKind.RSA_1024)
unknown_critical_extension = client(
    extensions=(
        x509.Extension(
            UNKNOWN_EXTENSION, True, x509.UnrecognizedExtension(UNKNOWN_EXTENSION, b"\x05\0")
        ),
    )
)
revoked = client(serial=REVOKED_SERIAL)
stranger = client(subject=profiles.common_name(STRANGER_NAME))
spiffe = client(
    names=(x509.UniformResourceIdentifier(CLIENT_SPIFFE_ID),),
    subject=x509.Name([]),
)
_BOTH_PURPOSES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def workload(*ids: str, **changes: Any) -> Recipe:
    """A workload that SPIFFE names, by these URIs; an SVID if there is one, in order."""
    names = tuple(map(x509.UniformResourceIdentifier, ids or (CLIENT_SPIFFE_ID,)))
    return client(names=names, extended_key_usage=_BOTH_PURPOSES, **changes)


workload_svid = workload()
svid_two_uris = workload(CLIENT_SPIFFE_ID, OTHER_SPIFFE_ID)
svid_may_sign = workload(
    key_usage=frozenset({KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_CERT_SIGN})
)
svid_capitals = workload(CAPITAL_SPIFFE_ID)
svid_without_path = workload(TRUST_DOMAIN_ID)
intermediate_eku_server_only = client_under(
    "server only", extended_key_usage=(ExtendedKeyUsageOID.SERVER_AUTH,)
)
intermediate_not_a_ca = client_under(
    "CA:FALSE",
    basic_constraints=profiles.NOT_A_CA,
    key_usage=frozenset({KeyUsageBit.DIGITAL_SIGNATURE}),
)
intermediate_not_a_ca_without_key_usage = client_under(
    "CA:FALSE, no keyUsage", basic_constraints=profiles.NOT_A_CA, key_usage=frozenset()
)
intermediate_without_basic_constraints = client_under(
    "no basicConstraints", basic_constraints=None, key_usage=frozenset()
)
intermediate_expired = client_under("expired", **_EXPIRED)
intermediate_revoked = client_under(_REVOKED, serial=REVOKED_SERIAL)


def _ballast(octets: int) -> tuple[x509.Extension[x509.ExtensionType], ...]:
    value = x509.UnrecognizedExtension(BULK_EXTENSION, b"\x04" * octets)
    return (x509.Extension(BULK_EXTENSION, False, value),)


over_one_record = client(extensions=_ballast(OVER_ONE_RECORD))
over_openssl_limit = client(extensions=_ballast(OVER_OPENSSL_LIMIT))


def _with_leaf(identity: Identity, leaf: x509.Certificate) -> Identity:
    return replace(identity, chain=(leaf, *identity.chain[1:]))


def good(ca: LabAuthority) -> Identity:
    """A good client, whose key is RSA 2048 unless the other end is known to want another kind."""
    return ca.client(kind=ca.leaf_kind(KeyKind.RSA_2048))


def intermediate_not_sent(ca: LabAuthority) -> Identity:
    """The leaf alone, of a chain that needs the intermediate."""
    whole = client_under("not sent")(ca)
    return replace(whole, chain=whole.chain[:1])


def renewed_by_public_ca(ca: LabAuthority) -> Identity:
    """As public CAs issue since 2026: a host name, serverAuth alone, also in the intermediate."""
    for_servers: dict[str, Any] = {"extended_key_usage": (ExtendedKeyUsageOID.SERVER_AUTH,)}
    issuer = ca.intermediate(_intermediate_name("public"), **for_servers)
    name = f"client.{PERMITTED_DOMAIN}"
    return ca.client(
        issuer=issuer,
        subject=profiles.common_name(name),
        names=(x509.DNSName(name),),
        **for_servers,
    )


def wrong_ca(ca: LabAuthority) -> Identity:
    """Issued by a root that nobody here trusts."""
    return ca.client(issuer=ca.other_root())


def wrong_ca_same_name(ca: LabAuthority) -> Identity:
    """Issued by a root of the trusted one's name and another key; the AKI tells them apart."""
    return ca.client(issuer=ca.other_root(ca.root.subject))


def wrong_ca_same_name_no_aki(ca: LabAuthority) -> Identity:
    """The same, with nothing in the certificate but the name to find its issuer by."""
    return ca.client(issuer=ca.other_root(ca.root.subject), authority_key_identifier=False)


def client_self_signed(ca: LabAuthority) -> Identity:
    """Issued by itself."""
    return ca.self_signed_client()


def path_length_exceeded(ca: LabAuthority) -> Identity:
    """A CA that may issue end entities only (pathlen 0) has issued a CA."""
    upper = ca.intermediate("mTLS Lab Upper CA (pathlen 0)")
    return ca.client(issuer=ca.intermediate("mTLS Lab Lower CA (pathlen 0)", issuer=upper))


def name_constraints_violated(ca: LabAuthority) -> Identity:
    """A CA that may issue for one domain has issued for another."""
    constraints = x509.NameConstraints([x509.DNSName(PERMITTED_DOMAIN)], None)
    extension = x509.Extension(constraints.oid, True, constraints)
    constrained = ca.intermediate(_intermediate_name("constrained"), extensions=(extension,))
    return ca.client(issuer=constrained, names=(x509.DNSName(f"client.{FOREIGN_DOMAIN}"),))


def tampered_signature(ca: LabAuthority) -> Identity:
    """One bit of the signature is wrong."""
    whole = ca.client()
    return _with_leaf(whole, malformed_certificates.tampered(whole.certificate))


def sha1_signature(ca: LabAuthority) -> Identity:
    """Signed with SHA-1, by an intermediate, so that it can be done under a CA with any key."""
    issuer_key = intermediate_key(ca.authority)
    whole = through_intermediate(ca)
    leaf = malformed_certificates.with_sha1(whole.certificate, issuer_key)
    return _with_leaf(whole, leaf)


def version_1(ca: LabAuthority) -> Identity:
    """X.509 version 1: no extensions at all."""
    whole = ca.client()
    leaf = malformed_certificates.as_version_1(whole.certificate, ca.authority.identity.key)
    return _with_leaf(whole, leaf)


def rsa_pss(ca: LabAuthority) -> Identity:
    """An RSA key that may sign by RSASSA-PSS only."""
    return ca.client(kind=KeyKind.RSA_PSS_2048)


@functools.cache
def _ml_dsa_key() -> Any:  # no PrivateKey: cryptography writes none into PKCS#12
    try:
        return mldsa.MLDSA65PrivateKey.generate()
    except UnsupportedAlgorithm:
        raise PlanError(
            "the package cryptography makes no ML-DSA keys here",
            remedy="Install it from PyPI, where it brings an OpenSSL of its own",
        ) from None


def ml_dsa(ca: LabAuthority) -> Identity:
    """A post-quantum key, ML-DSA-65 (FIPS 204). Raises PlanError where none can be made."""
    return ca.client(key=_ml_dsa_key())


@functools.cache
def _secp256k1_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256K1())


def secp256k1(ca: LabAuthority) -> Identity:
    """A key on a curve for which TLS 1.3 has no signature algorithm (RFC 9846, 4.3.3)."""
    return ca.client(key=_secp256k1_key())


def chain_of_ten(ca: LabAuthority) -> Identity:
    """Ten certificates to send: the leaf and nine intermediates, each issued by the one above."""
    issuer = ca.authority
    for number in range(9):
        name = f"mTLS Lab Intermediate CA {number + 1}"
        issuer = ca.intermediate(
            name,
            issuer=issuer,
            basic_constraints=x509.BasicConstraints(ca=True, path_length=None),
        )
    return ca.client(issuer=issuer)


def duplicate_certificates(ca: LabAuthority) -> Identity:
    """Leaf and intermediate, each twice."""
    whole = through_intermediate(ca)
    return replace(whole, chain=(*whole.chain, *whole.chain))


def superfluous_certificates(ca: LabAuthority) -> Identity:
    """A whole chain, its root, and a root that has nothing to do with it."""
    whole = through_intermediate(ca)
    return replace(whole, chain=(*whole.chain, ca.root, ca.other_root().identity.certificate))


def wrong_order(ca: LabAuthority) -> Identity:
    """Leaf first, and the two intermediates behind it the wrong way round."""
    upper = ca.intermediate(
        "mTLS Lab Upper CA", basic_constraints=x509.BasicConstraints(ca=True, path_length=1)
    )
    lower = ca.intermediate("mTLS Lab Lower CA", issuer=upper)
    whole = ca.client(issuer=lower)
    leaf, first, second = whole.chain
    return replace(whole, chain=(leaf, second, first))


def server_certificate(ca: LabAuthority) -> Identity:
    """The server's own kind of certificate."""
    return ca.client_of(ca.leaf_kind(), ca.server_profile(), ca.authority)


def ca_as_leaf(ca: LabAuthority) -> Identity:
    """An intermediate CA that presents itself as the client."""
    return ca.client_of(ca.leaf_kind(), profiles.intermediate_ca(INTERMEDIATE_NAME), ca.authority)


def server(**changes: Any) -> Recipe:
    """A server under the CA, with these fields of its profile changed."""
    return lambda ca: ca.server(**changes)


good_server = server()
server_expired = server(**_EXPIRED)
server_wrong_name = server(names=(x509.DNSName(FOREIGN_DOMAIN),))
server_common_name_only = server(names=())
server_eku_missing = server(extended_key_usage=())
server_eku_client_only = server(extended_key_usage=(ExtendedKeyUsageOID.CLIENT_AUTH,))


def server_extensions_lost(ca: LabAuthority) -> Identity:
    """Version 1, without extensions: what ``openssl x509 -req`` makes without ``-extfile``."""
    whole = ca.server()
    leaf = malformed_certificates.as_version_1(whole.certificate, ca.authority.identity.key)
    return _with_leaf(whole, leaf)


def server_untrusted_ca(ca: LabAuthority) -> Identity:
    """Issued by a root that the client does not trust."""
    return ca.server(issuer=ca.other_root())


def server_self_signed(ca: LabAuthority) -> Identity:
    """Issued by itself."""
    return self_signed(ca.server_profile(), ca.server().key, now=ca.now)


def server_intermediate_not_sent(ca: LabAuthority) -> Identity:
    """The leaf alone, of a chain that needs the intermediate."""
    whole = ca.server(issuer=ca.intermediate())
    return replace(whole, chain=whole.chain[:1])


def fresh_crl(ca: LabAuthority) -> tuple[x509.CertificateRevocationList, ...]:
    """The lists of the CA, its intermediate and the revoked one, with the revoked serial number."""
    revoked_one = ca.intermediate(_intermediate_name(_REVOKED))
    authorities = (ca.authority, ca.intermediate(), revoked_one)
    return tuple(
        revocation_list(authority, (REVOKED_SERIAL,), now=ca.now) for authority in authorities
    )


def expired_crl(ca: LabAuthority) -> tuple[x509.CertificateRevocationList, ...]:
    """The CA's list, whose nextUpdate has passed."""
    return (revocation_list(ca.authority, (REVOKED_SERIAL,), now=ca.now, **_EXPIRED),)


def root_crl_only(ca: LabAuthority) -> tuple[x509.CertificateRevocationList, ...]:
    """The CA's list, and none of the intermediate."""
    return fresh_crl(ca)[:1]
