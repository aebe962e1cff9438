"""SQL of the rows of models and of their tags: lists of them, and how they are written."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from portico.api.db import chunks, execute, fetch_all, placeholder_rows, placeholders
from portico.api.text import normalized_id
from portico_models.records.draft import ModelDraft

#: Tags in one statement.
TAGS_PER_STATEMENT: Final = 500

_COLUMNS = (
    "id", "base_model_id", "name", "search_text", "is_active", "meta", "params",
    "updated_at", "created_at", "normalized_id", "user_id",
)  # fmt: skip
_INSERT = f"INSERT INTO models_model ({', '.join(_COLUMNS)}) VALUES {{}}"  # noqa: S608
_REPLACE = f"{_INSERT} ON CONFLICT (id) DO UPDATE SET " + ", ".join(
    f"{column} = excluded.{column}" for column in _COLUMNS[1:]
)


class ModelRow(NamedTuple):
    """A model to write, with the columns that its draft does not have."""

    draft: ModelDraft
    updated_at: int
    created_at: int
    owner_id: str


async def rows_of(ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows with these ids, at most 500, in any order."""
    if not ids:
        return []
    return await fetch_all(
        f"SELECT * FROM models_model WHERE id IN ({placeholders(len(ids))})",  # noqa: S608
        *ids,
    )


async def ids_of(owner_id: str | None = None) -> list[str]:
    """Return the ids of an owner's models; without an owner, of all models."""
    where = " WHERE user_id = $1" if owner_id is not None else ""
    args = () if owner_id is None else (owner_id,)
    sql = f"SELECT id FROM models_model{where} ORDER BY id"  # noqa: S608 - no text of clients
    return [one["id"] for one in await fetch_all(sql, *args)]


async def insert_rows(rows: Sequence[ModelRow]) -> None:
    """Insert at most 100 models with their tags. Raises: UniqueViolation, ForeignKeyViolation."""
    await _write(_INSERT, rows)


async def replace_rows(rows: Sequence[ModelRow]) -> None:
    """Replace at most 100 models with their tags."""
    if rows:
        ids = [one.draft.id for one in rows]
        ids_list = placeholders(len(ids))
        await execute(f"DELETE FROM models_tag WHERE model_id IN ({ids_list})", *ids)  # noqa: S608
    await _write(_REPLACE, rows)


async def _write(statement: str, rows: Sequence[ModelRow]) -> None:
    if not rows:
        return
    values: list[Any] = []
    for draft, updated_at, created_at, owner_id in rows:
        values += (*draft.columns, updated_at, created_at, normalized_id(draft.id), owner_id)
    await execute(statement.format(placeholder_rows(len(rows), len(_COLUMNS))), *values)
    tags = [(row.draft.id, *tag) for row in rows for tag in row.draft.tags.items()]
    for batch in chunks(tags, TAGS_PER_STATEMENT):
        await execute(
            f"INSERT INTO models_tag (model_id, name, label) VALUES {placeholder_rows(len(batch), 3)}",  # noqa: S608
            *(value for tag in batch for value in tag),
        )
