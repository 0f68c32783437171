"""The TODO items in a PostgreSQL database, which the servers of several machines may share.

``add`` returns after the item is committed. Items added while a commit is made share the next one.
Whoever adds locks the one row of ``mtls_lab_store`` to its commit, so ids are given without gaps
and in the order of commits, and a listing reads only what came after the last one. Reading and
writing have a connection each, in psycopg's pools, which replace one that was lost.

Every error of PostgreSQL becomes StoreUnavailable, with the database, what is wrong and what to do.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg
from psycopg import AsyncConnection, conninfo, errors
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from lab.tls.escape import printable
from lab.todo.batching import Batching
from lab.todo.results import TodoItem
from lab.todo.store import SEEDS, StoreFull, StoreUnavailable

VERSION = 1  # of the schema
_LOCK = 0x6D544C53  # "mTLS": the advisory lock under which the tables are made
_PATIENCE = 2.0  # seconds to wait for a connection, with tries again meanwhile
_STATEMENT_LIMIT = 5000  # milliseconds, also for a lock that another server holds
_MOST_SHOWN = 600  # characters of a message of PostgreSQL

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

# What is in PostgreSQL's message, or its SQLSTATE, and what to do.
_REMEDIES = (
    ("password", "check the user and the password (PGPASSWORD, ~/.pgpass)"),
    ("authentication failed", "check the user, its certificate (sslcert, sslkey), and pg_hba.conf"),
    ("28000", "check the user, its certificate (sslcert, sslkey), and pg_hba.conf"),
    ("pg_hba.conf", "check the user, its certificate (sslcert, sslkey), and pg_hba.conf"),
    ("certificate", "check sslrootcert, sslcert and sslkey, and the name of the host"),
    ("too many clients", "raise its max_connections, or run fewer servers"),
    ("connection slots", "raise its max_connections, or run fewer servers"),
    ("53100", "free some space on its disk"),
    ("No space left", "free some space on its disk"),
    ("25006", "name the primary among the hosts (target_session_attrs=read-write)"),
    ("session is read-only", "name the primary among the hosts (target_session_attrs=read-write)"),
    ("42501", "grant this user the right to create and use tables there"),
    ("42P07", "choose a database without tables of that name"),
    ("does not exist", "create it, or name another one in --store"),
)
_REMEDY = "check that it runs, and the address in --store"

# Errors of connecting are told by StoreUnavailable; the pool would log each try, too.
logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())
logging.getLogger("psycopg.pool").propagate = False


class PostgresStore:
    """A TodoStore in a database; made by ``open``.

    After StoreUnavailable from ``add``, the item is not there. One exception: if the connection was
    lost in the moment of the commit, it may turn up later.
    """

    def __init__(self, url: str, *, max_items: int = sys.maxsize) -> None:
        self._name = database_name(url)
        self._max_items = max_items
        self._writer = _Pool(url, self._name)
        self._reader = _Pool(url, self._name)
        self._adding = Batching(self._add)
        self._listing = Batching(self._list)
        self._items: tuple[TodoItem, ...] = ()
        self._read_by: object = None
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
        except BaseException:
            await store.close()
            raise
        return store

    async def add(self, *, task: str, done: bool) -> TodoItem:
        """Keep a new item under the next free id, and return it once it is committed."""
        item = await self._adding.ask((task, done))
        if item is None:
            raise StoreFull(self._max_items)
        return item

    async def check(self) -> None:
        """Commit a change, and no item."""
        await self._adding.ask(None)

    async def list(self) -> tuple[TodoItem, ...]:
        """Return all items by ascending id; the same tuple object until something is added."""
        return await self._listing.ask(None)

    async def close(self) -> None:
        """Finish what is in flight, and close the connections."""
        await self._adding.finish()
        await self._listing.finish()
        await self._reader.close()
        await self._writer.close()

    async def _add(self, asked: Sequence[tuple[str, bool] | None]) -> Sequence[TodoItem | None]:
        """Keep the items of one batch in one transaction; None stands for a check.

        Return the items, and None for each check and for what there is no room for.
        """
        answers: list[TodoItem | None] = []
        async with self._writer.use() as connection:
            ((last,),) = await _rows(
                connection, "SELECT last_id FROM mtls_lab_store WHERE only_row FOR UPDATE"
            )
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
        return answers

    async def _list(self, askers: Sequence[None]) -> Sequence[tuple[TodoItem, ...]]:
        """Read what was added since the last batch. Ids are given in the order of commits."""
        async with self._reader.use() as connection:
            if connection is not self._read_by:  # another server, perhaps, with fewer items
                self._items, self._read_by = (), connection
            last = self._items[-1].id if self._items else 0
            rows = await _rows(
                connection,
                "SELECT id, task::text, done FROM mtls_lab_todo WHERE id > %s ORDER BY id",
                (last,),
            )
        if rows:
            added = (TodoItem(id=id_, task=json.loads(task), done=done) for id_, task, done in rows)
            self._items = (*self._items, *added)
        return [self._items] * len(askers)


def database_name(url: str) -> str:
    """Return words for the database at ``url``, without passwords. Raises ValueError."""
    try:
        found = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise ValueError(printable(str(error).strip())) from None
    hosts = str(found.get("host") or found.get("hostaddr") or "localhost").split(",")
    ports = str(found.get("port") or "5432").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    where = ",".join(f"{host}:{port or 5432}" for host, port in zip(hosts, ports, strict=False))
    return printable(f"PostgreSQL {where}/{found.get('dbname') or ''}")


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
            configure=_configure,
            check=AsyncConnectionPool.check_connection,
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
                yield connection
        except PoolTimeout as error:
            reason = self._failure or "it did not answer in time"
            raise StoreUnavailable(_meaning(self._name, reason)) from error
        except psycopg.Error as error:
            raise StoreUnavailable(_meaning(self._name, str(error), error.sqlstate)) from error

    async def close(self) -> None:
        """Close the connection."""
        await self._pool.close(timeout=_PATIENCE)


async def _configure(connection: AsyncConnection[Any]) -> None:
    """Have commits on the disk, and bound what a statement may take."""
    await connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false)"
        " WHERE current_setting('synchronous_commit') = 'off'"
    )
    await connection.execute(f"SET statement_timeout = {_STATEMENT_LIMIT}")
    await connection.commit()


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
        return
    # Written in any case: a server that only reads would be found out when the first item comes.
    ((version,),) = await _rows(
        connection, "UPDATE mtls_lab_store SET version = version RETURNING version"
    )
    if version != VERSION:
        raise StoreUnavailable(
            f"{name} has schema version {version}, and this program supports {VERSION}; "
            "use the version of the program that created it"
        )


async def _how(connection: AsyncConnection[Any]) -> str:
    """Return how the database sees this client: its TLS version and the certificate's subject."""
    rows = await _rows(
        connection, "SELECT version, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    )
    version, subject = rows[0] if rows else (None, None)
    if version is None:
        return ", without TLS"
    known = f"as {printable(subject)}" if subject else "without a client certificate"
    return f", {version} {known}"


async def _rows(
    connection: AsyncConnection[Any], sql: Any, parameters: Sequence[object] = ()
) -> list[Any]:
    return await (await connection.execute(sql, parameters)).fetchall()


def _row(item: TodoItem) -> tuple[int, str, bool]:
    return item.id, json.dumps(item.task, ensure_ascii=False), item.done


def _meaning(name: str, message: str, state: str | None = None) -> str:
    """Return one line: what is wrong with the database, and what to do."""
    _, _, of_several_hosts = message.partition("All failures were:")
    words = printable(" ".join((of_several_hosts or message).split()))[:_MOST_SHOWN]
    known = f"{state} {message}"
    remedy = next((remedy for part, remedy in _REMEDIES if part in known), _REMEDY)
    if isinstance(state, str) and state == errors.QueryCanceled.sqlstate:
        remedy = "another transaction may hold a lock on its tables; end that one"
    return f"{name}: {words}; {remedy}"
