"""Batching: many questions, answered together by one piece of work at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Batching(Generic[Q, A]):
    """Answer questions by ``work``, which takes those of one batch, and answers in their order.

    What ``work`` raises is raised to all of its batch; the next batch is not affected.
    """

    def __init__(self, work: Callable[[Sequence[Q]], Awaitable[Sequence[A]]]) -> None:
        self._work = work
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """Return the answer from a batch that begins after this call."""
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._task is None:
            # A task of its own, which no caller's cancellation reaches.
            self._task = asyncio.create_task(self._run())
        return await future

    async def finish(self) -> None:
        """Wait until every question is answered. Nobody may ask meanwhile."""
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            batch = [(question, future) for question, future in waiting if not future.done()]
            if batch:
                await self._run_batch(batch)
        self._task = None

    async def _run_batch(self, batch: list[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._work([question for question, _ in batch])
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
        else:
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
