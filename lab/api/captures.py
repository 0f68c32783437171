"""What the library does with captures: each connection with TLS in one becomes a trace."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from lab.api.lab_identities import FileError, FilePath, library_errors
from lab.capture.results import CaptureError
from lab.tracing.read_capture import CaptureReader, KeyLogFile, key_log_beside
from lab.tracing.results import Trace


def read_capture(
    file: FilePath, *, key_log: FilePath | None = None, keep_records: bool = False
) -> Iterator[Trace]:
    """Yield a trace of each connection with TLS in a capture, in the order in which they end.

    * ``file`` is a path: pcap or pcapng, perhaps in gzip, or a pipe that one of these comes from.
    * ``key_log`` is a file of TLS secrets in the NSS format (``SSLKEYLOGFILE``); by default the one
      of the same name beside the capture, where there is one: x.keylog or x.pcap.keylog of x.pcap.
      The secrets that a pcapng file holds itself are used as well.
    * With ``keep_records``, ``trace.records`` are the records with their bytes, up to a bound.

    ``trace.flow`` has the addresses, the times and what the capture lacks. Where the records of a
    connection cannot be read, ``trace.outcome.ground`` says on what its outcome rests. Memory does
    not grow with the file. A capture without TLS yields nothing.

    Raises ``FileError``: a file cannot be read, or is no capture; of a damaged one, behind the
    traces of what is in front of the damage.
    """
    path = Path(file)
    with library_errors(), contextlib.ExitStack() as stack:
        log = _key_log(path, key_log)
        if log is not None:
            stack.callback(log.close)
        opened = stack.enter_context(path.open("rb"))
        reader = CaptureReader(opened, key_log=log, keep_records=keep_records)
        try:
            yield from reader.traces()
        except CaptureError as error:
            raise FileError(f"{path}: {error}") from error


def _key_log(capture: Path, given: FilePath | None) -> KeyLogFile | None:
    if given is not None:
        return KeyLogFile(Path(given))
    beside = key_log_beside(capture)
    return None if beside is None else KeyLogFile(beside, beside=True)


async def read_capture_async(
    file: FilePath, *, key_log: FilePath | None = None, keep_records: bool = False
) -> AsyncIterator[Trace]:
    """Do what ``read_capture`` does, in a thread."""
    traces = read_capture(file, key_log=key_log, keep_records=keep_records)
    while (trace := await asyncio.to_thread(next, traces, None)) is not None:
        yield trace
