"""What clients send that were not measured here, as far as their sources tell.

Rules: "sends" only where all fits that any measured client looks at; "sends an empty Certificate"
only where the chain at hand is whole, since these clients complete it from stores of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lab.diagnosis.certificate_selection.candidates import (
    FITS,
    NAME_UNKNOWN,
    NO_NAME,
    Candidate,
    SelectionQuestion,
    SelectionVerdict,
    sends,
    sends_empty,
    unknown,
)
from lab.diagnosis.certificate_selection.name_matching import NameMatch
from lab.diagnosis.certificate_selection.results import Decision

_STORES = (
    "no CA that the server names is in the chain at hand, and the client completes chains from "
    "stores that are not known here"
)
_NOT_MEASURED = "the names fit, and what else the client looks at was not measured"
_BY_PROGRAM = "the program or its user chooses, and what then happens was not measured"


def dotnet(question: SelectionQuestion, candidates: Sequence[Candidate]) -> SelectionVerdict:
    """Return what SslStream picks from its collection of client certificates: the first named."""
    verdicts = [_filtered(question, one, NameMatch.TEXT) for one in candidates]
    for verdict in verdicts:
        if verdict.decision is not Decision.SENDS_EMPTY:
            return verdict
    return verdicts[0]


def firefox(question: SelectionQuestion, candidates: Sequence[Candidate]) -> SelectionVerdict:
    """Return what Firefox proposes to its user, or picks where it is set to."""
    verdicts = [_filtered(question, one, NameMatch.BYTES) for one in candidates]
    open_ = [one for one in verdicts if one.decision is not Decision.SENDS_EMPTY]
    if not open_:
        return verdicts[0]
    return open_[0] if len(open_) == 1 else unknown(_BY_PROGRAM)


def chosen_by_program(
    question: SelectionQuestion, candidates: Sequence[Candidate]
) -> SelectionVerdict:
    """Return that it cannot be told of a client that leaves the choice to others."""
    del question, candidates  # the sources tell nothing about them
    return unknown(_BY_PROGRAM)


def _filtered(question: SelectionQuestion, one: Candidate, match: NameMatch) -> SelectionVerdict:
    named = question.names_issuer(one, match)
    if named is None:
        return unknown(NAME_UNKNOWN)
    if not named:
        root = one.chain[-1]
        whole = root.subject_der == root.issuer_der
        return sends_empty(NO_NAME) if whole else unknown(_STORES)
    in_order = one.may_sign and one.has_purpose() and one.is_valid_at(question.now)
    if in_order and question.takes_type(one) and question.signing(one, any_curve=False):
        return sends(one, FITS)
    return unknown(_NOT_MEASURED)


CITED: tuple[tuple[str, str, str, str, Callable[..., SelectionVerdict]], ...] = (
    (
        "dotnet",
        ".NET (SslStream, HttpClient)",
        "It takes the first of its collection whose chain has an issuer among the named CAs, "
        "compared by text, the first of all where none is named, otherwise none; a "
        "LocalCertificateSelectionCallback goes before that",
        "the source of .NET: SslStream.Protocol.cs, SelectClientCertificate",
        dotnet,
    ),
    (
        "firefox",
        "Firefox",
        "It proposes those whose chain has an issuer among the named CAs, compared byte for byte, "
        "all where none is named, and its user chooses",
        "the source of Firefox: security/manager/ssl/TLSClientAuthCertSelection.cpp",
        firefox,
    ),
    (
        "schannel",
        "Windows (Schannel)",
        "It sends the certificate that its program gives; where that gives none, it looks for "
        "one by itself, unless the program forbids it",
        "learn.microsoft.com: Performing Authentication Using Schannel",
        chosen_by_program,
    ),
    (
        "secure-transport",
        "Apple (Secure Transport, URLSession)",
        "It hands the names of CAs to its program, and sends the identity that the program gives",
        "developer.apple.com: Secure Transport Reference, SSLSetCertificate",
        chosen_by_program,
    ),
)
"""Code, name, rule, source and what decides, of each."""
