"""Kinds of mistakes that the findings of a client show, taken together.

Rules: a kind is named where the client accepted a server that tells of it, and no greater kind says
the same. What was not tried speaks for nothing.

This module must not know how a finding came about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.probing.clients.results import (
    ClientFinding,
    ClientMistake,
    ClientVerdict,
    ServerFamily,
)
from lab.probing.results import Norm

_JUDGED = (ServerFamily.CERTIFICATE, ServerFamily.NAME, ServerFamily.CHAIN)
_UNISSUED = ("untrusted-ca", "self-signed", "ca-of-the-same-name", "intermediate-not-sent")
_LEAST = 4  # servers that are accepted before it is said that nothing is verified at all


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """A kind of mistake: which of these servers, accepted, show it.

    ``unless`` names a server which, accepted, shows a greater kind, and ``given`` one without which
    it is another kind; "" for none.
    """

    code: str
    summary: str
    servers: tuple[str, ...]
    fix: str
    unless: str = ""
    given: str = ""


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
_BEHIND_THE_ISSUER = (
    _Kind(
        code="name-not-checked",
        summary="it does not check that the certificate is for the host that it connects to",
        servers=("wrong-name", "name-begins-alike", "nul-in-name", "cn-only-by-address"),
        given="wrong-name",
        fix="leave the check of the host name on, which is a setting of its own in many libraries",
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
        summary="it compares the beginning of the name only",
        servers=("name-begins-alike", "nul-in-name"),
        unless="wrong-name",
        fix="let the TLS library compare names; do not do it by hand",
    ),
    _Kind(
        code="dates-not-checked",
        summary="it does not heed the dates of certificates",
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
            "tampered-signature",
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
    first = [each for each in accepted if each not in clear and each not in again]
    concealed = [each for each in findings if each.verdict is ClientVerdict.CONCEALED]
    mistakes = [
        _mistake(kind, shown) for kind, shown in ((_CLEAR, clear), (_AGAIN, again)) if shown
    ]
    mistakes += _about_certificates(first, findings)
    mistakes += _all_shown(_ELSEWHERE, accepted=first, known=accepted)
    if concealed:
        mistakes.append(_mistake(_CONCEALED, concealed, "refused with exit code 0"))
    return tuple(mistakes)


def _about_certificates(
    accepted: Sequence[ClientFinding], findings: Sequence[ClientFinding]
) -> list[ClientMistake]:
    bad = [
        finding
        for finding in findings
        if finding.server.family in _JUDGED and finding.server.norm is Norm.REFUSE
    ]
    taken = [finding for finding in bad if finding in accepted]
    if len(taken) == len(bad) >= _LEAST:
        return [_mistake(_NOTHING, taken)]
    return _all_shown((_NO_ISSUER, *_BEHIND_THE_ISSUER), accepted=accepted, known=accepted)


def _all_shown(
    kinds: Sequence[_Kind], *, accepted: Sequence[ClientFinding], known: Sequence[ClientFinding]
) -> list[ClientMistake]:
    """Return those of ``kinds`` that ``accepted`` shows; ``known`` may show a greater one."""
    mistakes, names = [], {finding.server.name for finding in known}
    for kind in kinds:
        shown = [finding for finding in accepted if finding.server.name in kind.servers]
        if shown and kind.unless not in names and (not kind.given or kind.given in names):
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
