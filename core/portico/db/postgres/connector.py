"""Opens connections to PostgreSQL, or to a pooler before it, and finds out which of them answers."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
import structlog

from portico.db.errors import BadDatabase
from portico.db.postgres.pooler import (
    MIGRATION_LOCK,
    PooledConnection,
    is_behind_pooler,
    session_lock,
    transaction_lock,
)
from portico.settings.database import DatabaseSettings

_SCHEMA_EXISTS = "SELECT 1 FROM pg_namespace WHERE nspname = $1"
_IS_CURRENT_SCHEMA = "SELECT current_schema() IS NOT DISTINCT FROM $1"
_IS_LOCK_FREE = "SELECT pg_try_advisory_xact_lock($1)"
_IS_POOLED = {"none": False, "transaction": True}
log = structlog.get_logger("portico.db")


class PostgresConnector:
    """Opens the connections of one database. All methods raise errors of the driver and BadDatabase."""

    def __init__(self, url: str, settings: DatabaseSettings) -> None:
        self._url = url
        self._settings = settings
        self._schema = settings.schema.replace('"', '""')
        #: Whether a pooler in transaction mode answers; None = not known yet.
        self._is_pooled: bool | None = None
        #: Statements that have to begin each transaction, since a pooler does not accept a search path otherwise.
        self.begin = "BEGIN"
        self._server_settings: dict[str, str] = {}

    @property
    def needs_transactions(self) -> bool:
        """Whether a statement finds its tables only in a transaction."""
        return self.begin != "BEGIN"

    async def create_pool(self) -> Any:
        """Return a new pool with one connection. Creates the configured schema if it is missing."""
        settings = self._settings
        self._is_pooled = _IS_POOLED.get(settings.pooler)
        self.begin, self._server_settings = "BEGIN", {}
        if self._schema:
            await self._prepare_schema()
        with _refusals():
            return await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=max(1, settings.pool_size + settings.pool_max_overflow),
                max_inactive_connection_lifetime=settings.pool_recycle,
                timeout=settings.pool_timeout,
                command_timeout=settings.statement_timeout,
                connect=self._open,
                reset=_nothing_to_reset,
                server_settings=self._server_settings,
            )

    @asynccontextmanager
    async def migration_lock(self) -> AsyncIterator[None]:
        """Hold the lock of all processes that migrate, on a connection of its own, so that it ends with the process."""
        direct_url = self._settings.direct_url
        connection = await self._connect(direct_url)
        try:
            if direct_url or not self._is_pooled:
                await session_lock(connection)
            else:
                await transaction_lock(connection)
            if direct_url:
                await self._check_direct_url()
            yield
        finally:
            connection.terminate()

    async def _check_direct_url(self) -> None:
        """Raises: BadDatabase if the lock is held in another database than that of `url`."""
        connection = await self._connect()
        try:
            if await connection.fetchval(_IS_LOCK_FREE, MIGRATION_LOCK):
                raise BadDatabase("DATABASE_DIRECT_URL does not name the database of DATABASE_URL.")
        finally:
            connection.terminate()

    async def _open(self, *args: Any, **options: Any) -> Any:
        """Open a connection. The first one shows whether a pooler answers, unless the settings say so."""
        if self._is_pooled is None:
            connection = await asyncpg.connect(*args, **options)
            self._is_pooled = await is_behind_pooler(connection)
            if not self._is_pooled:
                return connection
            connection.terminate()
        if self._is_pooled:
            options["connection_class"] = PooledConnection
        return await asyncpg.connect(*args, **options)

    async def _connect(self, direct_url: str = "", **server_settings: str) -> Any:
        """Return a connection outside the pool; one to `direct_url` is not to a pooler."""
        connect = asyncpg.connect if direct_url else self._open
        with _refusals():
            return await connect(
                direct_url or self._url,
                timeout=self._settings.pool_timeout,
                server_settings=server_settings,
            )

    async def _prepare_schema(self) -> None:
        """Create the configured schema if it is missing, and find out how statements are made to use it."""
        name = self._settings.schema
        connection = await self._connect()
        try:
            if not await connection.fetchval(_SCHEMA_EXISTS, name):
                await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{self._schema}"')
            is_current = await connection.fetchval(_IS_CURRENT_SCHEMA, name)
        except asyncpg.InsufficientPrivilegeError as error:
            raise BadDatabase(
                f"The schema {name!r} (DATABASE_SCHEMA) does not exist, and this role may not create it."
            ) from error
        finally:
            connection.terminate()
        search_path = f'"{self._schema}"'
        if not self._is_pooled:
            self._server_settings = {"search_path": search_path}
        elif is_current:
            return  # the role has this search path
        elif await self._is_accepted(search_path):
            self._server_settings = {"search_path": search_path}
        else:
            self.begin = f"BEGIN; SET LOCAL search_path TO {search_path}"
            log.warning(
                "the pooler before PostgreSQL does not accept a search path, so each statement takes three round trips; "
                "ALTER ROLE … IN DATABASE … SET search_path … saves two of them",
                schema=name,
            )

    async def _is_accepted(self, search_path: str) -> bool:
        """Return whether a pooler sets this search path for its clients. Some refuse it, others ignore it."""
        try:
            connection = await self._connect(search_path=search_path)
        except BadDatabase:
            return False
        try:
            return bool(await connection.fetchval(_IS_CURRENT_SCHEMA, self._settings.schema))
        finally:
            connection.terminate()


@contextmanager
def _refusals() -> Iterator[None]:
    """Raises: BadDatabase if the driver, or a pooler, refuses what a connection asks for."""
    try:
        yield
    except asyncpg.ClientConfigurationError as error:
        raise BadDatabase(
            f"The parameters of DATABASE_URL, or of DATABASE_DIRECT_URL, do not work: {error}."
        ) from None
    except ValueError:  # its text may quote the password
        raise BadDatabase(
            "DATABASE_URL, or DATABASE_DIRECT_URL, cannot be read: percent-encode the user and the password in it, or set "
            "DATABASE_PASSWORD, and check the parameters behind its ?."
        ) from None
    except asyncpg.ProtocolViolationError as error:
        if "startup parameter" not in str(error):
            raise
        raise BadDatabase(
            f"The pooler before PostgreSQL refuses a parameter of DATABASE_URL ({error}): remove it there, or add it to "
            "ignore_startup_parameters of PgBouncer."
        ) from error


async def _nothing_to_reset(connection: Any) -> None:
    """Do nothing, which saves a round trip: no session state is left, and asyncpg rolls back by itself."""
