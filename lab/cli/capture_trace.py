"""Tracing the connections of a capture: what is printed of them, and the exit code.

Rules: a connection is printed as it ends, and nothing is kept of it but the first, which has a
picture where it stays the only one, and what picture files show.

This module must not know how a server is dialled: the capture is read without loading that. Forms
of output are imported where they are printed, as one of them is, and each takes long to load.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import ipaddress
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

from lab.capture.results import CaptureError
from lab.cli.command_line import output, refuse, refuse_os_error
from lab.cli.picture_files import PictureFiles, SameFileError, picture_files
from lab.show.text.captures.capture_table import (
    CaptureTable,
    Endings,
    is_refused_or_failed,
    key_log_words,
    notes,
    without_tls,
)
from lab.tracing.read_capture import CaptureReader, KeyLogFile, Selection, key_log_beside
from lab.tracing.results import CaptureSummary, Trace

STDIN = "-"
_UNMET = 1
_ALLOCATIONS = 10_000
"""How many more objects there are before garbage is searched for: those of some connections."""


def trace_capture(door: str, options: argparse.Namespace) -> int:
    """Read the capture of ``options``, print what it holds, and return the exit code."""
    name = "standard input" if options.target == STDIN else options.target
    try:
        selection = Selection(number=options.flow, host=_address(options.host), port=options.port)
        own = None if options.target == STDIN else Path(options.target)
        with (
            _capture_file(options.target) as file,
            _key_log(options) as key_log,
            picture_files(options, own) as pictures,
        ):
            reader = CaptureReader(
                file, key_log=key_log, selection=selection, keep_records=pictures.keep_records
            )
            with _rare_collections():
                return _Report(door, name, options, reader, pictures).run()
    except CaptureError as error:
        return refuse(door, f"{name}: {error}")
    except (ValueError, SameFileError) as error:
        return refuse(door, str(error))
    except OSError as error:
        return refuse_os_error(door, error)
    except KeyboardInterrupt:
        return 130


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    """Search for garbage less often inside the block: little of what goes is in cycles."""
    before = gc.get_threshold()
    gc.set_threshold(_ALLOCATIONS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _address(text: str | None) -> str | None:
    """Return an IP address as captures have it. Raises ValueError."""
    if text is None:
        return None
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        raise ValueError(f"--host is {text!r}; a capture has IP addresses: give one") from None


@contextlib.contextmanager
def _capture_file(target: str) -> Iterator[BinaryIO]:
    if target == STDIN:
        yield sys.stdin.buffer
    else:
        with Path(target).open("rb") as file:
            yield file


@contextlib.contextmanager
def _key_log(options: argparse.Namespace) -> Iterator[KeyLogFile | None]:
    path, beside = options.keylog, False
    if path is None and options.target != STDIN:
        path, beside = key_log_beside(Path(options.target)), True
    if path is None:
        yield None
        return
    with contextlib.closing(KeyLogFile(path, beside=beside)) as key_log:
        yield key_log


class _Report:
    """What is printed of one capture."""

    def __init__(
        self,
        door: str,
        name: str,
        options: argparse.Namespace,
        reader: CaptureReader,
        pictures: PictureFiles,
    ) -> None:
        self._door = door
        self._name = name
        self._options = options
        self._reader = reader
        self._pictures = pictures
        self._endings = Endings()
        self._shown = 0
        self._as_expected = True
        self._damage: CaptureError | None = None

    def run(self) -> int:
        """Print it, write the picture files, and return the exit code. Raises OSError."""
        with output() as file:
            if self._options.json:
                self._print_json(file)
            elif self._options.brief:
                self._print_brief(file)
            else:
                self._print_text(file)
        title = f"TLS connections in {self._name}"
        left_out = self._pictures.write_all(title, lambda: self._reader.summary)
        if left_out:
            print(f"{self._door}: {left_out}", file=sys.stderr)
        return self._exit_code()

    def _traces(self) -> Iterator[Trace]:
        """Yield the traces that are to be shown; keep what breaks off the reading."""
        try:
            for trace in self._reader.traces():
                self._endings.count(trace)
                if self._options.failed and not is_refused_or_failed(trace):
                    continue
                expected = self._options.expect
                self._as_expected &= expected is None or trace.meets(expected)
                self._shown += 1
                self._pictures.take(trace)
                yield trace
        except CaptureError as error:
            self._damage = error

    def _write(self, text: str, file: TextIO) -> None:
        file.write(text)
        if self._reader.is_stream:  # which may go on for long
            file.flush()

    def _print_json(self, file: TextIO) -> None:
        from lab.show.documents.trace_json import written_document

        for text in written_document(self._traces(), lambda: self._reader.summary):
            self._write(text, file)

    def _print_brief(self, file: TextIO) -> None:
        from lab.show.text.trace_text import print_brief

        for trace in self._traces():
            print_brief((trace,), file)
            self._write("", file)

    def _print_text(self, file: TextIO) -> None:
        """Print a table, or the picture of the only connection or of the one that is named."""
        table = CaptureTable(file)
        first: Trace | None = None
        for trace in self._traces():
            is_first = self._shown == 1
            if self._options.flow is not None:
                _print_picture(trace, file)
                continue
            if first is not None and not self._reader.is_stream:
                table.row(first)
            first = trace if is_first else None
            if not is_first or self._reader.is_stream:
                table.row(trace)
            self._write("", file)
        if first is not None:
            _print_picture(first, file)
        elif self._options.flow is None and self._endings.total:
            print(*[""] * bool(self._shown), self._endings.words, sep="\n", file=file)
        if self._shown:
            for note in notes(self._reader.summary):
                print(note, file=file)

    def _exit_code(self) -> int:
        """Return the exit code; say what was not to be had."""
        if self._damage is not None:
            return refuse(self._door, f"{self._name}: {self._damage}")
        summary = self._reader.summary
        if problem := self._problem(summary):
            return refuse(self._door, problem)
        if self._as_expected:
            return 0
        print(f"{self._door}: not as expected ({self._options.expect})", file=sys.stderr)
        return _UNMET

    def _problem(self, summary: CaptureSummary) -> str:
        """Return the line on what was asked for and is not there; "" where all is."""
        if not summary.tls:
            return without_tls(self._name, summary)
        options = self._options
        if not self._endings.total and options.flow is not None:
            last = summary.connections
            return f"{self._name} has no connection {options.flow} with TLS; its last one is {last}"
        if not self._endings.total:
            which = "one connection" if summary.tls == 1 else f"{summary.tls:,} connections"
            none = "not" if summary.tls == 1 else "none of them"
            return f"{self._name} has {which} with TLS, {none} as asked for"
        named = [use for use in summary.key_logs if use.name and not use.beside]
        unused = [use for use in named if use.complete and not use.used]
        return key_log_words(unused[0]) if unused else ""


def _print_picture(trace: Trace, file: TextIO) -> None:
    from lab.show.text.trace_text import print_trace

    print_trace(trace, file)
