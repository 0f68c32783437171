"""An inspection as text: the contents of each file, then the problems."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TextIO

from rich.text import Text

from lab.inspecting.results import (
    Entry,
    FileReport,
    FoundProblem,
    Grade,
    InspectedCertificate,
    Inspection,
    KeyEntry,
    OtherEntry,
    RequestEntry,
    RoleVerdict,
)
from lab.show.text.paper import Paper, print_drawing
from lab.show.text.peer_text import bounded
from lab.tls.escape import printable
from lab.x509.certificates import CertificateDescription, moment

_MOST_NAMES = 20
_MOST_TEXT = 500
_STYLES = {
    Grade.REFUSED: "red",
    Grade.UNUSABLE: "red",
    Grade.SPIFFE_REFUSES: "red",
    Grade.SPIFFE_FORBIDS: "yellow",
    Grade.STRICT: "yellow",
    Grade.HIDDEN: "red",
    Grade.NOT_ASKED: "yellow",
    Grade.VERSION: "yellow",
    Grade.ACCEPTED: "yellow",
    Grade.AHEAD: "yellow",
    Grade.CONVERT: "yellow",
    Grade.NOT_READ: "yellow",
}

_Pair = tuple[str, str]


def print_inspection(inspection: Inspection, file: TextIO) -> None:
    """Write the inspection to ``file``, with styles if that is a terminal."""
    print_drawing(lambda paper: draw_inspection(inspection, paper), file)


def draw_inspection(inspection: Inspection, paper: Paper) -> Iterator[Text]:
    """Yield the lines: the files, then the problems."""
    for file in inspection.files:
        yield from _file(file, paper)
    problems = inspection.problems()
    if not problems:
        yield Text("No problems found.", "green")
        return
    yield paper.rule("1 problem" if len(problems) == 1 else f"{len(problems)} problems")
    for number, (place, problem) in enumerate(problems, start=1):
        yield Text()
        heading = f"{printable(place)}: {_cut(problem.summary)}"
        yield from paper.item(f"{number}", heading, _notes(problem))


def _file(file: FileReport, paper: Paper) -> Iterator[Text]:
    yield paper.rule(f"{printable(file.name)} ({file.form})")
    if file.encryption:
        yield from paper.entry("encryption", _listed(file.encryption))
    for entry in file.entries:
        for number, (label, value) in enumerate(entry_pairs(entry)):
            style = "" if number else "bold"
            yield from paper.entry(label, value, indent=0 if style else 2, style=style)
    yield Text()


def entry_pairs(entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield what is to be said of an entry as labels and values; the first names the entry."""
    if isinstance(entry, InspectedCertificate):
        yield from _certificate(entry)
    elif isinstance(entry, KeyEntry):
        yield from _key(entry)
    elif isinstance(entry, RequestEntry):
        yield "request", _cut(entry.description.subject) or "no subject"
        yield from _content(entry.description)
    elif isinstance(entry, OtherEntry):
        yield "other", f"{_cut(entry.label)}: not inspected"
    else:
        yield "CRL", f"issued by {_cut(entry.issuer)}"
        for label, time in (("thisUpdate", entry.this_update), ("nextUpdate", entry.next_update)):
            yield label, moment(time) if time else "none"
        yield "revoked", f"{entry.revoked} certificates" if entry.revoked != 1 else "1 certificate"


def _certificate(entry: InspectedCertificate) -> Iterator[_Pair]:
    about = entry.description
    yield "certificate", _cut(about.subject) or "no subject"
    if about.issuer:
        yield (
            "issuer",
            "same as the subject" if about.issuer == about.subject else _cut(about.issuer),
        )
    yield "serial", f"{about.serial:x}"
    if about.not_valid_before and about.not_valid_after and entry.left is not None:
        begin, end = about.not_valid_before, about.not_valid_after
        yield "valid", f"{begin:%Y-%m-%d %H:%M:%S} to {moment(end)}"
        yield "", _left(entry.left)
    yield from _content(about)
    for label, value in (("SKI", about.subject_key_identifier), ("AKI", _authority(about))):
        if value is not None:
            yield label, value if isinstance(value, str) else value.hex(":")
    yield "SHA-256", entry.sha256
    yield "SHA-1", entry.sha1
    yield "pin", f"sha256//{entry.pin}"
    if about.issuer != about.subject or entry.chain:
        yield "chain", _chain(entry)
    for verdict in entry.verdicts:
        yield f"as {verdict.role.value}", _verdict(verdict)
    if entry.trusted:
        yield "trusting", _cut(entry.trusted)


def _authority(about: CertificateDescription) -> str | None:
    serial = "" if about.authority_serial is None else f", serial {about.authority_serial:x}"
    if about.authority_key_identifier is None and not serial:
        return None
    return f"{(about.authority_key_identifier or b'').hex(':')}{serial}".removeprefix(", ")


def _content(about: CertificateDescription) -> Iterator[_Pair]:
    critical = about.critical_extensions

    def listed(name: str, values: Iterable[str] | None) -> str:
        return f"{_listed(values)}{' (critical)' if name in critical else ''}"

    yield "SAN", listed("subjectAltName", about.subject_alt_names)
    yield "EKU", listed("extendedKeyUsage", about.extended_key_usage)
    yield "key usage", listed("keyUsage", about.key_usage)
    is_ca = {True: "yes", False: "no", None: "not stated"}[about.is_ca]
    length = "" if about.path_length is None else f", path length {about.path_length}"
    yield "CA", f"{is_ca}{length}{' (critical)' if 'basicConstraints' in critical else ''}"
    for label, values in (
        ("permitted", about.permitted_names),
        ("excluded", about.excluded_names),
        ("CRLs", about.crl_addresses),
        ("issuer at", about.issuer_addresses),
        ("OCSP", about.ocsp_addresses),
        ("Netscape", about.netscape_types),
    ):
        if values:
            yield label, _listed(values)
    yield "key", f"{about.key_type} {about.key_bits or ''}".strip()
    yield "signature", about.signature_algorithm


def _key(entry: KeyEntry) -> Iterator[_Pair]:
    kind = entry.kind or "unknown type"
    yield "private key", f"{kind}, {'encrypted' if entry.encrypted else 'not encrypted'}"
    if entry.fits:
        yield "matches", _listed(entry.fits)
    elif entry.read:
        yield "matches", "nothing in these files"
    else:
        yield "matches", "cannot be told, as it was not read"


def _chain(entry: InspectedCertificate) -> str:
    whole = "" if entry.chain_whole else "; the next issuer is not in these files"
    above = ", then ".join(map(_cut, entry.chain[:_MOST_NAMES]))
    return f"{above}{whole}" if above else "the issuer is not in these files"


def _verdict(verdict: RoleVerdict) -> str:
    if not verdict.plain.accepted:
        return f"OpenSSL refuses it: {verdict.plain}"
    if not verdict.strict.accepted:
        return f"OpenSSL accepts it, and refuses it with VERIFY_X509_STRICT: {verdict.strict}"
    return "OpenSSL accepts it"


def _left(left: timedelta) -> str:
    days = abs(left) // timedelta(days=1)
    shown = "1 day" if days == 1 else f"{days} days"
    return f"expired {shown} ago" if left < timedelta(0) else f"{shown} left"


def _listed(values: Iterable[str] | None) -> str:
    if values is None:
        return "none"
    shown = list(values)
    more = [f"and {len(shown) - _MOST_NAMES} more"] if len(shown) > _MOST_NAMES else []
    return ", ".join([*map(_cut, shown[:_MOST_NAMES]), *more]) or "none"


def _notes(problem: FoundProblem) -> Iterator[tuple[str, str, str]]:
    yield "so", problem.grade.value, _STYLES[problem.grade]
    for label, lines in (("OpenSSL", problem.said), ("seen", problem.evidence)):
        for line in lines:
            yield label, _cut(line), ""
    yield "see", problem.reference, ""
    yield "fix", printable(problem.fix), "green"


def _cut(text: str) -> str:
    return bounded(text, _MOST_TEXT)
