"""Checks of a file that is sent as a chain: its order, and whether it holds more than the chain.

Rules: the first certificate of a PEM file is the one that the key is for, and the file is sent as
it is. A PKCS#12 file has no order, and a file of CAs alone is for trusting, not for sending.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cryptography import x509

from lab.inspecting.results import FoundProblem, Grade
from lab.x509 import problems
from lab.x509.certificates import distinguished


def file_problems(
    sent: Sequence[x509.Certificate],
    leaf: x509.Certificate,
    above: Sequence[x509.Certificate],
) -> Iterator[FoundProblem]:
    """Yield the problems of a file; ``leaf`` is its first end-entity, ``above`` its issuers."""
    if sent[0] != leaf:
        place = f"{_subject(leaf)} is number {sent.index(leaf) + 1}"
        yield FoundProblem.of(problems.LEAF_NOT_FIRST, Grade.UNUSABLE, place)
    unique = list(dict.fromkeys(sent))
    if len(unique) < len(sent):
        repeated = next(certificate for certificate in unique if sent.count(certificate) > 1)
        count = f"{_subject(repeated)} occurs {sent.count(repeated)} times"
        yield FoundProblem.of(problems.DUPLICATE_CERTIFICATE, Grade.ACCEPTED, count)
    in_order = [certificate for certificate in above if certificate in unique]
    if in_order != [certificate for certificate in unique if certificate in above]:
        expected = f"expected: {', then '.join(map(_subject, (leaf, *in_order)))}"
        yield FoundProblem.of(problems.WRONG_ORDER, Grade.ACCEPTED, expected)
    superfluous = [
        f"{_subject(certificate)} is not part of the chain of {_subject(leaf)}"
        for certificate in unique
        if certificate != leaf and certificate not in above
    ]
    if superfluous:
        yield FoundProblem.of(problems.SUPERFLUOUS_CERTIFICATE, Grade.ACCEPTED, *superfluous[:3])


def _subject(certificate: x509.Certificate) -> str:
    return distinguished(certificate.subject)
