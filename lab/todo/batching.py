"""Batching: many questions, answered together by one piece of work at a time.

``BatchedStore`` is what the stores outside memory have in common.
"""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from lab.todo.results import TodoItem
from lab.todo.store import StoreFull

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


class BatchedStore(abc.ABC):
    """A TodoStore in which those who add share a transaction, and those who list a query."""

    notice = ""

    def __init__(self, *, max_items: int) -> None:
        self._max_items = max_items
        self._adding = Batching(self._add)
        self._listing = Batching(self._list)

    @abc.abstractmethod
    async def _add(self, asked: Sequence[tuple[str, bool] | None]) -> Sequence[TodoItem | None]:
        """Keep the items of one batch in one transaction; None stands for a check.

        Return the items, and None for each check and for what there is no room for.
        """

    @abc.abstractmethod
    async def _list(self, askers: Sequence[None]) -> Sequence[tuple[TodoItem, ...]]:
        """Return all items to each of ``askers``."""

    async def add(self, *, task: str, done: bool) -> TodoItem:
        """Keep a new item under the next free id, and return it once it is kept for good."""
        item = await self._adding.ask((task, done))
        if item is None:
            raise StoreFull(self._max_items)
        return item

    async def check(self) -> None:
        """Raise StoreUnavailable where an item could not be kept now: write, and keep none."""
        await self._adding.ask(None)

    async def list(self) -> tuple[TodoItem, ...]:
        """Return all items by ascending id; the same tuple object until something is added."""
        return await self._listing.ask(None)

    async def _finish(self) -> None:
        """Wait until what is in flight is done."""
        await self._adding.finish()
        await self._listing.finish()
