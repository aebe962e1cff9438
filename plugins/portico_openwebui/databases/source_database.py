"""What is read of a database, whichever it is."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from portico_openwebui.values import Row, text

#: Bytes of a page, after which it ends before it has all its rows. One row may have more.
MAX_PAGE_BYTES = 8 * 1024 * 1024
#: Ids of one statement.
MAX_KEYS = 500


class SourceDatabase(ABC):
    """A database that is only read. Columns that this version has not got are left out of its rows.

    `columns`: the tables with their columns. `where`: a condition of ours, never a value of the source.
    """

    columns: Mapping[str, frozenset[str]]

    @abstractmethod
    def pages(
        self, table: str, columns: Sequence[str], *, where: str = "", max_rows: int = 500
    ) -> AsyncIterator[list[Row]]:
        """Yield the rows of a table, some at a time. Nothing for a table that does not exist."""

    @abstractmethod
    async def _select_keys(self, sql: str, keys: list[str]) -> list[Row]: ...

    @abstractmethod
    async def _count(self, sql: str) -> int: ...

    @abstractmethod
    def _keys_condition(self, column: str, count: int) -> str: ...

    def has(self, table: str, column: str = "") -> bool:
        """Return whether a table, or a column of it, exists."""
        return table in self.columns and (not column or column in self.columns[table])

    async def lookup(
        self,
        table: str,
        columns: Sequence[str],
        key: str,
        keys: Collection[str],
        *,
        where: str = "",
    ) -> list[Row]:
        """Return the rows in which the column `key` has one of these values."""
        if not keys or not self.has(table, key):
            return []
        found: list[Row] = []
        wanted = sorted(keys)
        for at in range(0, len(wanted), MAX_KEYS):
            chunk = wanted[at : at + MAX_KEYS]
            condition = self._keys_condition(quoted(key), len(chunk)) + (
                f" AND ({where})" if where else ""
            )
            sql = f"SELECT {self._list(table, columns)} FROM {quoted(table)} WHERE {condition}"  # noqa: S608 - names of ours
            found += await self._select_keys(sql, chunk)
        return found

    async def count(self, table: str, where: str = "") -> int:
        """Return how many rows a table has; 0 for one that does not exist."""
        if not self.has(table):
            return 0
        condition = f" WHERE {where}" if where else ""
        return await self._count(f"SELECT count(*) FROM {quoted(table)}{condition}")  # noqa: S608 - names of ours

    async def heads(self) -> list[str]:
        """Return the revisions of the last migrations."""
        return [
            text(row["version_num"]) or ""
            async for page in self.pages("alembic_version", ["version_num"])
            for row in page
        ]

    def _existing(self, table: str, columns: Sequence[str]) -> list[str]:
        return [name for name in columns if name in self.columns[table]]

    def _list(self, table: str, columns: Sequence[str]) -> str:
        return ", ".join(quoted(name) for name in self._existing(table, columns))


def quoted(name: str) -> str:
    """Return a name of a table or a column in quotes: `user` and `group` are words of SQL."""
    return f'"{name}"'


def bytes_of(row: Sequence[object]) -> int:
    """Return about how many bytes a row has."""
    return sum(len(value) if isinstance(value, bytes | str) else 8 for value in row)
