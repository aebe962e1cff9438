"""The clock of the database, for times that several processes compare: the clocks of their machines may differ."""

from functools import lru_cache
from typing import Final

from portico.db.current import current_database

_CLOCK: Final = {
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
    # Of the statement, not of its transaction; unlike that of `clock_timestamp`, an index can be searched by it.
    "postgres": "CAST(EXTRACT(EPOCH FROM statement_timestamp()) AS DOUBLE PRECISION)",
}


def with_clock(sql: str) -> str:
    """Return a statement with the database's time, in epoch seconds with a fraction, in place of `{clock}`.

    Other braces in `sql` are doubled.
    """
    return _for_dialect(sql, current_database().dialect)


@lru_cache(maxsize=256)
def _for_dialect(sql: str, dialect: str) -> str:
    return sql.format(clock=_CLOCK[dialect])
