"""Checks of the chain above a certificate.

Rules: a chain is checked from its end-entity certificate upwards. The files do not show whether a
CA is trusted; that a chain reaches no root is reported if there is a root in the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from cryptography import x509

from lab.inspecting.results import FoundProblem, Grade, TlsRole
from lab.x509 import problems
from lab.x509.certificates import described, distinguished, extension
from lab.x509.chains import End, issued, path_of
from lab.x509.name_constraints import permits
from lab.x509.problems import Wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A certificate with the name of its file."""

    certificate: x509.Certificate
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A certificate, its issuers (``above``), how the chain ends, and the roots in the files."""

    leaf: Holder
    above: tuple[Holder, ...]
    end: End
    roots: tuple[x509.Certificate, ...]


def chain_of(leaf: Holder, pool: Sequence[Holder], roots: Sequence[x509.Certificate]) -> Chain:
    """Return the chain of ``leaf``; an issuer in several files is taken from the leaf's own."""
    path = path_of(leaf.certificate, [holder.certificate for holder in pool])
    return Chain(
        leaf=leaf,
        above=tuple(_nearest(certificate, leaf.file, pool) for certificate in path.above),
        end=path.end,
        roots=tuple(roots),
    )


def _nearest(certificate: x509.Certificate, file: str, pool: Sequence[Holder]) -> Holder:
    own = Holder(certificate=certificate, file=file)
    if own in pool:
        return own
    return next(holder for holder in pool if holder.certificate == certificate)


def chain_problems(
    chain: Chain, roles: Sequence[TlsRole], wording: Wording
) -> Iterator[FoundProblem]:
    """Yield the problems of the chain; ``roles`` are those that the leaf itself is fit for."""
    yield from _end(chain, wording)
    yield from _in_other_files(chain, wording)
    for depth, holder in enumerate(chain.above):
        yield from _authority(holder.certificate, depth, wording)
    yield from _purposes(chain, roles)
    yield from _constraints(chain)


def _end(chain: Chain, wording: Wording) -> Iterator[FoundProblem]:
    last = (chain.above or (chain.leaf,))[-1].certificate
    subject, issuer = distinguished(last.subject), distinguished(last.issuer)
    if chain.end is End.WRONG_KEY:
        yield FoundProblem.of(
            problems.BAD_SIGNATURE,
            Grade.REFUSED,
            f"{subject} names the issuer {issuer}, which is in these files, and the signature does "
            "not verify with its key",
            wording=replace(wording, certificate=subject),
        )
    elif chain.end is End.MISSING and chain.roots:
        roots = " or ".join(distinguished(root.subject) for root in chain.roots[:3])
        yield FoundProblem.of(
            problems.CHAIN_INCOMPLETE,
            Grade.REFUSED,
            f"{subject} was issued by {issuer}, which is in none of the files: an intermediate CA "
            "is missing, or the certificate is from another CA",
            f"the roots in these files: {roots}",
        )


def _in_other_files(chain: Chain, wording: Wording) -> Iterator[FoundProblem]:
    elsewhere = [
        f"{distinguished(holder.certificate.subject)} is in another file, {holder.file}"
        for holder in chain.above
        if holder.file != chain.leaf.file and holder.certificate not in chain.roots
    ]
    if elsewhere:
        yield FoundProblem.of(
            problems.INTERMEDIATE_MISSING, Grade.REFUSED, *elsewhere[:3], wording=wording
        )


def _authority(
    certificate: x509.Certificate, intermediates_below: int, wording: Wording
) -> Iterator[FoundProblem]:
    name = distinguished(certificate.subject)
    found = extension(certificate, x509.BasicConstraints)
    constraints = found.value if found else None
    usage = described(certificate).key_usage
    reason = ""
    if constraints is None and not issued(certificate, certificate):
        reason = "has no basicConstraints"
    elif constraints is not None and not constraints.ca:
        reason = "has basicConstraints CA:FALSE"
    elif usage is not None and "keyCertSign" not in usage:
        reason = "has a keyUsage without keyCertSign"
    if reason:
        yield FoundProblem.of(problems.NOT_A_CA, Grade.REFUSED, f"{name} {reason}")
    elif (
        constraints is not None
        and constraints.path_length is not None
        and intermediates_below > constraints.path_length
    ):
        seen = f"{name} has pathlen {constraints.path_length}; CAs below: {intermediates_below}"
        yield FoundProblem.of(problems.PATH_LENGTH, Grade.REFUSED, seen, wording=wording)


def _purposes(chain: Chain, roles: Sequence[TlsRole]) -> Iterator[FoundProblem]:
    evidence = []
    for role in roles:
        for holder in chain.above:
            purposes = described(holder.certificate).extended_key_usage
            if purposes is not None and role.purpose not in purposes:
                name = distinguished(holder.certificate.subject)
                evidence.append(f"{name} has an extendedKeyUsage without {role.purpose}")
                break
    if roles and len(evidence) == len(roles):
        yield FoundProblem.of(
            problems.WRONG_PURPOSE,
            Grade.REFUSED,
            *evidence,
            "OpenSSL applies a CA's extendedKeyUsage to all certificates below it",
            wording=Wording(
                certificate="a CA in the chain",
                purpose=" or ".join(role.purpose for role in roles),
            ),
        )


def _constraints(chain: Chain) -> Iterator[FoundProblem]:
    names = extension(chain.leaf.certificate, x509.SubjectAlternativeName)
    for holder in chain.above:
        constraints = extension(holder.certificate, x509.NameConstraints)
        if names is None or constraints is None:
            continue
        issuer = distinguished(holder.certificate.subject)
        outside = [
            f"{issuer} does not permit {name.value}"
            for name in names.value
            if not permits(constraints.value, name)
        ]
        if outside:
            yield FoundProblem.of(problems.NAME_CONSTRAINTS, Grade.REFUSED, *outside[:3])
