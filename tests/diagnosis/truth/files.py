"""The files of a server of the known truth: its identity, whom it trusts, its CRLs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from lab.pki.files.secret_files import write_private
from lab.pki.identity import certificates_pem
from tests.diagnosis.truth.certificates import Root, issuers, lists_pem, root, server_identity
from tests.diagnosis.truth.setup import Given, Lists, Names, Setup


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What a server reads: ``trusted`` are CAs and CRLs. ``names`` is None where it names none."""

    identity: Path
    trusted: Path
    names: Path | None


class FileStore:
    """Writes files into a folder, each content once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def server_ca(self) -> Path:
        """The CA that the tracer trusts."""
        return self._write(certificates_pem([root(Root.SERVERS).identity.certificate]))

    def of(self, setup: Setup) -> Files:
        """Write what the server of ``setup`` reads."""
        identity = server_identity(setup.server_certificate, setup.server_key)
        return Files(
            identity=self._write(identity.chain_pem() + identity.key_pem()),
            trusted=self._write(_trusted(setup) + _lists(setup)),
            names=self._write(_names(setup)) if _names(setup) else None,
        )

    def given_authorities(self, setup: Setup) -> Path | None:
        """Write the CAs that the tracer's user gives as those that the server trusts."""
        if setup.given is Given.NOTHING:
            return None
        if setup.given is Given.OTHER:
            return self._write(certificates_pem([root(Root.SERVERS).identity.certificate]))
        return self._write(_trusted(setup))

    def given_lists(self, setup: Setup) -> Path | None:
        """Write the CRLs that the user gives."""
        lists = _lists(setup) if setup.given is Given.RIGHT else b""
        return self._write(lists) if lists else None

    def folder_of(self, response: bytes, name: str) -> Path:
        """Return a folder in which the file ``name`` is this response."""
        folder = self._folder / hashlib.sha256(response).hexdigest()[:16]
        if not folder.exists():  # another server may be reading the file
            folder.mkdir()
            (folder / name).write_bytes(response)
        return folder

    def _write(self, content: bytes) -> Path:
        path = self._folder / f"{hashlib.sha256(content).hexdigest()[:16]}.pem"
        if not path.exists():
            write_private(path, content, lasting=False)
        return path


def _trusted(setup: Setup) -> bytes:
    if setup.trusts_intermediate_only:
        return certificates_pem([issuers(setup.certificate)[-1].identity.certificate])
    return certificates_pem(root(kind).identity.certificate for kind in setup.trusted)


def _names(setup: Setup) -> bytes:
    if setup.names is Names.NONE:
        return b""
    if setup.names is Names.TRUSTED:
        return _trusted(setup)
    return certificates_pem([root(Root.SERVERS).identity.certificate])


def _lists(setup: Setup) -> bytes:
    if setup.lists in (Lists.NONE, Lists.MISSING):
        return b""
    return lists_pem(
        setup.certificate,
        is_expired=setup.lists is Lists.EXPIRED,
        root_only=setup.lists is Lists.ROOT_ONLY,
    )
