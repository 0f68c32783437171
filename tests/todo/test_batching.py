from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from lab.todo.batching import Batching


class Work:
    """Doubles numbers; each round waits until it may go."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []
        self.began = asyncio.Event()
        self.may_go = asyncio.Event()

    async def __call__(self, numbers: Sequence[int]) -> Sequence[int]:
        self.seen.append([*numbers])
        self.began.set()
        await self.may_go.wait()
        if 0 in numbers:
            raise LookupError("no zero here")
        return [2 * number for number in numbers]


async def first_round_under_way(
    *later: int,
) -> tuple[Work, Batching[int, int], list[asyncio.Task[int]]]:
    """A round for 1 that waits, and the numbers that wait for the next."""
    work = Work()
    rounds = Batching(work)
    tasks = [asyncio.create_task(rounds.ask(1))]
    await work.began.wait()
    tasks += [asyncio.create_task(rounds.ask(number)) for number in later]
    await asyncio.sleep(0)  # each new task gets to its question
    return work, rounds, tasks


async def test_those_who_ask_meanwhile_share_the_next_round() -> None:
    work, _, tasks = await first_round_under_way(2, 3, 4)
    work.may_go.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
    assert work.seen == [[1], [2, 3, 4]]


async def test_a_failure_is_told_to_its_round_alone() -> None:
    work, rounds, tasks = await first_round_under_way(2, 0)
    work.may_go.set()
    first, *others = await asyncio.gather(*tasks, return_exceptions=True)
    assert first == 2
    assert [type(each) for each in others] == [LookupError, LookupError]
    assert await rounds.ask(5) == 10


async def test_who_left_before_the_round_is_left_out_of_it() -> None:
    work, _, tasks = await first_round_under_way(2, 3)
    tasks[1].cancel()
    work.may_go.set()
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
    assert (await tasks[0], await tasks[2]) == (2, 6)
    assert work.seen == [[1], [3]]


@pytest.mark.parametrize("number", [1, 0])
async def test_who_leaves_within_the_round_changes_nothing(number: int) -> None:
    work = Work()
    rounds = Batching(work)
    leaver = asyncio.create_task(rounds.ask(number))
    await work.began.wait()
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    work.may_go.set()
    assert await rounds.ask(4) == 8
    assert work.seen == [[number], [4]]


async def test_finish_waits_for_all_and_leaves_no_task() -> None:
    work, rounds, tasks = await first_round_under_way(2)
    finishing = asyncio.create_task(rounds.finish())
    await asyncio.sleep(0)
    assert not finishing.done()
    work.may_go.set()
    await finishing
    assert work.seen == [[1], [2]]
    assert await asyncio.gather(*tasks) == [2, 4]
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await rounds.finish()
