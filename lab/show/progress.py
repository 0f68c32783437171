"""Progress of many steps, on a terminal; nothing anywhere else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn


@contextlib.contextmanager
def progress(file: TextIO) -> Iterator[Callable[[int], Callable[[str], None]]]:
    """Inside the block, a bar on ``file`` if that is a terminal; it goes when the block ends.

    What is given takes how many steps there are, and gives whom to tell the name of each that is
    done.
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
