"""What the chain above a certificate shows, and the order of a file that is sent as a chain.

Rules: as for one certificate, these are causes; OpenSSL is the judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lab.inspecting.certificate_problems import SeenProblem
from lab.inspecting.results import TlsRole
from lab.x509 import file_problems, problems
from lab.x509.certificates import CertificateDescription, describe
from lab.x509.chains import End, is_self_issued, issuers_of, path_of
from lab.x509.name_constraints import forbidden_names
from lab.x509.problems import Wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A certificate in DER, with the name of its file."""

    certificate: bytes
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A certificate, its issuers (``above``), how the chain ends, and the roots in the files."""

    leaf: Holder
    above: tuple[Holder, ...]
    end: End
    roots: tuple[bytes, ...]

    @property
    def whole(self) -> tuple[CertificateDescription, ...]:
        """The descriptions of all of them, the leaf first."""
        return tuple(describe(holder.certificate) for holder in (self.leaf, *self.above))


def chain_of(
    leaf: Holder, pool: Sequence[Holder], trusted: Sequence[bytes], roots: Sequence[bytes]
) -> Chain:
    """Return the chain of ``leaf``; an issuer in several files is taken from the leaf's own."""
    own = [holder.certificate for holder in pool if holder.file == leaf.file]
    every = [holder.certificate for holder in pool]
    path = path_of(leaf.certificate, list(dict.fromkeys([*trusted, *own, *every])))
    return Chain(
        leaf=leaf,
        above=tuple(_nearest(certificate, leaf.file, pool) for certificate in path.above),
        end=path.end,
        roots=tuple(roots),
    )


def _nearest(certificate: bytes, file: str, pool: Sequence[Holder]) -> Holder:
    own = Holder(certificate=certificate, file=file)
    if own in pool:
        return own
    return next(holder for holder in pool if holder.certificate == certificate)


def chain_causes(
    chain: Chain, trusted: Sequence[bytes], roles: Sequence[TlsRole], wording: Wording
) -> Iterator[SeenProblem]:
    """Yield the problems of the chain; ``roles`` are those that the leaf itself is fit for."""
    yield from _end(chain, wording)
    yield from _in_other_files(chain, trusted, wording)
    below = 0  # intermediates that are not self-issued (RFC 5280 section 6.1.4)
    for holder in chain.above:
        yield from _authority(holder.certificate, below, wording)
        below += not is_self_issued(holder.certificate)
    yield from _purposes(chain, roles)
    yield from _constraints(chain, wording)


def _end(chain: Chain, wording: Wording) -> Iterator[SeenProblem]:
    last = chain.whole[-1]
    wording = replace(wording, certificate=last.subject or "the certificate")
    if chain.end is End.WRONG_KEY:
        line = (
            f"{last.subject} names the issuer {last.issuer}, which is in these files, and the "
            "signature does not verify with its key"
        )
        yield SeenProblem(problem=problems.BAD_SIGNATURE, evidence=(line,), wording=wording)
    elif chain.end is End.WRONG_IDENTIFIER:
        named = last.authority_key_identifier
        line = (
            f"its authorityKeyIdentifier is {named.hex(':') if named else 'without a key'}"
            f"{'' if last.authority_serial is None else f', serial {last.authority_serial:x}'}; "
            f"the certificate of {last.issuer} in these files has another"
        )
        yield SeenProblem(problem=problems.AKI_MISMATCH, evidence=(line,), wording=wording)
    elif chain.end is End.MISSING and chain.roots:
        roots = " or ".join(describe(root).subject for root in chain.roots[:3])
        evidence = (
            f"{last.subject} was issued by {last.issuer}, which is in none of the files: an "
            "intermediate CA is missing, or the certificate is from another CA",
            f"the roots in these files: {roots}",
        )
        yield SeenProblem(problem=problems.CHAIN_INCOMPLETE, evidence=evidence)


def _in_other_files(
    chain: Chain, trusted: Sequence[bytes], wording: Wording
) -> Iterator[SeenProblem]:
    elsewhere = [
        f"{describe(holder.certificate).subject} is in another file, {holder.file}"
        for holder in chain.above
        if holder.file != chain.leaf.file and holder.certificate not in (*chain.roots, *trusted)
    ]
    if elsewhere:
        evidence = tuple(elsewhere[:3])
        yield SeenProblem(problem=problems.INTERMEDIATE_MISSING, evidence=evidence, wording=wording)


def _authority(certificate: bytes, below: int, wording: Wording) -> Iterator[SeenProblem]:
    about = describe(certificate)
    reason = ""
    if about.is_ca is None and not is_self_issued(certificate):
        reason = "has no basicConstraints"
    elif about.is_ca is False:
        reason = "has basicConstraints CA:FALSE"
    elif about.key_usage is not None and "keyCertSign" not in about.key_usage:
        reason = "has a keyUsage without keyCertSign"
    if reason:
        yield SeenProblem(problem=problems.NOT_A_CA, evidence=(f"{about.subject} {reason}",))
    elif about.path_length is not None and below > about.path_length:
        line = f"{about.subject} has pathlen {about.path_length}; CAs below: {below}"
        yield SeenProblem(problem=problems.PATH_LENGTH, evidence=(line,), wording=wording)


def _purposes(chain: Chain, roles: Sequence[TlsRole]) -> Iterator[SeenProblem]:
    evidence = []
    for role in roles:
        for about in chain.whole[1:]:
            purposes = about.extended_key_usage
            if purposes is not None and role.purpose not in purposes:
                evidence.append(f"{about.subject} has an extendedKeyUsage without {role.purpose}")
                break
    if roles and len(evidence) == len(roles):
        note = "OpenSSL applies a CA's extendedKeyUsage to all certificates below it"
        wording = Wording(
            certificate="a CA in the chain", purpose=" or ".join(role.purpose for role in roles)
        )
        yield SeenProblem(
            problem=problems.WRONG_PURPOSE, evidence=(*evidence, note), wording=wording
        )


def _constraints(chain: Chain, wording: Wording) -> Iterator[SeenProblem]:
    """Yield the names below each CA that its nameConstraints (RFC 5280, 4.2.1.10) rule out."""
    whole = chain.whole
    for depth, authority in enumerate(whole[1:], start=1):
        outside = [
            f"{authority.subject} does not permit {name}"
            for number, below in enumerate(whole[:depth])
            if number == 0 or below.subject_der != below.issuer_der
            for name in forbidden_names(authority, below, is_leaf=number == 0)
        ]
        if outside:
            evidence = tuple(outside[:3])
            yield SeenProblem(problem=problems.NAME_CONSTRAINTS, evidence=evidence, wording=wording)


def file_causes(
    sent: Sequence[bytes], leaf: bytes, above: Sequence[bytes]
) -> Iterator[SeenProblem]:
    """Yield the problems of a PEM file; ``leaf`` is its first end-entity, ``above`` its issuers.

    The first certificate of a PEM file is the one that the key is for, and the file is sent as it
    is. A PKCS#12 file has no order, and a file of CAs alone is for trusting, not for sending.
    """
    if sent[0] != leaf:
        place = f"{_subject(leaf)} is number {sent.index(leaf) + 1}"
        yield SeenProblem(problem=file_problems.LEAF_NOT_FIRST, evidence=(place,))
    unique = list(dict.fromkeys(sent))
    if len(unique) < len(sent):
        repeated = next(certificate for certificate in unique if sent.count(certificate) > 1)
        count = f"{_subject(repeated)} occurs {sent.count(repeated)} times"
        yield SeenProblem(
            problem=file_problems.DUPLICATE_CERTIFICATE, evidence=(count,), advice=True
        )
    in_order = [certificate for certificate in above if certificate in unique]
    if in_order != [certificate for certificate in unique if certificate in above]:
        expected = f"expected: {', then '.join(map(_subject, (leaf, *in_order)))}"
        yield SeenProblem(problem=file_problems.WRONG_ORDER, evidence=(expected,), advice=True)
    on_a_path = {leaf, *issuers_of(leaf, unique), *above}
    superfluous = tuple(
        f"{_subject(certificate)} is not part of the chain of {_subject(leaf)}"
        for certificate in unique
        if certificate not in on_a_path
    )
    if superfluous:
        problem = file_problems.SUPERFLUOUS_CERTIFICATE
        yield SeenProblem(problem=problem, evidence=superfluous[:3], advice=True)


def _subject(certificate: bytes) -> str:
    return describe(certificate).subject or "a certificate without a subject"
