"""Work that is dear to do once and cheap to do for many: who waits while it is done goes together.

Rules: one round runs at a time. It is for all who had asked when it began, and nobody who asks
later gets its answer. Whoever stops waiting changes nothing for the others: before the round he is
left out of it, within it his answer is dropped.

This module must not know what the work is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Batching(Generic[Q, A]):
    """Answers questions by ``work``, which takes those of one round, and answers in their order.

    What ``work`` raises is raised to all of its round; the next round is not touched by it.
    """

    def __init__(self, work: Callable[[Sequence[Q]], Awaitable[Sequence[A]]]) -> None:
        self._work = work
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """The answer from a round that begins after this call."""
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._task is None:
            # A task of its own, which no caller's cancellation reaches.
            self._task = asyncio.create_task(self._run())
        return await future

    async def finish(self) -> None:
        """Waits until every question was answered. Nobody may ask meanwhile."""
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, []
            asked = [(question, future) for question, future in asked if not future.done()]
            if asked:
                await self._hold(asked)
        self._task = None

    async def _hold(self, asked: list[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._work([question for question, _ in asked])
        except Exception as error:
            for _, future in asked:
                if not future.done():
                    future.set_exception(error)
        else:
            for (_, future), answer in zip(asked, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
