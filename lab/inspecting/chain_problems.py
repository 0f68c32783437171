"""Checks of the chain above a certificate.

Rules: a chain is checked from its end-entity certificate upwards. The files do not show whether a
CA is trusted; that a chain reaches no root is reported if there is a root in the files.

This module must not know the checks of a single certificate, nor how files are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from lab.inspecting.name_constraints import permits
from lab.inspecting.results import (
    FileProblem,
    FoundProblem,
    Grade,
    Suitability,
    TlsRole,
)
from lab.x509.certificates import distinguished
from lab.x509.chains import (
    End,
    Path,
    issued,
    path_of,
)
from lab.x509.describe import extension


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """A purpose of extendedKeyUsage."""

    name: str
    oid: x509.ObjectIdentifier


_PURPOSES = {
    TlsRole.CLIENT: Purpose(name="clientAuth", oid=ExtendedKeyUsageOID.CLIENT_AUTH),
    TlsRole.SERVER: Purpose(name="serverAuth", oid=ExtendedKeyUsageOID.SERVER_AUTH),
}


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
    path: Path = path_of(leaf.certificate, [each.certificate for each in pool])
    return Chain(
        leaf=leaf,
        above=tuple(_nearest(each, leaf.file, pool) for each in path.above),
        end=path.end,
        roots=tuple(roots),
    )


def _nearest(certificate: x509.Certificate, file: str, pool: Sequence[Holder]) -> Holder:
    own = Holder(certificate=certificate, file=file)
    if own in pool:
        return own
    return next(each for each in pool if each.certificate == certificate)


def chain_flaws(chain: Chain, roles: Sequence[Suitability]) -> Iterator[FoundProblem]:
    """Yield the flaws of the chain; ``roles`` are those that the leaf is suitable for by itself."""
    yield from _ending(chain)
    yield from _scattered(chain)
    for depth, holder in enumerate(chain.above):
        yield from _authority(holder.certificate, depth)
    yield from _purposes(chain, roles)
    yield from _constraints(chain)


def _ending(chain: Chain) -> Iterator[FoundProblem]:
    last = (chain.above or (chain.leaf,))[-1].certificate
    wanted = distinguished(last.issuer)
    if chain.end is End.IMPOSTOR:
        yield FoundProblem(
            flaw=FileProblem.SIGNATURE_WRONG,
            grade=Grade.REFUSED,
            summary=f"{distinguished(last.subject)} was not signed by the {wanted} in these files",
            evidence=(
                "the issuer's name matches, but the signature does not verify with its key: "
                "the CA has a new key, or the certificate is damaged",
            ),
            reference="RFC 5280 section 6.1.3",
            fix="find the CA that issued it, or have it issued again by this one",
        )
    elif chain.end is End.MISSING and chain.roots:
        roots = " or ".join(distinguished(each.subject) for each in chain.roots[:3])
        yield FoundProblem(
            flaw=FileProblem.CHAIN_INCOMPLETE,
            grade=Grade.REFUSED,
            summary=f"the chain does not reach {roots}",
            evidence=(
                f"{distinguished(last.subject)} was issued by {wanted}, which is in none of the "
                "files: an intermediate CA is missing, or the certificate is from another CA",
            ),
            reference="RFC 9846 section 4.5.1",
            fix="append the intermediates to the certificate's file, or use the CA that issued it",
        )


def _scattered(chain: Chain) -> Iterator[FoundProblem]:
    elsewhere = [
        holder
        for holder in chain.above
        if holder.file != chain.leaf.file and holder.certificate not in chain.roots
    ]
    if elsewhere:
        yield FoundProblem(
            flaw=FileProblem.INTERMEDIATE_IN_ANOTHER_FILE,
            grade=Grade.REFUSED,
            summary="an intermediate certificate is in another file, so it is not sent",
            evidence=tuple(
                f"{distinguished(each.certificate.subject)} is in {each.file}"
                for each in elsewhere[:3]
            ),
            reference="RFC 9846 section 4.5.1",
            fix="append it to the certificate's file",
        )


def _authority(certificate: x509.Certificate, intermediates_below: int) -> Iterator[FoundProblem]:
    name = distinguished(certificate.subject)
    is_root = issued(certificate, certificate)
    constraints = extension(certificate, x509.BasicConstraints)
    usage = extension(certificate, x509.KeyUsage)
    problem = ""
    if constraints is None and not is_root:
        problem = "it has no basicConstraints"
    elif constraints is not None and not constraints.ca:
        problem = "it has basicConstraints CA:FALSE"
    elif usage is not None and not usage.key_cert_sign:
        problem = "its keyUsage lacks keyCertSign"
    if problem:
        yield FoundProblem(
            flaw=FileProblem.ISSUER_IS_NO_CA,
            grade=Grade.REFUSED,
            summary=f"the issuer {name} is not allowed to issue certificates",
            evidence=(problem,),
            reference="RFC 5280 section 6.1.4 (k), (n)",
            fix="have the certificate issued by a CA",
        )
    elif (
        constraints is not None
        and constraints.path_length is not None
        and intermediates_below > constraints.path_length
    ):
        yield FoundProblem(
            flaw=FileProblem.PATH_LENGTH_EXCEEDED,
            grade=Grade.REFUSED,
            summary="the chain is longer than the pathlen of a CA allows",
            evidence=(
                f"{name} has pathlen {constraints.path_length}; CAs below: {intermediates_below}",
            ),
            reference="RFC 5280 section 4.2.1.9",
            fix="issue the certificate from a CA higher up, or raise pathlen",
        )


def _purposes(chain: Chain, roles: Sequence[Suitability]) -> Iterator[FoundProblem]:
    fit = [role.role for role in roles if not role.obstacles]
    evidence = []
    for role in fit:
        purpose = _PURPOSES[role]
        lacking = (each.certificate for each in chain.above if not _allows(each, purpose))
        if (first := next(lacking, None)) is not None:
            name = distinguished(first.subject)
            evidence.append(f"{name} has an extendedKeyUsage without {purpose.name}")
    if fit and len(evidence) == len(fit):
        yield FoundProblem(
            flaw=FileProblem.ISSUER_LACKS_PURPOSE,
            grade=Grade.REFUSED,
            summary="the extendedKeyUsage of a CA in the chain does not allow this purpose",
            evidence=(
                *evidence,
                "OpenSSL applies a CA's extendedKeyUsage to all certificates below it",
            ),
            reference="RFC 5280 section 4.2.1.12",
            fix="issue it from a CA whose extendedKeyUsage has the purpose, or that has none",
        )


def _allows(holder: Holder, purpose: Purpose) -> bool:
    usage = extension(holder.certificate, x509.ExtendedKeyUsage)
    return usage is None or purpose.oid in usage


def _constraints(chain: Chain) -> Iterator[FoundProblem]:
    names = extension(chain.leaf.certificate, x509.SubjectAlternativeName)
    for holder in chain.above:
        constraints = extension(holder.certificate, x509.NameConstraints)
        if names is None or constraints is None:
            continue
        if outside := [name for name in names if not permits(constraints, name)]:
            yield FoundProblem(
                flaw=FileProblem.NAME_NOT_PERMITTED,
                grade=Grade.REFUSED,
                summary="the nameConstraints of "
                f"{distinguished(holder.certificate.subject)} do not permit the name",
                evidence=tuple(str(name.value) for name in outside[:3]),
                reference="RFC 5280 section 4.2.1.10",
                fix="issue it for a permitted name, or from another CA",
            )
