"""Writes made-up instances to SQLite and to PostgreSQL."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import asyncpg
from tests.openwebui.columns import BOOLEAN, TABLES
from tests.openwebui.content import MadeUpInstance, made_id
from tests.openwebui.rows import file_content

_BATCH = 500
#: Columns with which a row is found.
_KEYS = ("id", "key", "version_num")


def write_sqlite(path: Path, instance: MadeUpInstance, *, is_wal: bool = False) -> Path:
    """Write an instance to a new file, and return its path."""
    connection = sqlite3.connect(path)
    try:
        connection.execute(f"PRAGMA journal_mode = {'wal' if is_wal else 'delete'}")
        connection.execute("PRAGMA synchronous = OFF")
        with connection:
            for table, columns in TABLES[instance.version].items():
                connection.execute(_create(table, columns))
            for table, rows in instance.tables().items():
                columns = TABLES[instance.version][table]
                listed = ", ".join(f'"{name}"' for name in columns)
                marks = ", ".join("?" * len(columns))
                sql = f'INSERT INTO "{table}" ({listed}) VALUES ({marks})'
                for some in _chunks(rows):
                    connection.executemany(
                        sql, [[row.get(name) for name in columns] for row in some]
                    )
    finally:
        connection.close()
    return path


async def write_postgres(url: str, instance: MadeUpInstance, *, schema: str = "public") -> None:
    """Write an instance to an empty database."""
    connection = await asyncpg.connect(url)
    try:
        if schema != "public":
            await connection.execute(f'CREATE SCHEMA "{schema}"')
        await connection.execute(f'SET search_path = "{schema}"')
        for table, columns in TABLES[instance.version].items():
            await connection.execute(_create(table, columns))
        for table, rows in instance.tables().items():
            columns = TABLES[instance.version][table]
            for some in _chunks(rows):
                await connection.copy_records_to_table(
                    table,
                    schema_name=schema,
                    columns=list(columns),
                    records=[_converted(row, columns) for row in some],
                )
    finally:
        await connection.close()


def write_uploads(directory: Path, instance: MadeUpInstance) -> Path:
    """Write the contents of the files, and return the directory."""
    directory.mkdir()
    for index, _ in enumerate(instance.tables()["file"]):
        (directory / f"{made_id('file', index)}_note.txt").write_bytes(file_content(index))
    return directory


def _create(table: str, columns: dict[str, str]) -> str:
    key = next((name for name in _KEYS if name in columns), None)
    lines = [f'"{name}" {kind}' for name, kind in columns.items()]
    if table in ("tag", "folder"):
        lines.append('PRIMARY KEY ("id", "user_id")')
    elif key is not None:
        lines.append(f'PRIMARY KEY ("{key}")')
    return f'CREATE TABLE "{table}" ({", ".join(lines)})'


def _chunks(rows: Iterable[dict[str, Any]]) -> Iterable[tuple[dict[str, Any], ...]]:
    iterator = iter(rows)
    while some := tuple(row for _, row in zip(range(_BATCH), iterator, strict=False)):
        yield some


def _converted(row: dict[str, Any], columns: dict[str, str]) -> tuple[Any, ...]:
    return tuple(
        bool(row[name]) if kind == BOOLEAN and row.get(name) is not None else row.get(name)
        for name, kind in columns.items()
    )
