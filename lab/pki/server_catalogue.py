"""The catalogue of servers that clients meet: good ones of several kinds, and broken ones.

Rules: as in the catalogue of identities. The name that clients want is localhost, or 127.0.0.1.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cryptography import x509

from lab.pki import malformed_certificates, profiles
from lab.pki.catalogue import (
    BULK_EXTENSION,
    FOREIGN_DOMAIN,
    OVER_ONE_RECORD,
    PERMITTED_DOMAIN,
    UNKNOWN_EXTENSION,
    Recipe,
    server,
)
from lab.pki.identity import Identity, KeyKind, cached
from lab.pki.lab_ca import LabAuthority, intermediate_key
from lab.pki.profiles import KeyUsageBit

_SERVER_KEY = 1001
_DAY = timedelta(days=1)


def server_with_rsa(kind: KeyKind) -> Recipe:
    """A good server with an RSA key of this kind.

    It may encipher keys, too, as TLS 1.2 has them enciphered by RSA (RFC 5246, 7.4.2): NSS's
    certificateUsageSSLServer takes no RSA key that may not, whatever the cipher suite.
    """
    usage = frozenset({KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_ENCIPHERMENT})
    return lambda ca: ca.authority.issue(
        ca.server_profile(key_usage=usage), cached(kind, _SERVER_KEY), now=ca.now
    )


def _extension(
    oid: x509.ObjectIdentifier, value: bytes, *, critical: bool
) -> x509.Extension[x509.ExtensionType]:
    return x509.Extension(oid, critical, x509.UnrecognizedExtension(oid, value))


rsa = server_with_rsa(KeyKind.RSA_2048)
rsa_1024 = server_with_rsa(KeyKind.RSA_1024)
over_one_record = server(
    extensions=(_extension(BULK_EXTENSION, b"\x04" * OVER_ONE_RECORD, critical=False),)
)
unknown_critical_extension = server(
    extensions=(_extension(UNKNOWN_EXTENSION, b"\x05\0", critical=True),)
)
not_yet_valid = server(starts=3 * _DAY)
key_usage_without_signature = server(key_usage=frozenset({KeyUsageBit.CONTENT_COMMITMENT}))


def _for_others(*names: str) -> Recipe:
    """A server for other hosts, the first of which is in the CN as well."""
    entries = tuple(map(x509.DNSName, names))
    return server(names=entries, subject=profiles.common_name(names[0].replace("\0", "")))


wrong_name = _for_others(FOREIGN_DOMAIN)
name_begins_alike = _for_others(f"localhost.{FOREIGN_DOMAIN}")
name_ends_alike = _for_others("elsewherelocalhost", "elsewhere.localhost")
nul_in_name = _for_others(f"localhost\0.{FOREIGN_DOMAIN}")
wildcard_alone = server(names=(x509.DNSName("*"),))
address_as_dns_name = server(names=(x509.DNSName("127.0.0.1"),))


def through_intermediate(ca: LabAuthority) -> Identity:
    """A good server, sent with the intermediate that issued it."""
    return ca.server(issuer=ca.intermediate())


def ca_of_the_same_name(ca: LabAuthority) -> Identity:
    """Issued by a root of the trusted one's name and another key; nothing tells them apart."""
    return ca.server(issuer=ca.other_root(ca.root.subject), authority_key_identifier=False)


def tampered_signature(ca: LabAuthority) -> Identity:
    """One bit of the signature is wrong."""
    whole = ca.server()
    return replace(whole, chain=(malformed_certificates.tampered(whole.certificate),))


def sha1_signature(ca: LabAuthority) -> Identity:
    """Signed with SHA-1, by an intermediate."""
    whole = through_intermediate(ca)
    key = intermediate_key(ca.authority)
    leaf = malformed_certificates.with_sha1(whole.certificate, key)
    return replace(whole, chain=(leaf, *whole.chain[1:]))


def intermediate_not_a_ca(ca: LabAuthority) -> Identity:
    """Issued by a certificate with CA:FALSE."""
    issuer = ca.intermediate(
        "mTLS Lab CA:FALSE",
        basic_constraints=profiles.NOT_A_CA,
        key_usage=frozenset({KeyUsageBit.DIGITAL_SIGNATURE}),
    )
    return ca.server(issuer=issuer)


def intermediate_expired(ca: LabAuthority) -> Identity:
    """Issued by an intermediate that has expired."""
    issuer = ca.intermediate("mTLS Lab expired CA", starts=-30 * _DAY, lifetime=29 * _DAY)
    return ca.server(issuer=issuer)


def path_length_exceeded(ca: LabAuthority) -> Identity:
    """A CA that may issue end entities only (pathlen 0) has issued a CA."""
    upper = ca.intermediate("mTLS Lab Upper CA (pathlen 0)")
    return ca.server(issuer=ca.intermediate("mTLS Lab Lower CA (pathlen 0)", issuer=upper))


def name_constraints_violated(ca: LabAuthority) -> Identity:
    """A CA that may issue for one domain has issued for another host."""
    constraints = x509.NameConstraints([x509.DNSName(PERMITTED_DOMAIN)], None)
    extension = x509.Extension(constraints.oid, True, constraints)
    constrained = ca.intermediate("mTLS Lab constrained CA", extensions=(extension,))
    return ca.server(issuer=constrained, names=(x509.DNSName("localhost"),))


def wrong_order(ca: LabAuthority) -> Identity:
    """Leaf first, and the two intermediates behind it the wrong way round."""
    upper = ca.intermediate(
        "mTLS Lab Upper CA", basic_constraints=x509.BasicConstraints(ca=True, path_length=1)
    )
    leaf, lower, above = ca.server(issuer=ca.intermediate("mTLS Lab Lower CA", issuer=upper)).chain
    return Identity(chain=(leaf, above, lower), key=ca.server().key)
