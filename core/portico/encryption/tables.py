"""Table of the current encryption key, for queries through Piccolo. The migrations create it."""

from piccolo.columns import Integer, Text
from piccolo.table import Table

from portico.db import TableSet


class EncryptionKeyTable(Table, tablename="portico_encryption_key"):
    """One row: the fingerprint of the key that encrypts."""

    id = Integer(primary_key=True)
    fingerprint = Text()


TABLES = TableSet(tables=(EncryptionKeyTable,), migrations="portico.encryption.migrations")
