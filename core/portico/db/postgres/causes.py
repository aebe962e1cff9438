"""Maps exceptions of asyncpg and of the network to causes."""

import socket
import traceback
from typing import Any

import asyncpg

from portico.db.errors import Cause, cause_of

#: The database is unavailable, whatever the statement. All other exceptions are errors of the program.
_UNAVAILABLE: tuple[type[BaseException], ...] = (
    OSError,  # includes time-outs and TLS errors
    EOFError,
    asyncpg.InternalClientError,  # the connection broke in the middle of a message
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
    # A schema change made a cached statement stale; the next attempt prepares it again.
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
#: asyncpg and uvloop raise these when a connection is lost inside them. Raised elsewhere they are errors of the program.
INTERNAL_ERRORS = (AttributeError, BufferError, RuntimeError)
_LOST_CONNECTION = (
    "closed",
    "closing",
    "released back to the pool",
    "another operation",
    "terminated",
)
_FATAL = {"FATAL", "PANIC"}

#: The first entry that matches is used; later ones are more general. None = the next attempt may succeed: not an outage.
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
    (
        asyncpg.CannotConnectNowError,
        Cause("unreachable", "PostgreSQL is starting up or shutting down"),
    ),
    (asyncpg.OperatorInterventionError, Cause("unreachable", "PostgreSQL ended the connection")),
    (asyncpg.PostgresSystemError, Cause("io", "PostgreSQL reports an error of its system")),
    (TimeoutError, Cause("unreachable", "PostgreSQL does not answer in time")),
    (ConnectionRefusedError, Cause("unreachable", "PostgreSQL refuses connections")),
    (FileNotFoundError, Cause("unreachable", "PostgreSQL refuses connections")),
    (socket.gaierror, Cause("unreachable", "the host of PostgreSQL cannot be found")),
)
_CONNECTION_LOST = Cause("unreachable", "the connection to PostgreSQL was lost")


def is_unavailable(error: BaseException) -> bool:
    """Return whether a later attempt may succeed. False = the statement is wrong."""
    if isinstance(error, _UNAVAILABLE) or getattr(error, "severity", None) in _FATAL:
        return True
    if isinstance(error, asyncpg.InterfaceError):
        # asyncpg has one class for a lost connection and for wrong use of its own interface.
        return any(text in str(error) for text in _LOST_CONNECTION)
    return isinstance(error, INTERNAL_ERRORS) and _inside_asyncpg(error)


def explain(error: BaseException) -> Cause | None:
    """Return the cause of a failure. None = the next attempt may succeed, or the statement is wrong."""
    if (known := cause_of(error)) is not None:
        return known
    source = error.__cause__ if error.__cause__ is not None else error
    if not is_unavailable(source):
        return None
    for kind, cause in _CAUSES:
        if isinstance(source, kind):
            return cause and Cause(cause.kind, cause.sentence, _detail(source))
    return Cause(_CONNECTION_LOST.kind, _CONNECTION_LOST.sentence, _detail(source))


def _detail(error: Any) -> str:
    """Return the message of the server or the system. Neither contains a password."""
    text = str(getattr(error, "strerror", None) or error)
    return text.partition("\n")[0][:200]


def _inside_asyncpg(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and "asyncpg" in frames[-1].filename
