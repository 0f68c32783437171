"""The files that --html, --svg and --mermaid name: pictures of what was traced.

Rules: a file that cannot be written is found out before anything is traced. What is kept of a
capture's connections, or a tap's, is bounded: of those that were refused or failed, and of the
others, the first ones.

This module must not know where traces come from. Faces are imported where a file is asked for, as
each takes long to load.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cli.output_files import OutputFile, output_file
from lab.cli.picture_options import MOST_DRAWN
from lab.show.text.captures.capture_table import is_refused_or_failed
from lab.tracing.results import CaptureSummary, Trace

if TYPE_CHECKING:
    from lab.show.html.capture_view import KeptConnections

_NAMES = ("html", "svg", "mermaid")


class SameFileError(Exception):
    """Two options name one file. Its message says which."""


class PictureFiles:
    """The files that were asked for. Use ``picture_files``.

    ``keep_records`` tells that traces must have their records.
    """

    def __init__(self, files: dict[str, OutputFile]) -> None:
        self._files = files
        self._drawn: dict[bool, list[Trace]] = {True: [], False: []}
        self._count = 0
        self._kept: KeptConnections | None = None
        if "html" in files:
            from lab.show.html.capture_view import KeptConnections

            self._kept = KeptConnections()

    @property
    def keep_records(self) -> bool:
        """Whether a page is asked for, which shows the bytes of records."""
        return "html" in self._files

    def take(self, trace: Trace) -> None:
        """Take one of the connections that ``write_all`` is to show."""
        if not self._files:
            return
        self._count += 1
        refused = is_refused_or_failed(trace)
        if len(self._drawn[refused]) < MOST_DRAWN:
            self._drawn[refused].append(trace)
        if self._kept is not None:
            self._kept.add(trace)

    def summary(self) -> CaptureSummary:
        """Return what is known of the connections together where nothing else is."""
        return CaptureSummary(connections=self._count, tls=self._count, others=(), key_logs=())

    def write_all(self, title: str, summary: Callable[[], CaptureSummary]) -> str:
        """Write the connections that were taken; nothing where there are none.

        ``title`` is that of a page of several. Returns a line on what the pictures leave out, or
        "". Raises OSError.
        """
        chosen = (self._drawn[True] + self._drawn[False])[:MOST_DRAWN]
        if not chosen:
            return ""
        if self._count == 1 or self._kept is None:
            self.write(chosen)
        else:
            from lab.show.html.page import connections_page

            self._files["html"].write(connections_page(self._kept, summary(), title))
            self._write_pictures(chosen)
        left_out = self._count - len(chosen)
        if not left_out or not ({"svg", "mermaid"} & self._files.keys()):
            return ""
        return f"{len(chosen)} of {self._count:,} connections are in the picture, {left_out:,} not"

    def write(self, traces: Sequence[Trace]) -> None:
        """Write ``traces`` of one connection, in one version or in each. Raises OSError."""
        if "html" in self._files:
            from lab.show.html.page import trace_page

            self._files["html"].write(trace_page(traces))
        self._write_pictures(traces)

    def write_page(self, page: Callable[[], str]) -> None:
        """Write what ``page`` returns where a page is asked for. Raises OSError."""
        if "html" in self._files:
            self._files["html"].write(page())

    def _write_pictures(self, traces: Sequence[Trace]) -> None:
        if "svg" in self._files:
            from lab.show.pictures.svg import sequence_svg

            self._files["svg"].write(sequence_svg(traces))
        if "mermaid" in self._files:
            from lab.show.pictures.mermaid import sequence_diagram

            self._files["mermaid"].write(sequence_diagram(traces))


@contextlib.contextmanager
def picture_files(
    options: argparse.Namespace, capture: Path | None = None
) -> Iterator[PictureFiles]:
    """Yield the files of ``options``, ready to be written inside the block.

    Raises OSError where one cannot be, and SameFileError where it is another option's, or the
    ``capture`` itself.
    """
    wanted = {name: getattr(options, name, None) for name in _NAMES}
    paths = {name: path for name, path in wanted.items() if path is not None}
    others = {
        f"--{name.replace('_', '-')}": path
        for name, path in vars(options).items()
        if isinstance(path, Path)
    }
    if capture is not None:
        others["the capture"] = capture
    for name, path in paths.items():
        for other, used in others.items():
            if other != f"--{name}" and _is_same(path, used):
                raise SameFileError(f"--{name} and {other} are one file, {path}; name another one")
    with contextlib.ExitStack() as stack:
        yield PictureFiles(
            {
                name: stack.enter_context(output_file(path, private=name == "html"))
                for name, path in paths.items()
            }
        )


def _is_same(path: Path, other: Path) -> bool:
    return os.path.realpath(path) == os.path.realpath(other)
