"""What can be wrong between certificates: in the chain above one.

Rules: a chain is judged from the certificate at its lower end. Whether a CA is trusted cannot be
seen from here; that a chain ends nowhere can be, once a root is among the files.

This module must not know what is wrong with a certificate on its own, nor how files are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from lab.pki.chains import End, Path, issued, path_of
from lab.pki.constraints import permits
from lab.pki.describe import extension
from lab.tls.certificates import distinguished
from lab.tls.inspected import Flaw, FoundFlaw, Grade, Suitability, TlsRole


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
    """A certificate with the name of the file that it lies in."""

    certificate: x509.Certificate
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The way up from a certificate: ``above`` it, how it ended, and which roots are at hand."""

    leaf: Holder
    above: tuple[Holder, ...]
    end: End
    roots: tuple[x509.Certificate, ...]


def chain_of(leaf: Holder, pool: Sequence[Holder], roots: Sequence[x509.Certificate]) -> Chain:
    """The way up from ``leaf``; of a certificate that lies in several files, its own counts."""
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


def chain_flaws(chain: Chain, roles: Sequence[Suitability]) -> Iterator[FoundFlaw]:
    """What is wrong with the chain; ``roles`` are what its lower end is fit for on its own."""
    yield from _ending(chain)
    yield from _scattered(chain)
    for depth, holder in enumerate(chain.above):
        yield from _authority(holder.certificate, depth)
    yield from _purposes(chain, roles)
    yield from _constraints(chain)


def _ending(chain: Chain) -> Iterator[FoundFlaw]:
    last = (chain.above or (chain.leaf,))[-1].certificate
    wanted = distinguished(last.issuer)
    if chain.end is End.IMPOSTOR:
        yield FoundFlaw(
            flaw=Flaw.SIGNATURE_WRONG,
            grade=Grade.REFUSED,
            summary=f"{distinguished(last.subject)} is not signed by the {wanted} that is here",
            evidence=(
                "the issuer's name is the same, and the signature does not verify with its key: "
                "the CA was made again, or the certificate is damaged",
            ),
            reference="RFC 5280 section 6.1.3",
            fix="find the CA that issued it, or have it issued again by this one",
        )
    elif chain.end is End.MISSING and chain.roots:
        roots = " or ".join(distinguished(each.subject) for each in chain.roots[:3])
        yield FoundFlaw(
            flaw=Flaw.CHAIN_INCOMPLETE,
            grade=Grade.REFUSED,
            summary=f"the chain does not reach {roots}",
            evidence=(
                f"{distinguished(last.subject)} was issued by {wanted}, which is in none of the "
                "files: an intermediate CA is missing, or the certificate is from another CA",
            ),
            reference="RFC 9846 section 4.5.1",
            fix="put the intermediates behind the certificate, or use the CA that issued it",
        )


def _scattered(chain: Chain) -> Iterator[FoundFlaw]:
    elsewhere = [
        holder
        for holder in chain.above
        if holder.file != chain.leaf.file and holder.certificate not in chain.roots
    ]
    if elsewhere:
        yield FoundFlaw(
            flaw=Flaw.INTERMEDIATE_IN_ANOTHER_FILE,
            grade=Grade.REFUSED,
            summary="an intermediate CA is not in the certificate's own file, so it is not sent",
            evidence=tuple(
                f"{distinguished(each.certificate.subject)} is in {each.file}"
                for each in elsewhere[:3]
            ),
            reference="RFC 9846 section 4.5.1",
            fix="put it behind the certificate, in the same file",
        )


def _authority(certificate: x509.Certificate, intermediates_below: int) -> Iterator[FoundFlaw]:
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
        yield FoundFlaw(
            flaw=Flaw.ISSUER_IS_NO_CA,
            grade=Grade.REFUSED,
            summary=f"the issuer {name} may not issue certificates",
            evidence=(problem,),
            reference="RFC 5280 section 6.1.4 (k), (n)",
            fix="have the certificate issued by a CA",
        )
    elif (
        constraints is not None
        and constraints.path_length is not None
        and intermediates_below > constraints.path_length
    ):
        yield FoundFlaw(
            flaw=Flaw.PATH_LENGTH_EXCEEDED,
            grade=Grade.REFUSED,
            summary="there is one CA too many in the chain",
            evidence=(
                f"{name} has pathlen {constraints.path_length}, and {intermediates_below} below",
            ),
            reference="RFC 5280 section 4.2.1.9",
            fix="have the certificate issued higher up, or raise pathlen there",
        )


def _purposes(chain: Chain, roles: Sequence[Suitability]) -> Iterator[FoundFlaw]:
    fit = [role.role for role in roles if not role.obstacles]
    evidence = []
    for role in fit:
        purpose = _PURPOSES[role]
        lacking = (each.certificate for each in chain.above if not _allows(each, purpose))
        if (first := next(lacking, None)) is not None:
            name = distinguished(first.subject)
            evidence.append(f"{name} has an extendedKeyUsage without {purpose.name}")
    if fit and len(evidence) == len(fit):
        yield FoundFlaw(
            flaw=Flaw.ISSUER_LACKS_PURPOSE,
            grade=Grade.REFUSED,
            summary="a CA in the chain may not issue for this purpose",
            evidence=(*evidence, "OpenSSL lets a CA's extendedKeyUsage bind all below it"),
            reference="RFC 5280 section 4.2.1.12",
            fix="have it issued by a CA whose extendedKeyUsage has the purpose, or that has none",
        )


def _allows(holder: Holder, purpose: Purpose) -> bool:
    usage = extension(holder.certificate, x509.ExtendedKeyUsage)
    return usage is None or purpose.oid in usage


def _constraints(chain: Chain) -> Iterator[FoundFlaw]:
    names = extension(chain.leaf.certificate, x509.SubjectAlternativeName)
    for holder in chain.above:
        constraints = extension(holder.certificate, x509.NameConstraints)
        if names is None or constraints is None:
            continue
        if outside := [name for name in names if not permits(constraints, name)]:
            yield FoundFlaw(
                flaw=Flaw.NAME_NOT_PERMITTED,
                grade=Grade.REFUSED,
                summary=f"{distinguished(holder.certificate.subject)} may not issue for this name",
                evidence=tuple(str(name.value) for name in outside[:3]),
                reference="RFC 5280 section 4.2.1.10",
                fix="have it issued for a permitted name, or by another CA",
            )
