"""Prompts, in the shape of older versions (`title`, `timestamp`) and of newer ones (`name`, `id`)."""

from typing import Any, Final

from portico_openwebui.kinds.kind_reader import Build, KindReader
from portico_openwebui.kinds.sharing import COLUMN, GrantRows, sharing_fields
from portico_openwebui.values import Row, flag, identifier, optional_identifier, text, times

_OFF: Final = "the prompt was off: Portico has no such switch, so that only its owner has it"


class PromptReader(KindReader):
    """Reads `prompt`."""

    name = "prompts"
    table = "prompt"
    columns = (
        *("id", "command", "user_id", "title", "name", "content", "is_active"),
        *("timestamp", "created_at", "updated_at", COLUMN),
    )
    id_column = "command"

    async def prepare(self, rows: list[Row]) -> Build:
        """Read who may use these prompts."""
        ids = {one for row in rows if (one := optional_identifier(row.get("id")))}
        grants = await GrantRows.of(self.database, "prompt", ids)

        def build(row: Row) -> dict[str, Any]:
            command = identifier(row.get("command"), "command")
            prompt_id = optional_identifier(row.get("id")) or command
            if row.get("timestamp") is not None:
                row |= {"created_at": row["timestamp"], "updated_at": row["timestamp"]}
            sharing = sharing_fields(self, row, prompt_id, grants)
            if row.get("is_active") is not None and not flag(row["is_active"]):
                self.notes.add(self.name, _OFF, command)
                sharing = {COLUMN: {}}
            return {
                # in older versions the id is a number of this one database
                **({} if self.database.has(self.table, "title") else {"id": prompt_id}),
                "command": command,
                "user_id": identifier(row.get("user_id"), "user_id"),
                "title": text(row.get("title")) or text(row.get("name")) or command,
                "content": text(row.get("content")) or "",
                **sharing,
                **times(row),
            }

        return build
