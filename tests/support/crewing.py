"""Crews of workers that meet with something while they start: run as processes of their own.

``python -m tests.crewing NAME FOLDER`` runs one of them; what the journal says is on stderr, and
what the crew came to on stdout. The last of its workers ends it, by a signal to its parent.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lab.serving.workers import CannotStart, Crew, Member

FOLDER = Path(sys.argv[2])
PATIENCE = 20.0


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so; the worker fails where it never is."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def lives(member: Member) -> int:
    """How often this worker has been started, this time included; its process id is noted."""
    with (FOLDER / str(member.number)).open("a") as noted:
        noted.write(f"{os.getpid()}\n")
    return len(pids(member.number))


def pids(number: int) -> list[int]:
    return [int(line) for line in (FOLDER / str(number)).read_text().splitlines()]


def is_dead(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "Z"  # its parent waits for the second worker, and buries nobody meanwhile


def stay(member: Member) -> int:
    """Wait for the signal that ends a worker."""
    while True:
        signal.pause()


def end_all() -> None:
    os.kill(os.getppid(), signal.SIGTERM)


def one_dies_while_others_start(member: Member) -> int:
    """The first is killed before the second listens; its next life ends the crew."""
    life = lives(member)
    if member.number == 2:
        (first,) = pids(1)
        os.kill(first, signal.SIGKILL)
        until(lambda: is_dead(first))
    elif life == 2:
        end_all()
    member.report()
    return stay(member)


def no_process_for_a_while(member: Member) -> int:
    """The first kills itself; its next life ends the crew."""
    if lives(member) == 2:
        end_all()
    member.report()
    if len(pids(1)) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return stay(member)


def killed_at_once(member: Member) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return stay(member)


def asked_to_stop_at_once(member: Member) -> int:
    """What a signal to the process group does to a worker that does not listen yet."""
    os.kill(os.getpid(), signal.SIGTERM)
    return stay(member)


def fork_without(*failing: int) -> Callable[[], int]:
    """``os.fork``, of which some calls, counted from 1, meet the limit of processes."""
    real, calls = os.fork, iter(range(1, 1000))

    def fork() -> int:
        if next(calls) in failing:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return real()

    return fork


CREWS = {
    "died": (one_dies_while_others_start, ()),
    "no process": (no_process_for_a_while, (2, 3)),
    "no process at first": (stay, (1,)),
    "killed": (killed_at_once, ()),
    "stopped": (asked_to_stop_at_once, ()),
}


def main() -> None:
    work, failing = CREWS[sys.argv[1]]
    os.fork = fork_without(*failing)
    names = ["1", "the other"] if work is one_dies_while_others_start else ["1"]
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        crew = Crew(names, work, grace=PATIENCE, tend=lambda asked: None)
        code = crew.run(lambda: print("announced"), lambda: None)
    except CannotStart as error:
        print(error)
    else:
        print("ended with", code)
    if signal.pthread_sigmask(signal.SIG_BLOCK, ()) != blocked:
        print("signals stay blocked")


if __name__ == "__main__":
    main()
