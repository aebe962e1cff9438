"""Declarations of a plugin's tables: migrations, encrypted columns and references."""

from dataclasses import dataclass
from string import Formatter
from typing import Literal

from piccolo.table import Table


@dataclass(frozen=True)
class EncryptedColumn:
    """A column with encrypted texts. Empty and NULL values are not encrypted.

    `key`: the column that identifies a row. `context`: the context given to `Encryptor.encrypt`, with the key column in
    braces, such as `oauth:{id}`. Raises: ValueError for another context.
    """

    table: str
    key: str
    column: str
    context: str

    def __post_init__(self) -> None:
        names = {name for _, name, _, _ in Formatter().parse(self.context) if name is not None}
        if names != {self.key}:
            raise ValueError(
                f"context={self.context!r} must contain {{{self.key}}} and no other name"
            )

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"

    def context_for(self, key: object) -> str:
        """Return the context of the text in one row."""
        return self.context.format(**{self.key: key})


@dataclass(frozen=True)
class Reference:
    """A column with ids of rows in another table that has no foreign key, or needs more than one.

    `portico db check` finds the rows whose `parent` does not exist. `repair`: what `--repair` does with them: `delete`,
    `clear` (set to NULL), `reassign` (to the first administrator); `none` = they are not a fault, as in a history.
    `where`: SQL condition for rows that hold such an id; the others are not checked.
    """

    table: str
    column: str
    parent: str
    parent_column: str = "id"
    where: str = ""
    repair: Literal["delete", "clear", "reassign", "none"] = "delete"

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"

    @property
    def place(self) -> tuple[str, str, str]:
        """Equal for two declarations of the same reference."""
        return self.table, self.column, self.parent

    @property
    def orphaned(self) -> str:
        """The SQL condition for rows whose parent does not exist."""
        return (
            f"{self.column} IS NOT NULL AND ({self.where or '1 = 1'}) AND NOT EXISTS (SELECT 1 FROM "  # noqa: S608
            f"{self.parent} parent WHERE parent.{self.parent_column} = {self.table}.{self.column})"
        )


@dataclass(frozen=True)
class TableSet:
    """Tables and the package (`portico_chats.migrations`) with their migrations.

    `encrypted_columns`: what `portico secret rotate` re-encrypts. `references`: what `portico db check` checks besides the
    foreign keys of the schema. `formerly`: earlier names of the owner, under which migrations may be recorded. `revisions`:
    table and column of each number by which instances notice changes; a restored backup has them moved on.
    """

    tables: tuple[type[Table], ...]
    migrations: str
    encrypted_columns: tuple[EncryptedColumn, ...] = ()
    references: tuple[Reference, ...] = ()
    formerly: tuple[str, ...] = ()
    revisions: tuple[tuple[str, str], ...] = ()
