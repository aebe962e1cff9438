"""Runs statements on SQLite: placeholders, rows and errors."""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, NoReturn

from portico.db.errors import ForeignKeyViolation, UniqueViolation
from portico.errors import Unavailable

_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/"""
_PLACEHOLDER = re.compile(rf"{_QUOTED}|\$(\d+)", re.DOTALL)
_FIRST_WORD = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/|\()*([A-Za-z]*)", re.DOTALL)
_CHANGES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)
_DUPLICATE = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}
_EXTENDED = {
    "UNIQUE constraint failed: ": sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    "FOREIGN KEY constraint failed": sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
}
#: Characters that SQLite writes in one or two milliseconds.
LARGE_CHARS: Final = 512 * 1024
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
}


def first_word(sql: str) -> str:
    """Return the first keyword of a statement in upper case, after comments and brackets; empty if there is none."""
    found = _FIRST_WORD.match(sql)
    return found[1].upper() if found else ""


@lru_cache(maxsize=512)  # a statement with a list of ids has a text of some KB for each length
def prepare(sql: str) -> tuple[str, bool]:
    """Return the text for SQLite, and whether it only reads.

    `$1` becomes `?1`; where the placeholders stand in their order, `?`, since SQLite searches a list for each that has a number.
    """
    numbers = [found[1] for found in _PLACEHOLDER.finditer(sql) if found[1]]
    in_order = numbers == [str(number) for number in range(1, len(numbers) + 1)]

    def place(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0]
        return "?" if in_order else f"?{match[1]}"

    text = _PLACEHOLDER.sub(place, sql)
    verb = first_word(sql)
    # A WITH that only quotes one of those words goes to the writer, which is slower but correct.
    reads = verb in {"SELECT", "VALUES", "EXPLAIN", "PRAGMA"} or (
        verb == "WITH" and not _CHANGES.search(sql)
    )
    return text, reads


def fetch(connection: sqlite3.Connection, text: str, args: Sequence[Any]) -> list[dict[str, Any]]:
    """Run a prepared text and return its rows."""
    try:
        cursor = connection.execute(text, args)
        found = cursor.fetchall()
    except (
        connection.Error
    ) as error:  # the exceptions of the driver, which differ for encrypted files
        raise_translated(error)
    if not found:
        return []
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, values, strict=True)) for values in found]


def change(connection: sqlite3.Connection, text: str, args: Sequence[Any]) -> int:
    """Run a prepared text and return the number of changed rows."""
    try:
        cursor = connection.execute(text, args)
        if cursor.description is not None:
            cursor.fetchall()  # RETURNING: the change is complete only after its rows are read
    except connection.Error as error:
        raise_translated(error)
    return max(cursor.rowcount, 0)


def is_large(args: Sequence[Any]) -> bool:
    """Return whether writing these values takes milliseconds."""
    return sum([len(value) for value in args if value.__class__ is str]) > LARGE_CHARS


def split(script: str) -> Iterator[str]:
    """Yield the statements of a script. Semicolons in strings, comments and triggers do not end a statement."""
    pending = ""
    for piece in script.split(";"):
        pending += f"{piece};"
        if sqlite3.complete_statement(pending):
            if first_word(pending):
                yield pending
            pending = ""
    if first_word(pending):
        yield pending.removesuffix(";")


def raise_translated(error: Exception) -> NoReturn:
    """Raise the error of the core for an error of the driver, or the error itself if the program is wrong."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        raise error
    if code == sqlite3.SQLITE_CONSTRAINT:
        # This driver has no extended codes; its messages are the same.
        code = next((kind for text, kind in _EXTENDED.items() if str(error).startswith(text)), code)
    if code in _DUPLICATE:
        names = str(error).partition(": ")[2]
        columns = tuple(name.rpartition(".")[2] for name in names.split(", ") if "." in name)
        raise UniqueViolation(names, columns) from error
    if code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        raise ForeignKeyViolation from error
    if code & 0xFF in _UNAVAILABLE:  # the low byte is the primary code
        raise Unavailable from error
    raise error
