"""Reads the records of one kind."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec

from portico.api.transfer import Outcome, RunNotes, rejected
from portico_openwebui.databases import SourceDatabase
from portico_openwebui.secret_key import SecretKey
from portico_openwebui.values import BadValueError, Row, json_object, text

Block = Sequence[bytes | Outcome]
#: Makes the record of a row; None for a row that is none of this kind. Raises: BadValueError.
Build = Callable[[Row], dict[str, Any] | None]

#: Characters of an unusable id that a report quotes.
_MAX_ID_CHARS: Final = 255


@dataclass(frozen=True, slots=True)
class Reading:
    """What all kinds read with.

    `setting_names`: the runtime settings that exist here. `secret_key`: None = not given. `keeps_links`: shared chats that are for
    some accounts only keep their link, which is for all accounts here.
    """

    database: SourceDatabase
    notes: RunNotes
    setting_names: frozenset[str] = frozenset()
    secret_key: SecretKey | None = None
    keeps_links: bool = False


class KindReader(ABC):
    """Reads the rows of one table, and what belongs to them, as the records of a kind.

    `name`: of the kind. `table`, `columns`: what is read. `where`: which rows. `max_rows`: of a block.
    """

    name: ClassVar[str]
    table: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]
    where: ClassVar[str] = ""
    max_rows: ClassVar[int] = 500
    id_column: ClassVar[str] = "id"

    def __init__(self, reading: Reading) -> None:
        self.database = reading.database
        self.notes = reading.notes
        self.reading = reading

    async def count(self) -> int:
        """Return how many records there are, as far as a count of rows says it."""
        return await self.database.count(self.table, self.where)

    async def blocks(self) -> AsyncIterator[Block]:
        """Yield the records, some at a time."""
        async for rows in self.pages():
            build = await self.prepare(rows)
            yield await asyncio.to_thread(self.build_each, rows, build)

    def pages(self) -> AsyncIterator[list[Row]]:
        """Yield the rows."""
        return self.database.pages(
            self.table, self.columns, where=self.where, max_rows=self.max_rows
        )

    @abstractmethod
    async def prepare(self, rows: list[Row]) -> Build:
        """Read what belongs to these rows, and return what makes a record of one of them, in a thread."""

    def build_each(self, rows: Iterable[Row], build: Build) -> list[bytes | Outcome]:
        """Return the records of rows, and an outcome in the place of each that cannot be read."""
        found: list[bytes | Outcome] = []
        for row in rows:
            try:
                record = build(row)
                if record is not None:
                    found.append(msgspec.json.encode(record))
            except BadValueError as fault:
                found.append(rejected(self.shown_id(row), str(fault)))
            except (msgspec.MsgspecError, ValueError, TypeError, RecursionError, OverflowError):
                found.append(rejected(self.shown_id(row), "a value cannot be written as JSON"))
        return found

    def object_or_none(self, row: Row, column: str) -> dict[str, Any] | None:
        """Return the JSON object of a column. One that cannot be read is noted and left out: the row is good without it."""
        try:
            return json_object(row.get(column), column)
        except BadValueError as fault:
            self.notes.add(self.name, f"{fault}, and is left out", self.shown_id(row))
            return None

    def shown_id(self, row: Row) -> str:
        """Return the id of a row for a report, whatever it is."""
        return (text(row.get(self.id_column)) or "")[:_MAX_ID_CHARS]


def grouped(rows: Iterable[Row], column: str) -> dict[str, list[Row]]:
    """Return rows by the text in a column."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(text(row.get(column)) or "", []).append(row)
    return found
