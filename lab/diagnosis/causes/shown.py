"""What the certificates of a received chain show by themselves.

Rules: each problem with what shows it. Whether it is why the chain was refused is told elsewhere.

This module must not know alerts or verify results.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from lab.diagnosis.results import TrustVerdict
from lab.tls.code_points import AlertDescription
from lab.tls.escape import escaped
from lab.tls.events import Endpoint, LocalFact
from lab.x509 import problems
from lab.x509.certificate_extensions import unsupported
from lab.x509.certificates import CertificateDescription, describe
from lab.x509.chains import signature_is_wrong
from lab.x509.name_constraints import forbidden_names
from lab.x509.problems import Problem
from lab.x509.public_cas import NO_MORE_CLIENT_AUTH, OWN_CA_FOR_CLIENTS, public_ca

_ANY_PURPOSE = "anyExtendedKeyUsage"
_MIN_BITS = 2048  # of RSA and DSA keys
_WEAK_DIGESTS = ("md5", "sha1")
_USUAL_CURVES = ("EC secp256r1", "EC secp384r1", "EC secp521r1")
_MAX_CHAIN = 102_400  # OpenSSL's SSL_MAX_CERT_LIST_DEFAULT, in bytes
# Of how many certificates signatures and restrictions are looked at, which takes time.
_MOST_CHECKED = 10


class Basis(enum.Enum):
    """What makes a problem likely, the firmest first."""

    VERDICT = "the verifying end's library said so"
    TRUST = "OpenSSL, asked here with the files that the verifying end is said to trust, said so"
    SHOWN = "the certificates show it"
    AMBIGUOUS = "the chain leads to no known CA, which has several causes"
    ALERT = "the alert fits, and nothing shows it"


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelyProblem:
    """A problem that fits, with what speaks for it; ``fix`` stands in for the problem's, if any."""

    problem: Problem
    evidence: tuple[str, ...]
    basis: Basis
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedChain:
    """A chain of certificates and how it was received.

    ``sender`` sent the chain, the other end ``others_chain``; ``authorities`` are the names (DER)
    that the other end asked for, ``server_name`` the host that a client wanted; ``now`` is the
    present, None to leave it out; ``trust`` a verdict on the chain by what the other end trusts.
    """

    sender: Endpoint
    chain: tuple[bytes, ...]
    others_chain: tuple[bytes, ...] = ()
    authorities: tuple[bytes, ...]
    server_name: str
    alert: AlertDescription | None
    verdict: LocalFact | None
    now: datetime | None
    trust: TrustVerdict | None = None


def shown_problems(received: ReceivedChain) -> list[LikelyProblem]:
    """Return what the certificates show, each problem as often as it shows."""
    return list(_shown(received, [describe(der) for der in received.chain]))


def _shown(
    received: ReceivedChain, chain: Sequence[CertificateDescription]
) -> Iterator[LikelyProblem]:
    """Yield what the certificates show by themselves."""
    now = received.now
    for depth, certificate in enumerate(chain):
        name = _name(received.sender, depth, certificate)
        begin, end = certificate.not_valid_before, certificate.not_valid_after
        if now is not None and end is not None and end < now:
            # A root that is sent is not the one that counts: the other end has its own.
            is_root = depth > 0 and certificate.subject == certificate.issuer
            problem = problems.CA_EXPIRED if is_root else problems.EXPIRED
            yield _show(problem, f"{name} was valid until {end:%Y-%m-%d %H:%M:%S} UTC")
        if now is not None and begin is not None and begin > now:
            since = f"{name} is valid from {begin:%Y-%m-%d %H:%M:%S} UTC"
            yield _show(problems.NOT_YET_VALID, since)
        yield from _shown_purpose(received.sender, depth, certificate, name)
        is_repeated = received.chain[depth] == received.chain[0]
        if certificate.is_ca is not True and not is_repeated:
            yield _show(problems.NOT_A_CA, f"{name} is not a CA certificate")
        if weakness := _weakness(certificate):
            yield _show(problems.WEAK, f"{name} has {weakness}")
    yield from _shown_in_chain(received, chain)
    size = sum(map(len, received.chain))
    if size > _MAX_CHAIN:
        observation = f"the chain has {size} bytes; OpenSSL accepts {_MAX_CHAIN} by default"
        yield _show(problems.TOO_LARGE, observation)
    if chain and chain[0].key_type.startswith("EC ") and chain[0].key_type not in _USUAL_CURVES:
        observation = f"the {received.sender.value}'s key is on the curve {chain[0].key_type[3:]}"
        yield _show(problems.KEY_TYPE, observation)
    if chain and received.sender is Endpoint.SERVER and received.server_name:
        yield from _shown_name(received.server_name, chain[0])


def _shown_purpose(
    sender: Endpoint, depth: int, certificate: CertificateDescription, name: str
) -> Iterator[LikelyProblem]:
    purpose, allowed = f"{sender.value}Auth", certificate.extended_key_usage
    if allowed is not None and purpose not in allowed:
        observation = f"{name} has the extendedKeyUsage {', '.join(allowed)}, without {purpose}"
        if _ANY_PURPOSE in allowed:
            observation += f"; not every implementation accepts {_ANY_PURPOSE} instead"
        public = public_ca(certificate.issuer) if "serverAuth" in allowed else ""
        if sender is Endpoint.CLIENT and depth == 0 and public:
            trend = f"its issuer names itself {public}; {NO_MORE_CLIENT_AUTH}"
            shown = _show(problems.WRONG_PURPOSE, observation, trend)
            yield replace(shown, fix=OWN_CA_FOR_CLIENTS)
        else:
            yield _show(problems.WRONG_PURPOSE, observation)
    usage = certificate.key_usage
    if depth == 0 and usage is not None and "digitalSignature" not in usage:
        observation = f"{name} has the keyUsage {', '.join(usage)}, without digitalSignature"
        yield _show(problems.WRONG_KEY_USAGE, observation)


def _shown_name(server_name: str, leaf: CertificateDescription) -> Iterator[LikelyProblem]:
    names = [name.lower() for name in leaf.subject_alt_names if name.startswith("DNS:")]
    host = server_name.lower()
    wildcard = f"dns:*.{host.partition('.')[2]}"
    if f"dns:{host}" not in names and wildcard not in names:
        has = ", ".join(map(escaped, leaf.subject_alt_names)) or "no names"
        observation = f"the client asked for {escaped(server_name)}; subjectAltName has {has}"
        yield _show(problems.WRONG_NAME, observation)


def _shown_in_chain(
    received: ReceivedChain, chain: Sequence[CertificateDescription]
) -> Iterator[LikelyProblem]:
    """Yield what certificates demand of each other."""
    ders = received.chain[:_MOST_CHECKED]
    cas_below = 0
    for depth, der in enumerate(ders):
        name = _name(received.sender, depth, chain[depth])
        for number in unsupported(chain[depth].critical_extensions):
            observation = f"{name} has the critical extension {number}"
            yield _show(problems.CRITICAL_EXTENSION, observation)
        length = chain[depth].path_length
        if depth and length is not None and cas_below > length:
            observation = f"{name} has the path length {length}, and CAs below it: {cas_below}"
            yield _show(problems.PATH_LENGTH, observation)
        # RFC 5280 section 4.2.1.9: one that issued itself does not count.
        cas_below += depth > 0 and chain[depth].subject != chain[depth].issuer
        if depth and (forbidden := forbidden_names(chain[depth], chain[0])):
            observation = f"{name} does not permit the name {escaped(forbidden[0])}"
            yield _show(problems.NAME_CONSTRAINTS, observation)
        if depth + 1 < len(ders) and signature_is_wrong(der, ders[depth + 1]):
            observation = f"{name} is not signed with the key of the next certificate in the chain"
            yield _show(problems.BAD_SIGNATURE, observation)


def _show(problem: Problem, *observations: str) -> LikelyProblem:
    return LikelyProblem(problem=problem, evidence=observations, basis=Basis.SHOWN)


def _weakness(certificate: CertificateDescription) -> str:
    bits = certificate.key_bits
    if bits is not None and bits < _MIN_BITS:
        return f"a key of {bits} bits ({certificate.key_type})"
    signature = certificate.signature_algorithm.lower().replace("-", "")
    is_root = certificate.subject == certificate.issuer
    if not is_root and any(digest in signature for digest in _WEAK_DIGESTS):
        return f"a signature with {certificate.signature_algorithm}"
    return ""


def _name(sender: Endpoint, depth: int, certificate: CertificateDescription) -> str:
    if depth == 0:
        return f"the {sender.value}'s certificate"
    return f"the certificate of {escaped(certificate.subject)}, number {depth + 1} in the chain,"
