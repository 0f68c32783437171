"""Revocation lists: what they say, and what keeps OpenSSL from using one (RFC 5280 section 6.3.3).

Rules: as for certificates, these are causes; OpenSSL is the judge.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lab.inspecting.certificate_problems import SeenProblem
from lab.inspecting.chain_problems import Chain, Holder
from lab.inspecting.results import FoundProblem, Grade, unreadable
from lab.x509 import der, problems
from lab.x509.certificate_extensions import EXTENSIONS
from lab.x509.certificates import CertificateDescription, describe, moment
from lab.x509.chains import End
from lab.x509.names import distinguished_name, same_name
from lab.x509.signatures import signature_verifies

_DELTA, _ISSUING_POINT = "2.5.29.27", "2.5.29.28"
_KEY_IDENTIFIER = "2.5.29.35"
_KNOWN = frozenset({_DELTA, _ISSUING_POINT, _KEY_IDENTIFIER})  # those that may be critical
# The flags of an issuing distribution point (RFC 5280 section 5.2.5) that narrow its scope.
_SCOPES = {0x81: "user certificates", 0x82: "CA certificates", 0x85: "attribute certificates"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """What a CRL says. ``revoked`` are the serial numbers on it, each with its date in DER.

    ``obstacle`` is what keeps OpenSSL from using the list for any certificate, "" where nothing
    does; ``problem`` what could not be read.
    """

    der: bytes = field(repr=False)
    issuer: str = ""
    issuer_der: bytes = b""
    this_update: datetime | None = None
    next_update: datetime | None = None
    revoked: Mapping[int, bytes] = field(default_factory=dict, repr=False)
    key_identifier: bytes | None = None
    obstacle: str = ""
    problem: str = ""
    signed: bytes = field(default=b"", repr=False)
    algorithm: bytes = b""
    signature: bytes = b""

    def revoked_since(self, serial: int) -> str:
        """Return since when a certificate is revoked, "" where it is not on the list."""
        date = self.revoked.get(serial)
        if date is None:
            return ""
        try:
            return moment(der.moment_of(der.elements(date)[0]))
        except ValueError:
            return "a time that cannot be read"

    @classmethod
    def of(cls, data: bytes) -> Revocation:
        """Read a CRL in DER; what cannot be read is left out, and ``problem`` says so."""
        try:
            return cls(der=data, **_read(data))
        except ValueError as error:
            return cls(der=data, problem=f"not a readable CRL: {error}")


def _read(data: bytes) -> dict[str, Any]:
    signed, algorithm, signature = der.parts(data)
    fields = der.elements(signed.content)
    if fields and fields[0].tag == der.INTEGER:
        fields = fields[1:]
    _, issuer, this_update, *rest = fields
    times = [element for element in rest if element.tag in (der.UTC_TIME, der.GENERALIZED_TIME)]
    listed = [element for element in rest if element.tag == der.SEQUENCE]
    extensions = [element for element in rest if element.tag == 0xA0]
    return {
        "issuer": distinguished_name(issuer.encode()),
        "issuer_der": issuer.encode(),
        "this_update": der.moment_of(this_update),
        "next_update": der.moment_of(times[0]) if times else None,
        "revoked": _revoked(listed[0].content) if listed else {},
        "signed": signed.encode(),
        "algorithm": algorithm.encode(),
        "signature": signature.content[1:],
        **_extensions(extensions[0].content if extensions else b""),
    }


def _revoked(data: bytes) -> dict[int, bytes]:
    """Return the entries of a list, of which there may be hundreds of thousands."""
    found = {}
    for _, content, end in der.spans(data, 0, len(data)):
        serial, date, *_ = der.spans(data, content, end)
        found[int.from_bytes(data[serial[1] : serial[2]], "big", signed=True)] = data[
            date[0] : date[2]
        ]
    return found


def _extensions(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for extension in der.parts(data) if data else ():
        kind, *flag, value = der.elements(extension.content)
        number = der.dotted(kind.content)
        if number == _KEY_IDENTIFIER:
            elements = {element.tag: element.content for element in der.parts(value.content)}
            found["key_identifier"] = elements.get(0x80)
        elif number == _DELTA:
            found["obstacle"] = "it is a delta CRL, which OpenSSL uses only where it is told to"
        elif number == _ISSUING_POINT and (scopes := _scopes(value.content)):
            found["obstacle"] = f"it is for {scopes} only (issuingDistributionPoint)"
        if flag and flag[0].content != b"\0" and number not in _KNOWN:
            name = EXTENSIONS.get(number, (number,))[0]
            found["obstacle"] = f"its extension {name} is critical, and OpenSSL does not know it"
    return found


def _scopes(value: bytes) -> str:
    flags = [element.tag for element in der.parts(value) if element.content != b"\0"]
    return " and ".join(_SCOPES[tag] for tag in flags if tag in _SCOPES)


def revocations(chain: Chain, lists: Sequence[Revocation], now: datetime) -> Iterator[SeenProblem]:
    """Yield whether the first certificate of a chain is revoked."""
    certificate, *above = chain.whole
    for one in lists if above else ():
        since = one.revoked_since(certificate.serial)
        if not since or not same_name(one.issuer_der, above[0].subject_der):
            continue
        if not unusable_because(one, above[0], now):
            line = (
                f"since {since}, by the CRL of {above[0].subject}; a server without that "
                "CRL accepts it"
            )
            yield SeenProblem(problem=problems.REVOKED, evidence=(line,))


def uncovered(chain: Chain, lists: Sequence[Revocation], now: datetime) -> Iterator[SeenProblem]:
    """Yield the CAs of a chain for which there is no list to use, once there are lists at all."""
    found = []
    for _, issuer in _pairs(chain) if lists else ():
        own = [one for one in lists if same_name(one.issuer_der, issuer.subject_der)]
        reasons = [unusable_because(one, issuer, now) for one in own]
        if all(reasons):
            why = "; ".join(reasons) or "there is none in these files"
            found.append(f"the CRL of {issuer.subject}: {why}")
    if found:
        evidence = tuple(dict.fromkeys(found))[:3]
        yield SeenProblem(problem=problems.CRL_UNUSABLE, evidence=evidence)


def _pairs(chain: Chain) -> Iterator[tuple[CertificateDescription, CertificateDescription]]:
    """Yield each certificate of a chain with its issuer; a root is its own."""
    whole = chain.whole
    yield from itertools.pairwise(whole)
    if chain.end is End.ROOT:
        yield whole[-1], whole[-1]


def unusable_because(revocation: Revocation, issuer: CertificateDescription, now: datetime) -> str:
    """Return what keeps OpenSSL from using a list of this issuer, "" where nothing is seen."""
    identifiers = (revocation.key_identifier, issuer.subject_key_identifier)
    begin, end = revocation.this_update, revocation.next_update
    if revocation.obstacle:
        return revocation.obstacle
    if None not in identifiers and identifiers[0] != identifiers[1]:
        return "its authorityKeyIdentifier names another key than the CA's"
    if issuer.key_usage is not None and "cRLSign" not in issuer.key_usage:
        return "the keyUsage of the CA lacks cRLSign"
    if begin is not None and now < begin:
        return f"it is not valid before {moment(begin)}"
    if end is not None and now > end:
        return f"nextUpdate was {moment(end)}"
    verifies = signature_verifies(
        issuer.public_key, revocation.signed, revocation.algorithm, revocation.signature
    )
    return "its signature does not verify with the key of the CA" if verifies is False else ""


def list_problems(
    revocation: Revocation, pool: Sequence[Holder], now: datetime
) -> Iterator[FoundProblem]:
    """Yield what is wrong with a CRL, as far as it shows without a certificate to judge."""
    if revocation.problem:
        yield unreadable(revocation.problem, "the CRL")
        return
    issuers = [
        about
        for about in {holder.certificate: describe(holder.certificate) for holder in pool}.values()
        if same_name(about.subject_der, revocation.issuer_der)
    ]
    reasons = [unusable_because(revocation, issuer, now) for issuer in issuers or [_NOBODY]]
    if all(reasons):
        evidence = tuple(dict.fromkeys(reasons))[:3]
        yield FoundProblem.of(problems.CRL_UNUSABLE, Grade.NOT_ASKED, *evidence)


_NOBODY = CertificateDescription()
