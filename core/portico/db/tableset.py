"""What a plugin brings to the database."""

from dataclasses import dataclass
from string import Formatter

from piccolo.table import Table


@dataclass(frozen=True)
class Locked:
    """A column whose texts the vault has locked; empty and NULL stand for nothing.

    `key`: the column that names a row. `about`: what a text belongs to, as it was said to the vault, with the key in
    braces: `oauth:{id}`.
    """

    table: str
    key: str
    column: str
    about: str

    def __post_init__(self) -> None:
        names = {name for _, name, _, _ in Formatter().parse(self.about) if name is not None}
        if names != {self.key}:
            raise ValueError(f"about={self.about!r} has to name {{{self.key}}}, and nothing else")

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"

    def about_row(self, key: object) -> str:
        """What the text in one row belongs to."""
        return self.about.format(**{self.key: key})


@dataclass(frozen=True)
class TableSet:
    """Tables, and the package (`portico_chats.migrations`) that holds the steps to make them.

    `locked`: the columns that `portico secret rotate` has to walk.
    """

    tables: tuple[type[Table], ...]
    migrations: str
    locked: tuple[Locked, ...] = ()
