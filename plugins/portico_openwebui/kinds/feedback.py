"""Feedback about replies."""

from typing import Any

from portico_openwebui.kinds.kind_reader import Build, KindReader
from portico_openwebui.values import Row, identifier, text, times


class FeedbackReader(KindReader):
    """Reads `feedback`. A snapshot may have the whole chat."""

    name = "feedback"
    table = "feedback"
    columns = (
        *("id", "user_id", "version", "type", "data", "meta", "snapshot"),
        *("created_at", "updated_at"),
    )
    max_rows = 100

    async def prepare(self, rows: list[Row]) -> Build:
        """Return what makes a record of a row."""

        def build(row: Row) -> dict[str, Any]:
            version = row.get("version")
            return {
                "id": identifier(row.get("id")),
                "user_id": identifier(row.get("user_id"), "user_id"),
                "version": version if isinstance(version, int) else 0,
                "type": text(row.get("type")) or "rating",
                "data": self.object_or_none(row, "data"),
                "meta": self.object_or_none(row, "meta"),
                "snapshot": self.object_or_none(row, "snapshot"),
                **times(row),
            }

        return build
