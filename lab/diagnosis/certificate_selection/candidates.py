"""A certificate at hand as a client's selection sees it, and what of a request it fits.

Rules: what no run covers, such as a key of a rare type, is told as such and never guessed at.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lab.diagnosis.certificate_selection.name_matching import (
    NameMatch,
    all_are_covered,
    names_one,
)
from lab.diagnosis.certificate_selection.results import CertificateAtHand, Decision
from lab.tls.code_points import ClientCertificateType, ExtensionType, ProtocolVersion
from lab.tls.code_points import SignatureScheme as Scheme
from lab.tls.extensions import SignatureAlgorithms
from lab.tls.messages import CertificateRequest
from lab.x509.certificates import CertificateDescription, describe

_CURVES = {
    "EC secp256r1": Scheme.ECDSA_SECP256R1_SHA256,
    "EC secp384r1": Scheme.ECDSA_SECP384R1_SHA384,
    "EC secp521r1": Scheme.ECDSA_SECP521R1_SHA512,
}
_PSS = {Scheme.RSA_PSS_RSAE_SHA256, Scheme.RSA_PSS_RSAE_SHA384, Scheme.RSA_PSS_RSAE_SHA512}
_PKCS1 = {Scheme.RSA_PKCS1_SHA256, Scheme.RSA_PKCS1_SHA384, Scheme.RSA_PKCS1_SHA512}
SHA1 = frozenset({Scheme.RSA_PKCS1_SHA1, Scheme.ECDSA_SHA1})
"""The schemes of SHA-1, which some clients still sign by."""
SHA224 = frozenset({Scheme.RSA_PKCS1_SHA224, Scheme.ECDSA_SHA224})
"""The schemes of SHA-224."""
PSS_PSS = frozenset(
    {Scheme.RSA_PSS_PSS_SHA256, Scheme.RSA_PSS_PSS_SHA384, Scheme.RSA_PSS_PSS_SHA512}
)
"""The schemes of keys of the kind RSASSA-PSS."""
_OLD = {
    "RSA": {Scheme.RSA_PKCS1_SHA1, Scheme.RSA_PKCS1_SHA224},
    "EC": {Scheme.ECDSA_SHA1, Scheme.ECDSA_SHA224},
}
# The schemes of a certificate's signature, whatever the curve of the key that made it.
_SIGNATURES = {
    "sha256WithRSAEncryption": {Scheme.RSA_PKCS1_SHA256},
    "sha384WithRSAEncryption": {Scheme.RSA_PKCS1_SHA384},
    "sha512WithRSAEncryption": {Scheme.RSA_PKCS1_SHA512},
    "ecdsa-with-SHA256": {Scheme.ECDSA_SECP256R1_SHA256},
    "ecdsa-with-SHA384": {Scheme.ECDSA_SECP384R1_SHA384},
    "ecdsa-with-SHA512": {Scheme.ECDSA_SECP521R1_SHA512},
    "ED25519": {Scheme.ED25519},
}
_PSS_SIGNATURES = {
    "sha256": {Scheme.RSA_PSS_RSAE_SHA256, Scheme.RSA_PSS_PSS_SHA256},
    "sha384": {Scheme.RSA_PSS_RSAE_SHA384, Scheme.RSA_PSS_PSS_SHA384},
    "sha512": {Scheme.RSA_PSS_RSAE_SHA512, Scheme.RSA_PSS_PSS_SHA512},
}
MEASURED = frozenset(
    {Scheme.ED25519, Scheme.RSA_PSS_PSS_SHA256, *_CURVES.values(), *_PSS, *_PKCS1, *SHA1, *SHA224}
)
"""The schemes that runs cover, in requests for keys of the kinds that they cover."""
_LEAST_BITS = 2048  # OpenSSL loads no shorter RSA key as Debian has set it up
_WEAK = ("", "md5", "sha1")


class Family(enum.Enum):
    """The kind of a key, as far as it decides on certificate types."""

    RSA = "RSA"
    EC = "EC"
    ED25519 = "Ed25519"


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionVerdict:
    """What a client does: which certificate it sends, None if none or not known, and why."""

    decision: Decision
    reason: str
    certificate: CertificateAtHand | None = None


def sends(candidate: Candidate, reason: str) -> SelectionVerdict:
    """Return that a client sends a certificate."""
    return SelectionVerdict(decision=Decision.SENDS, reason=reason, certificate=candidate.given)


def sends_empty(reason: str) -> SelectionVerdict:
    """Return that a client sends an empty Certificate."""
    return SelectionVerdict(decision=Decision.SENDS_EMPTY, reason=reason)


def breaks_off(reason: str) -> SelectionVerdict:
    """Return that a client breaks off."""
    return SelectionVerdict(decision=Decision.BREAKS_OFF, reason=reason)


def unknown(reason: str) -> SelectionVerdict:
    """Return that it cannot be told."""
    return SelectionVerdict(decision=Decision.UNKNOWN, reason=reason)


def of_equals(verdicts: Sequence[SelectionVerdict], several: str) -> SelectionVerdict:
    """Return what comes of a choice among equals; ``several`` says that it is open."""
    if len({verdict.decision for verdict in verdicts}) > 1:
        return unknown(several)
    if len(verdicts) > 1 and verdicts[0].decision is Decision.SENDS:
        return SelectionVerdict(decision=Decision.SENDS, reason=several)
    return verdicts[0]


NO_SCHEME = "the key can make none of the signatures that the server takes"
NO_TYPE = "the key's type is not among the certificate types of the request"
NO_NAME = "no certificate of the chain was issued by a CA that the server names"
NAME_UNKNOWN = (
    "no run covers how the server's name of the issuer is written, or in which order the "
    "certificates at hand are"
)
RARE_SCHEMES = "no run covers some of the signature algorithms, and none of the others will do"
FITS = "the request asks for nothing that the certificate does not have"
GIVEN = "its key can make a signature that the server takes, and names of CAs are not looked at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A certificate at hand with what selections look at."""

    given: CertificateAtHand
    family: Family
    chain: tuple[CertificateDescription, ...]

    @property
    def leaf(self) -> CertificateDescription:
        """The client's own certificate."""
        return self.chain[0]

    @property
    def may_sign(self) -> bool:
        """Whether keyUsage, where there is one, has digitalSignature."""
        usage = self.leaf.key_usage
        return usage is None or "digitalSignature" in usage

    @property
    def is_in_order(self) -> bool:
        """Whether each certificate is of the one CA at hand that issued the one before."""
        above = self.chain[1:]
        subjects = {one.subject_der for one in above}
        return len(subjects) == len(above) and all(
            one.is_ca and one.subject_der == below.issuer_der
            for below, one in zip(self.chain, above, strict=False)
        )

    def is_valid_at(self, now: datetime, *, early: timedelta = timedelta()) -> bool:
        """Whether ``now`` lies in the period of validity, or no more than ``early`` before it."""
        begin, end = self.leaf.not_valid_before, self.leaf.not_valid_after
        return begin is not None and end is not None and begin - now <= early and now <= end

    def has_purpose(self, *others: str) -> bool:
        """Whether extendedKeyUsage is absent, or has clientAuth or one of ``others``."""
        usages = self.leaf.extended_key_usage
        return usages is None or bool({"clientAuth", *others} & set(usages))

    def is_signed_by(self, schemes: Sequence[Scheme], *, whole_chain: bool) -> bool | None:
        """Whether the certificate, or each of the chain, is signed in one of ``schemes``.

        None where the scheme of a signature has no name here.
        """
        found = [_signature_schemes(one) for one in self.chain[: None if whole_chain else 1]]
        if not all(found):
            return None
        return all(not one.isdisjoint(schemes) for one in found)


def _signature_schemes(one: CertificateDescription) -> set[Scheme]:
    if one.signature_algorithm == "rsassaPss":
        return _PSS_SIGNATURES.get(one.signature_digest, set())
    return _SIGNATURES.get(one.signature_algorithm, set())


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionQuestion:
    """A request in a version of TLS, at a moment."""

    request: CertificateRequest
    version: ProtocolVersion
    now: datetime

    @property
    def is_tls13(self) -> bool:
        """Whether the version is TLS 1.3."""
        return self.version is ProtocolVersion.TLS_1_3

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        """The signature algorithms, in the server's order."""
        return tuple(self.request.supported_signature_algorithms)

    @property
    def has_rare_schemes(self) -> bool:
        """Whether there are signature algorithms that no run covers beside those that some do."""
        return not MEASURED.issuperset(self.schemes)

    @property
    def cert_schemes(self) -> tuple[Scheme, ...]:
        """Those of signature_algorithms_cert, empty where there is none."""
        return next(
            (
                tuple(extension.supported_signature_algorithms)
                for extension in self.request.extensions
                if isinstance(extension, SignatureAlgorithms)
                and extension.extension_type == ExtensionType.SIGNATURE_ALGORITHMS_CERT
            ),
            (),
        )

    @property
    def names(self) -> tuple[bytes, ...]:
        """The names of CAs, in DER."""
        return self.request.certificate_authorities

    def takes_type(self, candidate: Candidate) -> bool:
        """Whether the certificate types of TLS 1.2 have that of a key (RFC 8422 section 5.5)."""
        if self.is_tls13:
            return True
        wanted = ClientCertificateType.ECDSA_SIGN
        if candidate.family is Family.RSA:
            wanted = ClientCertificateType.RSA_SIGN
        return wanted in self.request.certificate_types

    def signing(
        self,
        candidate: Candidate,
        *,
        any_curve: bool = True,
        old: frozenset[Scheme] = frozenset(),
    ) -> tuple[Scheme, ...]:
        """Return the schemes in which a key can sign the handshake, in the server's order.

        ``any_curve`` tells that TLS 1.2 binds no curve to a scheme, ``old`` are those of SHA-1 and
        SHA-224 that the client still signs by in TLS 1.2.
        """
        possible = self._possible(candidate, any_curve, old)
        return tuple(scheme for scheme in self.schemes if scheme in possible)

    def _possible(
        self, candidate: Candidate, any_curve: bool, old: frozenset[Scheme]
    ) -> set[Scheme]:
        family = candidate.family
        if family is Family.ED25519:
            return {Scheme.ED25519}
        possible = set() if self.is_tls13 else _OLD[family.value] & old
        if family is Family.RSA:
            return possible | _PSS | (set() if self.is_tls13 else _PKCS1)
        if any_curve and not self.is_tls13:
            return possible | set(_CURVES.values())
        return possible | {_CURVES[candidate.leaf.key_type]}

    def names_issuer(
        self, candidate: Candidate, match: NameMatch, *, any_order: bool = False
    ) -> bool | None:
        """Return whether the server names an issuer in the chain, or no CA at all.

        ``any_order`` tells that the client looks at all certificates of a file, whichever issued
        which. None: no run covers how the names differ, or a chain that is in no order.
        """
        if not self.names:
            return True
        found = [names_one(self.names, one.issuer_der, match) for one in candidate.chain]
        if found[0] is True or not any(one is not False for one in found):
            return found[0]
        if not (any_order or candidate.is_in_order):
            return None
        return True if True in found else None


def covered(given: CertificateAtHand) -> Candidate | str:
    """Return a certificate as selections see it, or why no run covers it."""
    if not given.chain:
        return "no certificate can be read"
    chain = tuple(map(describe, given.chain))
    leaf = chain[0]
    if any(one.problem for one in chain):
        return "a certificate of the chain cannot be read here"
    family = _family(leaf)
    if family is None:
        return f"no run covers a key of the type {leaf.key_type} {leaf.key_bits or ''}".rstrip()
    if any(map(_is_short, chain)):  # OpenSSL loads no such chain, Node's does
        return "no run covers a CA with a key of less than 2048 bits"
    if any(one.serial < 0 for one in chain):  # Go loads none, the others do
        return "no run covers a certificate with a negative serial number"
    weak = next((one for one in chain if one.signature_digest in _WEAK and not _is_ed(one)), None)
    if weak is not None:
        return f"no run covers a certificate signed by {weak.signature_algorithm}"
    return Candidate(given=given, family=family, chain=chain)


def _is_short(one: CertificateDescription) -> bool:
    """Return whether a key is none of those of elliptic curves, and short."""
    bits = one.key_bits
    return bits is not None and not one.key_type.startswith("EC") and bits < _LEAST_BITS


def _is_ed(one: CertificateDescription) -> bool:
    return one.signature_algorithm == "ED25519"


def _family(leaf: CertificateDescription) -> Family | None:
    if leaf.key_type == "RSA" and (leaf.key_bits or 0) >= _LEAST_BITS:
        return Family.RSA
    if leaf.key_type in _CURVES:
        return Family.EC
    return Family.ED25519 if leaf.key_type == "Ed25519" else None


def uncovered_request(question: SelectionQuestion) -> str:
    """Return why no run covers a request, "" where runs do."""
    request = question.request
    if question.version not in (ProtocolVersion.TLS_1_2, ProtocolVersion.TLS_1_3):
        return f"no run covers {question.version}"
    if any(one.extension_type == ExtensionType.OID_FILTERS for one in request.extensions):
        return "no run covers oid_filters"
    if not all_are_covered(question.names):
        return "no run covers a name of a CA that is empty or not well-formed; some break off"
    if MEASURED.isdisjoint(question.schemes):
        return "no run covers a request with these signature algorithms only"
    if not question.is_tls13 and not request.certificate_types:
        return "no run covers a request without certificate types"
    return ""
