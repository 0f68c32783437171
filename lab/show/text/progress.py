"""A progress bar, on a terminal only."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn


@contextlib.contextmanager
def progress(file: TextIO) -> Iterator[Callable[[int], Callable[[str], None]]]:
    """Show a bar on ``file`` inside the block, if that is a terminal.

    Yields a function that takes the number of steps, and returns one to call with the name of each
    step that is done.
    """
    console = Console(file=file)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bar:

        def begin(total: int) -> Callable[[str], None]:
            task = bar.add_task("", total=total)

            def done(name: str) -> None:
                bar.update(task, advance=1, description=name)

            return done

        yield begin
