"""Rows of numbers in memory that workers share: each counts in its own, and one adds them up.

Rules: the memory is anonymous, made before the workers are forked, and written once as a whole
then, so that nothing is left to be allocated when somebody counts. A row belongs to a worker's
number, not to its process: one that is started again goes on where the one before it was killed,
so no total ever falls. POSIX only, as forking is.

This module must not know processes, nor what is counted.
"""

from __future__ import annotations

import mmap

from lab.serving.metrics.counts import ROW_BYTES, Row


def shared_rows(workers: int) -> tuple[Row, ...]:
    """A row for each of ``workers`` workers. Raises OSError where there is no memory for them."""
    memory = mmap.mmap(-1, workers * ROW_BYTES)
    memory.write(bytes(workers * ROW_BYTES))
    whole = memoryview(memory)
    return tuple(Row(whole[start : start + ROW_BYTES]) for start in range(0, len(whole), ROW_BYTES))
