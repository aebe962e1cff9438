"""Memories."""

from typing import Any

from portico_openwebui.kinds.kind_reader import Build, KindReader
from portico_openwebui.values import Row, identifier, text, times


class MemoryReader(KindReader):
    """Reads `memory`."""

    name = "memories"
    table = "memory"
    columns = ("id", "user_id", "content", "created_at", "updated_at")

    async def prepare(self, rows: list[Row]) -> Build:
        """Return what makes a record of a row."""

        def build(row: Row) -> dict[str, Any]:
            return {
                "id": identifier(row.get("id")),
                "user_id": identifier(row.get("user_id"), "user_id"),
                "content": text(row.get("content")) or "",
                **times(row),
            }

        return build
