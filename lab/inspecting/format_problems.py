"""The problems of the form that a file is in, whatever it holds."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace

from lab.inspecting.results import FoundProblem, Grade
from lab.pki.files.file_contents import (
    Contents,
    StoredCertificate,
    StoredKey,
    StoredList,
    StoredRequest,
)
from lab.x509 import file_problems

_READ = (StoredCertificate, StoredRequest, StoredList, StoredKey)


def format_problems(file: Contents) -> Iterator[FoundProblem]:
    """Yield the problems of a file's form."""
    if file.obstacle:
        problem, grade = file_problems.LAYOUT, Grade.UNUSABLE
        if file.form != "PEM" and not any(isinstance(item, _READ) for item in file.items):
            problem, grade = file_problems.NOT_INSPECTED, Grade.NOT_READ
        elif file.form in ("DER", "PKCS#7"):
            grade = Grade.CONVERT
        found = FoundProblem.of(problem, grade, f"the file {file.obstacle}")
        yield replace(found, fix=file.command) if file.command else found
    elif not file.items:
        line = f"no certificate, key, request or CRL was found in it ({file.form})"
        yield FoundProblem.of(file_problems.NOT_INSPECTED, Grade.NOT_READ, line)
    if file.pkcs12 is not None:
        if file.pkcs12.needs_legacy:
            line = f"its encryption: {', '.join(file.pkcs12.algorithms)}"
            found = FoundProblem.of(file_problems.LEGACY_ENCRYPTION, Grade.UNUSABLE, line)
            command = f"openssl pkcs12 -legacy -in {shlex.quote(str(file.path))} -out NEW.pem"
            yield replace(found, fix=f"{found.fix}, or read it with {command}")
        if len(file.pkcs12.keys) > 1:
            line = f"private keys: {len(file.pkcs12.keys)}"
            yield FoundProblem.of(file_problems.SEVERAL_KEYS, Grade.ACCEPTED, line)
