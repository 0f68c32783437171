"""What Go's crypto/tls sends, from Config.Certificates and from a callback."""

from __future__ import annotations

from collections.abc import Sequence

from lab.diagnosis.certificate_selection.candidates import (
    FITS,
    GIVEN,
    NO_NAME,
    NO_SCHEME,
    NO_TYPE,
    Candidate,
    SelectionQuestion,
    SelectionVerdict,
    breaks_off,
    sends,
    sends_empty,
)
from lab.diagnosis.certificate_selection.name_matching import NameMatch


def from_certificates(
    question: SelectionQuestion, candidates: Sequence[Candidate]
) -> SelectionVerdict:
    """Return the first of Config.Certificates that fits, or nothing."""
    reasons = []
    for candidate in candidates:
        if not question.takes_type(candidate):
            reasons.append(NO_TYPE)
        elif not question.signing(candidate):
            reasons.append(NO_SCHEME)
        elif not question.names_issuer(candidate, NameMatch.BYTES, any_order=True):
            reasons.append(NO_NAME)
        else:
            return sends(candidate, FITS)
    return sends_empty(reasons[0])


def from_callback(question: SelectionQuestion, candidates: Sequence[Candidate]) -> SelectionVerdict:
    """Return what the callback Config.GetClientCertificate gave, which is taken as it is."""
    (candidate,) = candidates
    return sends(candidate, GIVEN) if question.signing(candidate) else breaks_off(NO_SCHEME)
