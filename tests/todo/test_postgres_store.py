"""``PostgresStore``: what it keeps, what it refuses to open, and that it comes back by itself."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from lab.todo import postgres_store
from lab.todo.postgres_store import PostgresStore
from lab.todo.results import TodoItem
from lab.todo.store import SEEDS, StoreUnavailable
from lab.todo.store_urls import open_store
from tests.support.peers import free_port
from tests.support.postgres_server import PostgresServer, pgbouncer, postgres_server

pytestmark = pytest.mark.slow  # a PostgreSQL server


@pytest.fixture(scope="module")
def server(certs: Path) -> Iterator[PostgresServer]:
    with postgres_server(certs) as running:
        yield running


@pytest.fixture
def url(server: PostgresServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """That of a new database."""
    with server.database(request.node.name[:60]) as found:
        yield found


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    store = await PostgresStore.open(url)
    yield store
    await store.close()


async def test_items_outlive_the_store(url: str) -> None:
    store = await open_store(url, max_items=100)
    assert store.notice.endswith(", TLSv1.3 as /CN=mtls-client")
    assert await store.list() == SEEDS
    added = await store.add(task="Añadir \0 漢 '; DROP TABLE", done=True)
    assert added == TodoItem(id=6, task="Añadir \0 漢 '; DROP TABLE", done=True)
    await store.close()
    again = await open_store(url, max_items=100)
    assert await again.list() == (*SEEDS, added)
    await again.close()
    await again.close()


async def test_a_listing_is_the_same_object_until_another_server_adds(url: str) -> None:
    one, other = await PostgresStore.open(url), await PostgresStore.open(url)
    before = await one.list()
    assert await one.list() is before
    await other.add(task="x", done=False)
    assert [item.id for item in await one.list()] == [1, 2, 3, 4, 5, 6]
    for store in (one, other):
        await store.close()


async def test_ids_are_unique_and_without_gaps_over_servers_that_begin_at_once(url: str) -> None:
    stores = await asyncio.gather(*(PostgresStore.open(url) for _ in range(4)))
    added = await asyncio.gather(
        *(store.add(task=f"{turn}", done=False) for turn in range(50) for store in stores)
    )
    assert sorted(item.id for item in added) == list(range(6, 206))
    for store in stores:
        assert [item.id for item in await store.list()] == list(range(1, 206))
        await store.close()


async def test_it_comes_back_by_itself_after_the_database_was_restarted(
    server: PostgresServer, store: PostgresStore
) -> None:
    before = await store.add(task="before", done=False)
    await store.list()
    for number in (signal.SIGQUIT, signal.SIGKILL):
        server.stop(number)
        try:
            for asking in (store.list(), store.add(task="lost", done=False), store.check()):
                with pytest.raises(StoreUnavailable, match=r"refused.*; check that it runs"):
                    await asking
        finally:
            server.start()
        assert (await store.list())[-1] == before
        await store.check()
        before = await store.add(task="after", done=False)
    assert [item.id for item in await store.list()] == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_a_connection_that_is_cut_is_replaced(
    server: PostgresServer, store: PostgresStore
) -> None:
    await store.list()
    server.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mtls-lab'"
    )
    assert await store.list() == SEEDS
    assert (await store.add(task="x", done=False)).id == 6


async def test_a_connection_that_falls_silent_is_cut_and_replaced(
    server: PostgresServer, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_store, "_LIMIT", 0.3)
    await store.list()
    own = "SELECT pid FROM pg_stat_activity WHERE application_name = 'mtls-lab'"
    stopped = [int(str(pid)) for (pid,) in server.sql(own)]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        assert await store.list() == SEEDS
        assert (await store.add(task="x", done=False)).id == 6
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


async def test_a_commit_that_never_returns_is_an_error(
    server: PostgresServer, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_store, "_LIMIT", 0.3)
    server.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    server.sql("SELECT pg_reload_conf()")
    try:
        with pytest.raises(StoreUnavailable, match=r"no answer within .*standbys"):
            await store.add(task="x", done=False)
    finally:
        server.sql("ALTER SYSTEM RESET ALL")
        server.sql("SELECT pg_reload_conf()")


async def test_what_was_changed_by_hand_is_seen(
    server: PostgresServer, store: PostgresStore, url: str
) -> None:
    name = url.partition(f":{server.port}/")[2].partition("?")[0]
    await store.list()
    server.sql("DELETE FROM mtls_lab_todo WHERE id = 2", name)
    assert [item.id for item in await store.list()] == [1, 3, 4, 5]
    server.sql("UPDATE mtls_lab_todo SET done = true", name)
    assert all(item.done for item in await store.list())
    server.sql("UPDATE mtls_lab_store SET last_id = 2", name)  # an old backup of this table only
    assert (await store.add(task="x", done=False)).id == 6
    server.sql("TRUNCATE mtls_lab_todo", name)
    assert await store.list() == ()
    assert (await store.add(task="y", done=False)).id == 7
    assert [item.id for item in await store.list()] == [7]
    server.sql("DELETE FROM mtls_lab_store", name)
    for asking in (store.add(task="z", done=False), store.check()):
        with pytest.raises(StoreUnavailable, match="has no row; its tables were"):
            await asking
    server.sql("DROP TABLE mtls_lab_todo", name)
    with pytest.raises(StoreUnavailable, match=r"does not exist.*its tables were removed"):
        await store.list()


async def test_a_check_finds_that_items_cannot_be_added(
    server: PostgresServer, store: PostgresStore, url: str
) -> None:
    """As with a disk that is full, on which a row may still be written over."""
    name = url.partition(f":{server.port}/")[2].partition("?")[0]
    server.sql("ALTER TABLE mtls_lab_todo ADD CONSTRAINT no_room CHECK (id < 6)", name)
    with pytest.raises(StoreUnavailable, match=r"no_room.*; its log may say more"):
        await store.check()
    server.sql("ALTER TABLE mtls_lab_todo DROP CONSTRAINT no_room", name)
    await store.check()
    assert await store.list() == SEEDS


async def test_a_database_whose_transactions_are_serializable(
    server: PostgresServer, url: str
) -> None:
    name = url.partition(f":{server.port}/")[2].partition("?")[0]
    server.sql(f'ALTER DATABASE "{name}" SET default_transaction_isolation = serializable')
    stores = [await PostgresStore.open(url) for _ in range(3)]
    for _ in range(20):
        await asyncio.gather(*(store.add(task="x", done=False) for store in stores))
    for store in stores:
        assert len(await store.list()) == 65
        await store.close()


async def test_a_pooler_that_gives_each_transaction_another_connection(
    server: PostgresServer, url: str
) -> None:
    name = url.partition(f":{server.port}/")[2].partition("?")[0]
    with pgbouncer(server) as port:
        stores = [
            await PostgresStore.open(f"postgresql://x@127.0.0.1:{port}/{name}?sslmode=disable")
            for _ in range(3)
        ]
        assert stores[0].notice.endswith(", without TLS")  # though the pooler's is by TLS
        for _ in range(20):
            await asyncio.gather(*(store.add(task="x", done=False) for store in stores))
        for store in stores:
            assert len(await store.list()) == 65
            await store.close()


async def test_of_several_hosts_the_one_that_can_be_written_is_taken(
    server: PostgresServer, url: str
) -> None:
    several = url.replace(
        f"localhost:{server.port}", f"localhost:{free_port()},localhost:{server.port}"
    )
    store = await PostgresStore.open(several)
    assert await store.list() == SEEDS
    await store.close()
    server.sql("ALTER SYSTEM SET default_transaction_read_only = on")
    server.sql("SELECT pg_reload_conf()")
    try:
        with pytest.raises(StoreUnavailable, match=r"session is read-only.*; name the primary"):
            await PostgresStore.open(several)
        with pytest.raises(StoreUnavailable, match="name the primary"):
            await PostgresStore.open(url + "&target_session_attrs=any")
    finally:
        server.sql("ALTER SYSTEM RESET ALL")
        server.sql("SELECT pg_reload_conf()")


async def test_a_lock_that_is_held_is_waited_for_within_bounds(
    server: PostgresServer, store: PostgresStore, url: str
) -> None:
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE mtls_lab_store")
        with pytest.raises(StoreUnavailable, match="another transaction may hold a lock"):
            await store.add(task="x", done=False)
        assert await store.list() == SEEDS
    assert (await store.add(task="y", done=False)).id == 6


async def test_too_many_connections(server: PostgresServer, store: PostgresStore, url: str) -> None:
    held = []
    with pytest.raises(psycopg.OperationalError):
        for _ in range(20):
            held.append(psycopg.connect(url))
    try:
        with pytest.raises(StoreUnavailable, match="max_connections"):
            await PostgresStore.open(url)
        await store.check()  # has its connection already
    finally:
        for connection in held:
            connection.close()


class TestWhatIsRefused:
    """One clear line, without the password."""

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"sslcert": "none.crt", "sslkey": "none.key"}, "certificate|pg_hba.conf"),
            ({"sslrootcert": "none.crt"}, "check sslrootcert"),
            ({"user": "sql_user", "password": "s3cr3t"}, "check the user and the password"),
            ({"user": "sql_user"}, "check the user and the password"),
            ({"dbname": "nowhere"}, "create it, or name another one"),
        ],
    )
    async def test_by_the_database(
        self, server: PostgresServer, change: dict[str, str], message: str
    ) -> None:
        url = server.url(**change)
        with pytest.raises(StoreUnavailable, match=message) as caught:
            await PostgresStore.open(url)
        line = str(caught.value)
        assert "\n" not in line
        assert "s3cr3t" not in line
        assert line.startswith(f"PostgreSQL localhost:{server.port}/")

    async def test_a_schema_of_another_version(self, server: PostgresServer, url: str) -> None:
        await (await PostgresStore.open(url)).close()
        name = url.partition(f":{server.port}/")[2].partition("?")[0]
        server.sql("UPDATE mtls_lab_store SET version = 9", name)
        with pytest.raises(StoreUnavailable, match="schema version 9, and this program supports 1"):
            await PostgresStore.open(url)

    async def test_a_table_of_another_program(self, server: PostgresServer, url: str) -> None:
        name = url.partition(f":{server.port}/")[2].partition("?")[0]
        server.sql("CREATE TABLE mtls_lab_todo (x int)", name)
        with pytest.raises(StoreUnavailable, match="already exists; choose a database without"):
            await PostgresStore.open(url)

    async def test_tables_without_their_content(self, server: PostgresServer, url: str) -> None:
        await (await PostgresStore.open(url)).close()
        name = url.partition(f":{server.port}/")[2].partition("?")[0]
        server.sql("DELETE FROM mtls_lab_store", name)
        with pytest.raises(StoreUnavailable, match="mtls_lab_store has no row; its tables were"):
            await PostgresStore.open(url)
        server.sql("DROP TABLE mtls_lab_todo", name)
        with pytest.raises(StoreUnavailable, match=r"does not exist.*its tables were removed"):
            await PostgresStore.open(url)

    async def test_a_user_who_may_not_add_items(self, server: PostgresServer, url: str) -> None:
        await (await PostgresStore.open(url)).close()
        name = url.partition(f":{server.port}/")[2].partition("?")[0]
        server.sql("CREATE ROLE sql_user LOGIN PASSWORD 'right' CONNECTION LIMIT 1")
        try:
            server.sql("GRANT SELECT, UPDATE ON mtls_lab_store TO sql_user", name)
            server.sql("GRANT SELECT ON mtls_lab_todo TO sql_user", name)
            asking = server.url(name, user="sql_user", password="right")
            with pytest.raises(StoreUnavailable, match=r"permission denied.*; grant this user"):
                await PostgresStore.open(asking)
            server.sql("GRANT INSERT ON mtls_lab_todo TO sql_user", name)
            with pytest.raises(StoreUnavailable, match=r"too many connections.*takes two"):
                await PostgresStore.open(asking)
        finally:
            server.sql("DROP OWNED BY sql_user", name)
            server.sql("DROP ROLE sql_user")

    async def test_another_encoding(self, server: PostgresServer) -> None:
        options = "ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"
        with (
            server.database("ascii", options) as url,
            pytest.raises(StoreUnavailable, match="has the encoding SQL_ASCII; create"),
        ):
            await PostgresStore.open(url)

    async def test_a_user_who_may_not_create_tables(self, server: PostgresServer) -> None:
        server.sql("CREATE ROLE sql_user LOGIN PASSWORD 'right'")
        try:
            url = server.url(user="sql_user", password="right")
            with pytest.raises(StoreUnavailable, match="grant this user the right"):
                await PostgresStore.open(url)
        finally:
            server.sql("DROP ROLE sql_user")
