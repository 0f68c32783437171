"""What a server's files had in them when they were last in order, kept for workers yet to start.

Rules: the parent of workers keeps it, and a fork hands it on. A worker that is started again while
a file is broken gets what the others have in use, instead of dying of that file. So it is looked
after as they look after theirs: loaded once the files have stood still from one look to the next,
or at once where a signal asks for that. It is done without a thread, as threads and forks do not
go together; a file system that hangs holds up the parent, and nobody who serves. Nothing is told:
the workers meet the same files, and tell of them.

This module must not know processes or signals.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

from lab.serving.server_files import Loaded, ServerFiles, Stamps


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


class LastGoodFiles:
    """What was loaded from ``files``, now and later. ``clock`` gives the present (aware).

    Raises a :class:`~lab.pki.errors.PkiError` where they are not in order at first.
    """

    def __init__(self, files: ServerFiles, *, clock: Callable[[], datetime] = _utc_now) -> None:
        self._files = files
        self._clock = clock
        self._seen: Stamps = files.stamps()  # at the last look
        self._of: Stamps = self._seen  # when what is kept was loaded
        self.loaded: Loaded = files.load(now=clock())
        """What was in order last."""

    def look(self, *, asked: bool) -> None:
        """Look at the files, and load them if they have changed, or if ``asked`` to."""
        stamps = self._files.stamps()
        still, self._seen = stamps == self._seen, stamps
        if not asked and (not still or stamps == self._of):
            return
        try:
            loaded = self._files.load(now=self._clock())
        except Exception:  # whatever it is, the workers meet it too, and tell
            return
        if self._files.stamps() == stamps:
            self.loaded, self._of = loaded, stamps
