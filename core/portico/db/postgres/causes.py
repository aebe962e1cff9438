"""What an exception of asyncpg, or of the network below it, means: the one place that knows them all."""

import socket
import traceback
from typing import Any

import asyncpg

from portico.db.errors import Cause, cause_of

#: The database is not to be had now; the statement may be right. Everything that is none of these is a programmer's error.
_UNAVAILABLE: tuple[type[BaseException], ...] = (
    OSError,  # also a time-out, and what TLS complains of
    EOFError,
    asyncpg.InternalClientError,  # the protocol broke off in the middle of something
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.DataCorruptedError,
    asyncpg.IndexCorruptedError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
    # A schema change made a cached statement stale; the next try prepares it anew.
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
#: What asyncpg and uvloop raise when a connection is lost between two steps of their own; elsewhere it is a mistake.
INTERNAL_ERRORS = (AttributeError, BufferError, RuntimeError)
_LOST_CONNECTION = (
    "closed",
    "closing",
    "released back to the pool",
    "another operation",
    "terminated",
)
_FATAL = {"FATAL", "PANIC"}

#: The first that fits; later entries are more general. None = over with the next try, so nothing to tell.
_CAUSES: tuple[tuple[type[BaseException], Cause | None], ...] = (
    (asyncpg.TransactionRollbackError, None),
    (asyncpg.LockNotAvailableError, None),
    (asyncpg.InvalidCachedStatementError, None),
    (asyncpg.OutdatedSchemaCacheError, None),
    (asyncpg.QueryCanceledError, None),
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        Cause("sign_in", "PostgreSQL does not accept the user or its password"),
    ),
    (asyncpg.InvalidCatalogNameError, Cause("missing", "PostgreSQL has no database of this name")),
    (asyncpg.TooManyConnectionsError, Cause("connections", "PostgreSQL has too many connections")),
    (asyncpg.DiskFullError, Cause("full", "the disk of PostgreSQL is full")),
    (asyncpg.InsufficientResourcesError, Cause("resources", "PostgreSQL is short of resources")),
    (
        asyncpg.ReadOnlySQLTransactionError,
        Cause("read_only", "PostgreSQL takes no writes: it is a standby, or set to read-only"),
    ),
    (asyncpg.DataCorruptedError, Cause("broken", "PostgreSQL reports broken data")),
    (asyncpg.IndexCorruptedError, Cause("broken", "PostgreSQL reports broken data")),
    (asyncpg.CannotConnectNowError, Cause("away", "PostgreSQL is starting up or shutting down")),
    (asyncpg.OperatorInterventionError, Cause("away", "PostgreSQL ended the connection")),
    (asyncpg.PostgresSystemError, Cause("io", "PostgreSQL reports an error of its system")),
    (TimeoutError, Cause("away", "PostgreSQL does not answer in time")),
    (ConnectionRefusedError, Cause("away", "PostgreSQL refuses connections")),
    (FileNotFoundError, Cause("away", "PostgreSQL refuses connections")),
    (socket.gaierror, Cause("away", "the host of PostgreSQL cannot be found")),
)
_BROKE_OFF = Cause("away", "the connection to PostgreSQL broke off")


def is_unavailable(error: BaseException) -> bool:
    """Whether trying again later may work, rather than the statement being wrong."""
    if isinstance(error, _UNAVAILABLE) or getattr(error, "severity", None) in _FATAL:
        return True
    if isinstance(error, asyncpg.InterfaceError):
        # asyncpg has one class for a lost connection and for wrong use of its own interface.
        return any(words in str(error) for words in _LOST_CONNECTION)
    return isinstance(error, INTERNAL_ERRORS) and _inside_asyncpg(error)


def explain(error: BaseException) -> Cause | None:
    """The cause of a refusal. None = over with the next try, or not the database's fault."""
    if (known := cause_of(error)) is not None:
        return known
    source = error.__cause__ if error.__cause__ is not None else error
    if not is_unavailable(source):
        return None
    for kind, cause in _CAUSES:
        if isinstance(source, kind):
            return cause and Cause(cause.kind, cause.sentence, _detail(source))
    return Cause(_BROKE_OFF.kind, _BROKE_OFF.sentence, _detail(source))


def _detail(error: Any) -> str:
    """What the server or the system says. Neither repeats a password."""
    text = str(getattr(error, "strerror", None) or error)
    return text.partition("\n")[0][:200]


def _inside_asyncpg(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and "asyncpg" in frames[-1].filename
