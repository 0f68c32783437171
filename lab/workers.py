"""Several server processes on one port: started, started again when one dies, stopped together.

Rules: the parent serves nobody; it holds the port, starts workers by fork, passes signals on, and
outlives no worker, as no worker outlives it. Each worker listens on a socket of its own
(SO_REUSEPORT), so the system spreads connections, and a worker that dies takes only its own.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

from lab.service import journal
from lab.service.stopping import terminal_watch

# Of a worker that dies again and again at once: how long until the next try, in seconds.
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0
_SETTLED = 2.0  # a worker that lived longer than this did not die of its start
_STOPS = (signal.SIGTERM, signal.SIGINT)


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
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as alone:
        # One that is shared already would be shared by us too, without a word.
        alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        alone.bind(address)
        address = alone.getsockname()
    with socket.socket(family, kind, protocol) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(address)
        yield int(held.getsockname()[1])


@dataclass(slots=True)
class _Worker:
    """A worker process that runs, or waits to be started at ``due`` on the monotonic clock."""

    number: int
    pid: int = 0
    started: float = 0.0
    due: float = 0.0
    wait: float = _FIRST_WAIT


class Crew:
    """The workers of one server. ``work`` runs in each of them, ``ended`` is told who has ended."""

    def __init__(
        self,
        count: int,
        work: Work,
        *,
        grace: float,
        ended: Callable[[int], None] | None = None,
    ) -> None:
        self._work = work
        self._ended = ended
        self._grace = grace
        self._workers = [_Worker(number) for number in range(1, count + 1)]
        self._stopping = False
        self._terminal_gone = terminal_watch()
        self._lifeline, self._life = os.pipe()
        self._woken, self._wake = os.pipe()

    def run(self, announce: Callable[[], None], leave: Callable[[], None]) -> int:
        """Run them until a signal says stop; the exit code.

        ``announce`` is called once all listen, ``leave`` before they are asked to stop. The first
        worker starts alone: what keeps it from serving would keep the others, and needs to be said
        once.
        """
        for end in (self._woken, self._wake):
            os.set_blocking(end, False)
        before = {number: signal.signal(number, _by_the_pipe) for number in _signals()}
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        try:
            for worker in self._workers:
                code = self._start_and_wait(worker)
                if code is not None:
                    self._stop_all()
                    return code
            announce()
            self._watch()
            leave()
            self._stop_all()
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)
        return 0

    def _start_and_wait(self, worker: _Worker) -> int | None:
        """Start a worker and wait until it listens; its exit code if it ends instead."""
        ready = self._start(worker)
        try:
            while not self._stopping:
                select.select([ready, self._woken], [], [])
                self._drain()
                if select.select([ready], [], [], 0)[0]:
                    if os.read(ready, 1):
                        return None
                    _, status = os.waitpid(worker.pid, 0)
                    worker.pid = 0
                    return os.waitstatus_to_exitcode(status) or 1
            return 0
        finally:
            os.close(ready)

    def _start(self, worker: _Worker) -> int:
        """Fork; returns the end of a pipe at which the worker will report."""
        ready, report = os.pipe()
        # No signal may find the child with the parent's handlers in place.
        signal.pthread_sigmask(signal.SIG_BLOCK, _signals())
        worker.pid = os.fork()
        if worker.pid == 0:
            self._be_a_worker(worker.number, ready, report)
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
            journal.write(journal.unowned(what=f"worker {number} failed"), error=error)
        finally:
            os._exit(code)

    def _watch(self) -> None:
        """Start again whoever dies, until a signal says stop."""
        while not self._stopping:
            due = [worker.due for worker in self._workers if not worker.pid]
            patience = max(0.0, min(due) - time.monotonic()) if due else None
            select.select([self._woken], [], [], patience)
            self._drain()
            self._bury()
            for worker in self._workers:
                if not worker.pid and time.monotonic() >= worker.due:
                    os.close(self._start(worker))

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
            lived = now - worker.started
            worker.wait = _FIRST_WAIT if lived > _SETTLED else min(worker.wait * 2, _LONGEST_WAIT)
            worker.pid, worker.due = 0, now + worker.wait
            if not self._stopping:
                journal.write(
                    journal.worker_ended(
                        number=worker.number,
                        how=_how(status),
                        done=f"started again in {worker.wait:.1f} s",
                    )
                )

    def _stop_all(self) -> None:
        """Ask all to stop, wait, and kill those that do not."""
        self._stopping = True
        self._pass_on(signal.SIGTERM)
        deadline = time.monotonic() + self._grace
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


def _signals() -> tuple[signal.Signals, ...]:
    return (*_STOPS, signal.SIGHUP, signal.SIGCHLD)


def _by_the_pipe(number: int, frame: FrameType | None) -> None:
    """A signal's handler: there must be one, or its number would not be written to the pipe."""


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
