"""What the library says of certificate requests: what is asked for, and who would send what."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from lab.api.calls import BOTH_VERSIONS, asking, trace_server_async
from lab.api.captures import read_capture
from lab.api.lab_identities import FileError, FilePath, library_errors
from lab.api.server_in_thread import LabServer, blocking
from lab.diagnosis.certificate_selection.results import CertificateAtHand
from lab.pki.files.file_contents import AskPassword
from lab.tracing.certificate_requests.certificates_at_hand import certificates_at_hand
from lab.tracing.certificate_requests.explain_requests import explain_requests
from lab.tracing.certificate_requests.find_requests import asked_connection
from lab.tracing.certificate_requests.results import RequestReport
from lab.tracing.certificate_requests.trace_document import (
    MOST_BYTES,
    NotATraceDocument,
    connections_in_document,
)
from lab.tracing.route import DIRECT, Route

_PEEK = 64


async def explain_request_async(
    source: str | LabServer | os.PathLike[str],
    *,
    route: Route = DIRECT,
    certificates: Sequence[FilePath] = (),
    keys: Sequence[FilePath] = (),
    password: str | AskPassword | None = None,
    versions: Sequence[str] = BOTH_VERSIONS,
    sni: str | None = None,
    timeout: float = 10.0,
    key_log: FilePath | None = None,
) -> RequestReport:
    """Say what a server asks of clients, and which kinds of client would send which certificate.

    * ``source`` is a server as for ``trace_server`` (text, or a ``LabServer``), which is connected
      to by ``route``, without a certificate, once in each of ``versions``, and without verifying
      its own; or a path: a capture, or the JSON document that ``lab.trace --json`` writes.
    * ``certificates`` are files, one for each certificate that the client has, with its chain: PEM,
      DER, PKCS#7 or PKCS#12. ``keys`` are not needed; one settles which certificate of a file is
      the client's own. ``password`` opens PKCS#12 files; a function is called with the path.
    * ``sni`` and ``timeout`` are as for ``trace_server``; ``key_log`` as for ``read_capture``.

    Raises ``ArgumentError``, ``FileError``, ``ConnectionFailedError`` or ``NoTlsError``.
    """
    with library_errors():
        files, key_files = map(Path, certificates), map(Path, keys)
        at_hand = certificates_at_hand([*files], [*key_files], asking(password))
    now = datetime.now(timezone.utc)
    if isinstance(source, os.PathLike):
        return await asyncio.to_thread(_of_file, Path(source), at_hand, key_log, now)
    traces = await trace_server_async(
        source, route=route, verify=False, versions=versions, sni=sni, timeout=timeout
    )
    connections = [asked_connection(trace, now) for trace in traces]
    return explain_requests(traces[0].target, connections, at_hand, dialled=True)


def _of_file(
    path: Path, at_hand: Sequence[CertificateAtHand], key_log: FilePath | None, now: datetime
) -> RequestReport:
    document = _document(path)
    if document is None:
        traces = read_capture(path, key_log=key_log)
        found = (asked_connection(trace, now) for trace in traces)
        return explain_requests(str(path), found, at_hand)
    try:
        return explain_requests(str(path), connections_in_document(document, now), at_hand)
    except NotATraceDocument as error:
        raise FileError(f"{path} {error}. Name a capture or what lab.trace --json wrote.") from None


def _document(path: Path) -> bytes | None:
    """Return the JSON in a file; None: it begins otherwise. Raises ``FileError``."""
    with library_errors(), path.open("rb") as file:
        begin = file.read(_PEEK)
        if not begin.lstrip().startswith(b"{"):
            return None
        data = begin + file.read(MOST_BYTES)
    if len(data) > MOST_BYTES:
        raise FileError(f"{path} is JSON of more than {MOST_BYTES >> 20} MB. Name a shorter one.")
    return data


explain_request = blocking(explain_request_async)
