"""Kinds of mistakes that the findings of a client show, taken together.

Rules: a kind is named where the client accepted a server that tells of it, and no greater kind says
the same. What was not tried speaks for nothing.

This module must not know how a finding came about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.probing.clients.results import (
    ClientConduct,
    ClientFinding,
    ClientMistake,
    ClientVerdict,
    ServerFamily,
)
from lab.probing.results import Norm

_JUDGED = (ServerFamily.CERTIFICATE, ServerFamily.NAME, ServerFamily.CHAIN)
_UNISSUED = (
    "untrusted-ca",
    "self-signed",
    "ca-of-the-same-name",
    "tampered-signature",
    "intermediate-not-sent",
)
# What is accepted, at the least, before it is said that nothing is verified at all.
_ALL_KINDS = {"untrusted-ca", "wrong-name", "expired"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """A kind of mistake: which of these servers, accepted, show it.

    ``unless`` names a server which, accepted, shows a greater kind, ``given`` one without which it
    is another kind, ``refused`` one that must have been refused, and ``open`` one of which neither
    is known; "" for none.
    """

    code: str
    summary: str
    servers: tuple[str, ...]
    fix: str
    unless: str = ""
    given: str = ""
    refused: str = ""
    open: str = ""


_CLEAR = _Kind(
    code="goes-on-in-the-clear",
    summary="it sends its request without TLS where TLS fails",
    servers=(),
    fix="do not try again with http:// where https:// fails",
)
_AGAIN = _Kind(
    code="verification-given-up",
    summary="it refuses the server, and then connects again and verifies less",
    servers=(),
    fix="let the client fail where verification fails; do not try again without it",
)
_LATE = _Kind(
    code="checked-too-late",
    summary="it fails, but sends its request before: what it checks, it checks too late",
    servers=(),
    fix="verify the certificate and the host name before anything is sent, best by the TLS library",
)
_NOTHING = _Kind(
    code="nothing-verified",
    summary="it does not verify the server's certificate at all",
    servers=(),
    fix="leave verification and the check of the host name on, and hand the client the CA's "
    "certificate",
)
_CONCEALED = _Kind(
    code="refusal-concealed",
    summary="it refuses the server, and its exit code is 0: whoever runs it does not learn",
    servers=(),
    fix="exit with another code than 0 where the connection fails",
)
_NO_ISSUER = _Kind(
    code="issuer-not-verified",
    summary="it does not verify that a CA that it trusts has issued the server's certificate",
    servers=_UNISSUED,
    fix="leave verification on, and hand the client the CA's certificate, and no other's",
)
_ALIKE = ("name-begins-alike", "name-ends-alike", "nul-in-name", "cn-beside-other-name")
_BEHIND_THE_ISSUER = (
    _Kind(
        code="name-not-checked",
        summary="it does not check that the certificate is for the host that it connects to",
        servers=("wrong-name", *_ALIKE, "cn-only-by-address"),
        given="wrong-name",
        fix="leave the check of the host name on, which is a setting of its own in many libraries",
    ),
    _Kind(
        code="other-name-accepted",
        summary="it takes a certificate that is not for the host that it connects to",
        servers=_ALIKE,
        open="wrong-name",
        fix="leave the check of the host name on; try wrong-name, too, to see if there is any",
    ),
    _Kind(
        code="address-not-checked",
        summary="it does not look for the address that it connects to in the certificate",
        servers=("cn-only-by-address",),
        unless="wrong-name",
        fix="check the certificate for the address (IP:… in subjectAltName), or connect by name",
    ),
    _Kind(
        code="name-checked-in-part",
        summary="it compares parts of the name only",
        servers=("name-begins-alike", "name-ends-alike", "nul-in-name"),
        refused="wrong-name",
        fix="let the TLS library compare names; do not do it by hand",
    ),
    _Kind(
        code="cn-counts-beside-names",
        summary="it takes the CN for the host's name though there are names in subjectAltName",
        servers=("cn-beside-other-name",),
        refused="wrong-name",
        fix="let the TLS library compare names; leave the CN out (RFC 9525 section 2)",
    ),
    _Kind(
        code="dates-not-checked",
        summary="it takes certificates outside of the time in which they are valid",
        servers=("expired", "not-yet-valid", "intermediate-expired"),
        fix="let no callback pass over expiry; set the clock of the machine",
    ),
    _Kind(
        code="purpose-not-checked",
        summary="it takes the certificate of a client for that of a server",
        servers=("eku-client-only",),
        fix="let the TLS library verify for the purpose of a server",
    ),
    _Kind(
        code="path-not-validated",
        summary="it does not heed what a CA has laid down for those below it",
        servers=(
            "intermediate-not-a-ca",
            "path-length-exceeded",
            "name-constraints-violated",
            "unknown-critical-extension",
        ),
        unless="untrusted-ca",
        fix="let the TLS library validate the path (RFC 5280 section 6); do not do it by hand",
    ),
    _Kind(
        code="weak-signature",
        summary="it takes certificates signed with SHA-1",
        servers=("sha1-signature",),
        fix="forbid SHA-1 in certificates in the settings of the TLS library",
    ),
)
_ELSEWHERE = (
    _Kind(
        code="old-versions",
        summary="it speaks versions of TLS that must not be used any more (RFC 8996)",
        servers=("tls1.0-only", "tls1.1-only"),
        fix="let the client speak TLS 1.2 and 1.3 only",
    ),
    _Kind(
        code="weak-ciphers",
        summary="it offers ciphers without encryption, or without authentication",
        servers=("no-encryption", "anonymous"),
        fix="let the client offer its library's default ciphers",
    ),
    _Kind(
        code="handshake-not-verified",
        summary="it does not verify what proves that the server has the certificate's key",
        servers=("key-exchange-signature", "certificate-verify", "finished-wrong"),
        fix="use another TLS library, or the checks that this one leaves to its user",
    ),
    _Kind(
        code="resumption-not-verified",
        summary="it does not judge a certificate that comes after another one",
        servers=("certificate-on-return",),
        unless="untrusted-ca",
        fix="verify in each full handshake",
    ),
    _Kind(
        code="failure-taken-for-success",
        summary="its exit code is 0 though the server refused it, or the answer was cut off",
        servers=("client-refused", "answer-cut-off"),
        fix="read the whole answer, and exit with another code than 0 where it does not come",
    ),
)


def mistakes_of(findings: Sequence[ClientFinding]) -> tuple[ClientMistake, ...]:
    """Return the kinds of mistakes that ``findings`` show, the greatest first."""
    accepted = [each for each in findings if each.verdict is ClientVerdict.LET_IN]
    clear = [finding for finding in accepted if finding.in_clear]
    # A client that connects twice to the good server, too, gives nothing up.
    always = any(each.refused_first for each in findings if each.server.norm is Norm.ACCEPT)
    again = [each for each in accepted if each.refused_first and not (each.in_clear or always)]
    late = [each for each in accepted if _is_late(each) and each not in (*clear, *again)]
    first = [each for each in accepted if each not in (*clear, *again, *late)]
    concealed = [each for each in findings if each.verdict is ClientVerdict.CONCEALED]
    mistakes = [
        _mistake(kind, shown)
        for kind, shown in ((_CLEAR, clear), (_AGAIN, again), (_LATE, late))
        if shown
    ]
    mistakes += _about_certificates(first, findings)
    mistakes += _all_shown(_ELSEWHERE, accepted=first, known=accepted, tried=findings)
    if concealed:
        mistakes.append(_mistake(_CONCEALED, concealed, "refused with exit code 0"))
    return tuple(mistakes)


def _is_late(finding: ClientFinding) -> bool:
    """Whether the client failed behind a request that it had sent: the good server's run did not.

    A time-out, or a signal, is no check.
    """
    code = finding.exit_code
    return finding.server.family in _JUDGED and code is not None and code > 0


def _about_certificates(
    accepted: Sequence[ClientFinding], findings: Sequence[ClientFinding]
) -> list[ClientMistake]:
    bad = [
        finding
        for finding in findings
        if finding.server.family in _JUDGED and finding.server.norm is Norm.REFUSE
    ]
    taken = [finding for finding in bad if finding in accepted]
    if len(taken) == len(bad) and {finding.server.name for finding in taken} >= _ALL_KINDS:
        return [_mistake(_NOTHING, taken)]
    kinds = (_NO_ISSUER, *_BEHIND_THE_ISSUER)
    return _all_shown(kinds, accepted=accepted, known=accepted, tried=findings)


def _all_shown(
    kinds: Sequence[_Kind],
    *,
    accepted: Sequence[ClientFinding],
    known: Sequence[ClientFinding],
    tried: Sequence[ClientFinding],
) -> list[ClientMistake]:
    """Return those of ``kinds`` that ``accepted`` shows, of all that were ``tried``.

    ``known`` may show a greater one.
    """
    mistakes, names = [], {finding.server.name for finding in known}
    refused = {each.server.name for each in tried if each.conduct is ClientConduct.REFUSED}
    for kind in kinds:
        shown = [finding for finding in accepted if finding.server.name in kind.servers]
        applies = (
            kind.unless not in names
            and (not kind.given or kind.given in names)
            and (not kind.refused or kind.refused in refused)
            and (not kind.open or kind.open not in refused | names)
        )
        if shown and applies:
            mistakes.append(_mistake(kind, shown))
    return mistakes


def _mistake(
    kind: _Kind, findings: Sequence[ClientFinding], verb: str = "accepted"
) -> ClientMistake:
    names = dict.fromkeys(finding.server.name for finding in findings)
    return ClientMistake(
        code=kind.code,
        summary=kind.summary,
        evidence=(f"{verb}: {', '.join(names)}",),
        fix=kind.fix,
    )
