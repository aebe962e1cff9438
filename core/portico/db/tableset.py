"""What a plugin brings to the database."""

from dataclasses import dataclass
from string import Formatter
from typing import Literal

from piccolo.table import Table


@dataclass(frozen=True)
class EncryptedColumn:
    """A column whose texts the vault has locked; empty and NULL stand for nothing.

    `key`: the column that names a row. `about`: what a text belongs to, as it was said to the vault, with the key in
    braces: `oauth:{id}`.
    """

    table: str
    key: str
    column: str
    context: str

    def __post_init__(self) -> None:
        names = {name for _, name, _, _ in Formatter().parse(self.context) if name is not None}
        if names != {self.key}:
            raise ValueError(f"about={self.context!r} has to name {{{self.key}}}, and nothing else")

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"

    def context_for(self, key: object) -> str:
        """What the text in one row belongs to."""
        return self.context.format(**{self.key: key})


@dataclass(frozen=True)
class Reference:
    """A column with ids of rows in another table, where no foreign key says so, or says not all.

    `portico db check` finds the rows whose `parent` is gone. `orphans`: what `--repair` does with them: `delete`, `clear`
    (set to NULL), `inherit` (give them to the first administrator); `keep` = they are no fault, as in a history.
    `where`: SQL, which rows hold such an id at all; the others are not looked at.
    """

    table: str
    column: str
    parent: str
    parent_column: str = "id"
    where: str = ""
    orphans: Literal["delete", "clear", "inherit", "keep"] = "delete"

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"

    @property
    def place(self) -> tuple[str, str, str]:
        """What is the same for two declarations of one reference."""
        return self.table, self.column, self.parent

    @property
    def orphaned(self) -> str:
        """The SQL condition for rows that refer to nothing."""
        return (
            f"{self.column} IS NOT NULL AND ({self.where or '1 = 1'}) AND NOT EXISTS (SELECT 1 FROM "  # noqa: S608
            f"{self.parent} parent WHERE parent.{self.parent_column} = {self.table}.{self.column})"
        )


@dataclass(frozen=True)
class TableSet:
    """Tables, and the package (`portico_chats.migrations`) that holds the steps to make them.

    `locked`: the columns that `portico secret rotate` has to walk. `references`: what `portico db check` looks at
    besides the foreign keys of the schema. `formerly`: earlier names of the owner, under which steps may be recorded.
    """

    tables: tuple[type[Table], ...]
    migrations: str
    encrypted_columns: tuple[EncryptedColumn, ...] = ()
    references: tuple[Reference, ...] = ()
    formerly: tuple[str, ...] = ()
