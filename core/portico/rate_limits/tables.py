"""Tables of known locations and attempts, for queries through Piccolo. The migrations create them."""

from piccolo.columns import BigInt, Text
from piccolo.table import Table

from portico.db import TableSet


class KnownLocationTable(Table, tablename="portico_known_location"):
    """Networks from which accounts were signed in; `id` is a digest of both."""

    id = Text(primary_key=True, default="")
    seen_at = BigInt()


class AttemptTable(Table, tablename="portico_attempt"):
    """Attempts that all instances count; `key` is a digest, `attempts` holds JSON."""

    key = Text(primary_key=True, default="")
    attempts = Text()
    expires_at = BigInt()


TABLES = TableSet(
    tables=(KnownLocationTable, AttemptTable), migrations="portico.rate_limits.migrations"
)
