"""Folders of chats, parents before what is in them."""

from collections.abc import AsyncIterator
from typing import Any, Final

from portico_openwebui.kinds.kind_reader import Build, KindReader
from portico_openwebui.values import Row, flag, identifier, optional_identifier, text, times

_LOOP: Final = "it was in itself, through other folders: it is at the top"
_LOST: Final = "its folder does not exist: it is at the top"


class FolderReader(KindReader):
    """Reads `folder`. The ids of all folders are held in memory, since a parent may be behind its children."""

    name = "folders"
    table = "folder"
    columns = (
        *("id", "parent_id", "user_id", "name", "items", "meta", "data", "is_expanded"),
        *("created_at", "updated_at"),
    )

    async def pages(self) -> AsyncIterator[list[Row]]:
        """Yield the rows level by level, then those without a usable id."""
        parents: dict[str, str | None] = {}
        unusable: list[Row] = []
        async for page in self.database.pages(self.table, ("id", "parent_id")):
            for row in page:
                folder_id = optional_identifier(row.get("id"))
                if folder_id is None:
                    unusable.append(row)
                else:
                    parents[folder_id] = optional_identifier(row.get("parent_id"))
        top, *levels = _levels(parents)
        at_top = set(top)
        for level in (top, *levels):
            for at in range(0, len(level), self.max_rows):
                ids = level[at : at + self.max_rows]
                rows = await self.database.lookup(self.table, self.columns, "id", ids)
                for row in rows:
                    self._place(row, parents, at_top)
                yield rows
        if unusable:
            yield unusable

    async def prepare(self, rows: list[Row]) -> Build:
        """Return what makes a record of a row."""

        def build(row: Row) -> dict[str, Any]:
            return {
                "id": identifier(row.get("id")),
                "parent_id": optional_identifier(row.get("parent_id")),
                "user_id": identifier(row.get("user_id"), "user_id"),
                "name": text(row.get("name")) or "",
                "items": self.object_or_none(row, "items"),
                "meta": self.object_or_none(row, "meta"),
                "data": self.object_or_none(row, "data"),
                "is_expanded": flag(row.get("is_expanded")),
                **times(row),
            }

        return build

    def _place(self, row: Row, parents: dict[str, str | None], at_top: set[str]) -> None:
        folder_id = identifier(row.get("id"))
        parent = parents.get(folder_id)
        if parent is not None and folder_id in at_top:
            self.notes.add(self.name, _LOOP if parent in parents else _LOST, folder_id)
            row["parent_id"] = None


def _levels(parents: dict[str, str | None]) -> list[list[str]]:
    """Return the ids by depth. At the top: folders without a parent that exists, and one of each loop."""
    loops = _loop_heads(parents)
    children: dict[str, list[str]] = {}
    level: list[str] = []
    for folder_id, parent in parents.items():
        if parent is None or parent not in parents or folder_id in loops:
            level.append(folder_id)
        else:
            children.setdefault(parent, []).append(folder_id)
    levels = [level]
    while level := [one for parent in level for one in children.get(parent, ())]:
        levels.append(level)
    return levels


def _loop_heads(parents: dict[str, str | None]) -> set[str]:
    """Return one folder of each loop."""
    heads: set[str] = set()
    seen: set[str] = set()
    for folder_id in parents:
        path: set[str] = set()
        at: str | None = folder_id
        while at is not None and at in parents and at not in seen:
            seen.add(at)
            path.add(at)
            at = parents[at]
        if at is not None and at in path:
            heads.add(at)
    return heads
