"""A connection pooler between us and PostgreSQL, such as PgBouncer in transaction mode.

Such a pooler gives each transaction, and each statement outside one, any of its connections to the server. So nothing
may be expected of the server that was said in an earlier transaction: no prepared statement, no setting, no session lock.
"""

import asyncio
import random
from typing import Any

import asyncpg

#: An arbitrary number; all releases must use the same.
MIGRATION_LOCK = 7320195
#: Seconds between two attempts to take the migration lock, on average.
RETRY_SECONDS = 0.2
_TRY_LOCK = "SELECT pg_try_advisory_xact_lock($1)"
# A transaction that holds the lock is idle while other connections migrate. Older servers lack some of these.
_STAY_OPEN = (
    "SELECT set_config(name, '0', true) FROM pg_settings "
    "WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')"
)


class PooledConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection through a pooler in transaction mode.

    asyncpg describes a statement once, and later only executes it by its name, which another connection to the server
    does not know. Here a statement has no name: the client keeps its description, and sends its text with the values, in
    one message and so to one connection to the server. That is one round trip, as with a name.
    """

    def _get_unique_id(self, prefix: str) -> str:
        return "" if prefix == "stmt" else str(super()._get_unique_id(prefix))

    async def _get_statement(self, query: str, timeout: float | None, **options: Any) -> Any:
        statement = await super()._get_statement(query, timeout, **options)
        if not statement.name and statement.prepared:  # it was described now
            statement.mark_unprepared()
            # The pooler keeps a connection to the server for us until we end what describing has begun.
            await self.execute("SELECT", timeout=timeout)
        return statement


async def is_behind_pooler(connection: Any) -> bool:
    """Return whether a pooler answers: it hands out process ids of its own, since its connections are shared."""
    here = f"SELECT WHERE pg_backend_pid() = {connection.get_server_pid()}"
    return bool(await connection.execute(here) == "SELECT 0")


async def session_lock(connection: Any) -> None:
    """Take the migration lock until the connection ends, which must not be one of a pooler."""
    await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)


async def transaction_lock(connection: Any) -> None:
    """Take the migration lock until the connection ends, in a transaction that stays open.

    Who waits for the lock holds no transaction, so that the pooler's connections remain for the one that migrates.
    """
    while True:
        await connection.execute("BEGIN")
        if await connection.fetchval(_TRY_LOCK, MIGRATION_LOCK):
            break
        await connection.execute("ROLLBACK")
        await asyncio.sleep(RETRY_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
    await connection.fetch(_STAY_OPEN)
