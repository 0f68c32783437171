from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from lab.todo.application import TodoApp, anyone
from lab.todo.results import TodoItem
from lab.todo.store import SEEDS, MemoryStore, StoreFull, TodoStore
from lab.todo.store_urls import open_store
from tests.support.http_rig import GET, post, served
from tests.support.postgres_server import postgres_server


async def test_the_five_seeds_come_first_and_the_next_id_is_six() -> None:
    store = MemoryStore()
    assert [item.id for item in await store.list()] == [1, 2, 3, 4, 5]
    assert [item.done for item in await store.list()] == [True, True, True, True, False]
    added = await store.add(task="Añadir endpoint POST", done=False)
    assert added == TodoItem(id=6, task="Añadir endpoint POST", done=False)
    assert await store.list() == (*SEEDS, added)


async def test_an_empty_store_starts_at_one() -> None:
    store = MemoryStore([])
    assert (await store.add(task="first", done=True)).id == 1


async def test_a_listing_stays_the_same_object_until_something_is_added() -> None:
    store = MemoryStore()
    before = await store.list()
    assert await store.list() is before
    await store.add(task="x", done=False)
    assert await store.list() is not before
    assert len(before) == 5


async def test_a_thousand_concurrent_posts_get_ids_without_gap_or_repetition() -> None:
    connections, each = 100, 10  # all of a connection's requests are on their way at once
    async with served() as service:

        async def one(number: int) -> list[tuple[int, str]]:
            client = await service.connect()
            tasks = [f"task {number}.{turn}" for turn in range(each)]
            await client.send(b"".join(post(json.dumps({"task": task}).encode()) for task in tasks))
            kept = []
            for task in tasks:
                answer = await client.answer()
                assert answer.status == 201
                todo = answer.json()["todo"]
                assert isinstance(todo, dict)
                assert (todo["task"], todo["done"]) == (task, False)
                kept.append((todo["id"], task))
            await client.close()
            return kept

        kept = [
            pair for part in await asyncio.gather(*map(one, range(connections))) for pair in part
        ]
        assert sorted(number for number, _ in kept) == list(range(6, 1006))

        client = await service.connect()
        todos = (await client.ask(GET)).json()["todos"]
        await client.close()
    assert isinstance(todos, list)
    assert [(todo["id"], todo["task"]) for todo in todos[5:]] == sorted(kept)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def opened(
    request: pytest.FixtureRequest, tmp_path: Path, certs: Path
) -> Iterator[Callable[[int], Awaitable[TodoStore]]]:
    """A function that opens a new store of each kind for so many items."""
    with contextlib.ExitStack() as stack:
        url = {"memory": "memory", "sqlite": f"sqlite:{tmp_path / 'todo.db'}"}.get(request.param)
        if url is None:
            url = stack.enter_context(postgres_server(certs)).url()
        yield lambda most: open_store(url, max_items=most)


async def test_every_store_gives_ids_and_lists_alike(
    opened: Callable[[int], Awaitable[TodoStore]],
) -> None:
    store = await opened(300)
    assert await store.list() == SEEDS
    before = await store.list()
    assert await store.list() is before
    tasks = [
        "Añadir endpoint POST",
        "a\0b",
        "\\u0000 'quoted' \"x\"",
        "漢\n\t\x1b",
        " ",
        "x" * 5000,
    ]
    added = [await store.add(task=task, done=bool(n % 2)) for n, task in enumerate(tasks)]
    assert [(item.id, item.task, item.done) for item in added] == [
        (number + 6, task, bool(number % 2)) for number, task in enumerate(tasks)
    ]
    more = await asyncio.gather(
        *(store.add(task=str(number), done=False) for number in range(200)), store.check()
    )
    assert sorted(item.id for item in more if item is not None) == list(range(12, 212))
    assert len(before) == 5
    listed = await store.list()
    assert listed[:11] == (*SEEDS, *added)
    assert set(listed[11:]) == {item for item in more if item is not None}
    assert [item.id for item in listed] == list(range(1, 212))
    await store.close()
    await store.close()


async def test_a_full_store_keeps_no_more(opened: Callable[[int], Awaitable[TodoStore]]) -> None:
    store = await opened(7)
    adding = (store.add(task=str(number), done=False) for number in range(5))
    results = await asyncio.gather(*adding, store.check(), return_exceptions=True)
    assert [type(result) for result in results] == [TodoItem] * 2 + [StoreFull] * 3 + [type(None)]
    assert [item.id for item in await store.list()] == [1, 2, 3, 4, 5, 6, 7]
    with pytest.raises(StoreFull, match=r"has 7 items.*--max-items"):
        await store.add(task="x", done=False)
    await store.close()


async def test_a_full_list_is_507_and_goes_on() -> None:
    async with served(TodoApp(store=MemoryStore(max_items=5), policy=anyone)) as service:
        client = await service.connect()
        answer = await client.ask(post(b'{"task": "x"}'))
        assert answer.status == 507
        assert answer.json()["error"] == "insufficient_storage"
        assert (await client.ask(GET)).status == 200
        await client.close()


async def test_a_list_that_grows_is_the_document_that_it_would_be() -> None:
    store = MemoryStore([])
    async with served(TodoApp(store=store, policy=anyone)) as service:
        client = await service.connect()
        for number in range(4):
            answer = await client.ask(GET)
            items = [{"id": n + 1, "task": f"a\n{n}", "done": True} for n in range(number)]
            document = {"client": "mtls-client", "todos": items}
            text = json.dumps(document, indent=2, ensure_ascii=False)
            assert answer.body.decode() == text
            await store.add(task=f"a\n{number}", done=True)
        await client.close()
