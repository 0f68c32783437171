"""Inspecting what was made in memory: identities and other things as files would hold them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

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
from lab.pki.files.file_contents import Contents, Item, StoredKey
from lab.pki.identity import Identity
from lab.pki.keys import PrivateKey


def stored(key: PrivateKey) -> StoredKey:
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return StoredKey(kind="some", encrypted=False, public=public)


def held(name: str, *items: Item, form: str = "PEM") -> Contents:
    return Contents(path=Path(name), form=form, items=items)


def files_of(identity: Identity, *others: x509.Certificate) -> list[Contents]:
    """An identity as two files, and each of ``others`` as one."""
    return [
        held("c.crt", *identity.chain),
        held("c.key", stored(identity.key)),
        *(held(f"ca{number}.crt", each) for number, each in enumerate(others)),
    ]


def looked_at(files: Iterable[Contents], now: datetime, role: TlsRole | None = None) -> Inspection:
    return inspect(list(files), now=now, role=role)


def problems_of(inspection: Inspection) -> list[FoundProblem]:
    return [problem for _, problem in inspection.problems()]


def codes_of(inspection: Inspection) -> set[str]:
    return {problem.code for problem in problems_of(inspection)}


def graded(inspection: Inspection) -> set[tuple[str, Grade]]:
    return {(problem.code, problem.grade) for problem in problems_of(inspection)}


def first(inspection: Inspection) -> InspectedCertificate:
    entry = inspection.files[0].entries[0]
    assert isinstance(entry, InspectedCertificate)
    return entry
