"""SQLite's side of a statement: its text, its rows, its errors."""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NoReturn

from portico.db.errors import ForeignKeyViolation, UniqueViolation
from portico.errors import Unavailable

_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/"""
_PLACEHOLDER = re.compile(rf"{_QUOTED}|\$(\d+)", re.DOTALL)
_FIRST_WORD = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/|\()*([A-Za-z]*)", re.DOTALL)
_CHANGES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)
_DUPLICATE = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}
_VARIETIES = {
    "UNIQUE constraint failed: ": sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    "FOREIGN KEY constraint failed": sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
}
_AWAY = {
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
    """The verb of a statement in upper case, past comments and brackets; empty if none."""
    found = _FIRST_WORD.match(sql)
    return found[1].upper() if found else ""


@lru_cache(maxsize=512)  # a list of ids has a text for each of its lengths, of some KB
def prepare(sql: str) -> tuple[str, bool]:
    """The text for SQLite (`$1` becomes `?1`), and whether it only reads."""
    text = _PLACEHOLDER.sub(lambda match: f"?{match[1]}" if match[1] else match[0], sql)
    verb = first_word(sql)
    # A WITH that merely quotes one of those words goes to the writer: slower, never wrong.
    reads = verb in {"SELECT", "VALUES", "EXPLAIN", "PRAGMA"} or (
        verb == "WITH" and not _CHANGES.search(sql)
    )
    return text, reads


def fetch(connection: sqlite3.Connection, text: str, args: Sequence[Any]) -> list[dict[str, Any]]:
    """Run a prepared text and return its rows."""
    try:
        cursor = connection.execute(text, args)
        found = cursor.fetchall()
    except connection.Error as error:  # the driver's own: that of an encrypted file has others
        raise_translated(error)
    if not found:
        return []
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, values, strict=True)) for values in found]


def change(connection: sqlite3.Connection, text: str, args: Sequence[Any]) -> int:
    """Run a prepared text and return the number of rows it touched."""
    try:
        cursor = connection.execute(text, args)
        if (
            cursor.description is not None
        ):  # RETURNING: the change is whole only once its rows are read
            cursor.fetchall()
    except connection.Error as error:
        raise_translated(error)
    return max(cursor.rowcount, 0)


def split(script: str) -> Iterator[str]:
    """The statements of a script; semicolons in strings, comments and triggers do not end one."""
    held = ""
    for piece in script.split(";"):
        held += f"{piece};"
        if sqlite3.complete_statement(held):
            if first_word(held):
                yield held
            held = ""
    if first_word(held):
        yield held.removesuffix(";")


def raise_translated(error: Exception) -> NoReturn:
    """Raise what the error means to the house, or the error itself if it is a programmer's."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        raise error
    if (
        code == sqlite3.SQLITE_CONSTRAINT
    ):  # a driver that knows no varieties; its words are the same
        code = next(
            (kind for words, kind in _VARIETIES.items() if str(error).startswith(words)), code
        )
    if code in _DUPLICATE:
        names = str(error).partition(": ")[2]
        columns = tuple(name.rpartition(".")[2] for name in names.split(", ") if "." in name)
        raise UniqueViolation(names, columns) from error
    if code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        raise ForeignKeyViolation from error
    if code & 0xFF in _AWAY:  # the low byte is the kind, the rest says which variety
        raise Unavailable from error
    raise error
