"""What a plugin brings to the database."""

from dataclasses import dataclass

from piccolo.table import Table


@dataclass(frozen=True)
class TableSet:
    """Tables, and the package (`portico_chats.migrations`) that holds the steps to make them."""

    tables: tuple[type[Table], ...]
    migrations: str
