"""What is false in the causes of a trace whose truth is known."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from lab.diagnosis.results import Cause
from lab.show.text.trace_text import print_brief
from tests.diagnosis.truth.sentences import CAUSES, CLAIMS, EVIDENCE, FIXES, SUMMARIES, Known
from tests.diagnosis.truth.setup import Reason

# What is not on the wire: such a cause may stand below the first one as one that fits as well.
INVISIBLE = frozenset(
    {
        "client-ca-not-trusted",
        "client-intermediate-missing",
        "client-crl-unusable",
        "client-certificate-revoked",
        "client-ca-expired",
        "client-name-constraints-violated",
        "client-bad-certificate-signature",
        "client-wrong-extended-key-usage",
        "server-clock",
        "client-clock",
        "http-wrong-host",
        "server-intermediate-missing",
        "server-ca-not-trusted",
        "server-crl-unusable",
        "no-common-version",
        "no-common-cipher-suite",
        "no-common-group",
        "no-common-signature-algorithm",
        "unknown-server-name",
    }
)

# Causes that only say that the reason cannot be told.
NEUTRAL = frozenset(
    {
        "client-certificate-refused",
        "refused-at-hello",
        "refused-without-alert",
        "refused-in-handshake",
        "unknown",
    }
)


# Where the reason cannot be told, it must be among those that are called possible.
POSSIBLE = {
    Reason.NO_CERTIFICATE: "the client presented no certificate",
    Reason.SUBJECT: "the subject of the client's certificate",
    Reason.HOST: "the client sent no host name (SNI)",
    Reason.PROTOCOL: "no application protocol was agreed on",
    Reason.LATE: "post-handshake",
    Reason.REQUEST: "the request itself",
    Reason.CRASH: "a fault of the server's",
}

# Words by which a cause says that it is one of several that fit.
_HEDGE = re.compile(
    r"look the same on the wire|may be another one|cannot be told|cannot tell|"
    r"inferred from the alert alone|one of several|if the server|not visible on the wire|"
    r"is not in use for this|\bmay\b|seems to|most likely|one of"
)
_BRIEF_DOUBT = re.compile(
    r"which one cannot be told|if the server uses the files given|cannot be told from here|"
    r"\bmay\b|seems to"
)
_DENIED = re.compile(r"the alert \S+ is not in use for this")


def is_hedged(cause: Cause) -> bool:
    """Return whether a cause says of itself that it is not certain."""
    return any(map(_HEDGE.search, (cause.summary, *cause.evidence)))


def lies(known: Known) -> Iterator[str]:
    """Yield each sentence of a trace's causes that is false, or that no row knows."""
    for index, cause in enumerate(known.trace.causes):
        yield from _lies_of_cause(cause, known, is_first=index == 0)
        for pattern, holds in SUMMARIES:
            if re.search(pattern, cause.summary) and not holds(known):
                yield f"false summary: {cause.summary}"
        for line in cause.evidence:
            yield from _lies_in(line, known)
        for pattern, holds in FIXES:
            if re.search(pattern, cause.fix) and not holds(known):
                yield f"false advice: {cause.fix}"


def brief_lies(known: Known) -> Iterator[str]:
    """Yield the line of the brief form that states a cause, if that is false and not doubted."""
    file = io.StringIO()
    print_brief([known.trace], file)
    line = file.getvalue().splitlines()[1]
    rule = CAUSES.get(known.trace.causes[0].code)
    if rule and not rule(known) and not _BRIEF_DOUBT.search(line):
        yield f"false in brief: {line}"


def _lies_of_cause(cause: Cause, known: Known, *, is_first: bool) -> Iterator[str]:
    rule = CAUSES.get(cause.code)
    if rule is None:
        yield f"unknown cause {cause.code}: {cause.summary}"
    elif not rule(known) and not (cause.code in INVISIBLE and is_hedged(cause)):
        yield f"false cause {cause.code}{' as first' if is_first else ''}: {cause.summary}"
    if cause.code in known.truth.codes and any(map(_DENIED.fullmatch, cause.evidence)):
        yield f"true cause denied: {cause.code}: {cause.evidence}"
    words = POSSIBLE.get(known.setup.application.reason, "no reason to end")
    if cause.code == "no-answer" and words not in " ".join(cause.evidence):
        yield f"not among what is called possible: {words}"


def _lies_in(line: str, known: Known) -> Iterator[str]:
    said = [rule(known) for pattern, rule in EVIDENCE if re.fullmatch(pattern, line)]
    for pattern, holds in CLAIMS:
        if found := re.fullmatch(pattern, line):
            said.append(holds(known, found))
    if not said:
        yield f"unknown evidence: {line}"
    elif not all(said):
        yield f"false evidence: {line}"
