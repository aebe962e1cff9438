"""Models of the workspace: presets, and overrides of the models of sources."""

from typing import Any

from portico_openwebui.kinds.kind_reader import Build, KindReader
from portico_openwebui.kinds.sharing import COLUMN, GrantRows, sharing_fields
from portico_openwebui.values import Row, flag, identifier, optional_identifier, text, times


class WorkspaceModelReader(KindReader):
    """Reads `model`."""

    name = "models"
    table = "model"
    columns = (
        *("id", "user_id", "base_model_id", "name", "params", "meta", "is_active"),
        *("created_at", "updated_at", COLUMN),
    )
    max_rows = 200

    async def prepare(self, rows: list[Row]) -> Build:
        """Read who may use these models."""
        ids = {one for row in rows if (one := optional_identifier(row.get("id")))}
        grants = await GrantRows.of(self.database, "model", ids)

        def build(row: Row) -> dict[str, Any]:
            model_id = identifier(row.get("id"))
            return {
                "id": model_id,
                "user_id": identifier(row.get("user_id"), "user_id"),
                "base_model_id": optional_identifier(row.get("base_model_id")),
                "name": text(row.get("name")) or model_id,
                "params": self.object_or_none(row, "params") or {},
                "meta": self.object_or_none(row, "meta") or {},
                **sharing_fields(self, row, model_id, grants),
                "is_active": row.get("is_active") is None or flag(row["is_active"]),
                **times(row),
            }

        return build
