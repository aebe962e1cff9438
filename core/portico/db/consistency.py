"""Checks for `portico db check`: rows that refer to rows that do not exist, and other faults.

The checks cover every foreign key of the database, the references that tables declare (`Reference`), the checks that plugins
provide (`DatabaseCheck`), and the integrity check of the database engine.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from portico.db.current import current_database, execute, fetch_all, fetch_all_in_thread, fetch_one
from portico.db.tableset import Reference

#: Maximum rounds of checks and repairs. A repair may orphan further rows, which the next round finds.
MAX_ROUNDS: Final = 5
#: Maximum lines of SQLite's integrity report.
MAX_ENGINE_LINES: Final = 20

_ACTIONS: Final = {"CASCADE": "delete", "SET NULL": "clear", "c": "delete", "n": "clear"}
_SQLITE_KEYS: Final = (
    'SELECT m.name AS child, f."from" AS child_column, f."table" AS parent, '
    'COALESCE(f."to", (SELECT p.name FROM pragma_table_info(f."table") p WHERE p.pk = 1)) AS parent_column, '
    "f.on_delete AS action FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f "
    "WHERE m.type = 'table' AND NOT EXISTS (SELECT 1 FROM pragma_foreign_key_list(m.name) o "
    "WHERE o.id = f.id AND o.seq > 0) ORDER BY 1, 2"
)
_POSTGRES_KEYS: Final = (
    "SELECT child.relname AS child, c.attname AS child_column, parent.relname AS parent, "
    "p.attname AS parent_column, CAST(k.confdeltype AS TEXT) AS action FROM pg_constraint k "
    "JOIN pg_class child ON child.oid = k.conrelid JOIN pg_class parent ON parent.oid = k.confrelid "
    "JOIN pg_attribute c ON c.attrelid = k.conrelid AND c.attnum = k.conkey[1] "
    "JOIN pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = k.confkey[1] "
    "WHERE k.contype = 'f' AND array_length(k.conkey, 1) = 1 "
    "AND child.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) ORDER BY 1, 2"
)
_TABLES: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "postgres": "SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()",
}
_INVALID_INDEXES: Final = (
    "SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
    "WHERE NOT i.indisvalid AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) ORDER BY 1"
)
_FIRST_ADMIN: Final = (
    "SELECT id FROM portico_account WHERE role = 'admin' ORDER BY created_at, id LIMIT 1"
)


@dataclass(frozen=True)
class DatabaseCheck:
    """A check that a declaration on a table cannot express.

    `find` returns a sentence for each kind of fault, without contents of rows; empty = no fault. `repair` repairs what
    `find` found, in a transaction of its own; None = it cannot be repaired by Portico.
    """

    name: str
    find: Callable[[], Awaitable[Sequence[str]]]
    repair: Callable[[], Awaitable[None]] | None = None


async def foreign_keys() -> list[Reference]:
    """Return the single-column foreign keys of the current database as references."""
    sql = _SQLITE_KEYS if current_database().dialect == "sqlite" else _POSTGRES_KEYS
    return [
        Reference(
            found["child"],
            found["child_column"],
            found["parent"],
            found["parent_column"],
            repair="clear" if _ACTIONS.get(found["action"]) == "clear" else "delete",
        )
        for found in await fetch_all(sql)
    ]


async def all_checks(
    declared: Iterable[Reference], contributed: Iterable[DatabaseCheck] = ()
) -> list[DatabaseCheck]:
    """Return the checks of the current database. A declared reference overrides the foreign key of its column."""
    references = {one.place: one for one in await foreign_keys()}
    references |= {one.place: one for one in declared}
    existing = {found["name"] for found in await fetch_all(_TABLES[current_database().dialect])}
    checked = [
        one
        for one in references.values()
        if one.repair != "none" and {one.table, one.parent} <= existing
    ]
    return [_engine_check(), *map(_reference_check, checked), *contributed]


def _reference_check(reference: Reference) -> DatabaseCheck:
    async def find() -> list[str]:
        sql = f"SELECT COUNT(*) AS n FROM {reference.table} WHERE {reference.orphaned}"  # noqa: S608
        (found,) = await fetch_all_in_thread(sql)
        count = int(found["n"])
        if not count:
            return []
        verb, noun = ("refers to a row", "row") if count == 1 else ("refer to rows", "rows")
        return [
            f"{reference.table}: {count} {noun} {verb} of {reference.parent} that does not exist "
            f"({reference.column})."
        ]

    async def repair() -> None:
        new_owner = await fetch_one(_FIRST_ADMIN) if reference.repair == "reassign" else None
        where = reference.orphaned
        if new_owner is not None:
            sql = f"UPDATE {reference.table} SET {reference.column} = $1 WHERE {where}"  # noqa: S608
            await execute(sql, new_owner["id"])
        elif reference.repair == "clear":
            await execute(f"UPDATE {reference.table} SET {reference.column} = NULL WHERE {where}")  # noqa: S608
        else:
            await execute(f"DELETE FROM {reference.table} WHERE {where}")  # noqa: S608

    return DatabaseCheck(str(reference), find, repair)


def _engine_check() -> DatabaseCheck:
    async def find() -> list[str]:
        if current_database().dialect == "postgres":
            return [
                f"The index {found['name']} is not valid: run REINDEX INDEX {found['name']}."
                for found in await fetch_all(_INVALID_INDEXES)
            ]
        report = await fetch_all_in_thread(f"PRAGMA integrity_check({MAX_ENGINE_LINES})")
        lines = [line for found in report for line in str(found["integrity_check"]).splitlines()]
        return [
            f"The SQLite file is damaged: {line}. Restore a backup."
            for line in lines
            if line != "ok"
        ]

    return DatabaseCheck("engine", find)
