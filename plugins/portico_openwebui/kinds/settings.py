"""The stored configuration: one document in older versions, a row for each value in newer ones."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

import msgspec

from portico_openwebui.kinds.kind_reader import Block, Build, KindReader, Reading
from portico_openwebui.values import BadValueError, Row, json_value, text

#: Our names of values that have another one there.
RENAMED: Final[Mapping[str, str]] = {
    "ui.enable_login_form": "ui.ENABLE_LOGIN_FORM",
    "rag.file.max_size": "files.max_size",
    "rag.file.max_count": "files.max_count",
    "rag.file.allowed_extensions": "files.allowed_extensions",
}
#: Values of this path are the default permissions of users, which are a kind of their own.
_PERMISSIONS: Final = "user.permissions"
_UNREADABLE: Final = "a value of the configuration has no valid JSON"


class _ConfigReader(KindReader):
    """Reads `config`."""

    table = "config"
    columns = ("id", "data", "key", "value")
    id_column = "key"

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self._unreadable: set[str] = set()

    async def count(self) -> int:
        """Return how many records there are."""
        return len(await self._records())

    async def blocks(self) -> AsyncIterator[Block]:
        """Yield one block."""
        records = await self._records()
        for row_id in self._unreadable:
            self.notes.add(self.name, _UNREADABLE, row_id)
        if records:
            yield records

    async def prepare(self, rows: list[Row]) -> Build:
        """Raises: NotImplementedError. The values of a document are no rows."""
        raise NotImplementedError

    async def _records(self) -> list[bytes]:
        raise NotImplementedError

    async def values(self) -> dict[str, Any]:
        """Return all values by their paths. Those of a document that are tables are here as tables, too."""
        found: dict[str, Any] = {}
        async for rows in self.pages():
            for row in rows:
                found |= await asyncio.to_thread(self._of_row, row)
        return found

    def _of_row(self, row: Row) -> dict[str, Any]:
        is_keyed = self.database.has(self.table, "key")
        try:
            value = json_value(row.get("value" if is_keyed else "data"), "value")
        except BadValueError:
            self._unreadable.add(self.shown_id(row))
            return {}
        if is_keyed:
            return {text(row.get("key")) or "": value}
        return dict(_paths(value)) if isinstance(value, dict) else {}


class SettingReader(_ConfigReader):
    """Reads the values that are runtime settings here. What has no counterpart is no record."""

    name = "settings"

    async def _records(self) -> list[bytes]:
        found = {RENAMED.get(path, path): value for path, value in (await self.values()).items()}
        return [
            msgspec.json.encode({"name": name, "value": value})
            for name, value in found.items()
            if name in self.reading.setting_names and not _is_default(name, value)
        ]


class DefaultPermissionReader(_ConfigReader):
    """Reads the permissions of all users: one record."""

    name = "default_permissions"

    async def _records(self) -> list[bytes]:
        permissions = (await self.values()).get(_PERMISSIONS)
        if not isinstance(permissions, dict):
            return []
        return [msgspec.json.encode({"id": "default", "permissions": permissions})]


def _paths(document: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value of nested tables, and each table, with its path."""
    waiting = [(prefix, document)]
    while waiting:
        at, table = waiting.pop()
        for key, value in table.items():
            yield f"{at}{key}", value
            if isinstance(value, dict):
                waiting.append((f"{at}{key}.", value))


def _is_default(name: str, value: Any) -> bool:
    """Return whether a value says that nothing is set. An empty limit of files is none."""
    return value is None or (value == "" and name.startswith("files."))
