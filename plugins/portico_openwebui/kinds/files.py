"""Files: their rows. The contents are in a directory of the other server, or in its object store."""

from typing import Any, Final

from portico_openwebui.kinds.kind_reader import Build, KindReader
from portico_openwebui.kinds.sharing import COLUMN, GrantRows, sharing_fields
from portico_openwebui.values import Row, identifier, optional_identifier, text, times

_STORED_ELSEWHERE: Final = (
    "the content is in an object store: copy it into the directory of --files"
)


class FileReader(KindReader):
    """Reads `file`. A file about which nothing is said is its owner's, unlike a model."""

    name = "files"
    table = "file"
    columns = (
        *("id", "user_id", "filename", "meta", "data", "hash", "path"),
        *("created_at", "updated_at", COLUMN),
    )
    max_rows = 100

    async def prepare(self, rows: list[Row]) -> Build:
        """Read who may use these files."""
        ids = {one for row in rows if (one := optional_identifier(row.get("id")))}
        grants = await GrantRows.of(self.database, "file", ids)

        def build(row: Row) -> dict[str, Any]:
            file_id = identifier(row.get("id"))
            path = text(row.get("path"))
            if path and "://" in path:
                self.notes.add(self.name, _STORED_ELSEWHERE, file_id)
            return {
                "id": file_id,
                "user_id": identifier(row.get("user_id"), "user_id"),
                "filename": text(row.get("filename")) or file_id,
                "meta": self.object_or_none(row, "meta") or {},
                "data": self.object_or_none(row, "data") or {},
                "hash": text(row.get("hash")),
                **sharing_fields(self, row, file_id, grants, null_is_public=False),
                **times(row),
                "path": path,
            }

        return build
