"""The certificates that clients are given, and the names that servers ask for: by short names.

Made anew for each run, as a table of names says nothing that keys and moments could change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.diagnosis.certificate_selection.results import CertificateAtHand
from lab.pki.authority import Authority, self_signed
from lab.pki.identity import Identity, KeyKind, PrivateKey, cached
from lab.pki.profiles import (
    KeyUsageBit,
    Profile,
    SignatureHash,
    client,
    common_name,
    general_name,
    intermediate_ca,
    root_ca,
    server,
)
from lab.x509.certificates import der_of

_LONG = 3650
_Usage = ExtendedKeyUsageOID
# Netscape's certificate type, a BIT STRING: for TLS servers.
_NETSCAPE_TYPE = x509.ObjectIdentifier("2.16.840.1.113730.1.1")
_SERVER_ONLY = x509.Extension(
    _NETSCAPE_TYPE, False, x509.UnrecognizedExtension(_NETSCAPE_TYPE, bytes.fromhex("03020640"))
)


@dataclass(frozen=True, kw_only=True)
class Authorities:
    """A root and an authority under it, with keys of one kind."""

    root: Authority
    issuing: Authority


class Identities:
    """All that a run needs: ``server``, its ``server_ca``, and what clients have, by short name."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._keys = 0
        server_root = self._root(KeyKind.RSA_2048, "Servers' root", 9)
        names = tuple(map(general_name, ("localhost", "127.0.0.1")))
        # NSS's verification, the old one that tstclnt uses, wants keyEncipherment of an RSA key.
        usage = frozenset({KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_ENCIPHERMENT})
        profile = replace(server(names), key_usage=usage)
        self.server = server_root.issue(profile, cached(KeyKind.RSA_2048, 8), now=now)
        self.server_ca: x509.Certificate = server_root.identity.certificate
        self._kinds = {
            "rsa": self._authorities(KeyKind.RSA_2048, "RSA"),
            "ec": self._authorities(KeyKind.EC_P256, "EC"),
            "ed": self._authorities(KeyKind.ED25519, "Ed25519"),
        }
        self._other = self._root(KeyKind.EC_P256, "Another root", 5)
        self.clients = self._clients()
        self.names = self._names()

    def at_hand(self, names: tuple[str, ...]) -> tuple[CertificateAtHand, ...]:
        """Return what the rules are asked about."""
        chains = {name: self.clients[name].chain for name in names}
        return tuple(
            CertificateAtHand(name=name, chain=tuple(map(der_of, chain)))
            for name, chain in chains.items()
        )

    def name_of(self, chain: tuple[bytes, ...]) -> str:
        """Return the short name of a chain by its first certificate, whatever comes behind."""
        leaf = chain[0]
        found = [name for name, one in self.clients.items() if der_of(one.certificate) == leaf]
        return found[0].removesuffix("-alone")

    def _authorities(self, kind: KeyKind, name: str) -> Authorities:
        root = self._root(kind, f"{name} root", 1)
        profile = replace(
            intermediate_ca(f"{name} issuing"), subject=_organisation(f"{name} issuing")
        )
        issuing = root.issue(profile, cached(kind, 2), now=self._now)
        return Authorities(root=root, issuing=Authority(identity=issuing))

    def _root(self, kind: KeyKind, name: str, number: int) -> Authority:
        profile = replace(root_ca(name), subject=_organisation(name))
        return Authority(identity=self_signed(profile, cached(kind, number), now=self._now))

    def _client(self, name: str, issuer: str, kind: KeyKind, **changes: object) -> Identity:
        profile: Profile = replace(client(name, days=_LONG), **changes)  # type: ignore[arg-type]
        return self._kinds[issuer].issuing.issue(profile, self._key(kind), now=self._now)

    def _key(self, kind: KeyKind) -> PrivateKey:
        """Return a key that no other certificate has, the same ones in each run of a process."""
        self._keys += 1
        return cached(kind, 100 + self._keys)

    def _clients(self) -> dict[str, Identity]:
        ec, rsa, ed = KeyKind.EC_P256, KeyKind.RSA_2048, KeyKind.ED25519
        day = timedelta(days=1)
        found = {
            "ec": self._client("ec", "ec", ec),
            "rsa": self._client("rsa", "rsa", rsa),
            "ed25519": self._client("ed25519", "ed", ed),
            "p384": self._client("p384", "ec", KeyKind.EC_P384),
            "p521": self._client("p521", "ec", KeyKind.EC_P521),
            "mixed": self._mixed(),
            "rsa-384": self._client("rsa-384", "rsa", rsa, signature_hash=SignatureHash.SHA384),
            "rsa-pss": self._client("rsa-pss", "rsa", rsa, signature_pss=True),
            "ec-384": self._client("ec-384", "ec", ec, signature_hash=SignatureHash.SHA384),
            "ec-by-p384": self._by_p384(),
            "ec-by-rsa": self._client("ec-by-rsa", "rsa", ec),
            "rsa-by-ec": self._client("rsa-by-ec", "ec", rsa),
            "server-only": self._usage("server-only", (_Usage.SERVER_AUTH,)),
            "both-usages": self._usage("both-usages", (_Usage.SERVER_AUTH, _Usage.CLIENT_AUTH)),
            "no-usage": self._usage("no-usage", ()),
            "any-usage": self._usage("any-usage", (_Usage.ANY_EXTENDED_KEY_USAGE,)),
            "mail-only": self._usage("mail-only", (_Usage.EMAIL_PROTECTION,)),
            "no-key-usage": self._client("no-key-usage", "ec", ec, key_usage=frozenset()),
            "no-signing": self._client(
                "no-signing", "ec", ec, key_usage=frozenset({KeyUsageBit.KEY_AGREEMENT})
            ),
            "rsa-no-signing": self._client(
                "rsa-no-signing", "rsa", rsa, key_usage=frozenset({KeyUsageBit.KEY_ENCIPHERMENT})
            ),
            "expired": self._client("expired", "ec", ec, starts=-9 * day, lifetime=7 * day),
            "not-yet": self._client("not-yet", "ec", ec, starts=30 * day),
            "soon": self._client("soon", "ec", ec, starts=day / 24),
            "just-expired": self._client(
                "just-expired", "ec", ec, starts=-8 * day, lifetime=8 * day - day / 24
            ),
            "server-only-rsa": self._client(
                "server-only-rsa", "rsa", rsa, extended_key_usage=(_Usage.SERVER_AUTH,)
            ),
            "other": self._by_other(),
            "cross-signed": self._cross_signed(),
            "self-signed": self_signed(
                client("self-signed", days=_LONG), self._key(ec), now=self._now
            ),
            "under-root": self._under_root(),
            "netscape-server": self._client(
                "netscape-server", "ec", ec, extended_key_usage=(), extensions=(_SERVER_ONLY,)
            ),
        }
        for name in ("ec", "rsa"):
            found[f"{name}-alone"] = Identity(chain=(found[name].certificate,), key=found[name].key)
        return found

    def _usage(self, name: str, usages: tuple[x509.ObjectIdentifier, ...]) -> Identity:
        return self._client(name, "ec", KeyKind.EC_P256, extended_key_usage=usages)

    def _mixed(self) -> Identity:
        """Return a certificate signed by an EC key, under an authority signed by an RSA key."""
        profile = replace(intermediate_ca("EC under RSA"), subject=_organisation("EC under RSA"))
        root = self._kinds["rsa"].root
        issuing = root.issue(profile, cached(KeyKind.EC_P256, 2), now=self._now)
        made = client("mixed", days=_LONG)
        return Authority(identity=issuing).issue(made, self._key(KeyKind.EC_P256), now=self._now)

    def _by_p384(self) -> Identity:
        root = self._root(KeyKind.EC_P384, "P-384 root", 6)
        profile = replace(client("ec-by-p384", days=_LONG), signature_hash=SignatureHash.SHA384)
        return root.issue(profile, self._key(KeyKind.EC_P256), now=self._now)

    def _by_other(self) -> Identity:
        profile = client("other", days=_LONG)
        return self._other.issue(profile, self._key(KeyKind.EC_P256), now=self._now)

    def _cross_signed(self) -> Identity:
        """Return a certificate with two of its authority, by two roots; the other's is last."""
        issuing = self._kinds["ec"].issuing.identity
        profile = replace(intermediate_ca("EC issuing"), subject=_organisation("EC issuing"))
        crossed = self._other.issue(profile, issuing.key, now=self._now).certificate
        made = self._client("cross-signed", "ec", KeyKind.EC_P256)
        return Identity(chain=(*made.chain, crossed), key=made.key)

    def _under_root(self) -> Identity:
        """Return a certificate signed by RSASSA-PSS, with the root, which is not."""
        root = self._kinds["rsa"].root
        profile = replace(client("under-root", days=_LONG), signature_pss=True)
        made = root.issue(profile, self._key(KeyKind.RSA_2048), now=self._now)
        return Identity(chain=(made.certificate, root.identity.certificate), key=made.key)

    def _names(self) -> dict[str, bytes]:
        found = {}
        for kind, authorities in self._kinds.items():
            found[f"{kind}-issuer"] = (
                authorities.issuing.identity.certificate.subject.public_bytes()
            )
            found[f"{kind}-root"] = authorities.root.identity.certificate.subject.public_bytes()
        issuing = "EC issuing"
        found["other-root"] = self._other.identity.certificate.subject.public_bytes()
        found["empty"] = b"\x30\x00"
        found["cut-short"] = found["ec-issuer"][:-3]
        found["nobody"] = _organisation("Nobody's root").public_bytes()
        found["ec-issuer-printable"] = _organisation(issuing, printable=True).public_bytes()
        found["ec-issuer-printable-upper"] = _organisation(
            issuing.upper(), printable=True
        ).public_bytes()
        found["ec-issuer-printable-spaces"] = _organisation(
            "EC  issuing ", printable=True
        ).public_bytes()
        found["ec-issuer-upper"] = _organisation(issuing.upper()).public_bytes()
        found["ec-issuer-spaces"] = _organisation("EC  issuing ").public_bytes()
        found["ec-issuer-no-o"] = common_name(issuing).public_bytes()
        found["ec-root-printable"] = _organisation("EC root", printable=True).public_bytes()
        found["ec-itself"] = self.clients["ec"].certificate.subject.public_bytes()
        return found


def _organisation(name: str, *, printable: bool = False) -> x509.Name:
    kind = x509.name._ASN1Type.PrintableString if printable else x509.name._ASN1Type.UTF8String
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "mTLS Lab", kind),
            x509.NameAttribute(NameOID.COMMON_NAME, name, kind),
        ]
    )
