"""Inspecting what was made in memory: identities and other things as files would hold them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from lab.inspecting.inspect_files import inspect
from lab.inspecting.results import (
    FoundProblem,
    Grade,
    InspectedCertificate,
    Inspection,
    TlsRole,
)
from lab.pki import profiles
from lab.pki.authority import Authority
from lab.pki.files.file_contents import (
    Contents,
    Item,
    StoredCertificate,
    StoredKey,
    StoredList,
    StoredRequest,
)
from lab.pki.identity import Identity, PrivateKey
from tests.support.pki_fixtures import (
    client_under,
    leaf_key,
    new_authority,
    server_under,
    utc_now,
)


def stored_key(key: PrivateKey) -> StoredKey:
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return StoredKey(kind="some", encrypted=False, public=public)


Parsed = x509.Certificate | x509.CertificateSigningRequest | x509.CertificateRevocationList


def contents_of(name: str, *items: Item | Parsed, form: str = "PEM") -> Contents:
    return Contents(path=Path(name), form=form, items=tuple(map(as_item, items)))


def as_item(item: Item | Parsed) -> Item:
    if isinstance(item, x509.Certificate):
        return StoredCertificate(der=item.public_bytes(serialization.Encoding.DER))
    if isinstance(item, x509.CertificateSigningRequest):
        return StoredRequest(der=item.public_bytes(serialization.Encoding.DER))
    if isinstance(item, x509.CertificateRevocationList):
        return StoredList(der=item.public_bytes(serialization.Encoding.DER))
    return item


def files_of(identity: Identity, *others: x509.Certificate) -> list[Contents]:
    """An identity as two files, and each of ``others`` as one."""
    return [
        contents_of("c.crt", *identity.chain),
        contents_of("c.key", stored_key(identity.key)),
        *(contents_of(f"ca{number}.crt", certificate) for number, certificate in enumerate(others)),
    ]


def inspected(files: Iterable[Contents], now: datetime, role: TlsRole | None = None) -> Inspection:
    return inspect(list(files), now=now, role=role)


def problems_of(inspection: Inspection) -> list[FoundProblem]:
    return [problem for _, problem in inspection.problems()]


def codes_of(inspection: Inspection) -> set[str]:
    return {problem.code for problem in problems_of(inspection)}


def grades_of(inspection: Inspection) -> set[tuple[str, Grade]]:
    return {(problem.code, problem.grade) for problem in problems_of(inspection)}


def first(inspection: Inspection) -> InspectedCertificate:
    entry = inspection.files[0].entries[0]
    assert isinstance(entry, InspectedCertificate)
    return entry


NOW = utc_now()
DAY = timedelta(days=1)
ROOT = new_authority(NOW)
CA = ROOT.identity.certificate
MIDDLE = Authority(identity=ROOT.issue(profiles.intermediate_ca("Middle"), leaf_key(9), now=NOW))
CLIENT = client_under(ROOT, NOW)
DEEP = client_under(MIDDLE, NOW)
SERVER = server_under(ROOT, NOW)
ACCEPTED, REFUSED, UNUSABLE = Grade.ACCEPTED, Grade.REFUSED, Grade.UNUSABLE


def issued_client(**changes: Any) -> Identity:
    return ROOT.issue(replace(profiles.client(), **changes), leaf_key(2), now=NOW)


def issued_server(**changes: Any) -> Identity:
    profile = profiles.server((x509.DNSName("localhost"),))
    return ROOT.issue(replace(profile, **changes), leaf_key(1), now=NOW)
