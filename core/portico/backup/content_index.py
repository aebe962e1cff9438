"""Which contents a backup has and where they are: rows of a temporary database, so that memory stays bounded."""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from portico.backup.encoding import DAMAGED
from portico.backup.errors import DamagedBackup
from portico.backup.manifest import StoredPart

#: Keys of contents. A store may use them as names of files.
KEY: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,250}")
#: Lines in one block of the index.
BATCH: Final = 500
_SCHEMA: Final = """
CREATE TABLE content (store TEXT, key TEXT, is_listed INT, place TEXT, size INT, digest TEXT, plain_size INT,
    plain_digest TEXT, PRIMARY KEY (store, key)) WITHOUT ROWID;
CREATE INDEX content_digest ON content (plain_digest);
CREATE TABLE known (store TEXT, key TEXT, place TEXT, size INT, digest TEXT, plain_size INT, plain_digest TEXT,
    PRIMARY KEY (store, key)) WITHOUT ROWID;
CREATE INDEX known_digest ON known (plain_digest);
CREATE INDEX known_place ON known (place);
CREATE TABLE present (place TEXT PRIMARY KEY, size INT) WITHOUT ROWID;
"""
_PART: Final = "k.place, k.size, k.digest, k.plain_size, k.plain_digest"
_PRESENT: Final = "JOIN present p ON p.place = k.place AND p.size = k.size"


class ContentEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the index. `part`: None = the store had no such content. `is_listed`: the database has its row."""

    store: str
    key: str
    part: StoredPart | None
    is_listed: bool = True


class ContentIndex:
    """The contents of the backup that is being made, and what its target has already. All methods block."""

    def __init__(self) -> None:
        self._rows = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._rows.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {_SCHEMA}")

    def add_present(self, places: Iterable[tuple[str, int]]) -> None:
        """Add contents that the target has."""
        self._rows.executemany("INSERT OR REPLACE INTO present VALUES (?, ?)", places)

    def add_known(self, entries: Iterable[ContentEntry]) -> None:
        """Add the index of an earlier backup."""
        self._rows.executemany(
            "INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((one.store, one.key, *_values(one.part)) for one in entries if one.part),
        )

    def known(self, store: str, key: str) -> StoredPart | None:
        """Return a content that an earlier backup has, if the target has it still."""
        sql = f"SELECT {_PART} FROM known k {_PRESENT} WHERE k.store = ? AND k.key = ?"  # noqa: S608
        return self._part(sql, store, key)

    def by_digest(self, plain_digest: str) -> StoredPart | None:
        """Return a part with this content, of this backup or an earlier one."""
        own = f"SELECT {_PART} FROM content k WHERE k.plain_digest = ? LIMIT 1"  # noqa: S608
        older = f"SELECT {_PART} FROM known k {_PRESENT} WHERE k.plain_digest = ? LIMIT 1"  # noqa: S608
        return self._part(own, plain_digest) or self._part(older, plain_digest)

    def add(self, entry: ContentEntry) -> None:
        """Add a content of this backup."""
        values = _values(entry.part) if entry.part else (None,) * 5
        self._rows.execute(
            "INSERT OR REPLACE INTO content VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (entry.store, entry.key, entry.is_listed, *values),
        )

    def has(self, store: str, key: str) -> bool:
        """Return whether this backup has the content. One that it has belongs to the database from now on."""
        sql = "UPDATE content SET is_listed = 1 WHERE store = ? AND key = ? AND place IS NOT NULL"
        return bool(self._rows.execute(sql, (store, key)).rowcount)

    def forget_rows(self) -> None:
        """Have no content belong to the database, and forget those that are missing."""
        self._rows.execute("DELETE FROM content WHERE place IS NULL")
        self._rows.execute("UPDATE content SET is_listed = 0")

    def summary(self, store: str) -> tuple[int, int, int]:
        """Return the number of contents that belong to the database, their bytes, and how many are missing."""
        sql = (
            "SELECT count(place), coalesce(sum(plain_size), 0), sum(place IS NULL) FROM content "
            "WHERE store = ? AND is_listed"
        )
        number, size, missing = self._rows.execute(sql, (store,)).fetchone()
        return number, size, missing or 0

    def blocks(self, *, all_parts: bool) -> Iterator[bytes]:
        """Yield the index as JSON lines. `all_parts`: also those that belong to nothing, in the order in which they were
        written.
        """
        where = "" if all_parts else "WHERE is_listed"
        sql = (
            f"SELECT store, key, is_listed, place, size, digest, plain_size, plain_digest FROM content {where} "  # noqa: S608
            "ORDER BY store, key"
        )
        cursor = self._rows.execute(sql)
        while rows := cursor.fetchmany(BATCH):
            lines = []
            for store, key, is_listed, *part in rows:
                stored = StoredPart(*part) if part[0] is not None else None
                entry = ContentEntry(store, key, stored, bool(is_listed))
                lines.append(msgspec.json.encode(entry) + b"\n")
            yield b"".join(lines)

    def uses(self, place: str) -> bool:
        """Return whether an earlier backup has the content at this place."""
        found = self._rows.execute("SELECT 1 FROM known WHERE place = ? LIMIT 1", (place,))
        return found.fetchone() is not None

    def gap(self, begin: int, end: int) -> bool:
        """Return whether the present places, which are offsets, leave out bytes between two offsets, or overlap."""
        rows = self._rows.execute("SELECT CAST(place AS INT), size FROM present ORDER BY 1, 2")
        for offset, size in rows:
            if offset != begin:
                return True
            begin += size
        return begin != end

    def close(self) -> None:
        """Delete the temporary database."""
        self._rows.close()

    def _part(self, sql: str, *values: str) -> StoredPart | None:
        row = self._rows.execute(sql, values).fetchone()
        return StoredPart(*row) if row else None


def read_entry(line: bytes) -> ContentEntry:
    """Return a line of the index. Raises: DamagedBackup, also for a key that could lead out of a store."""
    try:
        entry = msgspec.json.decode(line, type=ContentEntry)
    except msgspec.DecodeError:
        raise DamagedBackup(DAMAGED.format("its list of contents cannot be read")) from None
    if not KEY.fullmatch(entry.key):
        raise DamagedBackup(DAMAGED.format("a content has an impossible key"))
    return entry


def _values(part: StoredPart) -> tuple[str | int, ...]:
    return part.place, part.size, part.digest, part.plain_size, part.plain_digest
