"""Several server processes on one port: started, started again when one dies, stopped together.

Rules: the parent serves nobody; it holds the port, starts workers by fork, passes signals on, and
outlives no worker, as no worker outlives it. Each worker listens on a socket of its own
(SO_REUSEPORT), so the system spreads connections, and a worker that dies takes only its own. A
system that can start no process now is asked again later; the workers that there are go on.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FrameType

from lab.http import log_entries
from lab.serving.signals import terminal_watch

# Of a worker that dies again and again at once: how long until the next try, in seconds.
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0
_TEND = 1.0  # seconds from one time that the parent tends what it keeps to the next
_SETTLED = 2.0  # a worker that lived longer than this did not die of its start
_STOPS = (signal.SIGTERM, signal.SIGINT)


class CannotStart(Exception):
    """The crew cannot start. Its message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What a worker holds of its parent: two ends of pipes.

    ``lifeline`` becomes readable when the parent is gone; ``ready`` is to be told, by ``report``,
    that the worker listens.
    """

    number: int
    lifeline: int
    ready: int

    def report(self) -> None:
        """Tell the parent that this worker listens; one that was started again tells nobody."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self.ready, b"\x01")
        os.close(self.ready)


Work = Callable[[Member], int]
"""What a worker does, from the fork to its end; returns its exit code."""


@contextlib.contextmanager
def held_port(host: str, port: int) -> Iterator[int]:
    """A port that workers may share, held inside the block; 0 takes a free one. Raises OSError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except UnicodeError as error:  # the resolver's, for what cannot be a host name
        raise OSError(f"{host!r} is no host name") from error
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as alone:
        # One that is shared already would be shared by us too, without a word.
        alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        alone.bind(address)
        address = alone.getsockname()
    with socket.socket(family, kind, protocol) as held:
        # The connections of a server that was here a moment ago may linger (TIME_WAIT).
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(address)
        yield int(held.getsockname()[1])


@dataclass(slots=True)
class _Worker:
    """A worker process that runs, or waits to be started at ``due`` on the monotonic clock."""

    number: int
    name: str
    pid: int = 0
    started: float = 0.0
    due: float = 0.0
    wait: float = _FIRST_WAIT

    def postpone(self, now: float, *, longer: bool) -> None:
        """Have it started after a while; after a ``longer`` one than before."""
        self.wait = min(self.wait * 2, _LONGEST_WAIT) if longer else _FIRST_WAIT
        self.due = now + self.wait


class Crew:
    """The workers of one server, one for each of ``names``, which is how the journal calls them.

    ``work`` runs in each of them, ``ended`` is told who has ended. ``tend`` is called once a
    second, with True where a signal asks for files to be loaded anew: what it keeps, a fork hands
    on. It must not raise. Raises CannotStart.
    """

    def __init__(
        self,
        names: Sequence[str],
        work: Work,
        *,
        grace: float,
        tend: Callable[[bool], None],
        ended: Callable[[int], None] | None = None,
    ) -> None:
        self._work = work
        self._tend = tend
        self._ended = ended
        self._grace = grace
        self._workers = [_Worker(number, name) for number, name in enumerate(names, 1)]
        self._stopping = False
        self._terminal_gone = terminal_watch()
        with _as_cannot_start("the workers"):
            self._lifeline, self._life = os.pipe()
            self._woken, self._wake = os.pipe()

    def run(self, announce: Callable[[], None], leave: Callable[[], None]) -> int:
        """Run them until a signal says stop; the exit code. Raises CannotStart.

        ``announce`` is called once all listen, ``leave`` before they are asked to stop. The first
        worker starts alone: what keeps it from serving would keep the others, and needs to be said
        once.
        """
        for end in (self._woken, self._wake):
            os.set_blocking(end, False)
        before = {number: signal.signal(number, _by_the_pipe) for number in _signals()}
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        try:
            code = self._start_all()
            if code is None:
                announce()
                self._watch()
                leave()
            self._stop_all()
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)
        return code or 0

    def _start_all(self) -> int | None:
        """Start them one by one; the exit code if that is to be the end. Raises CannotStart."""
        try:
            for worker in self._workers:
                if (code := self._start_and_wait(worker)) is not None:
                    return code
        except CannotStart:
            self._stop_all()
            raise
        return None

    def _start_and_wait(self, worker: _Worker) -> int | None:
        """Start a worker and wait until it listens; the exit code if it ends instead."""
        with _as_cannot_start(f"worker {worker.name}"):
            ready = self._start(worker)
        try:
            while not self._stopping:
                select.select([ready, self._woken], [], [])
                self._drain()
                if select.select([ready], [], [], 0)[0]:
                    if os.read(ready, 1):
                        return None
                    pid, worker.pid = worker.pid, 0
                    return self._ended_at_once(worker, pid, os.waitpid(pid, 0)[1])
            return 0
        finally:
            os.close(ready)

    def _ended_at_once(self, worker: _Worker, pid: int, status: int) -> int:
        """The exit code of a crew whose ``worker`` ended before it listened."""
        code = os.waitstatus_to_exitcode(status)
        if code >= 0:
            return code or 1  # it has said why
        if -code in _STOPS:
            return 0  # a signal to the whole process group, of which our part is on its way
        raise CannotStart(
            f"worker {worker.name} (pid {pid}) {_how(status)} before it listened; "
            "find out who did that, and start the server again"
        )

    def _start(self, worker: _Worker) -> int:
        """Fork; returns the end of a pipe at which the worker will report. Raises OSError."""
        ready, report = os.pipe()
        # No signal may find the child with the parent's handlers in place.
        signal.pthread_sigmask(signal.SIG_BLOCK, _signals())
        try:
            worker.pid = os.fork()
            if worker.pid == 0:
                self._be_a_worker(worker.number, ready, report)
        except OSError:
            os.close(ready)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _signals())
            os.close(report)
        worker.started = time.monotonic()
        return ready

    def _be_a_worker(self, number: int, ready: int, report: int) -> None:
        """In the child: work, and end without what the parent has registered for its own end."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for each in _signals():
                # Before it serves, a worker has no files yet that it could load anew.
                ignored = each == signal.SIGHUP
                signal.signal(each, signal.SIG_IGN if ignored else signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _signals())
            for end in (ready, self._life, self._woken, self._wake):
                os.close(end)
            code = self._work(Member(number=number, lifeline=self._lifeline, ready=report))
        except Exception as error:
            log_entries.write(log_entries.task_failed(what=f"worker {number} failed"), error=error)
        finally:
            os._exit(code)

    def _watch(self) -> None:
        """Start again whoever dies, until a signal says stop."""
        tend = time.monotonic() + _TEND
        while not self._stopping:
            # First, as one may have died while others started, and its signal was heeded then.
            self._bury()
            for worker in self._workers:
                if not worker.pid and time.monotonic() >= worker.due:
                    self._start_again(worker)
            due = min((worker.due for worker in self._workers if not worker.pid), default=tend)
            patience = max(0.0, min(due, tend) - time.monotonic())
            select.select([self._woken], [], [], patience)
            self._drain()
            if time.monotonic() >= tend:
                self._tend(False)
                tend = time.monotonic() + _TEND

    def _start_again(self, worker: _Worker) -> None:
        """Start a worker, or see to it that this is tried again later."""
        try:
            os.close(self._start(worker))
        except OSError as error:
            worker.postpone(time.monotonic(), longer=True)
            log_entries.write(
                log_entries.worker_not_started(
                    worker=worker.name, reason=error.strerror or str(error), wait=worker.wait
                )
            )

    def _bury(self) -> None:
        """Take note of the workers that have ended."""
        for worker in self._workers:
            if not worker.pid:
                continue
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if not pid:
                continue
            if self._ended is not None:
                self._ended(worker.number)
            now = time.monotonic()
            worker.pid = 0
            worker.postpone(now, longer=now - worker.started <= _SETTLED)
            if not self._stopping:
                log_entries.write(
                    log_entries.worker_ended(
                        worker=worker.name, pid=pid, how=_how(status), wait=worker.wait
                    )
                )

    def _stop_all(self) -> None:
        """Ask all to stop, wait, and kill those that do not."""
        self._stopping = True
        self._pass_on(signal.SIGTERM)
        deadline = time.monotonic() + self._grace
        self._bury()
        while any(worker.pid for worker in self._workers):
            left = deadline - time.monotonic()
            if left <= 0:
                self._pass_on(signal.SIGKILL)
            select.select([self._woken], [], [], max(left, 0.1))
            self._drain()
            self._bury()

    def _pass_on(self, number: int) -> None:
        for worker in self._workers:
            if worker.pid:
                os.kill(worker.pid, number)

    def _drain(self) -> None:
        """Heed the signals that came since the last call: a byte each, its number."""
        with contextlib.suppress(BlockingIOError):
            for number in os.read(self._woken, 4096):
                if number in _STOPS or (number == signal.SIGHUP and self._terminal_gone()):
                    self._stopping = True
                elif number == signal.SIGHUP:
                    self._pass_on(number)
                    self._tend(True)


@contextlib.contextmanager
def _as_cannot_start(what: str) -> Iterator[None]:
    """What the system does not give, as CannotStart."""
    try:
        yield
    except OSError as error:
        raise CannotStart(
            f"{what} cannot be started: {error.strerror or error}; raise the limit of the system "
            "that this meets (ulimit -u, ulimit -n), or ask for fewer --workers"
        ) from error


def _signals() -> tuple[signal.Signals, ...]:
    return (*_STOPS, signal.SIGHUP, signal.SIGCHLD)


def _by_the_pipe(number: int, frame: FrameType | None) -> None:
    """A signal's handler: there must be one, or its number would not be written to the pipe."""


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
