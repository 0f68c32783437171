"""Inspecting files: their contents, and their problems for mutual TLS.

Rules: the present comes in as ``now``. Files that are given together are checked together: which
key belongs to which certificate, which chain is complete, which certificate is on which CRL. The
contents of a file never raise: what cannot be parsed further is a problem.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from lab.inspecting import results
from lab.inspecting.certificate_problems import certificate_problems, suitability
from lab.inspecting.certificate_under_check import CertificateUnderCheck
from lab.inspecting.chain_problems import Chain, Holder, chain_of, chain_problems
from lab.inspecting.file_problems import file_problems
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
    RevocationListEntry,
    TlsRole,
)
from lab.pki.files.crl_files import signed_by
from lab.pki.files.file_contents import Contents, Item, StoredKey
from lab.x509 import problems
from lab.x509.certificates import (
    DER,
    describe_request,
    described,
    distinguished,
    moment,
    public_key_bytes,
)
from lab.x509.chains import End, path_of


def inspect(files: Sequence[Contents], *, now: datetime, role: TlsRole | None = None) -> Inspection:
    """Inspect ``files`` together; ``now`` is aware.

    With a ``role``, certificates that are no CAs, and all whose key is among the files, are checked
    for that role.
    """
    with warnings.catch_warnings():
        # The library warns of irregular certificates; the problems report those that matter.
        warnings.simplefilter("ignore")
        context = _context(files, now, role)
        return Inspection(files=tuple(_file(file, context) for file in files))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context:
    """What all files hold together.

    ``pool`` has the readable certificates, ``issuers`` those among them that issued others,
    ``roots`` the root CAs, ``keys`` the public halves of private keys, ``owners`` the public keys
    of certificates and requests with the names of those.
    """

    now: datetime
    role: TlsRole | None
    pool: tuple[Holder, ...]
    roots: tuple[x509.Certificate, ...]
    issuers: frozenset[x509.Certificate]
    crls: tuple[x509.CertificateRevocationList, ...]
    keys: frozenset[bytes]
    owners: tuple[tuple[bytes, str], ...]

    def under_check(self, certificate: x509.Certificate) -> CertificateUnderCheck:
        """Return a readable certificate with its relations to the other files."""
        return CertificateUnderCheck(
            certificate=certificate,
            description=described(certificate),
            now=self.now,
            has_key=public_key_bytes(certificate) in self.keys,
            issues=certificate in self.issuers,
            role=self.role,
        )


def _context(files: Sequence[Contents], now: datetime, role: TlsRole | None) -> _Context:
    pool, crls, keys, owners = [], [], [], []
    for file in files:
        for number, item in enumerate(file.items, start=1):
            if isinstance(item, x509.CertificateRevocationList):
                crls.append(item)
            elif isinstance(item, StoredKey) and item.public is not None:
                keys.append(item.public)
            elif isinstance(item, x509.Certificate | x509.CertificateSigningRequest):
                owner = results.place(str(file.path), number, len(file.items))
                owners.append((public_key_bytes(item), owner))
                if isinstance(item, x509.Certificate) and not described(item).problem:
                    pool.append(Holder(certificate=item, file=str(file.path)))
    certificates = list(dict.fromkeys(holder.certificate for holder in pool))
    paths = [path_of(certificate, certificates) for certificate in certificates]
    context = _Context(
        now=now,
        role=role,
        pool=tuple(pool),
        roots=(),
        issuers=frozenset(issuer for path in paths for issuer in path.above),
        crls=tuple(crls),
        keys=frozenset(keys),
        owners=tuple(owners),
    )
    checked = map(context.under_check, certificates)
    roots = tuple(one.certificate for one in checked if one.self_signed and one.is_authority)
    return replace(context, roots=roots)


def _file(file: Contents, context: _Context) -> FileReport:
    name = str(file.path)
    sent = [
        certificate for certificate in file.certificates() if not described(certificate).problem
    ]
    leaves = [certificate for certificate in sent if context.under_check(certificate).is_leaf]
    found: tuple[FoundProblem, ...] = ()
    if file.form == "PEM" and leaves:
        pool = [*sent, *(holder.certificate for holder in context.pool)]
        found = tuple(file_problems(sent, leaves[0], path_of(leaves[0], pool).above))
    entries = tuple(_entry(item, name, context) for item in file.items)
    return FileReport(name=name, form=file.form, entries=entries, problems=found)


def _entry(item: Item, file: str, context: _Context) -> Entry:
    if isinstance(item, x509.Certificate):
        return _certificate(item, file, context)
    if isinstance(item, StoredKey):
        return _key(item, context)
    if isinstance(item, x509.CertificateSigningRequest):
        return _request(item)
    if isinstance(item, x509.CertificateRevocationList):
        return _crl(item, context)
    return OtherEntry(label=item.label)


def _certificate(
    certificate: x509.Certificate, file: str, context: _Context
) -> InspectedCertificate:
    description = described(certificate)
    if description.problem:
        found = FoundProblem.of(problems.UNREADABLE, Grade.REFUSED, description.problem)
        return InspectedCertificate(
            description=description,
            left=None,
            roles=(),
            chain=(),
            chain_whole=False,
            problems=(found,),
        )
    checked = context.under_check(certificate)
    roles = suitability(checked)
    chain = chain_of(Holder(certificate=certificate, file=file), context.pool, context.roots)
    found_here = [*certificate_problems(checked), *_revocations(certificate, chain, context)]
    if checked.is_leaf:
        fit = [one.role for one in roles if not one.obstacles and context.role in (None, one.role)]
        found_here += chain_problems(chain, fit, checked.wording)
    return InspectedCertificate(
        description=description,
        left=certificate.not_valid_after_utc - context.now,
        roles=roles if checked.is_leaf else (),
        chain=tuple(
            f"{distinguished(holder.certificate.subject)} ({holder.file})" for holder in chain.above
        ),
        chain_whole=chain.end is End.ROOT,
        problems=tuple(found_here),
    )


def _revocations(
    certificate: x509.Certificate, chain: Chain, context: _Context
) -> Iterator[FoundProblem]:
    if not chain.above:
        return
    issuer = chain.above[0].certificate
    for crl in context.crls:
        if crl.issuer != certificate.issuer:
            continue
        entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if entry is not None and signed_by(crl, issuer):
            seen = (
                f"since {moment(entry.revocation_date_utc)}, by the CRL of "
                f"{moment(crl.last_update_utc)}; a server without that CRL accepts it"
            )
            yield FoundProblem.of(problems.REVOKED, Grade.REFUSED, seen)


def _key(key: StoredKey, context: _Context) -> KeyEntry:
    fits = tuple(owner for public, owner in context.owners if public == key.public)
    found: tuple[FoundProblem, ...] = ()
    if key.public is not None and context.owners and not fits:
        seen = f"certificates and requests compared: {len(context.owners)}"
        found = (FoundProblem.of(problems.KEY_DOES_NOT_FIT, Grade.UNUSABLE, seen),)
    return KeyEntry(kind=key.kind, encrypted=key.encrypted, fits=fits, problems=found)


def _request(request: x509.CertificateSigningRequest) -> RequestEntry:
    description = describe_request(request.public_bytes(DER))
    found: tuple[FoundProblem, ...] = ()
    if not description.problem and not _proves_itself(request):
        seen = "its signature does not verify"
        found = (FoundProblem.of(problems.REQUEST_SIGNATURE_WRONG, Grade.REFUSED, seen),)
    return RequestEntry(description=description, problems=found)


def _proves_itself(request: x509.CertificateSigningRequest) -> bool:
    try:
        return request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _crl(crl: x509.CertificateRevocationList, context: _Context) -> RevocationListEntry:
    found: tuple[FoundProblem, ...] = ()
    end = crl.next_update_utc
    if end is not None and context.now > end:
        seen = (
            f"nextUpdate was {moment(end)}; a server that has loaded it refuses every client of "
            "this CA"
        )
        found = (FoundProblem.of(problems.CRL_UNUSABLE, Grade.REFUSED, seen),)
    return RevocationListEntry(
        issuer=distinguished(crl.issuer),
        this_update=crl.last_update_utc,
        next_update=end,
        revoked=len(crl),
        problems=found,
    )
