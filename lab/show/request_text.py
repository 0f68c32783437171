"""Explained certificate requests as text: what is asked for, then who would send what, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import TextIO

from rich.text import Text

from lab.diagnosis.certificate_selection.results import (
    CertificateAtHand,
    ClientSelection,
    Decision,
)
from lab.diagnosis.results import LaterClient
from lab.show.later_client_words import HEADING, later_client_words
from lab.show.text.paper import Paper, print_drawing
from lab.show.text.peer_text import bounded, key_words, listed, subject
from lab.tls.escape import printable
from lab.tracing.certificate_requests.results import (
    CertificateFit,
    ExplainedRequest,
    NoRequest,
    RequestReport,
    RequestTime,
    UnaskedConnections,
)
from lab.x509.certificates import describe, moment

_SIDE_BY_SIDE = 2
_MOST_SIGNATURES = 6
_MOST_TYPES = 8
_NO_KEY = "none that is known here"
_CLIENT = 40
"""The width of the column of clients."""
_SHORT = {Decision.SENDS_EMPTY: "empty Certificate"}
_STYLES = {
    Decision.SENDS: "green",
    Decision.SENDS_EMPTY: "yellow",
    Decision.BREAKS_OFF: "red",
    Decision.UNKNOWN: "dim",
}
_FIXES = {
    NoRequest.SEALED: "--keylog FILE opens it, where the secrets of a client or server were kept",
    NoRequest.NOT_CAPTURED: "begin the capture before the client connects, with whole packets",
    NoRequest.RESUMED: "the request is in the connection whose session it is",
}
_ELSEWHERE = (
    "a server may ask for another host name (--sni NAME) or another path (https://HOST:PORT/PATH)"
)
_LATER = (
    "A request that comes after the handshake is answered only by clients that can be asked then. "
    "Which certificate they send is not told: that was measured for requests in the handshake."
)


def print_requests(report: RequestReport, file: TextIO) -> None:
    """Write the report to ``file``, with styles if that is a terminal."""
    print_drawing(lambda paper: draw_requests(report, paper), file)


def draw_requests(report: RequestReport, paper: Paper) -> Iterator[Text]:
    """Yield the lines: each server's requests, then the connections without one."""
    servers = dict.fromkeys(request.server for request in report.requests)
    for server in servers:
        yield from _server([each for each in report.requests if each.server == server], paper)
    if report.later_clients:
        yield from _later(report.later_clients, paper)
    if report.requests and not report.certificates:
        yield from _advice(report.requests, paper)
    yield from _unasked(report, paper)
    if report.left_out:
        yield from paper.paragraph(
            f"{report.left_out:,} further connections differ from these, and are left out."
        )


def _server(requests: Sequence[ExplainedRequest], paper: Paper) -> Iterator[Text]:
    yield paper.rule(f"{bounded(requests[0].server)} asks for a client certificate")
    for begin in range(0, len(requests), _SIDE_BY_SIDE):
        some = requests[begin : begin + _SIDE_BY_SIDE]
        for label, values in _rows(some):
            yield from _row(label, values, paper)
        yield Text()
    selecting = [each for each in requests if each.selections]
    for begin in range(0, len(selecting), _SIDE_BY_SIDE):
        yield from _table(selecting[begin : begin + _SIDE_BY_SIDE], paper)
    if selecting:
        yield from _rules(selecting, paper)


def _row(label: str, values: Sequence[str], paper: Paper) -> Iterator[Text]:
    if label and len(set(values)) == 1:
        return paper.entry(label, values[0])
    return paper.columns(label, [[value] for value in values], [] if label else ["bold"] * 2)


def _rows(requests: Sequence[ExplainedRequest]) -> Iterator[tuple[str, list[str]]]:
    """Yield what is asked for: a label, and a value for each request."""
    yield "", [_name(request) for request in requests]
    yield "CA names", [_names(request) for request in requests]
    yield "keys", [_keys(each) for each in requests]
    yield "signatures", [listed(each.terms.signatures, _MOST_SIGNATURES) for each in requests]
    if any(each.terms.chain_signatures is not None for each in requests):
        yield "of chains", [_chain_signatures(each) for each in requests]
    if any(each.terms.types for each in requests):
        yield "types", [_types(each) for each in requests]
    if any(each.terms.filters for each in requests):
        yield "filters", [_filters(each.terms.filters) for each in requests]
    if any(each.numbers for each in requests):
        yield "seen in", [_seen(each.numbers, each.connections) for each in requests]
        yield "clients", [_answers(each) for each in requests]
    for number, fit in enumerate(requests[0].fits):
        about = f"{_file_name(fit.certificate)}: {_about(fit.certificate)}"
        yield "at hand", [about] * len(requests)
        yield "compared", [_fit(each.fits[number]) for each in requests]


def _keys(request: ExplainedRequest) -> str:
    keys, unknown = request.terms.keys, request.terms.unknown_schemes
    more = f"; {unknown} signature algorithms are not known here" if unknown else ""
    return f"{', '.join(keys) or _NO_KEY}{more}"


def _types(request: ExplainedRequest) -> str:
    types = request.terms.types
    return listed(types, _MOST_TYPES) if types else "-"


def _chain_signatures(request: ExplainedRequest) -> str:
    signatures = request.terms.chain_signatures
    return "the same" if signatures is None else listed(signatures, _MOST_SIGNATURES)


def _name(request: ExplainedRequest) -> str:
    if request.time is RequestTime.IN_HANDSHAKE:
        return str(request.version)
    return f"{request.version}, {request.time.value}"


def _names(request: ExplainedRequest) -> str:
    terms = request.terms
    if not terms.names:
        return "none: it says nothing of issuers"
    more = f"; and {terms.names_left_out:,} more" if terms.names_left_out else ""
    return "; ".join(map(bounded, terms.names)) + more


def _filters(count: int) -> str:
    return f"{count} extensions that the certificate must have (oid_filters)" if count else "-"


def _seen(numbers: Sequence[int], connections: int) -> str:
    more = f" and {connections - len(numbers):,} more" if connections > len(numbers) else ""
    word = "connection" if connections == 1 else "connections"
    return f"{word} {', '.join(map(str, numbers))}{more}"


def _answers(request: ExplainedRequest) -> str:
    if len(request.answers) == 1:
        return request.answers[0][0].value
    return "; ".join(f"{answer.value}: {count:,}" for answer, count in request.answers)


def _file_name(certificate: CertificateAtHand) -> str:
    return printable(PurePath(certificate.name).name)


def _about(certificate: CertificateAtHand) -> str:
    about = describe(certificate.chain[0])
    above = len(certificate.chain) - 1
    chain = {0: "alone", 1: "with 1 certificate above it"}.get(
        above, f"with {above} certificates above it"
    )
    until = f", valid until {moment(about.not_valid_after)}" if about.not_valid_after else ""
    return (
        f"{subject(certificate.chain[0])}, {key_words(about.public_key)}, issued by "
        f"{bounded(about.issuer) or 'nobody named'}{until}, {chain}"
    )


def _fit(fit: CertificateFit) -> str:
    key = {
        True: "its key is of a kind that is asked for",
        False: "its key is of no kind that is asked for",
        None: "whether its key is of a kind that is asked for cannot be told",
    }[fit.key_fits]
    if fit.named is None:
        return f"{key}; no CA is named"
    if not fit.named:
        return f"{key}; no CA named issued it, or one of its chain"
    return f"{key}; {bounded(fit.named)} is named, which issued it or one of its chain"


def _table(requests: Sequence[ExplainedRequest], paper: Paper) -> Iterator[Text]:
    """Yield what each kind of client would do, a column a request."""
    yield paper.rule("Who would send one?")
    heads = [[_name(request)] for request in requests]
    yield from paper.columns("", heads, ["bold"] * len(heads), column=_CLIENT)
    for selections in _by_client(requests):
        cells = [[_decision(selection)] for selection in selections]
        styles = [_STYLES[selection.decision] for selection in selections]
        name = selections[0].client.name
        yield from paper.columns(name, cells, styles, column=_CLIENT)
    yield Text()


def _by_client(
    requests: Sequence[ExplainedRequest],
) -> Iterator[tuple[ClientSelection, ...]]:
    """Yield the selections of each kind of client, one a request."""
    yield from zip(*(request.selections for request in requests), strict=True)


def _decision(selection: ClientSelection) -> str:
    if selection.decision is Decision.SENDS and selection.certificate is not None:
        return f"sends {_file_name(selection.certificate)}"
    return _SHORT.get(selection.decision, selection.decision.value)


def _rules(requests: Sequence[ExplainedRequest], paper: Paper) -> Iterator[Text]:
    yield paper.rule("By which rule?")
    for selections in _by_client(requests):
        client = selections[0].client
        yield from paper.paragraph(client.name, "bold")
        for rule in dict.fromkeys(each.rule for each in selections if each.rule):
            yield from paper.entry("rule", rule, indent=2)
        reasons: dict[str, list[str]] = {}
        for request, selection in zip(requests, selections, strict=True):
            reasons.setdefault(selection.reason, []).append(_name(request))
        for reason, names in reasons.items():
            which = "" if len(reasons) == 1 else f"{' and '.join(names)}: "
            yield from paper.entry("here", f"{which}{bounded(reason, 500)}", indent=2)
        for source, measured in dict.fromkeys(
            (each.source, each.measured) for each in selections if each.source
        ):
            yield from paper.entry("measured" if measured else "cited", source, indent=2)
    yield Text()


def _later(clients: Sequence[LaterClient], paper: Paper) -> Iterator[Text]:
    yield paper.rule("Who can be asked later?")
    yield from paper.paragraph(_LATER)
    yield from paper.entry("", _sentence(HEADING), column=0, style="dim")
    for client in clients:
        yield from paper.entry("", later_client_words(client), column=2)
    yield Text()


def _advice(requests: Sequence[ExplainedRequest], paper: Paper) -> Iterator[Text]:
    """Yield what a certificate must be like, where none is at hand."""
    yield paper.rule("What a certificate must be like")
    for lines in dict.fromkeys(tuple(_conditions(request)) for request in requests):
        names = [_name(each) for each in requests if tuple(_conditions(each)) == lines]
        if len(names) < len(requests):
            yield from paper.paragraph(" and ".join(dict.fromkeys(names)), "bold")
        for label, condition in lines:
            yield from paper.entry(label, condition)
    yield from paper.paragraph(
        "The request does not tell which certificates the server takes in the end: as a rule it "
        "also looks at who signed, at dates, and at the purpose (extendedKeyUsage with clientAuth, "
        "or none)."
    )
    yield from paper.paragraph(
        "--cert FILE tells which kinds of client would send that certificate here."
    )
    yield Text()


def _conditions(request: ExplainedRequest) -> Iterator[tuple[str, str]]:
    terms = request.terms
    yield "key", f"one of: {_keys(request)}"
    if terms.names:
        yield (
            "issuer",
            f"one of the CAs named, or one below them whose certificate is sent along; many "
            f"clients send none otherwise: {_names(request)}",
        )
    else:
        yield "issuer", "any, as far as the request says: it names no CA"
    if terms.signatures or terms.chain_signatures:
        signatures = terms.chain_signatures or terms.signatures
        yield "signed by", listed(signatures, _MOST_SIGNATURES)
    if terms.filters:
        yield "extensions", _filters(terms.filters)


def _unasked(report: RequestReport, paper: Paper) -> Iterator[Text]:
    """Yield the connections without a request; versions of a server that are alike as one."""
    alike: dict[UnaskedConnections, list[str]] = {}
    for unasked in report.unasked:
        versions = alike.setdefault(replace(unasked, version=None), [])
        versions += [str(unasked.version)] if unasked.version else []
    for unasked, versions in alike.items():
        which = f" ({' and '.join(versions)})" if versions else ""
        yield paper.rule(f"{bounded(unasked.server)}{which}")
        if unasked.numbers:
            yield from paper.entry("seen in", _seen(unasked.numbers, unasked.connections))
        detail = f": {printable(unasked.detail)}" if unasked.detail else ""
        yield from paper.paragraph(_sentence(f"{unasked.lack.value}{detail}"))
        fix = _FIXES.get(unasked.lack, "")
        if unasked.lack is NoRequest.NOT_ASKED and report.dialled:
            fix = _ELSEWHERE
        if fix:
            yield from paper.paragraph(_sentence(fix))
        yield Text()


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
