"""What migrations changed: tables, columns and numbers of rows before and after."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from portico.db import Database

#: Tables that belong to the migrations themselves, and to SQLite.
_OWN: Final = ("portico_migration", "sqlite_")

_COLUMNS: Final = {
    "sqlite": (
        "SELECT t.name AS table_name, c.name AS column_name FROM pragma_table_list t, pragma_table_xinfo(t.name) c "
        "WHERE t.schema = 'main' AND t.type = 'table'"
    ),
    "postgres": (
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
    ),
}


@dataclass(frozen=True)
class SchemaContent:
    """The columns and the number of rows of each table."""

    columns: Mapping[str, frozenset[str]]
    rows: Mapping[str, int]


async def read_content(database: Database) -> SchemaContent:
    """Return what is in the database now."""
    columns: dict[str, set[str]] = {}
    for row in await database.rows(_COLUMNS[database.dialect]):
        if not row["table_name"].startswith(_OWN):
            columns.setdefault(row["table_name"], set()).add(row["column_name"])
    rows = {}
    for table in columns:
        (found,) = await database.scan(f'SELECT COUNT(*) AS n FROM "{table}"')  # noqa: S608 - of the catalogue
        rows[table] = int(found["n"])
    return SchemaContent({name: frozenset(found) for name, found in columns.items()}, rows)


def changed(before: SchemaContent, after: SchemaContent) -> list[str]:
    """Return what is different after the migrations, in sentences. A new name counts as removed and added."""
    sentences = []
    for table in sorted({*before.columns, *after.columns}):
        old, new = before.columns.get(table), after.columns.get(table)
        if old is None or new is None:
            sentences.append(f"table {table} is {'added' if old is None else 'removed'}")
            continue
        for word, names in (("added", new - old), ("removed", old - new)):
            if names:
                columns = "column" if len(names) == 1 else "columns"
                sentences.append(f"table {table}: {columns} {', '.join(sorted(names))} {word}")
        if before.rows[table] != after.rows[table]:
            sentences.append(
                f"table {table}: {before.rows[table]} rows before, {after.rows[table]} after"
            )
    return sentences


def unreadable(before: SchemaContent, after: SchemaContent) -> list[str]:
    """Return the tables and columns that a former release finds no more."""
    gone = []
    for table, old in sorted(before.columns.items()):
        new = after.columns.get(table)
        gone += [table] if new is None else [f"{table}.{name}" for name in sorted(old - new)]
    return gone
