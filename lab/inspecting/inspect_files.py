"""Inspecting files: their contents, and their problems for mutual TLS.

Rules: files that are given together are checked together: which key belongs to which certificate,
which chain is complete, which certificate is on which CRL. The contents of a file never raise: what
cannot be read further is a problem, and the rest is shown.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lab.inspecting.certificate_problems import CertificateUnderCheck, SeenProblem
from lab.inspecting.chain_problems import Chain, Holder, chain_causes, chain_of, file_causes
from lab.inspecting.format_problems import format_problems
from lab.inspecting.openssl_verdicts import graded, unexplained, verdicts
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
    RoleVerdict,
    TlsRole,
    place,
    unreadable,
)
from lab.inspecting.revocation import Revocation, list_problems, revocations, uncovered
from lab.inspecting.svid_rules import every_cause
from lab.pki.files.file_contents import (
    Contents,
    Item,
    StoredCertificate,
    StoredKey,
    StoredList,
    StoredRequest,
)
from lab.x509 import file_problems
from lab.x509.certificates import describe, describe_request
from lab.x509.chains import End, is_self_issued, is_self_signed, path_of
from lab.x509.public_keys import key_itself
from lab.x509.signatures import signature_verifies

_MOST_JUDGED = 20  # OpenSSL takes milliseconds for each


def inspect(
    files: Sequence[Contents],
    *,
    now: datetime,
    role: TlsRole | None = None,
    svid: bool = False,
    expires_within: timedelta | None = None,
) -> Inspection:
    """Inspect ``files`` together; ``now`` is aware.

    With a ``role``, certificates that are no CAs, and all whose key is among the files, are checked
    for that role; with ``svid`` for both, and as SPIFFE identities. Whatever expires within
    ``expires_within`` is reported, by default within 30 days or a third of its lifetime.
    """
    context = _context(files, now, role, svid, expires_within)
    return Inspection(files=tuple(_file(file, context) for file in files))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judgement:
    """What OpenSSL makes of a certificate with its ``chain``, told to trust ``trust``.

    ``meant`` are its verdicts in the roles that the certificate is meant for.
    """

    chain: Chain
    trust: tuple[bytes, ...]
    trusted: str
    verdicts: tuple[RoleVerdict, ...]
    meant: tuple[RoleVerdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context:
    """What all files hold together.

    ``pool`` has the certificates, ``issuers`` those among them that issued others, ``roots`` the
    self-signed CAs, ``keys`` the public halves of private keys, ``owners`` the public keys of
    certificates and requests with the names of those. ``trust_files`` are the files of CAs with a
    root among them: what a peer would be given to trust. ``judgements`` are OpenSSL's, of the
    certificates that a peer may present.
    """

    files: tuple[Contents, ...]
    now: datetime
    role: TlsRole | None
    svid: bool
    soon: timedelta | None
    pool: tuple[Holder, ...]
    lists: tuple[Revocation, ...]
    keys: frozenset[bytes]
    owners: tuple[tuple[bytes, str], ...]
    issuers: frozenset[bytes] = frozenset()
    roots: tuple[bytes, ...] = ()
    trust_files: tuple[Contents, ...] = ()
    judgements: Mapping[Holder, _Judgement] = field(default_factory=dict)

    def under_check(self, certificate: bytes) -> CertificateUnderCheck:
        """Return a certificate with its relations to the other files."""
        description = describe(certificate)
        return CertificateUnderCheck(
            der=certificate,
            description=description,
            now=self.now,
            soon=self.soon,
            has_key=key_itself(description.public_key) in self.keys,
            issues=certificate in self.issuers,
            role=self.role,
            svid=self.svid,
        )


def _context(
    files: Sequence[Contents],
    now: datetime,
    role: TlsRole | None,
    svid: bool,
    soon: timedelta | None,
) -> _Context:
    pool, lists, keys, owners = [], [], [], []
    for file in files:
        for number, item in enumerate(file.items, start=1):
            owner = place(str(file.path), number, len(file.items))
            if isinstance(item, StoredList):
                lists.append(Revocation.of(item.der))
            elif isinstance(item, StoredKey) and item.public is not None:
                keys.append(key_itself(item.public))
            elif isinstance(item, StoredCertificate):
                owners.append((key_itself(describe(item.der).public_key), owner))
                pool.append(Holder(certificate=item.der, file=str(file.path)))
            elif isinstance(item, StoredRequest):
                owners.append((key_itself(describe_request(item.der).public_key), owner))
    certificates = list(dict.fromkeys(holder.certificate for holder in pool))
    context = _Context(
        files=tuple(files),
        now=now,
        role=role,
        svid=svid,
        soon=soon,
        pool=tuple(pool),
        lists=tuple(lists),
        keys=frozenset(keys),
        owners=tuple(owners),
        issuers=frozenset(
            issuer
            for certificate in certificates
            for issuer in path_of(certificate, certificates).above
        ),
    )
    checked = [context.under_check(certificate) for certificate in certificates]
    roots = tuple(one.der for one in checked if one.self_signed and one.is_authority)
    context = replace(context, roots=roots)
    trust_files = tuple(file for file in files if _is_trust(file, context))
    context = replace(context, trust_files=trust_files)
    leaves = [
        (certificate, file)
        for file in files
        for certificate in dict.fromkeys(file.certificates())
        if context.under_check(certificate).is_leaf
    ]
    judged = [_judged(certificate, file, context) for certificate, file in leaves[:_MOST_JUDGED]]
    return replace(context, judgements={one.chain.leaf: one for one in judged})


def _judged(certificate: bytes, file: Contents, context: _Context) -> _Judgement:
    leaf = Holder(certificate=certificate, file=str(file.path))
    trust, trusted, partial = _trust(leaf, file, context)
    sent = (certificate, *(other for other in file.certificates() if other != certificate))
    crls = tuple(revocation.der for revocation in context.lists)
    found = verdicts(sent, trust, crls, partial=partial)
    meant = [verdict for verdict in found if verdict.role in context.under_check(certificate).roles]
    if context.role is None and not context.svid:  # it need not be fit for more than one
        meant = [verdict for verdict in meant if verdict.plain.accepted] or meant
    return _Judgement(
        chain=chain_of(leaf, context.pool, trust, context.roots),
        trust=trust,
        trusted=trusted,
        verdicts=found,
        meant=tuple(meant),
    )


def _is_trust(file: Contents, context: _Context) -> bool:
    """Return whether a file has CAs only, a root or a self-signed certificate among them."""
    found = file.certificates()
    return any(map(is_self_issued, found)) and all(
        is_self_signed(certificate) or not context.under_check(certificate).is_leaf
        for certificate in found
    )


def _file(file: Contents, context: _Context) -> FileReport:
    sent = file.certificates()
    leaves = [certificate for certificate in sent if context.under_check(certificate).is_leaf]
    found = list(format_problems(file))
    if file.form != "PKCS#12" and leaves:
        pool = [*sent, *(holder.certificate for holder in context.pool)]
        causes = file_causes(sent, leaves[0], path_of(leaves[0], pool).above)
        found += graded(causes, ())
    judged = sum(1 for leaf in context.judgements if leaf.file == str(file.path))
    if judged < len(set(leaves)):
        line = f"OpenSSL was asked about {judged} of {len(set(leaves))} certificates to present"
        found.append(FoundProblem.of(file_problems.NOT_INSPECTED, Grade.NOT_READ, line))
    return FileReport(
        name=str(file.path),
        form=file.form,
        entries=tuple(_entry(item, file, context) for item in file.items),
        encryption=file.pkcs12.algorithms if file.pkcs12 else (),
        problems=tuple(found),
    )


_PARAMETERS = ("EC PARAMETERS", "DSA PARAMETERS")  # OpenSSL writes them in front of a key


def _entry(item: Item, file: Contents, context: _Context) -> Entry:
    if isinstance(item, StoredCertificate):
        return _certificate(item.der, file, context)
    if isinstance(item, StoredKey):
        return _key(item, context)
    if isinstance(item, StoredRequest):
        return _request(item.der)
    if isinstance(item, StoredList):
        return _list(item.der, context)
    parameters = item.label in _PARAMETERS and any(isinstance(o, StoredKey) for o in file.items)
    if file.obstacle or parameters:  # which says so already, or which the key repeats
        return OtherEntry(label=item.label)
    found = FoundProblem.of(file_problems.NOT_INSPECTED, Grade.NOT_READ, item.label)
    return OtherEntry(label=item.label, problems=(found,))


def _certificate(certificate: bytes, file: Contents, context: _Context) -> InspectedCertificate:
    about = describe(certificate)
    holder = Holder(certificate=certificate, file=str(file.path))
    judgement = context.judgements.get(holder)
    chain = judgement.chain if judgement else chain_of(holder, context.pool, (), context.roots)
    found = list(_certificate_problems(chain, judgement, context))
    if about.problem:
        found.append(unreadable(about.problem, "the certificate"))
    end = about.not_valid_after
    return InspectedCertificate(
        description=about,
        left=None if end is None else end - context.now,
        verdicts=judgement.verdicts if judgement else (),
        trusted=judgement.trusted if judgement else "",
        chain=tuple(f"{describe(one.certificate).subject} ({one.file})" for one in chain.above),
        chain_whole=chain.end is End.ROOT,
        sha256=hashlib.sha256(certificate).hexdigest(),
        sha1=hashlib.sha1(certificate, usedforsecurity=False).hexdigest(),
        pin=base64.b64encode(hashlib.sha256(about.public_key).digest()).decode(),
        problems=tuple(found),
    )


def _certificate_problems(
    chain: Chain, judgement: _Judgement | None, context: _Context
) -> Iterator[FoundProblem]:
    """Yield the problems of a certificate, graded by OpenSSL's verdict on it or what it issued."""
    certificate = chain.leaf.certificate
    checked = context.under_check(certificate)
    causes = list(_causes_at(certificate, chain, context))
    if judgement is None:
        below = [
            other
            for other in context.judgements.values()
            if certificate in [holder.certificate for holder in other.chain.above]
        ]
        asked = [verdict for other in below for verdict in other.meant]
        is_trusted = all(certificate in other.trust for other in below)
        yield from graded(causes, asked, is_trusted=is_trusted)
        return
    causes += chain_causes(chain, judgement.trust, checked.roles, checked.wording)
    causes += uncovered(chain, context.lists, context.now)
    above = [
        problem
        for holder in chain.above
        for problem in _causes_at(
            holder.certificate, chain_of(holder, context.pool, (), context.roots), context
        )
    ]
    yield from graded(causes, judgement.meant, is_trusted=certificate in judgement.trust)
    yield from unexplained(
        [*causes, *above],
        judgement.meant,
        checked.wording,
        reaches_trust=(chain.above or (chain.leaf,))[-1].certificate in judgement.trust,
    )


def _causes_at(certificate: bytes, chain: Chain, context: _Context) -> Iterator[SeenProblem]:
    yield from every_cause(context.under_check(certificate))
    yield from revocations(chain, context.lists, context.now)


def _trust(leaf: Holder, file: Contents, context: _Context) -> tuple[tuple[bytes, ...], str, bool]:
    """Return whom OpenSSL is told to trust, who that is, and whether a chain may end below a root.

    Those are the files of CAs beside the leaf's own; where there are none, the root in that; where
    it has none, whatever issued its last certificate is taken for trusted.
    """
    if files := [other for other in context.trust_files if other is not file]:
        names = ", ".join(str(other.path) for other in files[:5])
        trust = tuple(certificate for other in files for certificate in other.certificates())
        return trust, f"the CAs in {names}", False
    own = tuple(root for root in file.certificates() if root in context.roots)
    if own and leaf.certificate not in own:
        return own, f"the root in {file.path} itself, which a peer must have in its CA file", False
    if context.roots and leaf.certificate not in context.roots:
        trusted = "the roots in these files, which a peer must have in its CA file"
        return context.roots, trusted, False
    if is_self_signed(leaf.certificate):
        return (), "nobody, as there is no CA in these files", False
    every = [holder.certificate for holder in context.pool]
    path = path_of(leaf.certificate, [*file.certificates(), *every]).certificates
    if any(certificate not in file.certificates() for certificate in path):
        return (), "nobody, as there is no root in these files", False
    top = path[-1]
    if not describe(top).signed:
        return (), "nobody, as it cannot be read", False
    return (top,), f"{describe(top).subject}, as there is no root in these files", True


def _key(key: StoredKey, context: _Context) -> KeyEntry:
    fits: tuple[str, ...] = ()
    found: tuple[FoundProblem, ...] = ()
    if key.public is not None:
        own = key_itself(key.public)
        fits = tuple(owner for public, owner in context.owners if public == own)
        if context.owners and not fits:
            line = f"certificates and requests compared: {len(context.owners)}"
            found = (FoundProblem.of(file_problems.KEY_DOES_NOT_FIT, Grade.UNUSABLE, line),)
    elif key.problem:
        line = f"its type: {key.kind}; {key.problem}"
        found = (FoundProblem.of(file_problems.KEY_UNREADABLE, Grade.NOT_READ, line),)
    else:
        found = (FoundProblem.of(file_problems.KEY_SEALED, Grade.NOT_READ),)
    return KeyEntry(
        kind=key.kind,
        encrypted=key.encrypted,
        read=key.public is not None,
        fits=fits,
        problems=found,
    )


def _request(request: bytes) -> RequestEntry:
    about = describe_request(request)
    verifies = signature_verifies(about.public_key, about.signed, about.algorithm, about.signature)
    found: tuple[FoundProblem, ...] = ()
    if about.problem:
        found = (unreadable(about.problem, "the request"),)
    elif verifies is False:
        line = "its signature does not verify"
        found = (FoundProblem.of(file_problems.REQUEST_SIGNATURE_WRONG, Grade.UNUSABLE, line),)
    return RequestEntry(description=about, problems=found)


def _list(data: bytes, context: _Context) -> RevocationListEntry:
    about = next(one for one in context.lists if one.der == data)
    return RevocationListEntry(
        issuer=about.issuer,
        this_update=about.this_update,
        next_update=about.next_update,
        revoked=len(about.revoked),
        problems=tuple(list_problems(about, context.pool, context.now)),
    )
