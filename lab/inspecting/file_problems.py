"""What can be wrong with a file that is sent as a chain: its order, and what it should not hold.

Rules: the first certificate of a PEM file is the one that the key is for, and the file goes out as
it stands. A PKCS#12 file has no order, and a file of CAs alone is for trusting, not for sending.

This module must not know how files are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cryptography import x509

from lab.inspecting.results import FileProblem, FoundProblem, Grade
from lab.x509.certificates import distinguished

_REFERENCE = "RFC 9846 section 4.5.1"


def file_flaws(
    sent: Sequence[x509.Certificate],
    ends: Sequence[x509.Certificate],
    above: Sequence[x509.Certificate],
) -> Iterator[FoundProblem]:
    """Yield the flaws of a file; ``above`` are the issuers of its first end-entity (``ends``)."""
    leaf = ends[0]
    if sent[0] != leaf:
        yield FoundProblem(
            flaw=FileProblem.LEAF_NOT_FIRST,
            grade=Grade.UNUSABLE,
            summary="the end-entity certificate is not the first in the file",
            evidence=(f"{_subject(leaf)} is number {sent.index(leaf) + 1}",),
            reference=_REFERENCE,
            fix="put it first, followed by its issuers",
        )
    unique = list(dict.fromkeys(sent))
    if len(unique) < len(sent):
        repeated = next(each for each in unique if sent.count(each) > 1)
        yield FoundProblem(
            flaw=FileProblem.DUPLICATE_CERTIFICATE,
            grade=Grade.ACCEPTED,
            summary="the file contains a certificate more than once",
            evidence=(f"{_subject(repeated)} occurs {sent.count(repeated)} times",),
            reference=_REFERENCE,
            fix="keep each certificate once",
        )
    in_file = [each for each in above if each in unique]
    in_order = [each for each in unique if each in above]
    if in_file != in_order:
        yield FoundProblem(
            flaw=FileProblem.WRONG_ORDER,
            grade=Grade.ACCEPTED,
            summary="the chain is in the wrong order",
            evidence=(f"expected: {', then '.join(map(_subject, (leaf, *in_file)))}",),
            reference=_REFERENCE,
            fix="put each certificate before its issuer",
        )
    strangers = [each for each in unique if each != leaf and each not in above]
    if strangers:
        yield FoundProblem(
            flaw=FileProblem.SUPERFLUOUS_CERTIFICATE,
            grade=Grade.ACCEPTED,
            summary=f"the file contains more than the chain of {_subject(leaf)}",
            evidence=tuple(f"{_subject(each)} is not part of it" for each in strangers[:3]),
            reference=_REFERENCE,
            fix="keep only the certificate and its intermediates",
        )


def _subject(certificate: x509.Certificate) -> str:
    return distinguished(certificate.subject)
