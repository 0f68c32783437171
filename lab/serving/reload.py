"""Renewal: certificates, CAs and revocation lists that change while the server runs.

Rules: files are looked at again and again, since that works on every system, and are loaded once
they have stood still from one look to the next: a set is replaced file by file. All file work is
done in a thread. What was loaded while a file changed is thrown away. What fails to load changes
nothing, is told once, and is tried again with every look, as a fault may lie in the clock or in
the system instead of in a file. Asked to, by a signal, it loads at once and tells the result anew.

Where a CA or a revocation list in use comes to its end, the same files make a new context, with
ticket keys of its own. OpenSSL lets whoever resumes a session in without another look at its CA or
at any list, and in TLS 1.3 gives it a new ticket each time; in a new context no old session is
known, so all that come are judged again.

This module must not know sockets, connections or signals.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone

from lab.http import log_entries
from lab.pki.errors import PkiError
from lab.serving.server_files import (
    Kind,
    Loaded,
    ServerFiles,
    Stamps,
    contexts_of,
)
from lab.tls.escape import escaped
from lab.x509.certificates import distinguished

POLL_SECONDS = 1.0

Use = Callable[[Loaded], None]
"""Takes what was loaded into use. May raise OSError or PkiError, and is then called again."""

_JUDGED_BY = (Kind.CA, Kind.CRL)  # clients, that is

_Failure = tuple[Stamps, type[Exception], object]


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


class Reloader:
    """Keeps a server up with its files: ``load`` first, then ``running``.

    ``clock`` gives the present (aware), ``interval`` is the time between two looks in seconds.
    """

    def __init__(
        self,
        files: ServerFiles,
        *,
        clock: Callable[[], datetime] = _utc_now,
        interval: float = POLL_SECONDS,
    ) -> None:
        self._files = files
        self._clock = clock
        self._interval = interval
        self._wake = asyncio.Event()
        self._asked = False
        self._seen: Stamps | None = None  # at the last look
        self._in_use: Stamps | None = None  # when what is in use was loaded
        self._failure: _Failure | None = None  # what was told of, and is so still
        self._list_end: datetime | None = None
        self._used: Loaded | None = None
        self._ends: tuple[datetime, ...] = ()  # that are still to come

    def load(self) -> Loaded:
        """Load for the first time. Raises a :class:`~lab.pki.errors.PkiError`."""
        self._seen = self._in_use = self._files.stamps()
        loaded = self._files.load(now=self._clock())
        self._remember(loaded)
        return loaded

    def expired_at(self) -> datetime | None:
        """Return when the certificate in use expired, None where it has not."""
        end = self._used.certificate.not_valid_after_utc if self._used else None
        return end if end is not None and self._clock() > end else None

    def ask(self) -> None:
        """Have the files loaded at once, changed or not."""
        self._asked = True
        self._wake.set()

    @contextmanager
    def running(self, use: Use) -> Iterator[None]:
        """Keep looking at the files inside the block, once; ``use`` gets what is loaded.

        Nothing raises out of that: a bug is told with its traceback, and looking goes on.
        """
        task = asyncio.get_running_loop().create_task(self._run(use))
        try:
            yield
        finally:
            task.cancel()

    async def _run(self, use: Use) -> None:
        loop = asyncio.get_running_loop()
        while True:
            timer = loop.call_later(self._interval, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                timer.cancel()
            self._wake.clear()
            await self.look(use)

    async def look(self, use: Use) -> None:
        """Look at the files once, and load them if that is due."""
        asked, self._asked = self._asked, False
        if asked:
            self._failure = None
        try:
            stamps = await asyncio.to_thread(self._files.stamps)
            still, self._seen = stamps == self._seen, stamps
            if asked or (still and (stamps != self._in_use or self._failure)):
                await self._renew(stamps, use)
            await self._outlive_ends(stamps, use)
        except Exception as error:
            self._keep(error)
        self._watch_list_end()

    async def _renew(self, stamps: Stamps, use: Use) -> None:
        found = await asyncio.to_thread(self._read, stamps)
        if found is None:
            return  # they are being replaced just now: the next looks see to that
        if isinstance(found, PkiError):
            self._keep(found)
            return
        use(found)
        self._in_use, self._failure = stamps, None
        self._remember(found)
        log_in_use(found)

    async def _outlive_ends(self, stamps: Stamps, use: Use) -> None:
        """Make sessions void that began before a CA or a list came to its end."""
        now = self._clock()
        used = self._used
        # Other files, if they are any good, come with a context of their own.
        if used is None or stamps != self._in_use or all(now <= end for end in self._ends):
            return
        contexts = await asyncio.to_thread(contexts_of, used.tls)
        if await asyncio.to_thread(self._files.stamps) != stamps:
            return
        again = replace(used, contexts=contexts)
        use(again)
        self._used = again
        self._ends = tuple(end for end in self._ends if now <= end)

    def _remember(self, loaded: Loaded) -> None:
        """Note what is used from now on, and when that comes to its end."""
        self._used = loaded
        self._list_end = loaded.revocation.until if loaded.revocation else None
        now = self._clock()
        self._ends = tuple(
            each.at for each in loaded.expiries if each.kind in _JUDGED_BY and now <= each.at
        )

    def _read(self, stamps: Stamps) -> Loaded | PkiError | None:
        """What is in the files, or is wrong with them; None where they are not as they were."""
        found: Loaded | PkiError
        try:
            found = self._files.load(now=self._clock())
        except PkiError as error:
            found = error
        return found if self._files.stamps() == stamps else None

    def _keep(self, error: Exception) -> None:
        """Tell why nothing changes, unless that was told and nothing is different."""
        assert self._seen is not None
        # Not the text: it may tell the time.
        failure = (self._seen, type(error), getattr(error, "path", None))
        if failure == self._failure:
            return
        self._failure = failure
        known = isinstance(error, (PkiError, OSError))
        log_entries.write(
            "CERTIFICATES",
            f"keeping the current certificates: {error}",
            level=logging.ERROR,
            error=None if known else error,
            event="certificates_kept",
            reason=str(error),
        )

    def _watch_list_end(self) -> None:
        if self._list_end is not None and self._clock() > self._list_end:
            path, until = str(self._files.crl), self._list_end
            log_entries.write(
                "CERTIFICATES",
                f"a CRL expired at {_moment(until)}: rejecting the clients of its CA; "
                f"put a current one into {path}",
                level=logging.ERROR,
                event="revocation_expired",
                path=path,
                until=until.isoformat(),
            )
            self._list_end = None


def log_in_use(loaded: Loaded) -> None:
    """Log what new connections use from now on: the server's certificate, its CAs, its lists."""
    certificate, coverage = loaded.certificate, loaded.revocation
    subject = distinguished(certificate.subject)
    end = certificate.not_valid_after_utc
    number = len(loaded.authorities)
    revocation, uncovered = "revocation not checked", []
    if coverage is not None:
        until = f"until {_moment(coverage.until)}" if coverage.until else "no nextUpdate"
        revocation = f"CRL: {coverage.revoked} revoked, {until}"
        uncovered = [distinguished(ca.subject) for ca in coverage.uncovered]
    log_entries.write(
        "CERTIFICATES",
        f"in use: subject={escaped(subject)!r} serial={certificate.serial_number:#x} "
        f"until {_moment(end)}",
        f"{number} trusted CA{'s'[: number != 1]}",
        revocation,
        *(f"no current CRL of {escaped(name)!r}: rejecting its clients" for name in uncovered),
        level=logging.WARNING if uncovered else logging.INFO,
        event="certificates",
        subject=subject,
        serial=f"{certificate.serial_number:#x}",
        not_after=end.isoformat(),
        authorities=number,
        revoked=coverage.revoked if coverage else None,
        next_update=coverage.until.isoformat() if coverage and coverage.until else None,
        uncovered=uncovered,
    )


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
