"""Which database, and how patiently it is used."""

from typing import Literal

import msgspec


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the rows live.

    PostgreSQL keeps at most `pool_size + pool_max_overflow` connections per process; the pool
    fields say nothing to SQLite, the `sqlite_` fields nothing to PostgreSQL.
    """

    url: str = ""  # sqlite:///path or postgresql://user:password@host/name; empty: a local file
    pool_size: int = 10  # connections
    pool_max_overflow: int = 0  # connections on top of pool_size
    pool_timeout: float = 30.0  # seconds to wait for a free connection
    pool_recycle: float = 3600.0  # seconds an unused connection is kept
    sqlite_busy_timeout: float = 5.0  # seconds to wait for a turn to write
    sqlite_synchronous: Literal["full", "normal"] = (
        "full"  # normal: power loss may cost last commits
    )
