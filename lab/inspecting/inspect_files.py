"""Inspecting files: their contents, and the flaws of those for mutual TLS.

Rules: the present comes in as ``now``. Files that are given together are checked together: which
key belongs to which certificate, which chain is complete, which certificate is on which CRL. The
contents of a file never raise: what cannot be parsed further is a finding.

This module must not know how files are read or findings shown.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from lab.inspecting import results
from lab.inspecting.certificate_problems import flaws, suitability
from lab.inspecting.certificate_under_check import CertificateUnderCheck
from lab.inspecting.chain_problems import (
    Chain,
    Holder,
    chain_flaws,
    chain_of,
)
from lab.inspecting.file_problems import file_flaws
from lab.inspecting.results import (
    Entry,
    FileProblem,
    FileReport,
    FoundProblem,
    Grade,
    InspectedCertificate,
    Inspection,
    KeyEntry,
    OtherEntry,
    RequestEntry,
    RevocationListEntry,
    TlsRole,
)
from lab.pki.files.crl_files import signed_by
from lab.pki.files.file_contents import Contents, OtherBlock, StoredKey
from lab.x509.certificates import (
    CertificateDescription,
    describe,
    describe_request,
    distinguished,
)
from lab.x509.chains import End, path_of
from lab.x509.describe import moment

_DER = serialization.Encoding.DER


def inspect(files: Sequence[Contents], *, now: datetime, role: TlsRole | None = None) -> Inspection:
    """Inspect ``files`` together; ``now`` is aware.

    With a ``role``, certificates that are no CAs, and all whose key is among the files, are checked
    for that role.
    """
    with warnings.catch_warnings():
        # The library warns of irregular certificates; the findings report those that matter.
        warnings.simplefilter("ignore")
        desk = _desk(files, now, role)
        return Inspection(files=tuple(_file(each, desk) for each in files))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """All that the files hold, sorted: the readable certificates, those among them that issued
    others, the roots, the lists, the public halves of private keys, and the public keys of
    certificates and requests with the names of those.
    """

    now: datetime
    role: TlsRole | None
    pool: tuple[Holder, ...]
    roots: tuple[x509.Certificate, ...]
    issuers: frozenset[x509.Certificate]
    lists: tuple[x509.CertificateRevocationList, ...]
    keys: frozenset[bytes]
    owners: tuple[tuple[bytes, str], ...]

    def subject(self, certificate: x509.Certificate) -> CertificateUnderCheck:
        """Return a readable certificate with its relations to the other files."""
        return CertificateUnderCheck(
            certificate=certificate,
            description=_description(certificate),
            now=self.now,
            shown=_public_bytes(certificate) in self.keys,
            issues=certificate in self.issuers,
            role=self.role,
        )


def _desk(files: Sequence[Contents], now: datetime, role: TlsRole | None) -> _Desk:
    pool = []
    lists = []
    keys = []
    owners = []
    for file in files:
        for number, item in enumerate(file.items, start=1):
            if isinstance(item, x509.CertificateRevocationList):
                lists.append(item)
            elif isinstance(item, StoredKey) and item.public is not None:
                keys.append(item.public)
            elif isinstance(item, x509.Certificate | x509.CertificateSigningRequest):
                owner = results.place(str(file.path), number, len(file.items))
                owners.append((_public_bytes(item), owner))
                if isinstance(item, x509.Certificate) and not _description(item).problem:
                    pool.append(Holder(certificate=item, file=str(file.path)))
    certificates = [each.certificate for each in pool]
    above = [path_of(each, certificates).above for each in dict.fromkeys(certificates)]
    desk = _Desk(
        now=now,
        role=role,
        pool=tuple(pool),
        roots=(),
        issuers=frozenset(each for path in above for each in path),
        lists=tuple(lists),
        keys=frozenset(keys),
        owners=tuple(owners),
    )
    subjects = map(desk.subject, dict.fromkeys(certificates))
    roots = tuple(each.certificate for each in subjects if each.self_signed and each.is_authority)
    return replace(desk, roots=roots)


def _file(file: Contents, desk: _Desk) -> FileReport:
    name = str(file.path)
    sent = [each for each in file.certificates() if not _description(each).problem]
    ends = [each for each in sent if desk.subject(each).is_end]
    findings: tuple[FoundProblem, ...] = ()
    if file.form == "PEM" and ends and len(sent) > 1:
        pool = [*sent, *(each.certificate for each in desk.pool)]
        findings = tuple(file_flaws(sent, ends, path_of(ends[0], pool).above))
    return FileReport(
        name=name,
        form=file.form,
        entries=tuple(_entry(each, name, desk) for each in file.items),
        findings=findings,
    )


def _entry(item: object, file: str, desk: _Desk) -> Entry:
    if isinstance(item, x509.Certificate):
        return _certificate(item, file, desk)
    if isinstance(item, StoredKey):
        return _key(item, desk)
    if isinstance(item, x509.CertificateSigningRequest):
        return _request(item)
    if isinstance(item, x509.CertificateRevocationList):
        return _list(item, desk)
    assert isinstance(item, OtherBlock)
    return OtherEntry(label=item.label)


def _certificate(certificate: x509.Certificate, file: str, desk: _Desk) -> InspectedCertificate:
    description = _description(certificate)
    if description.problem:
        return _unreadable(description)
    subject = desk.subject(certificate)
    roles = suitability(subject)
    chain = chain_of(Holder(certificate=certificate, file=file), desk.pool, desk.roots)
    findings = [*flaws(subject), *_revocations(certificate, chain, desk)]
    if subject.is_end and not subject.self_signed:
        findings += chain_flaws(chain, [r for r in roles if desk.role in (None, r.role)])
    return InspectedCertificate(
        description=description,
        left=certificate.not_valid_after_utc - desk.now,
        roles=roles if subject.is_end else (),
        chain=tuple(f"{distinguished(e.certificate.subject)} ({e.file})" for e in chain.above),
        chain_whole=chain.end is End.ROOT,
        findings=tuple(findings),
    )


def _unreadable(description: CertificateDescription) -> InspectedCertificate:
    finding = FoundProblem(
        flaw=FileProblem.UNREADABLE,
        grade=Grade.REFUSED,
        summary="the certificate cannot be parsed completely",
        evidence=(description.problem,),
        reference="RFC 5280 section 4.1",
        fix="fetch or issue it again",
    )
    return InspectedCertificate(
        description=description,
        left=None,
        roles=(),
        chain=(),
        chain_whole=False,
        findings=(finding,),
    )


def _revocations(
    certificate: x509.Certificate, chain: Chain, desk: _Desk
) -> Iterator[FoundProblem]:
    issuer = next((each.certificate for each in chain.above), None)
    for each in desk.lists:
        if issuer is None or each.issuer != certificate.issuer:
            continue
        entry = each.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if entry is not None and signed_by(each, issuer):
            yield FoundProblem(
                flaw=FileProblem.REVOKED,
                grade=Grade.REFUSED,
                summary="the certificate is revoked",
                evidence=(
                    f"since {moment(entry.revocation_date_utc)}, by the CRL of "
                    f"{moment(each.last_update_utc)}; a server without that CRL accepts it",
                ),
                reference="RFC 5280 section 5",
                fix="generate a new key, and have it certified",
            )


def _key(key: StoredKey, desk: _Desk) -> KeyEntry:
    fits = tuple(owner for public, owner in desk.owners if public == key.public)
    findings: tuple[FoundProblem, ...] = ()
    if key.public is not None and desk.owners and not fits:
        findings = (
            FoundProblem(
                flaw=FileProblem.KEY_DOES_NOT_FIT,
                grade=Grade.UNUSABLE,
                summary="the private key matches no certificate or request in these files",
                evidence=(f"certificates and requests compared: {len(desk.owners)}",),
                reference="RFC 9846 section 4.5.2",
                fix="find the key that belongs to the certificate, or have this one certified",
            ),
        )
    return KeyEntry(kind=key.kind, encrypted=key.encrypted, fits=fits, findings=findings)


def _request(request: x509.CertificateSigningRequest) -> RequestEntry:
    description = describe_request(request.public_bytes(_DER))
    findings: tuple[FoundProblem, ...] = ()
    if not description.problem and not _proves_itself(request):
        findings = (
            FoundProblem(
                flaw=FileProblem.REQUEST_SIGNATURE_WRONG,
                grade=Grade.REFUSED,
                summary="the request is not signed by its own key",
                evidence=("its signature does not verify",),
                reference="RFC 2986 section 4.2",
                fix="create it again",
            ),
        )
    return RequestEntry(description=description, findings=findings)


def _proves_itself(request: x509.CertificateSigningRequest) -> bool:
    try:
        return request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _list(crl: x509.CertificateRevocationList, desk: _Desk) -> RevocationListEntry:
    findings: tuple[FoundProblem, ...] = ()
    end = crl.next_update_utc
    if end is not None and desk.now > end:
        findings = (
            FoundProblem(
                flaw=FileProblem.CRL_EXPIRED,
                grade=Grade.REFUSED,
                summary="the CRL has expired",
                evidence=(
                    f"nextUpdate was {moment(end)}; a server that has loaded it refuses every "
                    "client of this CA",
                ),
                reference="RFC 5280 section 5.1.2.5",
                fix="fetch a current CRL",
            ),
        )
    return RevocationListEntry(
        issuer=distinguished(crl.issuer),
        this_update=crl.last_update_utc,
        next_update=end,
        revoked=len(crl),
        findings=findings,
    )


def _description(certificate: x509.Certificate) -> CertificateDescription:
    return describe(certificate.public_bytes(_DER))


def _public_bytes(item: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    try:
        return item.public_key().public_bytes(_DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # the library has no one type for a key that it cannot read
        return b""
