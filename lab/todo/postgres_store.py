"""The TODO items in a PostgreSQL database, which the servers of several machines may share.

``add`` returns after the item is committed. Items added while a commit is made share the next one.
Whoever adds locks the one row of ``mtls_lab_store`` to its commit, so ids are given without gaps
and in the order of commits; a listing reads what came after the last one, and all again where the
rows of before are no longer the same. Reading and writing have a connection each, in psycopg's
pools, which replace one that was lost. A connection that does not answer in time is cut.

A pooler may stand between, also one that gives each transaction another connection: nothing is
prepared, and all settings are those of a transaction.

Every error of PostgreSQL becomes StoreUnavailable, with the database, what is wrong and what to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import psycopg
from psycopg import AsyncConnection, IsolationLevel, conninfo
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from lab.tls.escape import printable
from lab.todo.batching import BatchedStore
from lab.todo.postgres_messages import REMEDY_OF_SILENCE, TABLES_CHANGED, database_name, meaning
from lab.todo.results import TodoItem
from lab.todo.store import SEEDS, StoreUnavailable

VERSION = 1  # of the schema
_LOCK = 0x6D544C53  # "mTLS": the advisory lock under which the tables are made
_PATIENCE = 2.0  # seconds to wait for a connection, with tries again meanwhile
_STATEMENT_LIMIT = "5s"  # for each statement, also for a lock that another server holds
_LIMIT = 10.0  # seconds for all of a transaction, also where PostgreSQL itself is silent

# PostgreSQL's text has no NUL, which a task may have; its json keeps the escape.
_TABLES = """
CREATE TABLE mtls_lab_store (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version integer NOT NULL,
    last_id bigint NOT NULL
);
CREATE TABLE mtls_lab_todo (
    id bigint PRIMARY KEY,
    task json NOT NULL CHECK (json_typeof(task) = 'string'),
    done boolean NOT NULL
)
"""
_INSERT = "INSERT INTO mtls_lab_todo (id, task, done) VALUES (%s, %s, %s)"
# The greater of both: a backup of one table only may have been put in place.
_LAST = """
SELECT greatest(last_id, (SELECT max(id) FROM mtls_lab_todo)), version
FROM mtls_lab_store WHERE only_row FOR UPDATE
"""
# xmin is the transaction that wrote a row: another one where the row was changed or put back.
_READ = """
SELECT id, task::text, done, xmin::text::bigint FROM mtls_lab_todo WHERE id > %s ORDER BY id
"""
_FINGERPRINT = """
SELECT count(*), coalesce(sum(xmin::text::bigint), 0)::bigint FROM mtls_lab_todo WHERE id <= %s
"""
_SETTINGS = """
SELECT set_config('statement_timeout', %s, true), set_config('synchronous_commit',
  CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
  ELSE current_setting('synchronous_commit') END, true)
"""

# Errors of connecting are told by StoreUnavailable; the pool would log each try, too.
logging.getLogger("psycopg").addHandler(logging.NullHandler())
logging.getLogger("psycopg").propagate = False


class PostgresStore(BatchedStore):
    """A TodoStore in a database; made by ``open``.

    After StoreUnavailable from ``add``, the item is not there. One exception: if the connection was
    lost in the moment of the commit, it may turn up later.
    """

    def __init__(self, url: str, *, max_items: int = sys.maxsize) -> None:
        self._name = database_name(url)
        super().__init__(max_items=max_items)
        self._writer = _Pool(url, self._name)
        self._reader = _Pool(url, self._name)
        self._items: tuple[TodoItem, ...] = ()
        self._fingerprint = (0, 0)  # of these items
        self.notice = ""

    @classmethod
    async def open(cls, url: str, *, max_items: int = sys.maxsize) -> PostgresStore:
        """Open the database at ``url``; make its tables, with the seeds, where there are none.

        ``url`` is one of libpq, ``postgresql://user@host/database?sslmode=verify-full&…``. Raises
        StoreUnavailable, with one line that says what is wrong and what to do.
        """
        store = cls(url, max_items=max_items)
        try:
            async with store._writer.use() as connection:
                await _prepare(connection, store._name)
                store.notice = f"Keeping items in {store._name}{await _how(connection)}"
            await store.list()  # its connection is there, too
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Finish what is in flight, and close the connections."""
        await self._finish()
        await self._reader.close()
        await self._writer.close()

    async def _add(self, asked: Sequence[tuple[str, bool] | None]) -> Sequence[TodoItem | None]:
        """Keep the items of one batch in one transaction; None stands for a check.

        Return the items, and None for each check and for what there is no room for.
        """
        answers: list[TodoItem | None] = []
        async with self._writer.use() as connection:
            last, _ = await _locked(connection, self._name)
            ((count,),) = await _rows(connection, "SELECT count(*) FROM mtls_lab_todo")
            added = 0
            for task in asked:
                room = task is not None and count + added < self._max_items
                added += room
                answers.append(
                    TodoItem(id=last + added, task=task[0], done=task[1]) if task and room else None
                )
            await connection.cursor().executemany(_INSERT, [_row(one) for one in answers if one])
            await connection.execute("UPDATE mtls_lab_store SET last_id = %s", (last + added,))
            if None in asked:
                await _try(connection, last + added + 1)
        return answers

    async def _list(self, askers: Sequence[None]) -> Sequence[tuple[TodoItem, ...]]:
        """Read what was added since the last batch. Ids are given in the order of commits."""
        async with self._reader.use() as connection:
            items, (count, written) = self._items, self._fingerprint
            last = items[-1].id if items else 0
            if await _rows(connection, _FINGERPRINT, (last,)) != [(count, written)]:
                items, last, count, written = (), 0, 0, 0
            rows = await _rows(connection, _READ, (last,))
        added = [TodoItem(id=id_, task=json.loads(task), done=done) for id_, task, done, _ in rows]
        if added or len(items) != len(self._items):
            self._items = (*items, *added)
        self._fingerprint = count + len(added), written + sum(row[3] for row in rows)
        return [self._items] * len(askers)


class _Pool:
    """One connection of psycopg's pool, for one user at a time, opened at its first use."""

    def __init__(self, url: str, name: str) -> None:
        self._name = name
        self._failure = ""

        class Connection(AsyncConnection[tuple[Any, ...]]):
            """A connection that keeps why it did not come about."""

            @classmethod
            async def connect(cls, *words: Any, **options: Any) -> Any:
                try:
                    return await super().connect(*words, **options)
                except psycopg.Error as error:
                    pool._failure = str(error)
                    raise

        pool = self
        given = conninfo.conninfo_to_dict(url)
        wanted = given.get("target_session_attrs")
        if "," in str(given.get("host") or given.get("hostaddr") or ""):
            wanted = wanted or "read-write"  # of several, the one that can be written
        self._pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            conninfo.make_conninfo(
                url,
                connect_timeout=2,
                application_name="mtls-lab",
                client_encoding="utf8",
                target_session_attrs=wanted,
            ),
            connection_class=Connection,
            min_size=1,
            max_size=1,
            open=False,
            timeout=_PATIENCE,
            kwargs={"prepare_threshold": None},
            configure=_configure,
            check=_check,
            reconnect_timeout=_PATIENCE,
        )

    @contextlib.asynccontextmanager
    async def use(self) -> AsyncIterator[AsyncConnection[tuple[Any, ...]]]:
        """Yield the connection within a transaction, committed at the end of the block.

        Raises StoreUnavailable.
        """
        try:
            await self._pool.open()
            async with self._pool.connection() as connection:
                with _within_limit(connection):
                    async with connection.transaction():
                        await connection.execute(_SETTINGS, (_STATEMENT_LIMIT,))
                        yield connection
        except TimeoutError as error:
            message = f"{self._name}: no answer within {_LIMIT:g} s; {REMEDY_OF_SILENCE}"
            raise StoreUnavailable(message) from error
        except PoolTimeout as error:
            reason = self._failure or "it did not answer in time"
            raise StoreUnavailable(meaning(self._name, reason)) from error
        except psycopg.Error as error:
            raise StoreUnavailable(meaning(self._name, str(error), error.sqlstate)) from error

    async def close(self) -> None:
        """Close the connection."""
        await self._pool.close(timeout=_PATIENCE)


async def _configure(connection: AsyncConnection[Any]) -> None:
    """See what others committed: a row that is locked is read again when its lock is free."""
    await connection.set_isolation_level(IsolationLevel.READ_COMMITTED)


async def _check(connection: AsyncConnection[Any]) -> None:
    try:
        with _within_limit(connection):
            await AsyncConnectionPool.check_connection(connection)
    except TimeoutError as error:
        raise psycopg.OperationalError("no answer") from error


@contextlib.contextmanager
def _within_limit(connection: AsyncConnection[Any]) -> Iterator[None]:
    """Cut the connection where the block takes too long; libpq would wait without end.

    Cancelling does not help: psycopg then asks the same silent server to cancel. Raises
    TimeoutError.
    """
    late = asyncio.Event()

    def cut() -> None:
        late.set()
        with contextlib.suppress(psycopg.Error, OSError):
            descriptor = connection.pgconn.socket
            with socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as copy:
                copy.shutdown(socket.SHUT_RDWR)

    timer = asyncio.get_running_loop().call_later(_LIMIT, cut)
    try:
        yield
    except psycopg.Error as error:
        if late.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()


async def _prepare(connection: AsyncConnection[Any], name: str) -> None:
    """Make the tables where there are none, under a lock that the other servers wait for."""
    ((encoding,),) = await _rows(connection, "SHOW server_encoding")
    if encoding != "UTF8":
        raise StoreUnavailable(
            f"{name} has the encoding {encoding}; create the database with ENCODING 'UTF8'"
        )
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    ((there,),) = await _rows(connection, "SELECT to_regclass('mtls_lab_store') IS NOT NULL")
    if not there:
        for statement in _TABLES.split(";"):
            await connection.execute(statement)
        await connection.cursor().executemany(_INSERT, map(_row, SEEDS))
        await connection.execute(
            "INSERT INTO mtls_lab_store (version, last_id) VALUES (%s, %s)", (VERSION, len(SEEDS))
        )
    last, version = await _locked(connection, name)
    if version != VERSION:
        raise StoreUnavailable(
            f"{name} has schema version {version}, and this program supports {VERSION}; "
            "use the version of the program that created it"
        )
    await _try(connection, last + 1)


async def _locked(connection: AsyncConnection[Any], name: str) -> tuple[int, int]:
    """Return the last id and the version, once no other transaction may give ids."""
    rows = await _rows(connection, _LAST)
    if not rows:
        raise StoreUnavailable(f"{name}: mtls_lab_store has no row; {TABLES_CHANGED}")
    last, version = rows[0]
    return last, version


async def _try(connection: AsyncConnection[Any], id_: int) -> None:
    """Keep an item and take it back: else a disk or a right that lacks is found by the next one."""
    async with connection.transaction(force_rollback=True):
        await connection.execute(_INSERT, (id_, '"x"', False))
        await connection.execute("UPDATE mtls_lab_store SET last_id = %s", (id_,))


async def _how(connection: AsyncConnection[Any]) -> str:
    """Return how the database sees this client: its TLS version and the certificate's subject."""
    if not connection.pgconn.ssl_in_use:
        return ", without TLS"
    ((pid, version, subject),) = await _rows(
        connection,
        "SELECT pg_backend_pid(), version, client_dn FROM pg_backend_pid() AS own"
        " LEFT JOIN pg_stat_ssl ON pid = own",
    )
    if pid != connection.info.backend_pid or version is None:
        return ", by TLS to a pooler"  # whose own connection PostgreSQL sees
    known = f"as {printable(subject)}" if subject else "without a client certificate"
    return f", {version} {known}"


async def _rows(
    connection: AsyncConnection[Any], sql: Any, parameters: Sequence[object] = ()
) -> list[Any]:
    return await (await connection.execute(sql, parameters)).fetchall()


def _row(item: TodoItem) -> tuple[int, str, bool]:
    return item.id, json.dumps(item.task, ensure_ascii=False), item.done
