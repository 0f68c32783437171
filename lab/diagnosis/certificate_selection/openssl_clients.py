"""What programs that use OpenSSL send: what they are given, if its key fits the request."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lab.diagnosis.certificate_selection.candidates import (
    GIVEN,
    MEASURED,
    NO_SCHEME,
    SHA224,
    Candidate,
    Family,
    SelectionQuestion,
    SelectionVerdict,
    breaks_off,
    sends,
    sends_empty,
    unknown,
)

_NOT_SIGNED_SO = "the certificate is not signed as signature_algorithms_cert asks"
_TWO_OF_ONE_KIND = "Node cannot load two certificates whose keys are of one kind"
_ONE_KEY_TWICE = "no run of Node covers two certificates with one key"
_RARE_SIGNATURE = "no run covers signature_algorithms_cert with the certificate's signature"
# In which order OpenSSL prefers kinds of keys, where it goes by its own list and not the peer's.
_OWN_ORDER = (Family.EC, Family.ED25519, Family.RSA)


def one_certificate(
    question: SelectionQuestion, candidates: Sequence[Candidate]
) -> SelectionVerdict:
    """Return what a program sends that is given one certificate."""
    candidate = candidates[-1]
    return _misfit(question, candidate) or sends(candidate, GIVEN)


def in_servers_order(
    question: SelectionQuestion, candidates: Sequence[Candidate]
) -> SelectionVerdict:
    """Return what Node sends: in TLS 1.3 it goes through the server's algorithms in order.

    It loads all certificates and then all keys, so two of one kind do not go together.
    """
    keys = {(candidate.family, candidate.leaf.public_key) for candidate in candidates}
    if len(keys) > len({family for family, _ in keys}):
        return breaks_off(_TWO_OF_ONE_KIND)
    if len(keys) < len(candidates):
        return unknown(_ONE_KEY_TWICE)

    def rank(candidate: Candidate) -> int:
        return question.schemes.index(question.signing(candidate, old=SHA224)[0])

    return _of_several(question, candidates, rank)


def in_own_order(question: SelectionQuestion, candidates: Sequence[Candidate]) -> SelectionVerdict:
    """Return what Python sends: in TLS 1.3 it goes through OpenSSL's own algorithms in order."""
    return _of_several(question, candidates, lambda one: _OWN_ORDER.index(one.family))


def _of_several(
    question: SelectionQuestion, candidates: Sequence[Candidate], rank: Callable[[Candidate], int]
) -> SelectionVerdict:
    """Return which is sent: the last that was loaded of each kind of key is there to choose from.

    In TLS 1.2 it is the last of all, or none.
    """
    if not question.is_tls13:
        return one_certificate(question, candidates)
    kept = list({candidate.family: candidate for candidate in candidates}.values())
    misfits = [_misfit(question, candidate) for candidate in kept]
    fitting = [one for one, misfit in zip(kept, misfits, strict=True) if misfit is None]
    if fitting:
        return sends(min(fitting, key=rank), GIVEN)
    return next(misfit for misfit in misfits if misfit is not None)


def _misfit(question: SelectionQuestion, candidate: Candidate) -> SelectionVerdict | None:
    """Return what comes of a certificate that is not sent, None where it is."""
    if not question.signing(candidate, old=SHA224):
        return sends_empty(NO_SCHEME)
    if not question.cert_schemes:
        return None
    signed = candidate.is_signed_by(question.cert_schemes, whole_chain=False)
    if signed:
        return None
    # Later versions take a scheme of a Brainpool curve for one that any curve can have made.
    rare = signed is None or not MEASURED.issuperset(question.cert_schemes)
    return unknown(_RARE_SIGNATURE) if rare else sends_empty(_NOT_SIGNED_SO)
