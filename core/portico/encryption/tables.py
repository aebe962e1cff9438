"""The table that says which key is in use, for queries through Piccolo. The migrations make it."""

from piccolo.columns import Integer, Text
from piccolo.table import Table

from portico.db import TableSet


class EncryptionKeyTable(Table, tablename="portico_vault"):
    """One row: the fingerprint of the key that locks."""

    id = Integer(primary_key=True)
    fingerprint = Text()


TABLES = TableSet(tables=(EncryptionKeyTable,), migrations="portico.encryption.migrations")
