"""Remembers what each applied migration said, so that one that is edited later is noticed.

An edited migration is not applied again: new databases would get another schema than those that exist.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

from portico.db.database import Database

CHECKSUM_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS portico_migration_checksum ("
    "plugin TEXT NOT NULL, name TEXT NOT NULL, checksum TEXT NOT NULL, "
    "PRIMARY KEY (plugin, name))"
)
_EXISTS: Final = {
    "sqlite": "SELECT 1 FROM sqlite_master WHERE name = 'portico_migration_checksum'",
    "postgres": "SELECT 1 WHERE to_regclass('portico_migration_checksum') IS NOT NULL",
}
_STORE: Final = (
    "INSERT INTO portico_migration_checksum (plugin, name, checksum) VALUES ($1, $2, $3) "
    "ON CONFLICT (plugin, name) DO NOTHING"
)
_RENAME: Final = "UPDATE portico_migration_checksum SET plugin = $1 WHERE plugin = $2"


def checksum_of(text: str) -> str:
    """Return the checksum of a migration's file, whatever its ends of lines are."""
    return hashlib.sha256("\n".join(text.split()).encode()).hexdigest()


async def stored_checksums(database: Database) -> dict[str, dict[str, str]]:
    """Return the checksums of the applied migrations, by owner and name."""
    found: dict[str, dict[str, str]] = {}
    if await database.rows(_EXISTS[database.dialect]):
        for row in await database.rows(
            "SELECT plugin, name, checksum FROM portico_migration_checksum"
        ):
            found.setdefault(row["plugin"], {})[row["name"]] = row["checksum"]
    return found


async def store_checksums(database: Database, owner: str, checksums: Mapping[str, str]) -> None:
    """Store the checksums of applied migrations by name; those that are stored stay as they are."""
    for name, checksum in checksums.items():
        await database.execute(_STORE, owner, name, checksum)


async def rename_checksums(database: Database, owner: str, former_names: Iterable[str]) -> None:
    """Let the checksums of an owner's former names be its own."""
    for name in former_names:
        await database.execute(_RENAME, owner, name)


def edited_reason(package: str, name: str, newest: str) -> str:
    """Return what to do about an edited migration. `newest`: the last one of the package."""
    following = f"{int(newest[:4]) + 1:04}_…"
    return (
        f"{package}: {name} was changed after it was applied, and is not applied again; "
        f"undo the change, and make it in a new migration, {following}"
    )
