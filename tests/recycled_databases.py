"""PostgreSQL databases that are emptied after a test and used again.

PostgreSQL needs 0.15 s of computing time for a database that an application is started on once: for copying its 500
files, and for each connection, since nothing about it is cached yet. Emptying one takes a tenth of that.

A test still has a database of its own while it runs. All its rows are those of the template. It is used again only if
its schema and its settings are unchanged; otherwise it is dropped. The connection that empties it stays open, because
a new one would read the catalogs again, which takes longer than the emptying.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from tests.servers import create_database, drop_database, new_url, run_without_sessions, sibling

#: The catalogs in which each change of a schema leaves rows of a new transaction, each with the rows that are compared.
_CATALOGS = {
    "pg_class": "oid >= 16384",
    "pg_attribute": "attrelid >= 16384",
    "pg_attrdef": "true",
    "pg_index": "indexrelid >= 16384",
    "pg_constraint": "oid >= 16384",
    "pg_trigger": "true",
    "pg_proc": "oid >= 16384",
    "pg_type": "oid >= 16384",
    "pg_rewrite": "oid >= 16384",
    "pg_policy": "true",
    "pg_namespace": "nspname !~ '^pg_(toast_)?temp_'",
    "pg_extension": "true",
    "pg_event_trigger": "true",
    "pg_default_acl": "true",
    # Rows of these depend on what was analyzed, and on settings that belong to the database.
    "pg_statistic": "starelid >= 16384",
    "pg_db_role_setting": "setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())",
}
_SCHEMA = "SELECT concat_ws(' ', {}, (SELECT datconnlimit FROM pg_database WHERE datname = current_database()))".format(
    ", ".join(
        f"(SELECT concat(count(*), '/', sum(xmin::text::bigint)) FROM {name} WHERE {rows})"
        for name, rows in _CATALOGS.items()
    )
)
_RELATIONS = (
    "SELECT quote_ident(relname) FROM pg_class WHERE relkind = $1 AND relnamespace = 'public'::regnamespace "
    "ORDER BY relname"
)
_SIZE = "SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND oid >= 16384"
_DIGEST = "SELECT md5(string_agg(whole::text, ' ' ORDER BY whole::text)) FROM {} AS whole"
_INSERT = (
    "SELECT 'INSERT INTO {0} OVERRIDING SYSTEM VALUE SELECT (one::{0}).* FROM unnest(ARRAY['"
    " || string_agg(quote_literal(whole::text), ', ') || ']) AS one' FROM {0} AS whole"
)
_OTHERS = "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
#: Bytes that tables have more than in the template. Deleted rows take space, too, and slow down what reads the tables.
_MAX_GROWTH = 2_000_000
#: Seconds to wait for connections that a test has left open.
_PATIENCE = 5.0


class _Unusable(Exception):
    """The database must be dropped."""


@dataclass(frozen=True)
class _Origin:
    """What a copy of a template has to be like. `size`: bytes of its tables."""

    schema: str
    size: int
    #: A digest of each table that has rows.
    digests: dict[str, str]
    #: The statement that inserts the rows of each of them.
    filling: dict[str, str]
    #: Statements that empty the other tables and restart all sequences.
    emptying: tuple[str, ...]


@dataclass
class _Copy:
    """A copy of a template, "" as template = an empty database. `connection`: the one that empties it."""

    name: str
    template: str
    connection: asyncpg.Connection | None = None

    async def disconnect(self) -> None:
        if self.connection is not None:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await self.connection.close()
            self.connection = None


class RecycledDatabases:
    """The copies of templates on one server. Callers may be in a running event loop."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._thread, self._runner = ThreadPoolExecutor(1), asyncio.Runner()
        self._server: asyncpg.Connection | None = None
        self._origins: dict[str, _Origin] = {}
        #: Databases that are ready to be used, least recently used first.
        self._ready: list[_Copy] = []
        #: Those that are promised to a test, and those that a test uses, by name.
        self._promised: dict[str, _Copy] = {}
        self._used: dict[str, _Copy] = {}
        #: The template that each kind of test has used last, and how often each template was used.
        self._template_of: dict[Hashable, str] = {}
        self._uses: Counter[str] = Counter()
        self._kinds: dict[str, Hashable] = {}

    def next_url(self, kind: Hashable) -> str:
        """Return the URL of the database of a test. Tests of one kind are expected to use the same template.

        The database may exist already; `create` makes sure that it has the right schema.
        """
        usual = self._uses.most_common(1)[0][0] if self._uses else ""
        found = self._take(self._template_of.get(kind, usual))
        if found is None:
            url = new_url(self._server_url)
        else:
            self._promised[found.name] = found
            url = sibling(self._server_url, found.name)
        self._kinds[urlsplit(url).path[1:]] = kind
        return url

    def _take(self, template: str) -> _Copy | None:
        """Remove and return the copy of a template that was used last, None if there is none."""
        for found in reversed(self._ready):
            if found.template == template:
                self._ready.remove(found)
                return found
        return None

    def create(self, url: str, template: str) -> None:
        """Create the database of this URL as a copy of a template, unless it exists. "" as template = an empty one."""
        self._run(self._create(urlsplit(url).path[1:], template))

    def release(self, url: str) -> None:
        """End the use of a database, even if there are open connections to it."""
        self._run(self._release(url))

    def close(self) -> None:
        """Drop all databases, and close the connection to the server."""
        self._run(self._close())
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._thread.submit(self._runner.run, work).result()

    async def _connected(self) -> asyncpg.Connection:
        if self._server is None:
            self._server = await asyncpg.connect(sibling(self._server_url, "postgres"))
        return self._server

    async def _create(self, name: str, template: str) -> None:
        if name in self._used:
            return
        if name in self._kinds:
            self._template_of[self._kinds[name]] = template
            self._uses[template] += 1
        promised = self._promised.pop(name, None)
        if promised is not None and promised.template == template:
            self._used[name] = promised
            return
        if template and template not in self._origins:
            self._origins[template] = await _origin_of(template)
        if promised is not None:
            await self._rename(promised, urlsplit(new_url(self._server_url)).path[1:])
            self._ready.append(promised)
        # A test that asks for its application while it runs has an empty database already.
        with suppress(asyncpg.DuplicateDatabaseError):
            copy = self._take(template)
            if copy is not None:
                await self._rename(copy, name)
            else:
                copy = _Copy(name, template)
                await create_database(await self._connected(), name, template)
            self._used[name] = copy

    async def _rename(self, copy: _Copy, name: str) -> None:
        await copy.disconnect()
        rename = f"ALTER DATABASE {copy.name} RENAME TO {name}"
        await run_without_sessions(await self._connected(), copy.name, rename)
        copy.name = name

    async def _release(self, url: str) -> None:
        name = urlsplit(url).path[1:]
        self._kinds.pop(name, None)
        if name in self._promised:  # and not used
            self._ready.append(self._promised.pop(name))
            return
        copy = self._used.pop(name, _Copy(name, ""))
        if copy.template:
            try:
                if copy.connection is None or copy.connection.is_closed():
                    copy.connection = await asyncpg.connect(url, command_timeout=_PATIENCE)
                await _empty(copy.connection, self._origins[copy.template])
                self._ready.append(copy)
                return
            except (_Unusable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                pass
        await copy.disconnect()
        await drop_database(await self._connected(), name)

    async def _close(self) -> None:
        server = await self._connected()
        for copy in [*self._used.values(), *self._promised.values(), *self._ready]:
            await copy.disconnect()
            await drop_database(server, copy.name)
        await server.close()


async def _origin_of(template: str) -> _Origin:
    connection = await asyncpg.connect(template)
    try:
        tables = [row[0] for row in await connection.fetch(_RELATIONS, b"r")]
        digests = {name: await connection.fetchval(_DIGEST.format(name)) for name in tables}
        full = {name: digest for name, digest in digests.items() if digest is not None}
        restart = []
        for sequence in [row[0] for row in await connection.fetch(_RELATIONS, b"S")]:
            last, called = await connection.fetchrow(
                f"SELECT last_value, is_called FROM {sequence}"
            )
            restart.append(f"SELECT setval('{sequence}', {last}, {called})")
        return _Origin(
            schema=await connection.fetchval(_SCHEMA),
            size=await connection.fetchval(_SIZE) or 0,
            digests=full,
            filling={name: await connection.fetchval(_INSERT.format(name)) for name in full},
            emptying=(*(f"DELETE FROM {name}" for name in tables if name not in full), *restart),
        )
    finally:
        await connection.close()


async def _empty(connection: asyncpg.Connection, origin: _Origin) -> None:
    """Make the rows of a database those of its template. Raises: _Unusable, errors of asyncpg."""
    await _end_others(connection)
    if await connection.fetchval(_SCHEMA) != origin.schema:
        raise _Unusable
    if (await connection.fetchval(_SIZE) or 0) > origin.size + _MAX_GROWTH:
        raise _Unusable
    statements = list(origin.emptying)
    for name, digest in origin.digests.items():
        if await connection.fetchval(_DIGEST.format(name)) != digest:
            statements += f"DELETE FROM {name}", origin.filling[name]
    # With this setting, no trigger and no foreign key asks for an order of the tables.
    order = "SET LOCAL session_replication_role = replica"
    await connection.execute(";".join(["BEGIN", order, *statements, "COMMIT"]))


async def _end_others(connection: asyncpg.Connection) -> None:
    """End the connections that a test has left open, and wait for that: they may be writing."""
    await connection.execute(f"SELECT pg_terminate_backend(pid) FROM {_OTHERS}")
    async with asyncio.timeout(_PATIENCE):
        while await connection.fetchval(f"SELECT count(*) FROM {_OTHERS}"):
            await asyncio.sleep(0.002)
